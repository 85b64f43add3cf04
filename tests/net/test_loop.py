"""Which loop asynchronous work runs on, and what a sweep costs a process that imports it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from mgov.net import loop


async def kind_of_loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_work_runs_on_uvloop_where_it_is_installed():
    pytest.importorskip("uvloop", reason="uvloop is not installed")
    assert loop.run(kind_of_loop()).startswith("uvloop")


def test_work_runs_on_asyncio_where_uvloop_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop.run(kind_of_loop()).startswith("asyncio")


def test_importing_the_sweep_imports_no_loop_and_no_tls():
    code = "import sys, mgov.net.sweep; print(sorted({'asyncio', 'uvloop', 'ssl'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], check=True, capture_output=True, text=True, timeout=30,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout == "[]\n"
