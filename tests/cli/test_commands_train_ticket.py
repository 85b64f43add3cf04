"""A real fleet: the 37 services and 92 calls of the train-ticket booking system."""

import json
import tomllib
from pathlib import Path

import pytest

FIXTURE = Path(__file__).parent.parent / "fixtures" / "train-ticket.toml"
CALLS = Path(__file__).parents[2].parent / "shared" / "data" / "train-ticket.calls.tsv"


def calls_of(services):
    return {(name, dependency) for name, table in services.items() for dependency in table.get("dependencies", ())}


@pytest.fixture
def fleet():
    return tomllib.loads(FIXTURE.read_text())["services"]


def test_the_fixture_has_37_services_and_92_calls(fleet):
    assert (len(fleet), len(calls_of(fleet))) == (37, 92)


def test_the_fixture_says_what_the_sources_say(fleet):
    if not CALLS.exists():
        pytest.skip(f"{CALLS.name} is not in ../shared/data")
    lines = [tuple(line.split("\t")) for line in CALLS.read_text().splitlines() if line.strip()]
    assert calls_of(fleet) == {pair for pair in lines if pair != ("caller", "callee")}


def test_the_fleet_is_applied_exported_and_applied_again_unchanged(run, tmp_path, fleet):
    store = str(tmp_path / "store")
    assert run("init", store).code == 0
    created = run("apply", "-f", str(FIXTURE), "-S", store)
    assert (created.code, created.out.count("created\t"), len(created.out.splitlines())) == (0, 37, 37)
    exported = run("export", "-S", store)
    for text, name in ((exported.out, "fleet.toml"), (run("export", "-S", store, "-o", "json").out, "fleet.json")):
        (tmp_path / name).write_text(text)
        again = run("apply", "-f", str(tmp_path / name), "-S", store)
        assert again.out == "".join(f"unchanged\t{service}\t\t\n" for service in sorted(fleet))
    listed = json.loads(run("services", "-S", store, "-o", "json").out)
    assert {(s["name"], d["name"]) for s in listed for d in s["dependencies"]} == calls_of(fleet)
