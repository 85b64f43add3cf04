"""One nasty set of rows through every printer (foreign text, markup, formulas, wide characters, long cells)."""

import csv
import io
import json

import fake_topic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgov.cli.printers import Look, table
from mgov.cli.text import HOSTILE, cells, clean, cut, fit, wrapped
from mgov.cli.view import Column, View

pytestmark = pytest.mark.usefixtures("fake_tree")
VISIBLE = "a\\x1b[31m\\x9b\\u202eb\\tc\\nd\\r\\x7f"
HUMAN = ("table", "wide", "plain", "csv", "name")


def test_plain_has_a_line_per_row_a_tab_per_column_and_nothing_cut(run):
    assert run("ls") == (1, f"orders\t{VISIBLE}\t80\n订单\t=1+1\t8080\npay\t[/] :skull: \\udc80\t\n", "glob *\n")


def test_quiet_silences_the_summary(run):
    assert run("ls", "-q").err == ""


def test_columns_picks_and_orders_even_wide_ones(run):
    assert run("ls", "--columns", "port,name", "--limit", "2").out == "80\torders\n8080\t订单\n"
    assert run("ls", "--columns", "tags", "--limit", "1").out == "edge,[red]\n"


def test_a_table_aligns_wide_characters_and_shows_a_header(run):
    wide = len(VISIBLE)
    assert run("ls", "-o", "table", "--limit", "2").out == (
        f"NAME    {'NOTE':<{wide}}  PORT\n"
        f"orders  {VISIBLE}    80\n"
        f"订单    {'=1+1':<{wide}}  8080\n")


def test_every_row_of_a_table_has_the_same_width_up_to_its_last_column(run):
    lines = run("ls", "-o", "table").out.splitlines()
    assert len({cells(line) for line in lines[:3]}) == 1


def test_wide_shows_every_column_and_caps_a_cell_at_200_characters(run):
    out = run("ls", "-o", "wide").out
    assert out.splitlines()[0].endswith("TAGS")
    assert out.splitlines()[3].endswith("x" * 199 + "…")


def test_json_is_exact_whole_and_has_no_raw_hostile_character(run):
    code, out, _ = run("ls", "-o", "json")
    rows = json.loads(out)
    assert code == 1
    assert [row["name"] for row in rows] == ["orders", "订单", "pay"]
    assert rows[0]["note"] == fake_topic.NASTY
    assert rows[2] == {"name": "pay", "note": "[/] :skull: \udc80", "port": None, "tags": ["x" * 300]}
    assert "订单" in out
    assert out.startswith('[\n  {\n    "name": "orders",\n')
    assert not HOSTILE & {ord(c) for c in out} - {10}


def test_jsonl_is_one_object_a_line(run):
    lines = run("ls", "-o", "jsonl").out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["orders", "订单", "pay"]


def test_an_empty_list_is_an_empty_json_array_and_no_lines_elsewhere(run):
    assert run("ls", "--limit", "0", "-o", "json").out == "[]\n"
    assert [run("ls", "--limit", "0", "-o", name).out for name in ("table", "plain", "jsonl", "name")] == [""] * 4


def test_csv_has_a_header_quotes_line_breaks_and_disarms_formulas(run):
    rows = list(csv.reader(io.StringIO(run("ls", "-o", "csv").out, newline="")))
    assert rows[0] == ["name", "note", "port", "tags"]
    assert rows[1][1] == "a\\x1b[31m\\x9b\\u202eb\tc\nd\\r\\x7f"
    assert rows[2] == ["订单", "'=1+1", "8080", ""]


@pytest.mark.parametrize("cell", ["=cmd", "+1", "-1", "@x", "\tx", "\rx"])
def test_csv_prefixes_every_text_that_a_spreadsheet_would_compute(run, monkeypatch, cell):
    monkeypatch.setattr(fake_topic, "ROWS", [("a", cell, -5, [])])
    rows = list(csv.reader(io.StringIO(run("ls", "-o", "csv").out, newline="")))
    assert rows[1][1] == "'" + cell.replace("\r", "\\r")
    assert rows[1][2] == "-5"


def test_name_prints_the_first_column_and_an_extra_format_its_own_text(run):
    assert run("ls", "-o", "name").out == "orders\n订单\npay\n"
    assert run("ls", "-o", "url").out == "http://x\n"


@pytest.mark.parametrize("chosen", HUMAN)
def test_no_hostile_character_reaches_stdout_in_any_human_format(run, chosen):
    out = run("ls", "-o", chosen, tty=True, env={"TERM": "dumb"}).out
    assert not HOSTILE & {ord(c) for c in out} - ({10, 13, 9} if chosen in ("csv", "plain") else {10})
    assert "[/]" in out or chosen == "name"


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "latin-1"])
@pytest.mark.parametrize("chosen", [*HUMAN, "json", "jsonl"])
def test_what_the_encoding_cannot_show_is_escaped_never_an_exception(run, chosen, encoding):
    code, out, err = run("ls", "-o", chosen, encoding=encoding, tty=True)
    assert code == 1
    assert err == "glob *\n"
    if encoding == "gbk":
        assert "订单" in out
    elif chosen == "json":
        assert json.loads(out)[1]["name"] == "订单"
    else:
        assert "\\u8ba2\\u5355" in out


