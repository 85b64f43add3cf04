"""history, undo: what was changed, by whom, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.options import Context, command
from mgov.cli.rows import style
from mgov.cli.times import age_shown, time_of
from mgov.cli.view import Column, View
from mgov.errors import NO, UsageError
from mgov.model.undo import CREATE, DELETE, differing, named
from mgov.model.units import parse_duration, parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.governance.changes import Difference, Undo
    from mgov.store.base import Change

    Fields = dict[str, tuple[Any, Any]]

USUAL_LIMIT = 20
ASKED_LINES = 10
_DONE = {"create": "created", "update": "changed", "delete": "removed", "adopt": "adopted"}
_WILL = {"created": "bring back", "changed": "set back", "removed": "remove"}
_TIMES = ("registered_at", "since", "until")
NOT_KEPT = "no longer kept"


def history_columns(now: float = 0.0) -> tuple[Column, ...]:
    """The columns of `history`; `now` is what ages are counted from in a table."""
    return (
        Column("revision", "right"),
        Column("at", show=age_shown(now), cut_rank=2),
        Column("author"),
        Column("action", style=style, cut_rank=2),
        Column("key", cut_rank=2),
        Column("operation"),
        Column("message"),
        Column("fields", is_folded=True),
    )


UNDO_COLUMNS = (
    Column("action", style=style),
    Column("service"),
    Column("instance"),
    Column("fields"),
    Column("takes_back", "right"),
    Column("revision", "right"),
)
Since = Annotated[
    str | None, typer.Option(metavar="REV|DURATION|TIME", help="Only what came after this revision, or in this time")
]


@command(
    "mgov history",
    "mgov history orders --diff",
    "mgov history orders/127.0.0.1-8080",
    "mgov history policy --diff",
    "mgov history --since 2h --author ann",
    columns=history_columns(),
)
def history(
    ctx: Context,
    key: Annotated[
        str | None,
        typer.Argument(metavar="NAME[/INSTANCE]|KEY", help="Only what belongs to this; service/NAME or policy too"),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show what each changed, as far as copies are kept")] = False,
    limit: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="The newest N; 0 is all [20, all with --since]")
    ] = None,
    since: Since = None,
    author: Annotated[str, typer.Option(metavar="NAME", help="Only what this author changed")] = "",
    service: Annotated[str, typer.Option(metavar="NAME", help="Only what belongs to this service")] = "",
) -> View:
    """Show what was changed, when and by whom; the newest last, next to the prompt."""
    session = ctx.obj
    if key is not None and service:
        raise UsageError("name one of the two, the key or --service")
    now = session.clock.now()
    after, at = _since(since, now)
    changes = session.platform().changes
    count = (USUAL_LIMIT if since is None else 0) if limit is None else limit
    newest = count + 1 if count else 0          # one more tells whether there are more
    if key is not None:
        found = changes.of(key, after=after, since=at, author=author, newest=newest)
    else:
        found = changes.list(after=after, since=at, author=author, service=service, newest=newest)
    shown = found[-count:] if count else found
    differences = changes.compare(shown) if diff else None
    cut = f"the newest {len(shown)}; --limit 0 shows all" if len(shown) < len(found) else ""
    return _history_view(shown, differences, now)._replace(summary=cut or ("" if shown else "no changes"))


@command(
    "mgov undo --dry-run",
    "mgov undo --mine",
    "mgov undo --since 41 --yes",
    columns=UNDO_COLUMNS,
)
def undo(
    ctx: Context,
    since: Annotated[
        str | None,
        typer.Option(metavar="REV|DURATION|TIME", help="All that came after this revision, or in this time"),
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what you changed yourself (MGOV_ACTOR)")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, change nothing")] = False,
) -> View | int:
    """Take the newest change back by a new one, which can be undone too; what was written together goes together."""
    session = ctx.obj
    changes = session.platform().changes
    after, at = _since(since, session.clock.now())
    plan = changes.plan_undo(after=after, since=at, mine=mine)
    if not plan.effects:
        return _undo_view(plan, ())._replace(summary="everything is as it was before already")
    if dry_run:
        return _undo_view(plan, ())._replace(summary=f"would take back {_taken(plan)} (--dry-run: nothing was changed)")
    if not session.confirm(f"Take back {_taken(plan)}?", _asked(plan)):
        session.out.note("nothing was changed")
        return NO
    done = changes.undo(plan)
    summary = f"took back {_taken(plan)}; mgov undo brings it back"
    return _undo_view(plan, [outcome.revision for outcome in done])._replace(summary=summary)


def _since(text: str | None, now: float) -> tuple[str | None, float | None]:
    """(the revision, the time) that `--since` names; one of them is None."""
    if text is None:
        return None, None
    if text.isascii() and text.isdigit():
        return str(int(text)), None
    try:
        return None, now - parse_duration(text)
    except UsageError:
        if not text[:4].isdigit() or "-" not in text:
            raise
        return None, parse_time(text)


def _history_view(changes: Sequence[Change], differences: Sequence[Difference] | None, now: float) -> View:
    columns = history_columns(now) if differences is not None else history_columns(now)[:-1]
    fields = [_changed(d) for d in differences] if differences is not None else None
    rows = [
        (c.revision, time_of(c.at), c.author, _DONE[c.action], c.key, c.operation, c.message)
        + ((_fields_text(c, fields[place]),) if fields is not None else ())
        for place, c in enumerate(changes)
    ]

    def data() -> list[dict[str, Any]]:
        return [
            {**c._asdict(), "at": time_of(c.at), "action": _DONE[c.action]}
            | ({"fields": _fields_json(fields[place])} if fields is not None else {})
            for place, c in enumerate(changes)
        ]

    return View(columns, rows, data, names=[c.revision for c in changes])


def _changed(difference: Difference) -> Fields | None:
    return differing(difference.before, difference.after) if difference.is_kept else None


def _fields_json(fields: Fields | None) -> dict[str, Any] | None:
    if fields is None:
        return None
    return {name: {"from": _timed(name, old), "to": _timed(name, new)} for name, (old, new) in fields.items()}


def _timed(name: str, value: Any) -> Any:
    """A value with its times as scripts and people read them."""
    if name in _TIMES and value is not None:
        return time_of(value)
    return {key: _timed(key, item) for key, item in value.items()} if isinstance(value, dict) else value


def _fields_text(change: Change, fields: Fields | None) -> str:
    if fields is None:
        return NOT_KEPT
    shown = {n: (_short(_timed(n, old)), _short(_timed(n, new))) for n, (old, new) in fields.items() if n != "name"}
    if change.action == CREATE:
        return "; ".join(f"{name}: {new}" for name, (_, new) in shown.items())
    if change.action == DELETE:
        return "; ".join(f"{name}: {old}" for name, (old, _) in shown.items())
    return "; ".join(f"{name}: {old} -> {new}" for name, (old, new) in shown.items())


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if isinstance(value, list | dict):
        from mgov.cli.printers import json_text

        return json_text([value], "utf-8", is_lines=True).strip()
    return str(value)


def _taken(plan: Undo) -> str:
    first, last = plan.taken[0], plan.taken[-1]
    if first is last:
        return named(first)
    authors = {change.author for change in plan.taken}
    whose = f" by {first.author}" if len(authors) == 1 else ""
    operations = ", ".join(dict.fromkeys(change.operation for change in plan.taken))
    return f"{len(plan.taken)} changes, revisions {first.revision} to {last.revision} ({operations}{whose})"


def _asked(plan: Undo) -> list[str]:
    lines = [
        f"{_WILL[word]} {reversal.key}" + (f": {', '.join(reversal.fields)}" if word == "changed" else "")
        for word, reversal in plan.effects
    ]
    more = len(lines) - ASKED_LINES
    return lines if more <= 0 else [*lines[:ASKED_LINES], f"and {more} more: --dry-run lists them"]


def _undo_view(plan: Undo, revisions: Sequence[str]) -> View:
    given = list(revisions) or [""] * len(plan.effects)
    rows = [
        (word, r.service or r.key, r.instance, ", ".join(r.fields), r.change.revision, revision)
        for (word, r), revision in zip(plan.effects, given, strict=True)
    ]
    data = [
        {
            "action": word, "service": r.service or None, "instance": r.instance or None, "key": r.key,
            "takes_back": r.change.revision, "revision": revision or None,
            "fields": _fields_json(differing(r.now, r.then)),
        }
        for (word, r), revision in zip(plan.effects, given, strict=True)
    ]  # fmt: skip
    names = [f"{r.service}/{r.instance}" if r.instance else r.service or r.key for _, r in plan.effects]
    return View(UNDO_COLUMNS, rows, data, names=names)
