"""The shapes of all commands, as the shells complete them and the manual describes them.

They are collected from the table and the commands' own parameters, so that none is written down twice.
"""

from __future__ import annotations

from typing import Any

from mgov.cli import tree
from mgov.cli.options import facts_of
from mgov.cli.output import COLOR_WHEN
from mgov.model.record import NamedTuple

FILES, SERVICES, ANY = "@files", "@services", ""
_SERVICE_WORDS = ("NAME", "GLOB", "SERVICE")
_FILE_WORDS = ("FILE", "DIR", "STORE")


class Option(NamedTuple):
    """An option: `kind` says what completes its value: FILES, SERVICES, ANY or words with commas; None is a switch."""

    flags: tuple[str, ...]
    metavar: str
    help: str
    kind: str | None
    is_global: bool


class Shape(NamedTuple):
    """A command or a group as the shells and the manual see it; `arguments` holds a kind per position."""

    path: str
    help: str
    panel: str
    children: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    is_open_ended: bool = False
    options: tuple[Option, ...] = ()
    usage: str = ""
    examples: tuple[str, ...] = ()
    about: str = ""


def shapes() -> list[Shape]:
    """The root, then every visible row of the table, in its order. Imports every topic."""
    return [_group_shape("", "", ""), *(_shape(entry) for entry in tree.COMMANDS if entry[2])]


def _shape(entry: tuple[str, str, str, str]) -> Shape:
    path, place, panel, text = entry
    if not place:
        return _group_shape(path, text, panel)
    from mgov.cli.root import build

    made: Any = build(path)
    facts = facts_of(tree.load(place))
    arguments = [p for p in made.params if p.param_type_name == "argument"]
    return Shape(
        path,
        text,
        panel,
        children=tuple(entry[0].rpartition(" ")[2] for entry in tree.children(path)),
        arguments=tuple(_kind(p.metavar or "") for p in arguments),
        is_open_ended=any(p.nargs == -1 for p in arguments),
        options=tuple(_option(p, facts.formats) for p in made.params if p.param_type_name == "option" and not p.hidden),
        usage=" ".join(made.collect_usage_pieces(None)).replace("[OPTIONS] ", "").replace("[OPTIONS]", ""),
        examples=facts.examples,
        about=" ".join((made.help or "").split()),
    )


def _group_shape(path: str, text: str, panel: str) -> Shape:
    from mgov.cli.root import build

    made: Any = build(path)
    return Shape(
        path,
        text,
        panel,
        children=tuple(entry[0].rpartition(" ")[2] for entry in tree.children(path)),
        options=tuple(_option(p, ()) for p in made.params),
    )


def _option(param: Any, formats: tuple[str, ...]) -> Option:
    key = (param.name or "").removeprefix("global_")
    is_global = param.name != key
    metavar = param.metavar or ("" if param.is_flag else (param.name or "").upper())
    kind: str | None = None
    if not param.is_flag:
        kind = ANY if metavar == "NAME" else _kind(metavar) or _listed(param.help or "")    # NAME may name anything
        if is_global and key == "output":
            kind = ",".join(formats)
        elif is_global and key == "color":
            kind = ",".join(COLOR_WHEN)
    return Option((*param.opts, *param.secondary_opts), metavar, " ".join((param.help or "").split()), kind, is_global)


def _kind(metavar: str) -> str:
    """What completes a value, told from its placeholder: NAME is a service, FILE a path, a|b|OTHER one of a and b."""
    words = [word.partition("[")[0] for word in metavar.strip("[].").split("|")]
    if any(word in _SERVICE_WORDS for word in words):
        return SERVICES
    if any(word in _FILE_WORDS for word in words):
        return FILES
    return ",".join(w for w in words if w[:1].isalpha() and w == w.lower()) if len(words) > 1 else ANY


def _listed(text: str) -> str:
    """The words of a help line that says `One of: a, b, c`."""
    return text.removeprefix("One of: ").replace(" ", "") if text.startswith("One of: ") else ANY