def test_a_table_is_the_default_on_a_terminal_with_bold_header_and_coloured_values(run):
    out = run("ls", "--limit", "1", tty=True).out
    assert out.startswith("\x1b[1mNAME  \x1b[0m  \x1b[1mNOTE")
    assert "\x1b[31ma\\x1b[31m" in out


@pytest.mark.parametrize(("argv", "env", "tty", "is_on"), [
    ((), {}, True, True),
    ((), {}, False, False),
    ((), {"TERM": "dumb"}, True, False),
    ((), {"NO_COLOR": "1"}, True, False),
    ((), {"FORCE_COLOR": "1"}, False, True),
    ((), {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
    (("--color", "always"), {"NO_COLOR": "1"}, False, True),
    (("--color", "never"), {"FORCE_COLOR": "1"}, True, False),
    ((), {"MGOV_COLOR": "always"}, False, True),
])
def test_colour_follows_the_flag_then_the_variables_then_the_terminal(run, argv, env, tty, is_on):
    assert ("\x1b[" in run("ls", "-o", "table", *argv, env=env, tty=tty).out) is is_on


@pytest.mark.parametrize("width", [1, 3, 10, 20, 40])
def test_a_narrow_terminal_cuts_every_line_to_its_width(run, width):
    out = run("ls", "-o", "wide", tty=True, env={"COLUMNS": str(width), "NO_COLOR": "1"}).out
    assert len(out.splitlines()) == 4
    assert all(cells(line) <= width for line in out.splitlines())


def test_a_table_too_wide_takes_cells_from_its_widest_columns_first(run):
    lines = run("ls", "-o", "wide", "--limit", "2", tty=True, env={"COLUMNS": "40", "NO_COLOR": "1"}).out.splitlines()
    assert lines[0].split() == ["NAME", "NOTE", "PORT", "TAGS"]
    assert lines[2].startswith("订单    =1+1")
    assert lines[1].endswith("edge,[red]")


def test_streamed_rows_follow_the_format(run):
    assert [json.loads(line)["name"] for line in run("stream", "-o", "json").out.splitlines()] == ["orders", "订单"]
    assert run("stream", "-o", "csv").out.count("name,note,port,tags") == 1
    assert run("stream").out.startswith(f"orders\t{VISIBLE}\t80\n")


def test_clean_leaves_every_script_and_joiner_alone():
    text = "naïve 订单 مرحبا שלום 👩‍👩‍👧 देव \\x1b"
    assert clean(text) == text


def test_cut_counts_cells_and_never_exceeds_them():
    assert cut("订单服务", 5) == "订单…"
    assert cut("orders", 6) == "orders"
    assert cut("orders", 0) == ""
    assert fit("é€", "latin-1") == "é\\u20ac"


def test_key_and_value_rows_go_on_below_and_lose_no_word():
    columns = (Column("what"), Column("value"), Column("detail"))
    why = "expected cert=30d, observed expires in 19d"
    view = View(columns, [("judgement", "unhealthy", why), ("address", "127.0.0.1:9", "")], has_header=False)
    out = table(view, (), Look(40, False, str))
    assert all(cells(line) <= 40 for line in out.splitlines())
    assert out.splitlines()[:2] == ["judgement  unhealthy    expected", "                          cert=30d,"]
    assert [word for word in out.split() if word in why.split()] == why.split()
    assert table(view, (), Look(16, False, str)).count("\n") == 2    # no room for words: cut as other tables are


@given(st.integers(0, 30), st.text(st.sampled_from("ab 订█-"), max_size=60), st.integers(1, 40))
def test_what_is_wrapped_is_whole_and_fits_where_there_is_room_for_a_word(indent, text, room):
    lines = wrapped(" " * indent + text, room)
    assert room < 8 or all(cells(line) <= room for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


NARROW = View(
    (Column("name", cut_rank=2), Column("failures", "right"), Column("rejected", "right"), Column("reason")),
    [("payments", 5, 12, "tripped by hand"), ("orders", 0, 0, "")],
)


def narrow(width):
    return table(NARROW, (), Look(width, False, str))


def test_where_it_is_narrow_headers_are_cut_before_what_stands_below_them():
    assert narrow(45).startswith("NAME      FAILURES  REJECTED  REASON\n")
    assert narrow(41).startswith("NAME      FAILU…  REJEC…  REASON\n")
    assert narrow(37) == (
        "NAME      FAI…  REJ…  REASON\n"
        "payments     5    12  tripped by hand\n"
        "orders       0     0  -\n"
    )


def test_where_it_is_narrower_still_cells_are_cut_and_the_name_last():
    assert narrow(28).splitlines()[1] == "payments     5    12  tripp…"
    assert narrow(24).splitlines()[1] == "payme…     5    12  tri…"


def test_words_that_go_on_below_get_their_room_from_the_columns_beside_them():
    view = View(
        (Column("key", cut_rank=2), Column("author"), Column("fields", is_folded=True)),
        [
            ("orders", "somebody with a long name", "owner: shop; title: the orders of all customers"),
            ("users", "ann", ""),
        ],
    )
    assert table(view, (), Look(50, False, str)) == (
        "KEY     AUTHOR            FIELDS\n"
        "orders  somebody with a…  owner: shop; title: the\n"
        "                            orders of all\n"
        "                            customers\n"
        "users   ann               -\n"
    )
    assert all(len(line) <= 30 for line in table(view, (), Look(30, False, str)).splitlines())
    assert table(view, ("key", "fields"), Look(200, False, str)).splitlines()[1].endswith("of all customers")
