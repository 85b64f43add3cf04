"""A configuration as environment variables, in the dialect of whoever reads them.

    shell        export NAME='value'        POSIX sh: `eval "$(...)"`
    dotenv       NAME='value'               as python-dotenv (interpolate=False: it expands ${X} in any quotes) reads
                                            .env files, and docker compose and others
    docker-env   NAME=value                 `docker run --env-file`: no quotes, no line breaks
    github       NAME=value, NAME<<MARK     the files behind GITHUB_ENV and GITHUB_OUTPUT

A key's name is its parts in upper case with `_` between and for whatever no variable can hold. Two keys of one name are
refused, never one of them dropped. So is, where a command or a shell is to live with it, what the system itself finds
programs and libraries by: a store must not choose what its reader runs, and a key `path` means none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from mgov.errors import UsageError
from mgov.model.config import leaves
from mgov.model.key import format_key
from mgov.model.setting import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgov.model.config import Path

DOCKER_LINE_BYTES = 64 * 1024 - 1               # what docker's line scanner takes
_RUN_BY = frozenset({"PATH", "BASH_ENV", "PROMPT_COMMAND"})         # the last two a shell runs by itself
_LOADED_BY = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "LD_LIBMAP", "LD_ORIGIN_PATH", "DYLD_")  # ld.so(8), dyld(1)
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:@%+,=")


def variables(values: Mapping[str, Any], *, above: Path = (), prefix: str = "") -> dict[str, str]:
    """Name and text of every value that is no table; `above` is the key that `values` stand under.

    Raise UsageError where two keys would have one name, or `prefix` cannot begin one.
    """
    if prefix and (not _NAME.issuperset(prefix.upper()) or prefix[0].isdigit()):
        raise UsageError(f"{prefix[:40]!r} cannot begin the name of a variable")
    found: dict[str, str] = {}
    origin: dict[str, Path] = {}
    for path, value in leaves(values, above):
        if value == {}:
            continue
        name = variable_name(path, prefix)
        if not name.strip("_"):
            raise UsageError(f"{format_key(path)} has no letter or digit that the name of a variable can hold")
        if name in found:
            raise UsageError(f"{format_key(origin[name])} and {format_key(path)} would both be the variable {name}")
        found[name], origin[name] = text_of(value), path
    return found


def for_commands(found: Mapping[str, str]) -> Mapping[str, str]:
    """Return `found`; raise UsageError where it would choose which programs and libraries are run."""
    for name in found:
        if name in _RUN_BY or name.startswith(_LOADED_BY):
            raise UsageError(f"a key would set {name}, by which the system finds what is run",
                             hint=f"--prefix APP_ makes it APP_{name}")
    return found


def variable_name(path: Sequence[str], prefix: str = "") -> str:
    """The variable of a key: `db.max-open` is DB_MAX_OPEN."""
    name = prefix.upper() + "_".join("".join(c if c in _NAME else "_" for c in part.upper()) for part in path)
    return f"_{name}" if name[0].isdigit() else name


def shell(found: Mapping[str, str]) -> str:
    """Lines that a POSIX shell evaluates; everything is quoted, so nothing is expanded."""
    return "".join(f"export {name}={_single_quoted(text)}\n" for name, text in for_commands(found).items())


def dotenv(found: Mapping[str, str]) -> str:
    """Lines of a .env file. Single quotes keep all as it is; a text with `'` or a carriage return needs double ones."""
    return "".join(f"{name}={_dotenv_quoted(text)}\n" for name, text in found.items())


def docker_env(found: Mapping[str, str]) -> str:
    """Lines of an --env-file; raise UsageError for a text that no such line can hold."""
    for name, text in found.items():
        if "\n" in text or text.endswith("\r"):
            raise UsageError(f"{name} holds a line break, which docker's env files cannot", hint="-o dotenv, or a file")
        if len(name) + 1 + len(text.encode()) > DOCKER_LINE_BYTES:
            raise UsageError(f"{name} is longer than a line of docker's env files may be")
    return "".join(f"{name}={text}\n" for name, text in found.items())


def github(found: Mapping[str, str]) -> str:
    """What a step appends to $GITHUB_ENV or $GITHUB_OUTPUT."""
    return "".join(
        f"{name}<<{_mark(text)}\n{text}\n{_mark(text)}\n" if "\n" in text else f"{name}={text}\n"
        for name, text in found.items()
    )


def render(dialect: str, found: Mapping[str, str]) -> str:
    """The variables in one of the dialects above, by its name."""
    made = {"dotenv": dotenv, "shell": shell, "docker-env": docker_env, "github": github}
    return made[dialect](found)


def _single_quoted(text: str) -> str:
    if text and _PLAIN.issuperset(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _dotenv_quoted(text: str) -> str:
    if text and _PLAIN.issuperset(text):
        return text
    if "'" not in text and "\r" not in text and "\\" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _mark(text: str) -> str:
    """A line that is not in `text`, the same each time for the same text."""
    seed = crc32(text.encode("utf-8", "surrogatepass"))
    lines = set(text.split("\n"))
    while f"MGOV_{seed:08x}" in lines:
        seed = (seed + 1) % 2**32
    return f"MGOV_{seed:08x}"
