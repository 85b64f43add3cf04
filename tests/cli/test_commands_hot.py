"""The hot lane: command lines that skip the parser are answered exactly as it would answer them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import FakeClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgov import Platform, Registration
from mgov.cli import tree

ROOT = Path(__file__).parents[2]
FORBIDDEN = ("typer", "re", "typing", "json", "enum", "tomllib", "dataclasses", "pathlib", "asyncio", "platformdirs",
             "rich", "httpx")

words = st.sampled_from(
    ["orders", "dead", "worker", "two", "beaten", "empty", "nobody", "ordrs", "broken", "Orders", "", "w1", "x", "a/b",
     "-", "--", "get", "set", "key", "text", "secret", "table", "list", "truth", "half", "away", '"key"', "orders.x"]
)  # fmt: skip
OPTIONS = [
    ("-o", "url"), ("-o", "hostport"), ("-o", "json"), ("-o", "env"), ("-o", "bad"), ("--output", "url"),
    ("--output=url",), ("-ourl",), ("-o",), ("-q",), ("--quiet",), ("-qo", "url"), ("-S", "{store}"),
    ("--store", "{store}"), ("--store={store}",), ("-S", "{store}/nothing"), ("-S", "nothing"), ("-S", ""), ("-S",),
    ("--no-check",), ("--nonsense",), ("-v",), ("--yes",), ("--status", "fine"), ("-h",), ("--help",),
    ("-e", "default"), ("--env", "prod"), ("-e", "nowhere"), ("-e", ""), ("-e",), ("--env=prod",), ("--reveal",),
    ("--columns", "id"), ("--deadline", "soon"), ("--color", "never"), ("--output", "-q"), ("-S", "-q"),
]  # fmt: skip
options = st.sampled_from(OPTIONS)
environments = st.dictionaries(
    st.sampled_from(("MGOV_STORE", "MGOV_OUTPUT", "MGOV_QUIET", "MGOV_DEADLINE", "MGOV_COLOR", "MGOV_YES")),
    st.sampled_from(("{store}", "url", "hostport", "json", "name", "bad", "1", "10s", "")),
    max_size=2,
)


def _argv(verb, groups):
    return [verb, *(arg for group in groups for arg in group)]


# lines that are nearly those of the lane: its words and options in any order, and one thing more or none
near = st.tuples(
    st.sampled_from([("discover", [("-o", "url")]), ("heartbeat", []), ("config", [("get",), ("orders",)]),
                     ("breaker", [("check",)])]),
    st.sampled_from(
        ["orders", "worker", "beaten", "dead", "two", "nobody", "key", "text", "secret", "table", "open", "due"]
    ).map(lambda word: (word,)) | st.just(()),
    st.none() | options | words.map(lambda word: (word,)),
).flatmap(lambda p: st.permutations([*p[0][1], p[1], p[2] or ()]).map(lambda groups: _argv(p[0][0], groups)))
wild = st.tuples(
    st.lists(options, max_size=1),
    st.sampled_from(["discover", "heartbeat", "config", "breaker"]),
    st.lists(options | words.map(lambda word: (word,)), max_size=4),
).map(lambda p: [arg for group in p[0] for arg in group] + _argv(p[1], p[2]))
lines = near | near | near | wild


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Services of every kind, looked at as little as the lanes may tell apart: what is checked is refused at once."""
    path, _ = Platform.create(tmp_path_factory.mktemp("hot") / "store")
    with Platform.open(path) as platform:
        register = platform.registry.register
        for name, url, fields in (
            ("orders", "http://127.0.0.1:8080", {"health": "none"}),
            ("orders", "http://[::1]:8081", {"health": "none"}),
            ("dead", "tcp://127.0.0.1:1", {}),
            ("worker", None, {"id": "w1", "ttl_s": 3600.0}),
            ("two", None, {"id": "w1", "ttl_s": 3600.0}),
            ("two", None, {"id": "w2", "ttl_s": 3600.0}),
            ("beaten", "http://127.0.0.1:8082", {"id": "w1", "ttl_s": 3600.0}),
            ("empty", None, {}),
            ("broken", "http://127.0.0.1:8083", {"health": "none"}),
        ):
            register(name, url, fields=Registration(**fields))
        platform.registry.heartbeat("beaten")
        for name in ("open", "due"):
            register(name, "http://127.0.0.1:8084", fields=Registration(health="none", id="one"))
        platform.breakers.force("open", "open", reason="a test")
        platform.breakers.record("due", None, "success")
        values = {"key": 1, "text": "a\n订单\x1b", "secret": "s", "table.x": 1, "list": [1], "truth": True, "half": 0.5}
        platform.configs.set("orders", values, plain=True)
        platform.configs.set("orders", {"key": 2}, environment="base")
        platform.configs.set("orders", {"x": 1}, environment="prod")
        platform.configs.set("broken", {"key": 1})
    settled = Path(path, "configs", "orders", "prod", "000001.toml").stat().st_ctime + 1
    with Platform.open(path, clock=FakeClock(settled)) as platform:     # what was read once is quick from then on
        for environment in ("default", "prod"):
            platform.configs.read("orders", environment=environment)
    version = Path(path, "configs", "broken", "default", "000001.toml")
    version.write_bytes(version.read_bytes().replace(b"key = 1", b"key = 2"))
    file = Path(path, "instances", "broken.json")
    file.write_bytes(file.read_bytes().replace(b"8083", b"8084"))
    return path


