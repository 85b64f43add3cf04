"""The command behind `--`: run with our streams, its status returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.cli.session import Session


def run_child(session: Session, environ: Mapping[str, str] | None = None) -> int:
    """Run the session's child and return its status; the last line on stderr says `child exited N`.

    `environ` is added to the environment. A deadline goes on for the child.
    """
    from mgov.net.child import run_forwarding

    status = run_forwarding(session.child, environ={**session.environ, **(environ or {})})
    session.out.note(f"child exited {status}")
    return status
