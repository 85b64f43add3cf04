"""init: the one way a store is made."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from mgov.cli.options import Context, command
from mgov.cli.view import Column, View
from mgov.store.root import FOLDER

INIT_COLUMNS = (Column("action"), Column("path"))


@command("mgov init", "mgov init /srv/fleet --shared", columns=INIT_COLUMNS)
def init(
    ctx: Context,
    folder: Annotated[str | None, typer.Argument(metavar="DIR", help="The store's own folder [./.mgov]")] = None,
    shared: Annotated[bool, typer.Option("--shared", help="For a group: 0660 and 2770 instead of 0600, 0700")] = False,
) -> View:
    """Make a store: a folder of TOML and JSON files, with a .gitignore for what machines own."""
    from mgov.governance.platform import Platform

    path, is_new = Platform.create(folder or os.path.join(os.getcwd(), FOLDER), is_shared=shared)
    view = View(INIT_COLUMNS, [("created" if is_new else "unchanged", path)], names=[path])
    return view._replace(summary="next: mgov register NAME URL" if is_new else "")
