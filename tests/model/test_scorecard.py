"""Scores, weights and waivers: how much each breach costs, and what is let pass until when."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.errors import UsageError
from mgov.model.auditpolicy import RULES, WEIGHTS, AuditPolicy, Waiver, check_rules, parse_audit_policy
from mgov.model.practice import Breach
from mgov.model.scorecard import Score, score_fleet

TODAY = "2026-06-15"
CYCLE = Breach("cycle", "a", "a -> b -> a", "mend", ("a", "b"))
ALONE = Breach("redundancy", "a", "one", "mend")


def waive(rule, service="*", until=TODAY):
    return Waiver(rule, service, "because", until)


def test_a_service_loses_the_share_of_the_rules_that_it_breaks_and_the_fleet_has_the_mean():
    card = score_fleet({"a", "b", "c"}, [ALONE, CYCLE, ALONE], {"cycle": 15, "redundancy": 5}, today=TODAY)
    assert card.services == (Score("a", 0, ("redundancy", "cycle")), Score("b", 25, ("cycle",)), Score("c", 100))
    assert (card.score, card.broken_by("cycle"), card.severity(CYCLE)) == (41, 2, "high")
    assert [breach.rule for breach in card.breaches] == ["cycle", "redundancy", "redundancy"]


def test_a_waiver_holds_through_its_last_day_and_takes_the_blame_from_those_it_matches_alone():
    card = score_fleet({"a", "b"}, [CYCLE], {"cycle": 1}, [waive("cycle", "a")], today=TODAY)
    assert card.breaches == (CYCLE._replace(service="b", services=("b",)),)
    assert card.services == (Score("b", 0, ("cycle",)), Score("a", 100))
    assert score_fleet({"a", "b"}, [CYCLE], {"cycle": 1}, [waive("cycle")], today=TODAY).waived[0].breach == CYCLE


def test_an_ended_waiver_lets_nothing_pass_and_is_told_with_what_it_would_have_let():
    waivers = [waive("cycle", until="2026-06-14"), waive("redundancy", "z")]
    card = score_fleet({"a", "b"}, [CYCLE, ALONE], {"cycle": 1, "redundancy": 1}, waivers, today=TODAY)
    assert [(state.is_over, state.breach_count) for state in card.waivers] == [(True, 1), (False, 0)]
    assert (len(card.breaches), card.waived) == (2, ())


def test_a_breach_of_services_that_were_not_asked_for_is_left_out():
    card = score_fleet({"b"}, [ALONE, CYCLE], WEIGHTS, today=TODAY)
    assert (card.breaches, [score.service for score in card.services]) == ((CYCLE,), ["b"])
    assert score_fleet((), [], WEIGHTS, today=TODAY, damaged={"x"}).damaged == ("x",)


@given(st.lists(st.tuples(st.sampled_from(RULES), st.sampled_from("abc"))))
def test_a_score_is_from_0_to_100_and_full_marks_mean_that_nothing_is_broken(drawn):
    breaches = [Breach(rule, service, "e", "m") for rule, service in drawn]
    card = score_fleet(frozenset("abc"), breaches, WEIGHTS, today=TODAY)
    assert all(0 <= score.score <= 100 and (score.score == 100) == (not score.broken) for score in card.services)
    assert (card.score == 100) == (not breaches)


def test_the_tables_of_a_policy_are_read():
    policy = parse_audit_policy({
        "max_domains": 2, "weights": {"api": 0, "cycle": 40},
        "waivers": [{"rule": "api", "service": "batch-*", "reason": "none", "until": "2027-03-31"}],
    })  # fmt: skip
    assert (policy.max_domains, policy.weights["api"], policy.weights["cycle"]) == (2, 0, 40)
    assert policy.waivers == (Waiver("api", "batch-*", "none", "2027-03-31"),)
    assert parse_audit_policy({}) == AuditPolicy()


WHOLE = {"rule": "api", "service": "a", "reason": "r", "until": "2027-03-31"}


def test_the_end_of_a_waiver_may_be_a_day_as_toml_writes_one():
    written = parse_audit_policy({"waivers": [{**WHOLE, "until": date(2027, 3, 31)}]})
    assert written == parse_audit_policy({"waivers": [WHOLE]})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "audit must be a table, not []"),
        ({"weight": {}}, "audit has no key 'weight'"),
        ({"max_domains": 0}, "audit.max_domains must be a whole number from 1 on, not 0"),
        ({"max_domains": True}, "audit.max_domains must be a whole number from 1 on, not True"),
        ({"weights": 3}, "audit.weights must be a table, not 3"),
        ({"weights": {"apis": 3}}, "audit.weights: there is no rule 'apis'"),
        ({"weights": {"api": -1}}, "audit.weights.api must be a whole number from 0 to 1000, not -1"),
        ({"weights": {"api": 1.5}}, "audit.weights.api must be a whole number from 0 to 1000, not 1.5"),
        ({"weights": dict.fromkeys(RULES, 0)}, "audit.weights leaves no rule with a weight above 0"),
        ({"waivers": {}}, "audit.waivers must be written as [[audit.waivers]], not {}"),
        ({"waivers": ["x"]}, "audit.waivers[0] must be a table of rule, service, reason, until, not 'x'"),
        ({"waivers": [{**WHOLE, "til": ""}]}, "audit.waivers[0]: a waiver has no key 'til'"),
        ({"waivers": [WHOLE, {**WHOLE, "reason": ""}]}, "audit.waivers[1] lacks 'reason'"),
        ({"waivers": [{**WHOLE, "rule": "x"}]}, "audit.waivers[0]: there is no rule 'x'"),
        ({"waivers": [{**WHOLE, "until": "2027-02-30"}]}, "audit.waivers[0]: '2027-02-30' is no day"),
        ({"waivers": [{**WHOLE, "until": "20270330"}]}, "audit.waivers[0]: '20270330' is no day"),
        ({"waivers": [{**WHOLE, "until": 7}]}, "audit.waivers[0]: until must be text in quotes, not 7"),
    ],
)
def test_what_is_wrong_with_a_policy_is_named_with_its_place(table, message):
    with pytest.raises(UsageError) as caught:
        parse_audit_policy(table)
    assert caught.value.message == message


def test_rules_that_are_asked_for_come_once_and_in_their_order_and_a_typo_gets_a_suggestion():
    assert check_rules(["api", "cycle", "api"]) == ("cycle", "api")
    with pytest.raises(UsageError) as caught:
        check_rules(["cylce"])
    assert (caught.value.message, caught.value.hint[:18]) == ("there is no rule 'cylce'", "did you mean cycle")
