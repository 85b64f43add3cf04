"""When a cause is looked for, how it is ranked, and what to type next."""

from mgov.model.graph import Edge, Graph
from mgov.model.history import Recent, Sample
from mgov.model.rootcause import diagnose
from mgov.model.standing import Standing
from mgov.model.why import Event, Root, last_well, next_steps, paths_to_roots, ranked, window_of

DAY_S = 86400.0
HOUR_S = 3600.0
AT = 1_800_000_000.0


def test_it_looks_back_to_fifteen_minutes_before_the_last_good_look():
    assert window_of(AT) == (AT - 900, AT)
    assert window_of(AT, AT - HOUR_S) == (AT - HOUR_S - 900, AT)


def test_where_nobody_looked_for_long_it_looks_back_a_day():
    assert window_of(AT, AT - 30 * DAY_S) == (AT - DAY_S - 900, AT)


def test_a_good_look_after_the_failure_began_does_not_narrow_the_window():
    recent = Recent((
        Sample(AT - 60, "healthy"), Sample(AT - 30, "unhealthy"), Sample(AT, "unhealthy"), Sample(AT + 60, "degraded"),
    ))  # fmt: skip
    assert last_well([recent], AT) == AT - 60
    assert last_well([Recent()], AT) is None


def test_the_nearest_root_comes_first_with_the_way_to_it():
    graph = Graph([Edge("web", "orders"), Edge("orders", "users"), Edge("web", "mail"),
                   Edge("web", "ads", is_optional=True)])  # fmt: skip
    diagnosis = diagnose(graph, {"users", "mail", "orders", "ads"})
    assert paths_to_roots(graph, "web", diagnosis) == [
        ("mail", ("web", "mail")),
        ("users", ("web", "orders", "users")),
    ]
    assert paths_to_roots(graph, "users", diagnosis) == [("users", ("users",))]


def test_changes_of_the_root_come_before_nearer_changes_elsewhere():
    events = [
        Event(5.0, "web", "service", "a"), Event(1.0, "users", "service", "b"), Event(3.0, "users", "config", "c"),
    ]  # fmt: skip
    assert [event.text for event in ranked(events, {"users"})] == ["c", "b", "a"]


def root(name, *path):
    return Root(Standing(name, "unhealthy", {"unhealthy": 1}), path or (name,))


def test_what_to_type_next_follows_from_what_changed_at_the_root():
    events = [Event(3.0, "users", "config", "x", subject="prod"), Event(1.0, "web", "instance", "y")]
    assert next_steps("web", [root("users", "web", "users")], events, is_old=True, open_breakers=["users"]) == [
        "mgov why web --now", "mgov why users", "mgov probe users", "mgov config history users -e prod",
        "mgov breaker show users",
    ]  # fmt: skip
    events = [Event(3.0, "users", "config", "x", subject="default"), Event(1.0, "users", "instance", "y")]
    assert next_steps("users", [root("users")], events, is_old=False, open_breakers=[]) == [
        "mgov probe users", "mgov config history users", "mgov history users --diff"]


def test_of_a_service_that_is_well_one_may_ask_who_needs_it():
    assert next_steps("web", [], [], is_old=False, open_breakers=[]) == ["mgov graph impact web"]
    assert next_steps("web", [], [], is_old=False, is_empty=True, open_breakers=[]) == [
        "mgov register web URL", "mgov graph impact web"]
