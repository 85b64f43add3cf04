"""The generated scripts: in step with the code, valid in their shells, and right in a real one."""

import subprocess
from pathlib import Path

import pytest

from mgov.cli import completion, shapes, shells
from mgov.cli.help import TOPICS
from mgov.cli.shapes import ANY, FILES, SERVICES, Option, Shape

ROOT = Path(__file__).resolve().parent.parent.parent
STORE = Option(("-S", "--store"), "STORE", "The store's place", FILES, True)
OUTPUT = Option(("-o", "--output"), "FORMAT", "How", "table,json,url", True)
OWNER = Option(("--owner",), "TEXT", "Who owns it", ANY, False)
SHAPES = [
    Shape("", "", "", children=("show", "store", "apply"), options=(STORE,)),
    Shape("show", "Show a service", "Fleet", arguments=(SERVICES, ANY), options=(OWNER, STORE, OUTPUT)),
    Shape("store", "Look at the store", "Store", children=("info",), options=(STORE,)),
    Shape("store info", "Say what it is", "Store", arguments=(SERVICES,), is_open_ended=True, options=(STORE, OUTPUT)),
    Shape("apply", "Apply files", "Fleet", arguments=(FILES,), options=(STORE,)),
]


def test_the_committed_scripts_are_what_the_code_generates(run, tmp_path):
    assert run("_completions", str(tmp_path)).code == 0
    for name in completion.texts():
        assert (tmp_path / name).read_text() == (ROOT / "completions" / name).read_text(), (
            f"completions/{name} is stale: run `mgov _completions completions`")


def test_the_command_prints_the_same_script(run):
    assert run("completion", "zsh").out == (ROOT / "completions" / "_mgov").read_text()


@pytest.mark.parametrize(("metavar", "kind"), [
    ("NAME", SERVICES), ("[GLOB]", SERVICES), ("NAME|GLOB|URL", SERVICES), ("FILE|DIR", FILES),
    ("NAME[:async][:optional]", SERVICES), ("NAME[:KEY]", SERVICES), ("PATH|URL|tcp|none", "tcp,none"),
    ("RATE|off", "off"), ("DURATION|TIME", ANY), ("TEXT|@FILE|@-", ANY),
    ("bash|zsh", "bash,zsh"), ("TEXT", ANY), ("", ANY),
])
def test_a_placeholder_tells_what_completes(metavar, kind):
    assert shapes._kind(metavar) == kind


def test_what_is_typed_every_day_completes():
    known = {shape.path: shape.arguments for shape in shapes.shapes()}
    assert known["limit take"][0] == known["limit reset"][0] == SERVICES
    assert known["breaker record"][:2] == (SERVICES, "success,failure,ignored,cancelled")
    assert known["help"] == (",".join([*TOPICS]),)


def test_generating_twice_gives_the_same_text():
    assert completion.texts() == completion.texts()


@pytest.mark.parametrize(("tool", "name"), [("bash", "mgov.bash"), ("zsh", "_mgov"), ("fish", "mgov.fish")])
def test_each_script_is_valid_in_its_shell(require, tool, name):
    subprocess.run([require(tool), "-n", ROOT / "completions" / name], check=True, timeout=30)


def test_the_man_page_is_well_formed(require):
    done = subprocess.run([require("mandoc"), "-Tlint", "-Wwarning", ROOT / "completions" / "mgov.1"],
                          capture_output=True, text=True, check=False, timeout=30)
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []


@pytest.fixture
def store(tmp_path):
    """A folder that looks like a store with two services, and editors' leftovers."""
    folder = tmp_path / "shop" / ".mgov"
    (folder / "services").mkdir(parents=True)
    (folder / "store.toml").write_text("format = 1\n")
    for name in ("orders.toml", "users.toml", ".orders.toml.swp", "orders.toml~"):
        (folder / "services" / name).write_text("")
    (tmp_path / "shop" / "deep" / "er").mkdir(parents=True)
    return folder


