"""How configurations become rows: what was published, what differs, which values, which versions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from mgov.cli.rows import style
from mgov.cli.times import Moment, age_shown
from mgov.cli.view import Column, View
from mgov.errors import StoreError, UsageError
from mgov.governance.current import value_at
from mgov.governance.looking import DAMAGED
from mgov.model.config import BASE, leaves, lookup
from mgov.model.key import format_key, parse_key
from mgov.model.secret import masked, plain_secrets
from mgov.model.setting import ADDED, REMOVED, Difference, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.cli.session import Session
    from mgov.governance.publishing import Published
    from mgov.model.config import Configuration, Path, Version

DIALECTS = ("dotenv", "shell", "docker-env", "github")
CHANGE_COLUMNS = (Column("action", style=style), Column("key"), Column("from"), Column("to"))
VALUE_COLUMNS = (Column("key"), Column("value"), Column("source"))


def history_columns(now: float = 0.0) -> tuple[Column, ...]:
    """The columns of `config history`; `now` is what ages are counted from in a table."""
    return (
        Column("version", "right"),
        Column("author"),
        Column("at", show=age_shown(now)),
        Column("operation"),
        Column("message"),
        Column("base", "right", is_wide_only=True),
        Column("checksum", is_wide_only=True),
    )


def published_view(done: Published, *, dry_run: bool = False) -> View:
    """The answer of a command that makes a version: what a service reads differently."""
    where = f"{done.service} {done.environment}"
    if done.is_unchanged:
        newer = f"; version {done.newer_base} of the base is newer: --rebase takes it" if done.newer_base else ""
        summary = f"unchanged: {where} is at version {done.after}{newer}"
    else:
        summary = f"{where}: version {done.before} -> {done.after}" if done.before else f"{where}: version {done.after}"
        summary += " (--dry-run: nothing was changed)" if dry_run else _base_note(done)
    document = {
        "service": done.service,
        "environment": done.environment,
        "from": done.before,
        "to": done.after,
        "changes": [difference_json(difference) for difference in done.differences],
    }
    return difference_view(done.differences, summary=summary)._replace(data=document)


def _base_note(done: Published) -> str:
    return "; each environment takes it with its next version, or now with --rebase" if done.environment == BASE else ""


def difference_view(found: Sequence[Difference], *, summary: str = "") -> View:
    """Keys that differ, secrets masked."""
    rows = [
        (d.action, format_key(d.path), None if d.action == ADDED else text_of(d.before),
         None if d.action == REMOVED else text_of(d.after))
        for d in (difference.masked() for difference in found)
    ]  # fmt: skip
    return View(
        CHANGE_COLUMNS, rows, [difference_json(d) for d in found], names=[format_key(d.path) for d in found],
        summary=summary,
    )


def difference_json(difference: Difference) -> dict[str, Any]:
    """One key that differs as scripts read it, secrets masked."""
    shown = difference.masked()
    return {"action": shown.action, "key": format_key(shown.path), "from": shown.before, "to": shown.after}


def shown_value(session: Session, configuration: Configuration, key: str, *, resolve: bool, reveal: bool) -> Any:
    """The value of `key` (all without one) as it may be shown: resolved, revealed, or masked.

    A plain secret that was asked for by its own key, or in a form that programs read, is refused: they would take the
    mask for the secret.
    """
    value = value_at(configuration, key)
    if resolve:
        from mgov.cli.config_inputs import resolved

        return resolved(session, configuration, key)
    path = parse_key(key) if key else ()
    hidden = [] if reveal else plain_secrets(value, path)
    if hidden and (session.out.format in DIALECTS or not isinstance(value, dict)):
        raise UsageError(f"{format_key(hidden[0])} is a secret", hint="--reveal shows it")
    return masked(value, path) if hidden else value


def values_view(configuration: Configuration, key: str, value: Any, *, prefix: str, explain: bool) -> View:
    """The answer of `config get`, in every format."""
    path = parse_key(key) if key else ()
    listed = list(leaves(value, path)) if isinstance(value, dict) else [(path, value)]

    def toml_text() -> str:
        from mgov.formats import toml

        return toml.dump(value if isinstance(value, dict) else {path[-1]: value})

    def text_in(dialect: str) -> str:
        from mgov.formats.variables import render, variables

        nested = value if isinstance(value, dict) else {path[-1]: value}
        return render(dialect, variables(nested, above=path if nested is value else path[:-1], prefix=prefix))

    columns = VALUE_COLUMNS if explain else VALUE_COLUMNS[:2]
    rows = [(format_key(p), text_of(item), source_of(configuration, p))[: len(columns)] for p, item in listed]
    document = [dict(zip(("key", "value", "source"), (format_key(p), item, source_of(configuration, p)), strict=True))
                for p, item in listed] if explain else value
    extras: dict[str, Callable[[], str]] = {"toml": toml_text}
    extras.update({name: partial(text_in, name) for name in DIALECTS})
    return View(columns, rows, document, extras=extras)


def source_of(configuration: Configuration, path: Path) -> str:
    """Where the value at `path` comes from: `prod 12`, or `base 3`."""
    try:
        lookup(configuration.version.values, path)
    except KeyError:
        below = configuration.below
        return f"{BASE} {below.number}" if below is not None else ""
    return f"{configuration.environment} {configuration.version.number}"


def version_rows(configuration: Configuration) -> list[tuple[str, str]]:
    """What `config show` says about a version before its values."""
    version = configuration.version
    rows = [
        ("version", f"{configuration.environment} {version.number}"),
        ("author", version.author),
        ("at", Moment(version.at)),
        ("operation", version.operation),
        ("message", version.message),
        ("base", str(version.base) if version.base else ""),
        ("checksum", version.checksum),
    ]
    return [(field, text) for field, text in rows if text]


def version_json(version: Version) -> dict[str, Any]:
    """What scripts read about a version; `base` is null where none lies below."""
    fields = {key: value for key, value in version._asdict().items() if key not in ("number", "values")}
    return {"version": version.number, **fields, "base": version.base or None}


def history_view(versions: Sequence[Version], now: float) -> View:
    """The answer of `config history`, newest first; 8 where a version cannot be believed."""
    rows = [(v.number, v.author, v.at, v.operation, v.message, v.base or None, v.checksum) for v in versions]
    status = StoreError.exit_status if any(v.operation == DAMAGED for v in versions) else 0
    return View(
        history_columns(now), rows, lambda: [version_json(version) for version in versions], status
    )
