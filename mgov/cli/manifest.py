"""apply, diff, export: the fleet as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.inputs import read_manifest
from mgov.cli.manifestview import manifest_view
from mgov.cli.options import Context, command
from mgov.cli.rows import style
from mgov.cli.view import Column, View
from mgov.errors import NO, OK
from mgov.model.apply import PRUNED, UNCHANGED

if TYPE_CHECKING:
    from mgov.model.apply import Step

STEP_COLUMNS = (Column("action", style=style), Column("service"), Column("instance"), Column("fields"))
File = Annotated[str, typer.Option("-f", "--file", metavar="FILE|DIR|-", help="The manifest, in TOML or JSON")]
Scope = Annotated[str, typer.Option(metavar="NAME", help="Whose manifest this is")]


@command("mgov apply -f fleet.toml", "mgov export | mgov apply -f - --dry-run", columns=STEP_COLUMNS)
def apply(
    ctx: Context,
    file: File,
    scope: Scope = "default",
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what this scope brought in and no longer names")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing")] = False,
    message: Annotated[str, typer.Option("-m", "--message", metavar="TEXT", help="Why, for the history")] = "",
) -> View | int:
    """Make the fleet as a manifest says, in one step: all of it or nothing."""
    session = ctx.obj
    entries = read_manifest(file)
    manifests = session.platform().manifests
    if prune and not dry_run:
        doomed = [s for s in manifests.apply(entries, scope=scope, prune=True, dry_run=True) if s.action == PRUNED]
        if doomed and not session.confirm(f"Remove {len(doomed)} that {scope} no longer names?"):
            session.out.note("nothing was changed")
            return NO
    steps = manifests.apply(entries, scope=scope, prune=prune, dry_run=dry_run, message=message)
    return _view(steps, summary=_counted(steps) + (" (--dry-run: nothing was changed)" if dry_run else ""))


@command("mgov diff -f fleet.toml", columns=STEP_COLUMNS)
def diff(
    ctx: Context,
    file: File,
    scope: Scope = "default",
    prune: Annotated[bool, typer.Option("--prune", help="Count what is no longer named as a difference")] = False,
) -> View:
    """Compare the fleet with a manifest: 0 when it is the same, 1 when `apply` would change something."""
    steps = ctx.obj.platform().manifests.apply(read_manifest(file), scope=scope, prune=prune, dry_run=True)
    changing = [step for step in steps if step.action != UNCHANGED]
    return _view(changing, summary=_counted(steps))._replace(status=NO if changing else OK)


@command("mgov export > fleet.toml", "mgov export 'ord*' -o json", formats=("toml", "json"))
def export(
    ctx: Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="GLOB", help="Only these services")] = None,
) -> View:
    """Print the fleet as a manifest that `apply` takes."""
    return manifest_view(ctx.obj.platform().manifests.export(names or ()))


def _view(steps: list[Step], *, summary: str) -> View:
    rows = [(step.action, step.service, step.instance, ", ".join(step.fields)) for step in steps]
    return View(STEP_COLUMNS, rows, [_json(step) for step in steps], names=[_name(s) for s in steps], summary=summary)


def _name(step: Step) -> str:
    return f"{step.service}/{step.instance}" if step.instance else step.service


def _json(step: Step) -> dict[str, Any]:
    changes = {
        field: {"from": _plain(getattr(step.before, field)), "to": _plain(getattr(step.after, field))}
        for field in step.fields
    }
    return {"action": step.action, "service": step.service, "instance": step.instance or None, "fields": changes}


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, dict) else value


def _counted(steps: list[Step]) -> str:
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.action] = counts.get(step.action, 0) + 1
    return ", ".join(f"{count} {action}" for action, count in sorted(counts.items())) or "the manifest is empty"
