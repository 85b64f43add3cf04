"""Planning: what has to change so that the fleet is as the manifest says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mgov.model.apply import CHANGED, CREATED, PRUNED, UNCHANGED, plan
from mgov.model.instance import Instance, Maintenance, default_check
from mgov.model.manifest import Entry
from mgov.model.service import Service

NAMES = st.sampled_from(("a", "b", "c"))
OWNED = st.builds(Service, NAMES, owner=st.sampled_from(("shop", "ops")))
RUNNING = st.builds(Instance, st.just("a"), st.sampled_from(("i", "j", "k")), st.just("h"), st.integers(1, 2),
                    weight=st.integers(1, 2))  # fmt: skip
ORIGINS = st.sampled_from(("manifest:one", "manifest:two", "register"))


@st.composite
def fleets(draw):
    """A manifest over three names, and a fleet that somebody else and it may have made."""

    def pairs():
        return draw(st.lists(st.tuples(OWNED, st.lists(RUNNING, max_size=2)), max_size=3,
                             unique_by=lambda pair: pair[0].name))

    wanted = []
    for service, own in pairs():
        named = {instance.id: instance._replace(service=service.name, origin="") for instance in own}
        wanted.append(Entry(service, tuple(named.values())))
    known, running = {}, {}
    for service, own in pairs():
        known[service.name] = service._replace(origin=draw(ORIGINS))
        for instance in own:
            running[service.name, instance.id] = instance._replace(service=service.name, origin=draw(ORIGINS))
    return wanted, known, running


def carry_out(steps, known, running):
    for step in steps:
        home, key = (running, (step.service, step.instance)) if step.instance else (known, step.service)
        if step.after is None:
            del home[key]
        else:
            home[key] = step.after


@settings(max_examples=60)
@given(fleets(), st.booleans())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(fleet, prune):
    wanted, known, running = fleet
    options = {"origin": "manifest:one", "prune": prune, "now": 5.0}
    carry_out(plan(wanted, known, running, **options), known, running)
    assert {step.action for step in plan(wanted, known, running, **options)} <= {UNCHANGED}


@settings(max_examples=60)
@given(fleets())
def test_pruning_takes_only_what_this_scope_brought_in_and_no_longer_names(fleet):
    wanted, known, running = fleet
    named = {(e.service.name, i) for e in wanted for i in ("", *(x.id for x in e.instances))}
    steps = plan(wanted, known, running, origin="manifest:one", prune=True, now=5.0)
    for step in steps:
        assert (step.action == PRUNED) == ((step.service, step.instance) not in named)
        if step.action == PRUNED:
            assert step.before.origin == "manifest:one"
    pruned = {(s.service, s.instance) for s in steps if s.action == PRUNED}
    for name, instance_id in pruned:
        if not instance_id:
            assert {key for key in running if key[0] == name} <= pruned


@settings(max_examples=30)
@given(fleets())
def test_without_prune_every_step_is_of_the_manifest(fleet):
    wanted, known, running = fleet
    steps = plan(wanted, known, running, origin="manifest:one", prune=False, now=5.0)
    assert {step.action for step in steps} <= {CREATED, CHANGED, UNCHANGED}
    assert len(steps) == sum(1 + len(e.instances) for e in wanted)


def test_a_change_keeps_maintenance_and_later_fields_and_renews_the_time_only_with_the_address():
    check = default_check("http", "h", 1, None)
    before = Instance("a", "i", "h", 1, check=check, origin="register", registered_at=1.0,
                      maintenance=Maintenance(0.5), extra={"later": 1})
    for wanted, since in ((before._replace(weight=5), 1.0),
                          (before._replace(port=2, check=default_check("http", "h", 2, None)), 9.0)):
        entry = Entry(Service("a"), (wanted._replace(origin="", maintenance=None, extra={}, registered_at=0.0),))
        step = plan([entry], {}, {("a", "i"): before}, origin="manifest:x", prune=False, now=9.0)[1]
        assert (step.action, step.after.registered_at, step.after.origin) == (CHANGED, since, "manifest:x")
        assert (step.after.maintenance, step.after.extra) == (Maintenance(0.5), {"later": 1})
