"""What is kept of a look that found something wrong."""

from mgov.model.evidence import KEPT_CHARS, KEPT_ITEMS, evidence_from, evidence_of, evidence_value
from mgov.model.health import Observation
from mgov.model.history import Recent, Sample, add, noted, recent_from, recent_value

FACTS = {
    "connect_ms": 0.4,
    "first_byte_ms": 1.5,
    "total_ms": 2.0,
    "status_code": 200,
    "expectations": [
        {"expect": "status=200", "observed": "200 OK", "is_met": True, "is_soft": False},
        {"expect": "json:.status==ok", "observed": '"broken"', "is_met": False, "is_soft": False},
    ],
}
SEEN = Observation("unhealthy", "expected json:.status==ok", 2.0, 100.0, FACTS)


def test_nothing_is_kept_of_a_healthy_look():
    assert evidence_of(SEEN._replace(status="healthy")) is None


def test_phases_and_unmet_expectations_are_told_in_their_order():
    evidence = evidence_of(SEEN)
    assert evidence.phases == [("connect", 0.4), ("first byte", 1.5), ("total", 2.0)]
    assert evidence.unmet == [("json:.status==ok", '"broken"')]


def test_what_is_kept_reads_back_as_it_was():
    evidence = evidence_of(SEEN)
    assert evidence_from(evidence_value(evidence)) == evidence
    recent = noted(Recent(), evidence, 100.0)
    assert recent_from(recent_value(recent)) == recent


def test_long_texts_and_lists_are_cut():
    many = [{"expect": "x" * 1000, "observed": "", "is_met": False, "is_soft": False}] * 100
    evidence = evidence_of(SEEN._replace(evidence={"location": "y" * 1000, "expectations": many}))
    assert len(evidence.facts["location"]) == KEPT_CHARS
    assert len(evidence.unmet) == KEPT_ITEMS
    assert max(len(wanted) for wanted, _ in evidence.unmet) == KEPT_CHARS


def test_a_healthy_look_ends_the_evidence_and_an_older_look_does_not():
    recent = noted(Recent(), evidence_of(SEEN), 100.0)
    assert noted(recent, None, 99.0) == recent
    assert noted(recent, None, 101.0).evidence is None


def test_a_sample_leaves_the_evidence_alone():
    recent, _ = add(noted(Recent(), evidence_of(SEEN), 100.0), Sample(100.0, "unhealthy"), "refused")
    assert recent.evidence == evidence_of(SEEN)