CASES = [
    (["sh"], {"show"}),
    ([""], {"show", "store", "apply"}),
    (["--st"], {"--store"}),
    (["show", ""], {"orders", "users"}),
    (["show", "us"], {"users"}),
    (["show", "orders", ""], set()),
    (["show", "--owner", "me", "o"], {"orders"}),
    (["show", "--owner", ""], set()),
    (["show", "-o", ""], {"table", "json", "url"}),
    (["show", "-o", "j"], {"json"}),
    (["show", "--ow"], {"--owner"}),
    (["store", ""], {"info"}),
    (["store", "info", "orders", "us"], {"users"}),
    (["-S", "x", "sto"], {"store"}),
]


def _bash(require, script, words, cwd, env=None):
    typed = " ".join(f"'{word}'" for word in ["mgov", *words])
    code = (f"source {script}\nCOMP_WORDS=({typed})\nCOMP_CWORD={len(words)}\n_mgov\n"
            "printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run([require("bash"), "--norc", "-c", code], capture_output=True, text=True, check=True,
                          cwd=cwd, env={"PATH": "/usr/bin:/bin", **(env or {})}, timeout=30)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.fixture
def bash_script(tmp_path):
    """The bash script of SHAPES."""
    path = tmp_path / "mgov.bash"
    path.write_text(shells.bash(SHAPES))
    return path


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_bash_completes(require, bash_script, store, words, expected):
    assert _bash(require, bash_script, words, store.parent / "deep" / "er") == expected


def test_bash_reads_services_from_the_named_store_first(require, bash_script, store, tmp_path):
    other = tmp_path / "other"
    (other / "services").mkdir(parents=True)
    (other / "services" / "pay.toml").write_text("")
    inside = store.parent
    assert _bash(require, bash_script, ["-S", str(other), "show", ""], inside) == {"pay"}
    assert _bash(require, bash_script, ["--store", "=", str(other), "show", ""], inside) == {"pay"}
    assert _bash(require, bash_script, ["show", ""], inside, {"MGOV_STORE": str(other)}) == {"pay"}
    assert _bash(require, bash_script, ["show", ""], tmp_path) == set()


def test_bash_leaves_what_follows_a_double_dash_to_the_shell(require, bash_script, store):
    assert _bash(require, bash_script, ["show", "orders", "--", "o"], store) == set()


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_fish_completes(require, store, tmp_path, words, expected):
    script = tmp_path / "mgov.fish"
    script.write_text(shells.fish(SHAPES))
    line = " ".join(["mgov", *words])
    done = subprocess.run([require("fish"), "--no-config", "-c", f"source {script}; complete -C '{line}'"],
                          capture_output=True, text=True, check=True, cwd=store.parent / "deep" / "er", timeout=30)
    assert done.stderr == ""
    found = {row.split("\t")[0] for row in done.stdout.splitlines()}
    assert (expected <= found) if words[-1].startswith("-") else (found == expected)




def test_zsh_offers_commands_and_services(require, store, tmp_path):
    script = tmp_path / "mgov.zsh"
    script.write_text(shells.zsh(SHAPES))
    for words, expected in CASES:
        if words[-1].startswith("-"):
            continue
        typed = " ".join(f"'{word}'" for word in ["mgov", *words])
        code = (
            f"compdef() {{ }}; compadd() {{ local -a a; if [[ $1 == -a ]]; then a=(${{(P)2}}); else a=(${{@:2}}); fi;"
            " print -rl -- ${(M)a:#${words[CURRENT]}*} }\n"
            "_describe() { local -a a; a=(${(P)2}); print -rl -- ${(M)${a%%:*}:#${words[CURRENT]}*} }; _files() { }\n"
            f"source {script}; words=({typed}); CURRENT={len(words) + 1}; _mgov")
        done = subprocess.run([require("zsh"), "-f", "-c", code], capture_output=True, text=True, check=False,
                              cwd=store.parent / "deep" / "er", timeout=30)
        assert (done.stderr, set(done.stdout.split())) == ("", expected), words
