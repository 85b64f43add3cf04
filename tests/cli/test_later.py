"""Modules whose import is put off until something in them is used."""

import ast
import subprocess
import sys

import pytest

from mgov.cli.later import UNUSED_AT_START

SHOW = """
import sys
from mgov.cli import later
from mgov.cli.main import main
assert main(["version"]) == 0
print(sorted(n for n in later.UNUSED_AT_START if type(sys.modules[n]) is later._Later))
"""
USE = """
import sys
from mgov.cli import later
assert {name!r} not in sys.modules
later.import_later()
import {name} as before
from {name} import {attribute}
import {name} as after
assert type(after) is not later._Later and after is sys.modules[{name!r}]
assert before.{attribute} is after.{attribute} is {attribute}
"""


def python(text: str) -> str:
    done = subprocess.run([sys.executable, "-S", "-c", text], capture_output=True, text=True, timeout=60, check=False,
                          env={"PYTHONPATH": ":".join(path for path in sys.path if path)})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_plain_command_ends_without_most_of_them():
    unused = set(ast.literal_eval(python(SHOW).splitlines()[-1]))
    assert unused >= {"bz2", "ipaddress", "lzma", "subprocess", "tokenize"}


@pytest.mark.parametrize(("name", "attribute"), [
    ("subprocess", "Popen"), ("platform", "system"), ("bz2", "compress"), ("lzma", "compress"),
    ("ipaddress", "ip_address"), ("tokenize", "open"), ("shellingham", "detect_shell"),
])
def test_each_is_the_module_itself_once_something_in_it_is_used(name, attribute):
    assert name in UNUSED_AT_START
    python(USE.format(name=name, attribute=attribute))


def test_what_was_imported_before_stays_as_it_is():
    python("import sys, subprocess\nfrom mgov.cli.later import import_later\nbefore = subprocess\nimport_later()\n"
           "assert sys.modules['subprocess'] is before")
