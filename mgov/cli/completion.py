"""`mgov completion SHELL`, and the hidden command that writes completions/ for the wheel.

shells.py and manpage.py make text of the shapes of all commands. The text depends on the code alone, so that a test can
see it drift.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mgov.cli.options import TEXT, Context, command
from mgov.cli.shapes import shapes
from mgov.cli.view import Column, View
from mgov.errors import UsageError
from mgov.model.names import suggest

SHELLS = ("bash", "zsh", "fish")


def texts() -> dict[str, str]:
    """Every generated file: its name under completions/ and its text."""
    from mgov.cli import manpage, shells

    known = shapes()
    return {
        "mgov.bash": shells.bash(known),
        "_mgov": shells.zsh(known),
        "mgov.fish": shells.fish(known),
        "mgov.1": manpage.manual(known),
    }


@command('eval "$(mgov completion bash)"', "mgov completion fish > ~/.config/fish/completions/mgov.fish", formats=TEXT)
def completion(
    ctx: Context, shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="The shell to complete in")]
) -> str:
    """Print the completion script of a shell. Service names complete from the store's files, without starting mgov."""
    if shell not in SHELLS:
        near = suggest(shell, list(SHELLS))
        raise UsageError(f"unknown shell: {shell}", hint=f"did you mean {near}?" if near else "bash, zsh or fish")
    from mgov.cli import shells

    return {"bash": shells.bash, "zsh": shells.zsh, "fish": shells.fish}[shell](shapes())


@command("mgov _completions completions/")
def write_all(
    ctx: Context, folder: Annotated[str, typer.Argument(metavar="DIR", help="Where the files go; made if missing")]
) -> View:
    """Write the completion scripts and the man page."""
    os.makedirs(folder, exist_ok=True)
    written = []
    for name, text in texts().items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        written.append((path,))
    return View((Column("path"),), written, has_header=False)