def both(run, argv, env):
    """The answers of the hot lane and of the whole parser."""
    hot = run(*argv, env=env)
    kept = dict(tree.HOT)
    tree.HOT.clear()
    try:
        return hot, run(*argv, env=env)
    finally:
        tree.HOT.update(kept)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=lines, env=environments, is_placed=st.integers(0, 3))
def test_both_lanes_give_the_same_output_errors_and_status(run, store, line, env, is_placed):
    argv = [arg.replace("{store}", store) for arg in line]
    told = {key: value.replace("{store}", store) for key, value in env.items()}
    if is_placed:
        told.setdefault("MGOV_STORE", store)
    hot, full = both(run, argv, told)
    assert hot == full


@pytest.mark.parametrize("line", [["discover", "orders", "-o", "url"], ["heartbeat", "worker"],
                                  ["config", "get", "orders", "key"],
                                  ["breaker", "check", "open"]], ids=" ".join)  # fmt: skip
@pytest.mark.parametrize("option", OPTIONS, ids=" ".join)
def test_both_lanes_agree_on_each_option_before_and_after_the_words(run, store, line, option):
    told = [arg.replace("{store}", store) for arg in option]
    for argv in ([*line, *told], [line[0], *told, *line[1:]]):
        hot, full = both(run, argv, {"MGOV_STORE": store})
        assert hot == full


@pytest.mark.parametrize("variable", ["MGOV_OUTPUT", "MGOV_QUIET", "MGOV_DEADLINE", "MGOV_COLOR", "MGOV_YES"])
@pytest.mark.parametrize("value", ["url", "json", "bad", "1", "10s"])
@pytest.mark.parametrize("line", [["discover", "dead"], ["discover", "orders", "-o", "url"], ["heartbeat", "worker"],
                                  ["config", "get", "orders", "text"]], ids=" ".join)  # fmt: skip
def test_both_lanes_agree_on_each_variable(run, store, line, variable, value):
    hot, full = both(run, line, {"MGOV_STORE": store, variable: value})
    assert hot == full


@pytest.mark.parametrize(
    ("argv", "code", "out"),
    [
        (["discover", "orders", "-o", "url"], 0, "http://[::1]:8081\nhttp://127.0.0.1:8080\n"),
        (["discover", "-o", "hostport", "orders", "-q"], 0, "[::1]:8081\n127.0.0.1:8080\n"),
        (["discover", "dead", "-o", "url"], 6, ""),
        (["discover", "ordrs", "-o", "url"], 3, ""),
        (["discover", "broken", "-o", "url"], 8, ""),
        (["discover", "Orders", "-o", "url"], 2, ""),
        (["heartbeat", "worker"], 0, ""),
        (["heartbeat", "two", "w2"], 0, ""),
        (["heartbeat", "two"], 2, ""),
        (["heartbeat", "orders", "127.0.0.1-8080"], 2, ""),
        (["heartbeat", "nobody"], 3, ""),
        (["config", "get", "orders", "key"], 0, "1\n"),
        (["config", "get", "orders", "text", "-q"], 0, "a\n订单\x1b\n"),
        (["config", "get", "orders", "truth"], 0, "true\n"),
        (["config", "get", "-e", "prod", "orders", "x"], 0, "1\n"),
        (["config", "get", "orders", "key", "--env", "prod"], 0, "2\n"),
        (["breaker", "check", "orders"], 0, ""),
        (["breaker", "check", "due"], 0, ""),
        (["breaker", "check", "orders", "127.0.0.1-8080"], 0, ""),
        (["breaker", "check", "open"], 6, ""),
        (["breaker", "check", "nobody"], 3, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_hot_lane_takes_the_lines_it_is_made_for(run, store, argv, code, out, monkeypatch):
    monkeypatch.setattr("mgov.cli.main._Boundary._run_typer", lambda self, args: pytest.fail("it left the lane"))
    result = run(*argv, "-S", store)
    assert (result.code, result.out) == (code, out)


@pytest.mark.parametrize("argv", [["discover", "orders", "-o", "url"], ["discover", "beaten", "-o", "url"],
                                  ["heartbeat", "worker"], ["config", "get", "orders", "key"],
                                  ["config", "get", "orders", "key", "-e", "prod"], ["breaker", "check", "orders"],
                                  ["breaker", "check", "due"]], ids=" ".join)  # fmt: skip
def test_the_hot_lane_imports_nothing_heavy(store, argv):
    code = (
        "import sys; sys.argv[1:] = {!r}; from mgov.cli.main import main; status = main();"
        "print(sorted(set({!r}) & set(sys.modules)), file=sys.stderr); raise SystemExit(status)"
    ).format([*argv, "-S", store], FORBIDDEN)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
                          env=env, capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "[]\n")
