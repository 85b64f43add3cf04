"""config: what a person and a script get from each command, whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mgov import Platform

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path, monkeypatch):
    path, _ = Platform.create(tmp_path / "store")
    monkeypatch.setenv("MGOV_STORE", path)
    with Platform.open(path) as platform:
        platform.registry.register("orders")
    return path


@pytest.fixture
def made(store, run):
    """orders in default, two versions."""
    run("config", "set", "orders", "log.level=info", "db.port=5432", "-m", "first")
    run("config", "set", "orders", "log.level=debug", "db.password=env:DB_PW")
    return store


def test_set_prints_what_changed_and_the_versions(run, store):
    assert run("config", "set", "orders", "b=2", "a=1.10", 'hosts:=["x", 1]') == (
        0, 'added\ta\t\t1.10\nadded\tb\t\t2\nadded\thosts\t\t["x",1]\n', "orders default: version 1\n",
    )  # fmt: skip
    assert run("config", "set", "orders", "b=3") == (0, "changed\tb\t2\t3\n", "orders default: version 1 -> 2\n")
    assert run("config", "set", "orders", "b=3") == (0, "", "unchanged: orders default is at version 2\n")
    assert run("config", "unset", "orders", "hosts", "a") == (
        0, 'removed\ta\t1.10\t\nremoved\thosts\t["x",1]\t\n', "orders default: version 2 -> 3\n",
    )  # fmt: skip


def test_set_answers_with_the_versions_in_json(run, store):
    code, out, err = run("config", "set", "orders", "a=1", "-e", "prod", "-o", "json", "-q")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "service": "orders", "environment": "prod", "from": 0, "to": 1,
        "changes": [{"action": "added", "key": "a", "from": None, "to": 1}],
    }  # fmt: skip
    answer = json.loads(run("config", "set", "orders", "a=1", "-e", "prod", "-o", "json").out)
    assert (answer["from"], answer["to"], answer["changes"]) == (1, 1, [])


def test_a_service_that_nobody_registered_is_remarked_on_once(run, store):
    assert run("config", "set", "ordrs", "a=1").err == (
        "no service ordrs is registered (did you mean orders?)\nordrs default: version 1\n"
    )
    assert run("config", "set", "ordrs", "a=2").err == "ordrs default: version 1 -> 2\n"


def test_set_takes_files_variables_and_settings_together_the_last_wins(run, store, tmp_path):
    file = tmp_path / "v.toml"
    file.write_text('a = 1\nb = "file"\n[t]\nx = 1\n')
    result = run("config", "set", "orders", "-f", str(file), "--from-env", "APP_", "c=cli", "-q",
                 env={"APP_B": "env", "APP_T__Y": "2", "APP_C": "env"})  # fmt: skip
    assert result.code == 0
    assert json.loads(run("config", "get", "orders", "-o", "json").out) == {
        "a": 1, "b": "env", "t": {"x": 1, "y": 2}, "c": "cli",
    }  # fmt: skip
    assert run("config", "set", "orders", "-f", "-", "-q", input='{"a": 2}').code == 0
    assert run("config", "get", "orders", "a").out == "2\n"
    env = tmp_path / ".env"
    env.write_text("export A='x y'\n")
    assert run("config", "set", "orders", "-f", str(env)).out == "added\tA\t\tx y\n"


@pytest.mark.parametrize(
    ("argv", "code", "err"),
    [
        (["set", "orders"], 2, "mgov: there is nothing to set\nhint: mgov config set orders KEY=VALUE\n"),
        (["set", "orders", "a"], 2, "mgov: 'a' is neither KEY=TEXT nor KEY:=JSON\nhint: a=VALUE\n"),
        (["set", "orders", "db.password hunter2"], 2, "mgov: what begins with 'db.password' is neither KEY=TEXT nor "
         "KEY:=JSON\nhint: db.password=VALUE\n"),
        (["set", "orders", " hunter2"], 2, "mgov: a setting is neither KEY=TEXT nor KEY:=JSON\nhint: KEY=VALUE\n"),
        (["set", "orders", 'password:="hunter2'], 2, "mgov: password: unterminated string\n"
         "hint: password=TEXT takes text as it is\n"),
        (["set", "orders", "a:={"], 2, "mgov: a: expecting property name enclosed in double quotes\n"
                                       "hint: a=TEXT takes text as it is\n"),
        (["set", "orders", "a:=NaN"], 2, "mgov: a: NaN is not JSON\nhint: a=TEXT takes text as it is\n"),
        (["set", "orders", 'a:={"b":1,"b":2}'], 2, "mgov: a: the key 'b' stands twice in one object\n"
                                                   "hint: a=TEXT takes text as it is\n"),
        (["set", "orders", "db.password=hunter2"], 2,
         "mgov: db.password looks like a secret, and a store is no place for one\n"
         "hint: keep a reference: db.password=env:NAME or db.password=file:/PATH; or insist with --plain\n"),
        (["set", "orders", "a.b=1", "a=2"], 2, "mgov: a is a table, not a single value\nhint: unset it first\n"),
        (["set", "Orders", "a=1"], 2,
         "mgov: 'Orders' is not a valid service name\nhint: use orders; --title holds any text\n"),
        (["set", "orders", "a=1", "-e", "Prod"], 2, "mgov: 'Prod' is not a valid environment name\nhint: use prod\n"),
        (["set", "orders", "a=1", "--expect-rev", "3"], 4,
         "mgov: orders has no version in default yet, not 3\nhint: leave out --expect-rev\n"),
        (["get", "orders"], 3, "mgov: orders has no configuration in default\n"
                               "hint: mgov config set orders -e default KEY=VALUE\n"),
        (["history", "orders"], 3, "mgov: orders has no configuration in default\n"
                                   "hint: mgov config set orders -e default KEY=VALUE\n"),
        (["set", "orders", "-f", "/nowhere"], 2, "mgov: cannot read /nowhere: no such file or directory\n"),
        (["set", "orders", "--from-env", "NOBODY_"], 2, "mgov: no variable begins with NOBODY_\n"),
        (["diff", "orders", "x@y"], 2, "mgov: 'x@y' is no version\nhint: write it like x@12\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_what_cannot_be_is_one_line_with_a_hint(run, store, argv, code, err):
    assert run("config", *argv) == (code, "", err)
    assert not os.path.exists(f"{store}/configs")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("v.toml", b"\xef\xbb\xbfa = 1", "v.toml:1:1: it begins with a byte order mark"),
        ("v.toml", b"a = 1\nb = \n", "v.toml:2:5: invalid value"),
        ("v.toml", b"a = nan", "v.toml: a is not a finite number"),
        ("v.toml", b"a = 1e400", "v.toml: a is not a finite number"),
        ("v.toml", b"a = 2026-01-01", "v.toml: a is a date, which JSON cannot hold"),
        ("v.toml", b"a = 99999999999999999999", "v.toml: a is not a finite number of at most 64 bits"),
        ("v.toml", b".".join([b"a"] * 16000) + b" = 1", "v.toml:1:1: a key has more than 64 dotted parts"),
        ("v.toml", b"a = " + b"[" * 5000, "v.toml:1: it is nested too deeply"),
        ("v.toml", b"a = " + b"1" * 5000, "v.toml: a number in it has too many digits"),
        ("v.toml", b"a = 1\na = 2", "v.toml:2: cannot overwrite a value"),
        ("v.toml", b"a = \"\xff\"", "v.toml:1:6: it is not valid UTF-8"),
        ("v.json", b'{"a": NaN}', "v.json: NaN is not JSON"),
        ("v.json", b'{"a": 1, "a": 2}', "v.json: the key 'a' stands twice"),
        ("v.json", b'{"a": "\\ud800"}', "v.json: a string in it holds half of a surrogate pair"),
        ("v.json", b'{"a": null}', "v.json: a is null"),
        ("v.json", b"[" * 100_000, "v.json: it is nested too deeply"),
        ("v.json", b"[]", "v.json: a configuration is a table of keys"),
        ("v.json", '{"a": 1}'.encode("utf-16"), "v.json:1:1: it is UTF-16"),
        ("v.json", json.dumps({"a": "x" * (256 * 1024 + 1)}).encode(), "v.json: a has 262145 bytes"),
        ("v.env", b"A", "v.env:1:1: 'A' is not NAME=VALUE"),
        ("v.yaml", b"a: [", "v.yaml:"),
        ("v.yaml", b"a: 1\na: 2", "v.yaml:"),
    ],
    ids=lambda value: "",
)
def test_a_bad_file_is_2_and_names_its_place(run, store, tmp_path, name, data, words):
    """Rows 35, 36, 38 to 41 of the fault table, as input."""
    (tmp_path / name).write_bytes(data)
    code, out, err = run("config", "set", "orders", "-f", str(tmp_path / name))
    assert (code, out) == (2, "")
    assert err.startswith(f"mgov: {tmp_path}/{words}")
    assert not os.path.exists(f"{store}/configs")


def test_text_survives_byte_for_byte(run, store):
    """Row 44: carriage returns too."""
    text = "a\r\nb\r\nü 订单 \x1b[31m"
    run("config", "set", "orders", f"t={text}")
    assert run("config", "get", "orders", "t").out == f"{text}\n"
    assert run("config", "get", "orders", "t", tty=True).out == "a\\r\\nb\\r\\nü 订单 \\x1b[31m\r\n".replace("\r", "")


def test_get_prints_one_value_bare_and_more_as_rows(run, made):
    assert run("config", "get", "orders", "log.level") == (0, "debug\n", "")
    assert run("config", "get", "orders", "db.port", "-o", "json") == (0, "5432\n", "")
    assert run("config", "get", "orders") == (0, "log.level\tdebug\ndb.port\t5432\ndb.password\tenv:DB_PW\n", "")
    assert run("config", "get", "orders", "db") == (0, "db.port\t5432\ndb.password\tenv:DB_PW\n", "")
    assert run("config", "get", "orders", "log.level", "--version", "1") == (0, "info\n", "")
    assert run("config", "get", "orders", "log.level", "--version", "-1") == (0, "info\n", "")
    assert run("config", "get", "orders", tty=True, env={"NO_COLOR": "1"}).out == (
        "KEY          VALUE\nlog.level    debug\ndb.port      5432\ndb.password  env:DB_PW\n"
    )


def test_get_speaks_every_dialect(run, made):
    shown = {name: run("config", "get", "orders", "db", "-o", name).out for name in
             ("toml", "json", "dotenv", "shell", "docker-env", "github")}  # fmt: skip
    assert shown == {
        "toml": 'port = 5432\npassword = "env:DB_PW"\n',
        "json": '{\n  "port": 5432,\n  "password": "env:DB_PW"\n}\n',
        "dotenv": "DB_PORT=5432\nDB_PASSWORD=env:DB_PW\n",
        "shell": "export DB_PORT=5432\nexport DB_PASSWORD=env:DB_PW\n",
        "docker-env": "DB_PORT=5432\nDB_PASSWORD=env:DB_PW\n",
        "github": "DB_PORT=5432\nDB_PASSWORD=env:DB_PW\n",
    }
    prefixed = run("config", "get", "orders", "db.port", "-o", "shell", "--prefix", "APP_")
    assert prefixed.out == "export APP_DB_PORT=5432\n"


def test_explain_says_where_each_value_comes_from(run, made):
    run("config", "set", "orders", "region=eu", "-e", "base")
    result = run("config", "set", "orders", "--rebase")
    assert result == (0, "added\tregion\t\teu\n", "orders default: version 2 -> 3\n")
    assert run("config", "get", "orders", "--explain").out == (
        "region\teu\tbase 1\nlog.level\tdebug\tdefault 3\ndb.port\t5432\tdefault 3\ndb.password\tenv:DB_PW\tdefault 3\n"
    )
    assert run("config", "get", "orders", "region", "--explain").out == "region\teu\tbase 1\n"


def test_plain_secrets_are_masked_and_never_given_to_programs_by_mistake(run, made):
    set_ = run("config", "set", "orders", "db.password=hunter2", "--plain")
    assert set_.out == "changed\tdb.password\tenv:DB_PW\t***\n"
    for line in ("get orders", "get orders -o json", "get orders -o toml", "show orders", "show orders -o json",
                 "diff orders", "diff orders -o json"):  # fmt: skip
        result = run("config", *line.split())
        assert "***" in result.out
        assert "hunter2" not in result.out + result.err
    for argv in (["get", "orders", "db.password"], ["get", "orders", "-o", "shell"]):
        assert run("config", *argv) == (2, "", "mgov: db.password is a secret\nhint: --reveal shows it\n")
    assert run("config", "get", "orders", "db.password", "--reveal").out == "hunter2\n"


def test_a_reference_is_resolved_when_asked_for_and_trusted(run, made):
    refused = run("config", "get", "orders", "db.password", "--resolve", env={"DB_PW": "geheim"})
    assert refused == (
        6, "", "mgov: orders/default asks to read the variable 'DB_PW', and this store is not trusted to\n"
        "hint: look at what it asks for, and agree, with: mgov trust\n",
    )  # fmt: skip
    assert run("trust", "--dry-run").out == "orders/default\tvariable\tDB_PW\tno\n"
    assert run("trust", "--yes").err == "1 thing trusted\n"
    resolved = run("config", "get", "orders", "db", "--resolve", "-o", "shell", env={"DB_PW": "ge'heim"})
    assert resolved == (0, "export DB_PORT=5432\nexport DB_PASSWORD='ge'\\''heim'\n", "")
    run("trust", "--off")


def test_show_tells_about_a_version(run, made):
    rows = dict(line.split("\t") for line in run("config", "show", "orders", "--version", "1").out.splitlines())
    assert rows["version"] == "default 1"
    assert (rows["author"], rows["operation"], rows["message"]) == ("tester", "set", "first")
    assert (rows["log.level"], rows["db.port"]) == ("info", "5432")
    document = json.loads(run("config", "show", "orders", "-o", "json").out)
    assert (document["version"], document["environment"], document["base"]) == (2, "default", None)
    assert document["values"]["db"] == {"port": 5432, "password": "env:DB_PW"}


def test_history_lists_the_versions_newest_first(run, made):
    lines = [line.split("\t") for line in run("config", "history", "orders").out.splitlines()]
    assert [(line[0], line[1], line[3], line[4]) for line in lines] == [
        ("2", "tester", "set", ""), ("1", "tester", "set", "first"),
    ]  # fmt: skip
    assert [sorted(entry) for entry in json.loads(run("config", "history", "orders", "-o", "json").out)] == [
        ["at", "author", "base", "checksum", "message", "operation", "version"]
    ] * 2
    assert run("config", "history", "orders", "--limit", "1", "--columns", "version").out == "2\n"


def test_diff_compares_versions_environments_and_files(run, made, tmp_path):
    both = "added\tdb.password\t\tenv:DB_PW\nchanged\tlog.level\tinfo\tdebug\n"
    assert run("config", "diff", "orders") == (1, both, "orders default 1 against default 2\n")
    assert run("config", "diff", "orders", "1", "2").out == both
    assert run("config", "diff", "orders", "default@1", "default") == (1, both, "orders default 1 against default 2\n")
    assert run("config", "diff", "orders", "2") == (0, "", "orders default 2 against default 2: no difference\n")
    run("config", "promote", "orders", "--from", "default@1", "--to", "prod")
    assert run("config", "diff", "orders", "prod", "default").out == both
    file = tmp_path / "v.toml"
    file.write_text('log.level = "debug"\ndb.port = 5432\ndb.password = "env:DB_PW"\n')
    assert run("config", "diff", "orders", "-f", str(file)).code == 0
    file.write_text("db.port = 1\n")
    assert run("config", "diff", "orders", "prod", "-f", str(file)).out == (
        "changed\tdb.port\t5432\t1\nremoved\tlog.level\tinfo\t\n"
    )
    assert run("config", "diff", "orders", "1", "2", "-f", str(file)).code == 2


def test_rollback_appends_and_promote_carries_over(run, made):
    assert run("config", "rollback", "orders", "--to", "-1", "--dry-run") == (
        0, "removed\tdb.password\tenv:DB_PW\t\nchanged\tlog.level\tdebug\tinfo\n",
        "orders default: version 2 -> 3 (--dry-run: nothing was changed)\n",
    )  # fmt: skip
    assert run("config", "rollback", "orders", "--to", "1").err == "orders default: version 2 -> 3\n"
    assert run("config", "promote", "orders", "--from", "default", "--to", "prod") == (
        0, "added\tdb.port\t\t5432\nadded\tlog.level\t\tinfo\n", "orders prod: version 1\n",
    )  # fmt: skip
    again = run("config", "promote", "orders", "--from", "default", "--to", "prod", "-o", "json")
    assert json.loads(again.out)["to"] == 1


def test_gc_asks_before_it_removes(run, made):
    assert run("config", "gc", "orders", "--keep", "1", "--dry-run") == (0, "1\n", "1 would be removed\n")
    refused = run("config", "gc", "orders", "--keep", "1")
    assert refused.code == 2
    assert run("config", "gc", "orders", "--keep", "1", tty=True, input="n\n").code == 1
    assert run("config", "gc", "orders", "--keep", "1", "--yes") == (0, "1\n", "1 removed\n")
    assert run("config", "gc", "orders", "--keep", "1", "--yes") == (0, "", "nothing to remove\n")


def test_a_damaged_version_is_8_and_names_its_file(run, made):
    file = f"{made}/configs/orders/default/000002.toml"
    with open(file, "a") as opened:
        opened.write("# a note\n")
    assert run("config", "get", "orders", "log.level") == (
        8, "",
        "mgov: configs/orders/default/000002.toml was changed after it was written: its checksum does not match\n"
        "hint: a version is never edited: bring the file back, or: mgov store repair\n",
    )  # fmt: skip
    history = run("config", "history", "orders", "--columns", "version,operation")
    assert (history.code, history.out) == (8, "2\tdamaged\n1\tset\n")


def test_without_the_store_what_was_read_last_is_used_and_said(run, made, tmp_path):
    assert run("config", "get", "orders", "log.level").out == "debug\n"
    os.rename(made, tmp_path / "away")
    offline = run("config", "get", "orders", "log.level")
    assert (offline.code, offline.out) == (0, "debug\n")
    assert offline.err.splitlines()[0] == f"warning: {made} does not exist"
    assert "the store cannot be read: this is version 2, as it was read" in offline.err
    refused = run("config", "get", "orders", "log.level", "--no-snapshot")
    assert (refused.code, refused.out) == (8, "")
    assert run("config", "get", "others", "log.level").code == 8


def test_import_makes_the_values_exactly_those_of_the_file_and_export_gives_them_back(run, made, tmp_path):
    file = tmp_path / "v.toml"
    file.write_text('z = 1\n\n[db]\nport = 5432\n')
    assert run("config", "import", "orders", str(file), "--dry-run") == (
        0, "removed\tdb.password\tenv:DB_PW\t\nremoved\tlog.level\tdebug\t\nadded\tz\t\t1\n",
        "orders default: version 2 -> 3 (--dry-run: nothing was changed)\n",
    )  # fmt: skip
    assert run("config", "import", "orders", str(file)).err == "orders default: version 2 -> 3\n"
    assert run("config", "export", "orders") == (0, file.read_text(), "")
    assert run("config", "export", "orders", "-o", "dotenv").out == "Z=1\nDB_PORT=5432\n"
    as_json = run("config", "export", "orders", "-o", "json").out
    assert run("config", "import", "orders", "-", "-e", "prod", "--format", "json", input=as_json).code == 0
    assert run("config", "diff", "orders", "default", "prod").code == 0
    assert run("config", "export", "orders", "--version", "1", "-o", "json").out != as_json
    assert run("config", "import", "orders", str(file), "--format", "ini").code == 2


def test_an_import_of_nothing_asks_before_it_removes_all(run, made, tmp_path):
    empty = tmp_path / "empty.toml"
    empty.write_text("# db.port = 1\n")
    asked = run("config", "import", "orders", str(empty))
    assert (asked.code, asked.out) == (2, "")
    assert asked.err.startswith(f"mgov: There is nothing in {empty}: remove all values of orders in default?")
    assert run("config", "import", "orders", str(empty), "--dry-run").code == 0
    assert run("config", "get", "orders", "log.level").out == "debug\n"
    assert run("config", "import", "orders", str(empty), "--yes").code == 0
    assert run("config", "get", "orders", "-o", "json").out == "{}\n"
    again = run("config", "import", "orders", str(empty))
    assert again.err == "unchanged: orders default is at version 3\n"


def test_an_empty_table_in_a_file_that_is_set_empties_none(run, made, tmp_path):
    values = tmp_path / "values.toml"
    values.write_text("[db]\n[log]\nlevel = 'info'\n")
    assert run("config", "set", "orders", "-f", str(values)).out == "changed\tlog.level\tdebug\tinfo\n"


def test_export_leaves_plain_secrets_out_and_says_so(run, made):
    run("config", "set", "orders", "db.password=hunter2", "--plain")
    assert run("config", "export", "orders") == (
        0, '[log]\nlevel = "debug"\n\n[db]\nport = 5432\n', "left out, for they are secrets: db.password (--reveal)\n",
    )  # fmt: skip
    assert 'password = "hunter2"' in run("config", "export", "orders", "--reveal").out


def editor(tmp_path, script):
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"EDITOR": str(path)}


def test_edit_makes_a_version_of_what_the_editor_left(run, made, tmp_path):
    told = editor(tmp_path, 'sed -i s/debug/trace/ "$1"')
    assert run("config", "edit", "orders", "-m", "by hand", env=told) == (
        0, "changed\tlog.level\tdebug\ttrace\n", "orders default: version 2 -> 3\n",
    )  # fmt: skip
    assert run("config", "history", "orders", "--limit", "1", "--columns", "operation,message").out == "edit\tby hand\n"
    assert run("config", "edit", "orders", env=editor(tmp_path, "true")) == (0, "", "nothing was changed\n")
    assert run("config", "edit", "orders", env={"EDITOR": "/nowhere/vi"}) == (
        2, "", "mgov: the editor /nowhere/vi: /nowhere/vi: no such program\nhint: set EDITOR\n",
    )  # fmt: skip
    created = run("config", "edit", "orders", "-e", "new", env=editor(tmp_path, 'echo "a = 1" > "$1"'))
    assert created.err == "orders new: version 1\n"


def taken_from(err):
    """The text that the message says is kept; it goes."""
    path = err.split("your text is kept in ")[1].split(":")[0].strip()
    with open(path) as kept:
        text = kept.read()
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    return text


def test_an_editor_that_fails_changes_nothing_and_what_was_written_is_kept(run, made, tmp_path):
    assert run("config", "edit", "orders", env=editor(tmp_path, "exit 1")) == (
        1, "", "the editor ended with 1: nothing was changed\n",
    )  # fmt: skip
    crashed = run("config", "edit", "orders", env=editor(tmp_path, 'echo "a = 1" > "$1"; kill -9 $$'))
    assert crashed.code == 1
    assert crashed.err.startswith("the editor ended with 137: nothing was changed; your text is kept in ")
    assert taken_from(crashed.err) == "a = 1\n"
    assert run("config", "history", "orders", "--limit", "1", "--columns", "version").out == "2\n"


def test_ctrl_c_in_an_editor_is_the_editors_own(run, made, tmp_path):
    script = 'trap "" INT; kill -INT $PPID; sleep 0.1; echo "a = 1" > "$1"'
    assert run("config", "edit", "orders", "-e", "new", env=editor(tmp_path, script)).err == "orders new: version 1\n"


def test_without_a_terminal_no_editor_is_guessed(made):
    argv = [sys.executable, "-m", "mgov", "-S", str(made), "config", "edit", "orders"]
    environ = {name: text for name, text in os.environ.items() if name not in ("VISUAL", "EDITOR")}
    told = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environ, timeout=60)
    assert (told.returncode, told.stderr.splitlines()[0]) == (
        2, "mgov: no editor is set, and there is no terminal for another",
    )  # fmt: skip


def test_an_edit_that_cannot_be_kept_keeps_the_text(run, made, tmp_path):
    broken = run("config", "edit", "orders", env=editor(tmp_path, 'echo "a = " >> "$1"'))
    assert broken.code == 2
    assert taken_from(broken.err).endswith("a = \n")
    mgov = f"PYTHONPATH={ROOT} {sys.executable} -m mgov -S {made}"
    race = f'{mgov} config set orders r=1 -q; echo "b = 1" > "$1"'
    raced = run("config", "edit", "orders", env=editor(tmp_path, race))
    assert raced.code == 4
    look = raced.err.split("see what it would undo: mgov ")[1].split(", then")[0]
    assert "removed\tr\t1\t\n" in run(*look.split()).out
    assert "b = 1" in taken_from(raced.err)


def test_show_of_a_service_names_its_configurations(run, made):
    run("config", "set", "orders", "a=1", "-e", "prod")
    rows = run("show", "orders").out.splitlines()
    assert [row for row in rows if row.startswith("configuration")] == [
        "configuration\tdefault 2", "configuration\tprod 1",
    ]  # fmt: skip
    assert json.loads(run("show", "orders", "-o", "json").out)["configs"] == {"default": 2, "prod": 1}


def test_a_service_that_leaves_leaves_its_configuration_and_that_is_said(run, made):
    assert run("deregister", "orders", "--all", "--yes") == (
        0, "removed\torders\t\t\n", "the configuration of orders stays, for when it comes back\n",
    )  # fmt: skip
    assert run("config", "get", "orders", "db.port").out == "5432\n"


@pytest.fixture
def branches(run, made, require):
    """Commit what a function does on a branch `other`, then what another does on `main`, and merge: the fixture gives
    git itself.
    """
    git = require("git")

    def in_git(*argv):
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
        return subprocess.run([git, *who, *argv], cwd=made, capture_output=True, text=True, check=False)

    def fork(theirs, ours):
        in_git("init")
        in_git("add", "-A")
        in_git("commit", "-m", "two versions")
        for branch, act in (("other", theirs), ("main", ours)):
            in_git("checkout", *(["-b"] if branch == "other" else []), branch)
            act()
            in_git("add", "-A")
            in_git("commit", "-m", branch)
        assert in_git("merge", "other").returncode == 1
        return in_git

    return fork


def test_two_branches_that_made_one_number_are_told_apart_by_git_and_named_by_mgov(run, branches):
    made_b = [lambda name=name: run("config", "set", "orders", f"b={name}") for name in ("other", "main")]
    in_git = branches(*made_b)
    assert run("config", "get", "orders", "b") == (
        8, "", "mgov: configs/orders/default/000003.toml holds two versions: two branches each made this number\n"
        "hint: mgov store repair --renumber keeps both; or keep one: git checkout --ours or --theirs FILE\n",
    )  # fmt: skip
    in_git("checkout", "--theirs", "configs")
    assert run("config", "get", "orders", "b") == (0, "other\n", "")
    assert run("config", "set", "orders", "b=main").err == "orders default: version 3 -> 4\n"


def test_renumbering_keeps_what_both_branches_changed_and_repair_alone_touches_neither(run, branches, made):
    def theirs():
        run("config", "set", "orders", "x=theirs", "both=theirs", "-m", "why")
        run("config", "set", "orders", "y=theirs")

    branches(theirs, lambda: run("config", "set", "orders", "z=ours", "both=ours"))
    file = Path(made) / "configs" / "orders" / "default" / "000003.toml"
    torn = file.read_bytes()
    path = "configs/orders/default/000003.toml"
    left = f"{path}\tleft as it is, two branches each made it: mgov store repair --renumber\n"
    assert run("store", "repair", "--yes").out == left
    assert file.read_bytes() == torn
    assert run("store", "check").out.endswith("\tmgov store repair --renumber\n")
    done = run("store", "repair", "--renumber", "--yes")
    # version 4 came from theirs, so theirs keeps its numbers, and ours is made anew behind it
    assert done.out.startswith(f"{path}\tcopied to quarantine/")
    assert done.out.endswith("; one side was kept, what the other changed is version 5; both changed both, the newest "
                             "counts\n")
    assert run("store", "check") == (0, "", "everything is whole\n")
    values = json.loads(run("config", "get", "orders", "-o", "json").out)
    assert {key: values[key] for key in ("x", "y", "z", "both")} == {
        "x": "theirs", "y": "theirs", "z": "ours", "both": "ours"}
    messages = run("config", "history", "orders", "--columns", "version,message", "--limit", "3").out
    assert messages == "5\t(was 3 on another branch)\n4\t\n3\twhy\n"
    assert run("store", "repair", "--renumber", "--yes").err == "nothing to repair\n"


def test_where_nothing_follows_ours_keeps_its_number(run, branches):
    branches(lambda: run("config", "set", "orders", "x=theirs"), lambda: run("config", "set", "orders", "z=ours"))
    run("store", "repair", "--renumber", "--yes")
    assert run("config", "diff", "orders", "2", "3").out == "added\tz\t\tours\n"
    assert run("config", "diff", "orders", "3", "4").out == "added\tx\t\ttheirs\n"


def test_a_side_that_is_not_whole_is_left_to_its_owner(run, branches, made):
    branches(lambda: run("config", "set", "orders", "x=theirs"), lambda: run("config", "set", "orders", "z=ours"))
    file = Path(made) / "configs" / "orders" / "default" / "000003.toml"
    torn = file.read_bytes().replace(b"ours", b"hers")
    file.write_bytes(torn)
    result = run("store", "repair", "--renumber", "--yes")
    assert (result.code, result.err.splitlines()[0]) == (
        8, "mgov: configs/orders/default/000003.toml was changed after it was written: its checksum does not match")
    assert file.read_bytes() == torn


def test_the_hints_of_what_is_not_there_name_what_is(run, made):
    """Each hint is a command that works when it is typed."""
    run("config", "set", "orders", "-e", "base", "below=1")
    run("config", "set", "orders", "-e", "prod", "a=1")
    assert run("config", "set", "orders", "-e", "prod", "a=2", "--expect-rev", "7") == (
        4, "", "mgov: orders is at version 1 in prod, not 7\nhint: mgov config history orders -e prod\n")
    assert run("config", "get", "orders", "zzz") == (
        3, "", "mgov: orders has no key zzz in default\nhint: mgov config get orders -e default\n")
    assert run("config", "unset", "orders", "below", "-e", "prod") == (
        3, "", "mgov: orders has no key below of its own in prod\nhint: mgov config get orders -e prod --explain\n")
    assert run("config", "diff", "orders", "1", "-e", "staging") == (
        3, "", "mgov: orders has no configuration in staging\nhint: it has one in base, default, prod: -e base\n")


def test_a_newest_version_that_went_away_without_mgov_is_noted(run, made):
    os.unlink(os.path.join(made, "configs", "orders", "default", "000002.toml"))
    checked = run("store", "check")
    assert (checked.code, checked.out) == (
        0, "configs/orders/default\tnote\tthe log knows a version 2, and the newest that is there is 1\t"
        "bring the files back, or leave it so\n")
