"""config schema and validate: what is published is held to a schema, and what is refused says why."""

import json
import sys

import pytest

from mgov import Platform

SCHEMA = {"properties": {"port": {"type": "integer", "maximum": 65535}}, "required": ["port"]}


@pytest.fixture
def store(tmp_path, monkeypatch):
    path, _ = Platform.create(tmp_path / "store")
    monkeypatch.setenv("MGOV_STORE", path)
    with Platform.open(path) as platform:
        platform.registry.register("orders")
    return path


@pytest.fixture
def schema(tmp_path, run, store):
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA))
    assert run("config", "schema", "set", "orders", str(file), "--columns", "action,service") == (
        0, "changed\torders\n", "")
    return str(file)


def test_a_version_that_breaks_the_schema_is_refused_and_nothing_is_made(run, schema):
    assert run("config", "set", "orders", "port=70000") == (
        2, "", "mgov: the schema of orders refuses it: port must be at most 65535 (maximum)\n"
               "hint: mgov config schema show orders says what is allowed\n")
    assert run("config", "set", "orders", "a=1", "--dry-run").code == 2
    assert run("config", "get", "orders").code == 3
    assert run("config", "set", "orders", "port=80").code == 0
    assert run("config", "unset", "orders", "port").code == 2
    assert json.loads(run("config", "get", "orders", "-o", "json").out) == {"port": 80}


def test_what_is_in_the_base_counts_for_the_environments_and_is_not_judged_alone(run, schema):
    assert run("config", "set", "orders", "-e", "base", "port=80").code == 0
    assert run("config", "set", "orders", "-e", "prod", "a=1").code == 0
    assert run("config", "set", "orders", "-e", "base", "port=99999").code == 0
    assert run("config", "set", "orders", "-e", "prod", "--rebase").code == 2


def test_validate_says_how_what_is_there_already_stands(run, store, tmp_path):
    run("config", "set", "orders", "port=70000")
    assert run("config", "validate", "orders") == (
        3, "", "mgov: orders has no schema for its configuration\nhint: mgov config schema set orders FILE\n")
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(SCHEMA))
    run("config", "schema", "set", "orders", str(file))
    assert run("config", "validate", "orders") == (
        1, "port\tmaximum\tmust be at most 65535\n", "orders default 1: 1 against its schema\n")
    values = tmp_path / "values.toml"
    values.write_text("port = 1\n")
    assert run("config", "validate", "orders", "-f", str(values)) == (0, "", f"{values} is as its schema says\n")
    assert json.loads(run("config", "validate", "orders", "-o", "json").out) == [
        {"key": "port", "rule": "maximum", "message": "must be at most 65535"}]


def test_a_schema_is_shown_exported_kept_and_taken_away(run, schema):
    assert json.loads(run("config", "schema", "show", "orders").out) == SCHEMA
    assert run("config", "schema", "set", "orders", schema, "--columns", "action").out == "unchanged\n"
    exported = json.loads(run("export", "-o", "json").out)
    assert exported["services"]["orders"]["config_schema"] == SCHEMA
    run("register", "orders", "--owner", "shop")
    assert run("config", "schema", "show", "orders").code == 0
    assert run("config", "schema", "set", "orders", "--none", "--columns", "action").out == "changed\n"
    assert run("config", "schema", "show", "orders").code == 3


@pytest.mark.parametrize(("words", "code", "message"), [
    (("set", "nobody", "{file}"), 3, "no service nobody"), (("set", "orders"), 2, "name a file, or --none"),
    (("set", "orders", "{bad}"), 2, "the schema is invalid at type"), (("show", "nobody"), 3, "no service nobody"),
    (("set", "orders", "/nowhere.json"), 2, "/nowhere.json"), (("set", "orders", "{empty}"), 2, "is an object"),
])
def test_what_cannot_be_set_or_shown_is_refused_in_one_line(run, store, tmp_path, words, code, message):
    for name, text in (("file", json.dumps(SCHEMA)), ("bad", '{"type": "nonsense"}'), ("empty", "{}")):
        (tmp_path / f"{name}.json").write_text(text)
    names = {name: str(tmp_path / f"{name}.json") for name in ("file", "bad", "empty")}
    result = run("config", "schema", *[word.format(**names) for word in words])
    assert (result.code, result.out) == (code, "")
    assert message in result.err.splitlines()[0]


def test_without_the_package_the_extra_is_named(run, schema, monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    assert run("config", "set", "orders", "port=80").err.endswith("hint: pip install 'mgov[schema]'\n")
