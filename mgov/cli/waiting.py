"""health --wait: a gate for pipelines. What was missing is said; then the command behind -- runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.causes import tell_causes
from mgov.cli.past import history_of
from mgov.cli.rows import health_view
from mgov.cli.sweeping import counted
from mgov.errors import DeadlineExceeded, MgovError, NotFound, Unmet, UsageError
from mgov.governance.gates import unmet_lines, wait
from mgov.model.gate import GONE, WAITING, Demand, parse_goal, parse_minimum
from mgov.model.units import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgov.cli.reports import Reports
    from mgov.cli.session import Session
    from mgov.cli.sweeping import Sweep
    from mgov.cli.view import View
    from mgov.governance.gates import Passage
    from mgov.model.gate import Ruling


def demand_of(
    goal: str, minimum: str | None, stable: str | None, *, any_one: bool, fail_fast: int, wait_s: float
) -> Demand:
    """What the options ask for; raise UsageError where they contradict each other."""
    if minimum is not None and any_one:
        raise UsageError("--any and --min-healthy say two different things")
    at_least, share = parse_minimum(minimum) if minimum is not None else (1 if any_one else None, None)
    stable_s = parse_duration(stable) if stable is not None else 0.0
    if stable_s >= wait_s > 0:
        raise UsageError(f"--stable {stable} needs a longer --wait than {format_duration(wait_s)}")
    return Demand(parse_goal(goal), at_least, share, fail_fast, stable_s)


def wait_for_health(
    session: Session,
    sweep: Sweep,
    demand: Demand,
    reports: Reports,
    *,
    wait_s: float,
    allow_missing: bool,
) -> View | int:
    """Wait for `demand`; then run the child. Without one, what was last seen is the answer, also 5 late, 1 given up."""
    in_the_way: list[str] = []
    tell = _teller(session, demand, in_the_way)
    try:
        passage = wait(sweep, demand, clock=session.clock, wait_s=wait_s, allow_missing=allow_missing, on_look=tell)
    except NotFound as error:
        raise NotFound(error.message, hint=f"{error.hint} (--allow-missing waits until it is registered)") from error
    except DeadlineExceeded:                    # of the whole command: what was missing is said as well
        for line in in_the_way:
            session.out.warn(line)
        raise
    reports.write(passage.results)
    view = health_view(passage.results, session.clock.now(), history_of(session))
    if not passage.is_open:
        if not session.has_child:
            session.out.show(view)
        raise _refusal(session, passage, demand, wait_s)
    if session.has_child:
        from mgov.cli.child import run_child

        return run_child(session)
    waited = f" after {format_duration(round(passage.waited_s, 1))}" if passage.waited_s >= 0.1 else ""
    return view._replace(summary=counted(passage.results) + waited)


def _teller(session: Session, demand: Demand, in_the_way: list[str]) -> Callable[[Ruling], None]:
    """What tells of each look that did not open the gate, and leaves in `in_the_way` what it lacked: with -v every new
    reason, to a person how far it is, for nobody likes to look at nothing for a minute."""
    told: set[str] = set()

    def tell(ruling: Ruling) -> None:
        in_the_way[:] = unmet_lines(ruling.unmet)
        new = [line for line in in_the_way if line not in told]
        told.update(new)
        for line in new:
            session.out.detail(line)
        stands = f"waiting: {ruling.met_count} {demand.goal}, {ruling.needed} needed"
        if ruling.progress.met_since is not None:
            stands += f" for {format_duration(demand.stable_s)}"
        if ruling.state == WAITING and session.out.is_heard and stands not in told:
            told.add(stands)
            more = f" and {len(in_the_way) - 1} more" if len(in_the_way) > 1 else ""
            session.out.note(f"{stands}; {in_the_way[0]}{more}" if in_the_way else stands)

    return tell


def _refusal(session: Session, passage: Passage, demand: Demand, wait_s: float) -> MgovError:
    ruling = passage.ruling
    if passage.missing:
        return DeadlineExceeded(f"after {format_duration(wait_s)}: {passage.missing}")
    for line in unmet_lines(ruling.unmet):
        session.out.warn(line)
    if demand.goal != GONE:
        tell_causes(session, passage.results)
    what = f"{ruling.met_count} of {len(passage.results)} {demand.goal}, {ruling.needed} needed"
    looks = f"{passage.look_count} look{'s' if passage.look_count != 1 else ''}"
    if passage.is_late:
        stable = f" for {format_duration(demand.stable_s)}" if demand.stable_s and not ruling.unmet else ""
        return DeadlineExceeded(f"after {format_duration(wait_s)} and {looks}: {what}{stable}")
    return Unmet(f"given up after {looks}: {what}")
