"""The environment is pinned before mgov is imported; then the ways to run a command line, a closed port, `require`."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

_HOME = tempfile.mkdtemp(prefix="mgov-tests-")


def _pin(environ: Any) -> None:
    cleared = ("NO_COLOR", "FORCE_COLOR", "TERM", "CI", "LINES", "PYTHONUTF8", "PYTHONIOENCODING",
               "PYTHONUNBUFFERED", "CI_JOB_NAME")
    prefixes = ("MGOV_", "GITHUB_", "GITLAB_", "BUILDKITE", "CIRCLE", "LC_")
    for name in list(environ):
        if name in cleared or name.startswith(prefixes):
            if name.startswith("MGOV_TEST_"):
                continue
            del environ[name]
    environ.update(COLUMNS="80", HOME=_HOME, LANG="C.UTF-8", TZ="UTC", MGOV_ACTOR="tester")
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        environ[f"XDG_{name}_HOME"] = os.path.join(_HOME, name.lower())


def _expect_signals() -> None:
    """A run in the background inherits signals that are ignored, and its children ignore what the tests send them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


_pin(os.environ)
_expect_signals()
sys.path.insert(0, os.path.dirname(__file__))              # tests/fakes.py is for every folder

import pytest  # noqa: E402 - the environment comes first
from hypothesis import HealthCheck, settings  # noqa: E402

# How long an example takes is the machine's affair: a busy one fails no property.
settings.register_profile("mgov", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mgov")


class Result(NamedTuple):
    """What a command line left behind: exit status, whole stdout, whole stderr."""

    code: int
    out: str
    err: str


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def _stream(is_terminal: bool, encoding: str, data: bytes = b"") -> io.TextIOWrapper:
    kind = _Terminal if is_terminal else io.TextIOWrapper
    return kind(io.BytesIO(data), encoding=encoding, newline="", write_through=True)


def run_main(
    *argv: str,
    input: str = "",
    env: Mapping[str, str] | None = None,
    tty: bool = False,
    encoding: str = "utf-8",
) -> Result:
    """Run `main(argv)` in this process on real text streams; `tty` makes all three say they are a terminal."""
    from mgov.cli.main import main

    streams = (_stream(tty, encoding, input.encode()), _stream(tty, encoding), _stream(tty, encoding))
    kept, environ = (sys.stdin, sys.stdout, sys.stderr), dict(os.environ)
    sys.stdin, sys.stdout, sys.stderr = streams
    os.environ.update(env or {})
    try:
        code = main(list(argv))
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept
        os.environ.clear()
        os.environ.update(environ)
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams[1:])  # type: ignore[attr-defined]
    return Result(code, out, err)


@pytest.fixture
def run() -> Callable[..., Result]:
    """`run("help", "stores")` in this process: code, out and err."""
    return run_main


@pytest.fixture
def mgov_process() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start `python -m mgov ARGS` with pipes; what is still running at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*argv: str, env: Mapping[str, str] | None = None, **options: Any) -> "subprocess.Popen[str]":
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            [sys.executable, "-m", "mgov", *argv],
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}, text=True, **{**pipes, **options},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that is held by nobody who listens: connections are refused."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


ROOT = Path(__file__).resolve().parent.parent


def require(tool: str) -> str:
    """The path of a program; where it is missing the test is skipped, or fails under MGOV_TEST_REQUIRE=all."""
    found = shutil.which(tool)
    if found is None:
        message = f"{tool} is not installed"
        if os.environ.get("MGOV_TEST_REQUIRE") == "all":
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(name="require")
def _require() -> Callable[[str], str]:
    """`require("zsh")`: its path, or a skip with the reason."""
    return require


def pytest_sessionfinish() -> None:
    """The pinned HOME goes."""
    shutil.rmtree(_HOME, ignore_errors=True)
