"""Variables of a compose file are filled as the Compose Specification says, and never silently left empty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.formats.interpolation import Unset, interpolate
from mgov.formats.malformed import Malformed

ENVIRON = {"A": "1", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A-${A}", "1-1"), ("$$A $${A}", "$A ${A}"), ("${B:-x}${B-y}", "xy"), ("${EMPTY:-x}${EMPTY-y}", "x"),
        ("${B:-${A}}", "1"), ("${B:-${C:-z}}", "z"), ("${A:+x}${B:+y}${EMPTY+z}", "xz"), ("${A:?no}${A?no}", "11"),
        ("plain", "plain"), ("${EMPTY}", ""), ("${B:-}", ""),
    ],
)  # fmt: skip
def test_variables_are_filled_from_the_environment_or_their_default(text, expected):
    assert interpolate(text, ENVIRON) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [("$B", "${B} is not set"), ("x${B}", "${B} is not set"), ("${EMPTY:?give it}", "${EMPTY} is not set: give it"),
     ("${B:-$C}", "${C} is not set")],
)  # fmt: skip
def test_a_variable_that_is_not_set_is_refused_with_the_way_out(text, message):
    with pytest.raises(Unset) as error:
        interpolate(text, ENVIRON, line=3)
    assert (error.value.message, error.value.line) == (message, 3)
    assert error.value.hint == "docker compose config | mgov import compose -"


@pytest.mark.parametrize(
    ("text", "message"),
    [("${A", "'${A' has no closing brace"),
     ("${}", "'${}' is not a variable"), ("${A!x}", "'${A!x}' is not a variable"),
     ("5$ ", "'$ ' is not a variable; a plain $ is written $$"),
     ("${B:-" * 30 + "}" * 30, "variables in it are nested too deeply")],
)  # fmt: skip
def test_what_is_no_variable_is_refused(text, message):
    with pytest.raises(Malformed) as error:
        interpolate(text, ENVIRON)
    assert error.value.message == message


@given(st.text("AB${}:-?+ x", max_size=30))
def test_any_text_is_filled_or_refused(text):
    try:
        interpolate(text, ENVIRON)
    except Malformed:
        pass
