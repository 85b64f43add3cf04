"""Where findings are reported beside the answer: JUnit, and annotations for GitHub Actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.model.finding import Finding


def report_findings(
    session: Session, found: Sequence[Finding], rules: Sequence[str], *, name: str, junit: str | None, is_github: bool
) -> None:
    """Write each report that is asked for; GitHub's by itself in Actions. OutputError when one cannot be written."""
    if junit:
        from mgov.formats.junit import junit_findings
        from mgov.store.outfile import write_whole

        write_whole(junit, junit_findings(found, rules, name=name))
    if is_github or session.environ.get("GITHUB_ACTIONS") == "true":
        from mgov.formats.github import finding_commands

        # The runner reads commands from both streams; stdout belongs to the answer.
        for line in finding_commands(found).splitlines():
            session.out.relay(line)
