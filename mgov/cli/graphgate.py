"""graph check and diff: the dependency graph as a gate in CI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.findings import report_findings
from mgov.cli.graph import edge_json
from mgov.cli.inputs import read_manifest
from mgov.cli.options import Context, command
from mgov.cli.text import GREEN, RED, YELLOW
from mgov.cli.view import Column, View
from mgov.errors import NO, OK
from mgov.model.graphcheck import RULES

if TYPE_CHECKING:
    from mgov.model.finding import Finding
    from mgov.model.graphdiff import GraphDiff

FINDING_COLUMNS = (Column("rule", style=dict.fromkeys(RULES, RED).get), Column("subject"), Column("message"))
DIFF_COLUMNS = (
    Column("action", style={"added": GREEN, "removed": RED, "changed": YELLOW}.get),
    Column("from"),
    Column("to"),
    Column("type"),
    Column("optional"),
)


@command("mgov graph check", "mgov graph check --sync --junit graph.xml", columns=FINDING_COLUMNS)
def check(
    ctx: Context,
    sync: Annotated[bool, typer.Option("--sync", help="Let cycles with an asynchronous dependency pass")] = False,
    junit: Annotated[str | None, typer.Option(metavar="FILE", help="Write a JUnit report")] = None,
    github: Annotated[bool, typer.Option("--github", help="Annotate for GitHub Actions [there by itself]")] = False,
) -> View:
    """Hold the dependencies to the rules: no cycle, no service that needs itself, no name that nobody registered, and
    nothing that [[graph.forbidden]] in the store's policy.toml forbids. 1 when something is found."""
    session = ctx.obj
    found = session.platform().graphs.check(is_synchronous=sync)
    report_findings(session, found, RULES, name="mgov graph check", junit=junit, is_github=github)
    return View(
        FINDING_COLUMNS,
        [(finding.rule, finding.subject, finding.message) for finding in found],
        [_finding_json(finding) for finding in found],
        status=NO if found else OK,
        names=[finding.subject for finding in found],
        summary=_counted(found),
    )


@command("mgov graph diff fleet.toml", columns=DIFF_COLUMNS)
def diff(
    ctx: Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The manifest, in TOML or JSON; - is standard input")],
) -> View:
    """Compare the dependencies with a manifest: 0 when `apply` would change none, else 1. Cycles that it would close
    are named. Services that the manifest does not name stay as they are."""
    session = ctx.obj
    found = session.platform().graphs.diff([entry.service for entry in read_manifest(file)])
    for cycle in found.cycles:
        session.out.warn(f"the manifest closes a cycle: {cycle}")
    rows = [("added", name, "", "", "") for name in found.services]
    rows += [
        (action, edge.source, edge.target, edge.type, str(edge.is_optional).lower()) for action, edge in found.steps
    ]
    return View(
        DIFF_COLUMNS,
        rows,
        _diff_json(found),
        status=OK if found.is_same else NO,
        summary="no difference" if found.is_same else "",
    )


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "subject": finding.subject,
        "message": finding.message,
        "services": list(finding.services),
    }


def _diff_json(diff: GraphDiff) -> dict[str, Any]:
    return {
        "services": list(diff.services),
        "edges": [{"action": action, **edge_json(edge)} for action, edge in diff.steps],
        "cycles": [list(cycle.members) for cycle in diff.cycles],
    }


def _counted(found: list[Finding]) -> str:
    counts = [(sum(finding.rule == rule for finding in found), rule) for rule in RULES]
    return ", ".join(f"{count} {rule}" for count, rule in counts if count) or "nothing found"
