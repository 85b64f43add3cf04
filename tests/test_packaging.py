"""What pip installs: the launcher, completions, the man page, the types, the licence, and nothing of the tests."""

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
SHARED = {
    "share/bash-completion/completions/mgov": "mgov.bash",
    "share/zsh/site-functions/_mgov": "_mgov",
    "share/fish/vendor_completions.d/mgov.fish": "mgov.fish",
    "share/man/man1/mgov.1": "mgov.1",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that hatchling builds of this tree, opened; nothing is downloaded for it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(folder / done.stdout.strip().splitlines()[-1]) as opened:
        yield opened


def data_of(wheel):
    """What goes below the prefix, by its path there."""
    return {
        name.split(".data/data/", 1)[1]: wheel.read(name) for name in wheel.namelist() if ".data/data/" in name
    }


def test_the_wheel_brings_the_completions_and_the_man_page_where_shells_and_man_look(wheel):
    assert data_of(wheel) == {path: (ROOT / "completions" / name).read_bytes() for path, name in SHARED.items()}


def test_the_launcher_is_a_script_that_pip_makes_executable_and_points_at_its_python(wheel):
    scripts = [info for info in wheel.infolist() if ".data/scripts/" in info.filename]
    assert [Path(info.filename).name for info in scripts] == ["mgov"]
    assert wheel.read(scripts[0]).startswith(b"#!python\n")
    assert stat.S_IMODE(scripts[0].external_attr >> 16) & 0o111 == 0o111


def test_the_wheel_has_every_module_the_types_and_the_licence_and_nothing_else(wheel):
    inside = {name for name in wheel.namelist() if name.startswith("mgov/")}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "mgov").rglob("*.py")}
    assert inside == modules | {"mgov/py.typed"}
    rest = {name.split("/")[0] for name in wheel.namelist()} - {"mgov"}
    assert {name.partition(".")[2].rpartition(".")[2] for name in rest} == {"data", "dist-info"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())


def test_the_wheel_names_the_readme_the_licence_and_each_dependency_with_a_floor(wheel):
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    lines = wheel.read(name).decode().splitlines()
    assert "License-Expression: Apache-2.0" in lines
    assert "Requires-Python: >=3.11" in lines
    needed = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    assert needed
    assert [line for line in needed if ">=" not in line and not line.startswith("mgov[")] == []


def test_mgov_runs_as_pip_installs_it_and_is_the_same_version(wheel, tmp_path):
    import mgov

    target = tmp_path / "prefix"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-warn-script-location",
         "--disable-pip-version-check", "--ignore-installed", "--prefix", str(target), wheel.filename],
        check=True, stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    site = next(target.glob("lib*/python*/site-packages"), None) or next(target.glob("**/site-packages"))
    launcher = next(target.glob("**/bin/mgov"))
    environ = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run([launcher, "version"], capture_output=True, text=True, env=environ, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{mgov.__version__}\n", "")
