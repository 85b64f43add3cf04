"""demo: the main job on two real servers, shown as the commands that a person would type."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Annotated

import typer

from mgov.cli.options import TEXT, Context, command
from mgov.cli.output import PipeClosed
from mgov.cli.session import Session
from mgov.cli.text import BOLD, paint
from mgov.errors import PIPE_CLOSED, InternalError
from mgov.net import child

PAUSE_S = 1.0
_SERVER = ("-u", "-m", "http.server", "--bind", "127.0.0.1", "0")


@command("mgov demo", "mgov demo --fast", formats=TEXT)
def demo(
    ctx: Context,
    fast: Annotated[bool, typer.Option("--fast", help="No pauses for reading")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the store behind, and say where")] = False,
) -> int:
    """Show the main job: two real servers are registered, swept, discovered; one is killed and seen to go.

    Everything happens on loopback and in a temporary folder, which is removed again.
    """
    session = ctx.obj
    folder = tempfile.mkdtemp(prefix="mgov-demo-")
    try:
        _play(_Stage(session, os.path.join(folder, "store"), is_slow=session.out.is_terminal and not fast), folder)
    finally:
        if keep:
            session.out.note(f"the store stays in {folder}/store")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _play(stage: _Stage, folder: str) -> None:
    with open(os.path.join(folder, "health"), "w", encoding="utf-8") as page:
        page.write("ok\n")
    stage.say("Two web servers start on free ports of this machine.")
    argv = child.python(*_SERVER)
    with child.serving(argv, folder=folder) as (_, orders), child.serving(argv, folder=folder) as (users_server, users):
        stage.say("A store is a folder of text files. They are registered in it, each with its health check.")
        stage.type("init", stage.store)
        stage.type("register", "users", _url(users), "--health", "/health", "--owner", "accounts")
        stage.type("register", "orders", _url(orders), "--health", "/health", "--owner", "shop", "--depends-on=users")
        stage.say("Are they well? Each is asked now, at the same time.")
        stage.type("health")
        stage.say("A script asks for an address that works:")
        stage.type("discover", "users", "-o", "url")
        stage.say("A call goes through a circuit breaker, which here opens at the first failure:")
        stage.type("breaker", "set", "users", "--threshold", "1")
        stage.type("call", "users/health")
        stage.say(f"Now the server behind users is killed (process {users_server.pid}). The next call finds out,")
        users_server.kill()
        users_server.wait()
        stage.type("call", "users/health", "--retry", "0", expected=7)
        stage.say("and the one after it, from whichever process on this store, is not even sent:")
        stage.type("call", "users/health", expected=6)
        stage.type("health", expected=1)
        stage.say("Exit status 1 says so to a script; and nobody is sent there any more:")
        stage.type("discover", "users", expected=6)
        stage.say("The whole fleet on one screen, with what to type next:")
        stage.type("status")
        stage.say("orders still answers. That is mgov; `mgov` lists its commands, `mgov init` begins a store of yours.")


class _Stage:
    """Types commands where everybody sees them and runs them as they stand; each must end as it should."""

    def __init__(self, session: Session, store: str, *, is_slow: bool) -> None:
        self.store = store
        self._session, self._is_slow = session, is_slow
        self._environ = {**session.environ, "MGOV_STORE": store, "MGOV_OUTPUT": "table"}

    def say(self, text: str) -> None:
        """A sentence between commands."""
        out = self._session.out
        out.write(f"\n{paint(text, BOLD if out.has_color(out.stdout) else None)}\n")
        if self._is_slow:
            self._session.clock.sleep(PAUSE_S)

    def type(self, *words: str, expected: int = 0) -> None:
        """Show the command, run it, and stop the demo when it does not end with `expected`."""
        self._session.out.write(f"$ mgov {' '.join(words)}\n")
        status = child.run(child.python("-m", "mgov", *words), environ=self._environ)
        if status == PIPE_CLOSED:
            raise PipeClosed
        if status != expected:
            raise InternalError(f"mgov {words[0]} ended with {status}, not {expected}: the demo stops here")
        if self._is_slow:
            self._session.clock.sleep(PAUSE_S)


def _url(first_line: str) -> str:
    # "Serving HTTP on 127.0.0.1 port 40123 (http://127.0.0.1:40123/) ..."
    return "http://127.0.0.1:" + first_line.partition(" port ")[2].split(" ")[0]
