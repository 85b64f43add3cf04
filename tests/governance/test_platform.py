"""The Python API: `from mgov import Platform`, blocking and in an event loop."""

import asyncio
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typed_sample

import mgov
from mgov import Platform, Registration
from mgov.errors import Conflict, NotAStore, NotFound
from mgov.governance import concurrent
from mgov.governance.async_calls import AsyncCalls
from mgov.governance.async_configs import AsyncConfigs, AsyncSchemas
from mgov.governance.audit import Audit
from mgov.governance.breakers import Breakers
from mgov.governance.calls import Calls
from mgov.governance.changes import Changes
from mgov.governance.configs import Configs
from mgov.governance.discovery import Discovery
from mgov.governance.graphs import Graphs
from mgov.governance.limits import Limits
from mgov.governance.manifests import Manifests
from mgov.governance.monitor import Monitor
from mgov.governance.registry import Registry
from mgov.governance.reports import Reports
from mgov.governance.schemas import Schemas
from mgov.governance.trusts import Trusts

SAMPLE = Path(typed_sample.__file__)
ROOT = SAMPLE.parents[2]
SOURCES = "".join(path.read_text() for path in (ROOT / "mgov").rglob("*.py"))
COMPONENTS = [
    (Registry, concurrent.AsyncRegistry), (Discovery, concurrent.AsyncDiscovery), (Monitor, concurrent.AsyncMonitor),
    (Manifests, concurrent.AsyncManifests), (Breakers, concurrent.AsyncBreakers), (Limits, concurrent.AsyncLimits),
    (Graphs, concurrent.AsyncGraphs), (Changes, concurrent.AsyncChanges), (Calls, AsyncCalls),
    (Audit, concurrent.AsyncAudit), (Reports, concurrent.AsyncReports), (Trusts, concurrent.AsyncTrusts),
    (Configs, AsyncConfigs), (Schemas, AsyncSchemas),
]  # fmt: skip


def records_in(annotations):
    """The names in annotations that are classes of mgov."""
    names = re.findall(r"\b[A-Z]\w+", annotations)
    return {name for name in names if re.search(rf"^class {name}\b", SOURCES, re.MULTILINE)}


def test_the_verbs_work_blocking_and_in_an_event_loop(store_path, server):
    assert typed_sample.synchronous(store_path, server.url) == [server.url]
    assert asyncio.run(typed_sample.asynchronous(store_path, server.url)) == [
        "unchanged", "unchanged", "orders", server.url]


def test_an_error_in_a_coroutine_is_the_same_error(store_path):
    async def ask():
        async with Platform.open(store_path) as platform:
            with pytest.raises(NotFound):
                await platform.registry.show("nobody")
            with pytest.raises(NotFound):
                await platform.monitor.sweep(["nobody"])
            await platform.registry.register("orders")
            with pytest.raises(Conflict):
                await platform.registry.register("orders", create_only=True)

    asyncio.run(ask())


@pytest.mark.parametrize(("blocking", "coroutines"), COMPONENTS)
def test_every_verb_exists_as_a_coroutine_with_the_same_parameters(blocking, coroutines):
    # An endless iterator; the engine's own coroutine; steps.
    missing = {(Discovery, "watch"), (Monitor, "sweep_async"), (Calls, "course")}
    for name, method in inspect.getmembers(blocking, inspect.isfunction):
        if not name.startswith("_") and (blocking, name) not in missing:
            twin = getattr(coroutines, name)
            assert inspect.signature(twin).parameters.keys() == inspect.signature(method).parameters.keys(), name


def test_all_that_an_open_platform_has_is_there_in_an_event_loop_too(store_path):
    async def names():
        async with Platform.open(store_path) as platform:
            return set(dir(platform))

    before_it_is_open = {"open", "create"}
    has = {name for name in dir(Platform) if not name.startswith("_")} - before_it_is_open
    assert has - asyncio.run(names()) == set()


def test_a_store_is_looked_over_in_an_event_loop(store_path, server):
    async def look():
        async with Platform.open(store_path) as platform:
            await platform.registry.register("orders", server.url, fields=Registration(id="one"))
            await platform.monitor.sweep()
            (Path(store_path) / "instances" / "orders.json").write_bytes(b"{")
            found = [finding.path for finding in await platform.check()]
            mended = [action.path for action in await platform.repair()]
            past = await platform.past("orders")
            return found, mended, list(past), await platform.accept(), await platform.trusts.asked()

    assert asyncio.run(look()) == (["instances/orders.json"], ["instances/orders.json"], ["one"], [], [])


def test_every_public_name_can_be_imported_and_is_documented():
    for name in mgov.__all__:
        assert getattr(mgov, name)
        assert name.startswith("__") or getattr(mgov, name).__doc__
    assert dir(mgov) == sorted(mgov.__all__)
    with pytest.raises(AttributeError):
        _ = mgov.Nothing


def test_type_checkers_see_each_public_name_where_it_is_imported_from():
    lines = [line.split() for line in Path(mgov.__file__).read_text().splitlines() if line.startswith("    from mgov.")]
    seen = {name: module for _, module, _, name, _, same in lines if name == same}
    assert seen == mgov._PUBLIC
    assert mgov.__all__ == [*sorted(seen), "__version__"]


def test_importing_mgov_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import mgov; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "mgov\n"


def test_every_record_that_a_caller_makes_for_a_verb_is_a_public_name():
    given_by_another_verb = {"Act", "Change", "Configuration", "HealthPolicy", "Undo"}
    taken = set()
    for verbs, _ in COMPONENTS:
        for name, method in inspect.getmembers(verbs, inspect.isfunction):
            if not name.startswith("_"):
                # What is handed to a callback is mgov's to make.
                annotations = [str(kind) for what, kind in method.__annotations__.items() if what != "return"]
                taken |= records_in(" ".join(kind for kind in annotations if "Callable" not in kind))
    assert {"Registration", "Filter", "Terms"} < taken
    assert taken - given_by_another_verb - set(mgov.__all__) == set()


def test_a_folder_that_is_no_store_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (None, tmp_path, tmp_path / "nothing"):
        with pytest.raises(NotAStore):
            Platform.open(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_types_say_what_the_verbs_take_and_give(tmp_path):
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(SAMPLE.read_text().replace("actions: list[str]", "actions: list[int]"))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    right = subprocess.run([*command, str(SAMPLE)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (right.returncode, right.stdout.splitlines()[-1]) == (0, "Success: no issues found in 1 source file")
    broken = subprocess.run([*command, str(wrong)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "List comprehension has incompatible type" in broken.stdout
