"""What discover prints for other programs is read back by them: a real sh, a zone's grammar, Prometheus' own."""

import json
import re
import shutil
import subprocess
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgov.formats.endpoint import Endpoint
from mgov.formats.endpoints import OUTPUTS, quote_sh, render, variable_prefix
from mgov.formats.file_sd import label_name
from mgov.formats.zone import service_label
from mgov.model.names import authority

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")        # Prometheus, "Data model"
HOSTILE = ["$(touch pwned)", "`touch pwned`", "';touch pwned;'", '"; touch pwned; "', "a b", "~", "*", "\\", "a\nb=c",
           "#", "-n", "\x1b]0;x\x07", "é\u202e", "&& touch pwned", "${HOME}", "a='b'", "'", "''\\''"]
SH_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def endpoint(host="10.0.0.1", port=8080, *, service="orders", id="orders-1", protocol="http", **more):
    url = f"{protocol}://{authority(host, port)}" if host else ""
    return Endpoint(service, id, host, port, protocol, url, **more)


def text(output, *endpoints):
    rendering = render(output, endpoints)
    assert rendering.notes == ()
    return rendering.text


def in_sh(script, variables, tmp_path):
    """The values of `variables` after `script` went through eval in a real sh."""
    show = "".join(f'printf "%s\\0" "${name}";' for name in variables)
    done = subprocess.run(["/bin/sh", "-euc", f'eval "$1"; {show}', "sh", script],
                          cwd=tmp_path, env={"HOME": "/home/me"}, capture_output=True, check=True)
    assert done.stderr == b""
    assert not list(tmp_path.iterdir())
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_instance_without_an_address_is_left_out(output):
    beating = endpoint("", 0)
    assert text(output, beating) == ("[]\n" if output == "file-sd" else "")
    assert render(output, [beating, endpoint()]) == render(output, [endpoint()])


def test_an_unknown_output_is_the_caller_s_mistake():
    with pytest.raises(KeyError):
        render("xml", [endpoint()])


def test_url_and_hostport_are_one_a_line_with_ipv6_in_brackets():
    two = endpoint(), endpoint("2001:db8::1", 5432, protocol="postgres")
    assert text("url", *two) == "http://10.0.0.1:8080\npostgres://[2001:db8::1]:5432\n"
    assert text("hostport", *two) == "10.0.0.1:8080\n[2001:db8::1]:5432\n"


@pytest.mark.parametrize("host", ["a\nb", "a b", "a\x1b[2J", "::1%\nx", "a\u2028b"])
def test_a_host_that_would_be_read_as_two_lines_or_words_is_left_out_with_a_note(host):
    for output, address in (("url", endpoint(host).url), ("hostport", authority(host, 8080))):
        rendering = render(output, [endpoint(host), endpoint()])
        assert rendering.text == text(output, endpoint())
        assert rendering.notes == (f"orders/orders-1 left out: {address!r} is not an address",)


# env


def test_env_names_the_first_instance_and_the_urls_of_all():
    assert text("env", endpoint(), endpoint("10.0.0.2")) == (
        "ORDERS_URL=http://10.0.0.1:8080\nORDERS_HOST=10.0.0.1\nORDERS_PORT=8080\n"
        "ORDERS_URLS=http://10.0.0.1:8080,http://10.0.0.2:8080\n"
    )


def test_env_of_two_services_holds_the_variables_of_both():
    lines = text("env", endpoint(service="a"), endpoint(service="b"), endpoint("10.0.0.9", service="a")).splitlines()
    names = ["A_URL", "A_HOST", "A_PORT", "A_URLS", "B_URL", "B_HOST", "B_PORT", "B_URLS"]
    assert [line.partition("=")[0] for line in lines] == names
    assert lines[3] == "A_URLS=http://10.0.0.1:8080,http://10.0.0.9:8080"


def test_env_of_an_ipv6_instance_is_read_back_by_sh_with_the_bare_address_as_host(tmp_path):
    script = text("env", endpoint("2001:db8::1", service="2fa.api-v2"))
    names = [f"_2FA_API_V2_{name}" for name in ("URL", "HOST", "PORT", "URLS")]
    url = "http://[2001:db8::1]:8080"
    assert in_sh(script, names, tmp_path) == [url, "2001:db8::1", "8080", url]


@pytest.mark.parametrize("value", HOSTILE)
def test_env_with_hostile_text_runs_nothing_and_is_read_back_by_sh_as_it_was(value, tmp_path):
    script = text("env", endpoint()._replace(host=value, url=f"http://{value}"))
    assert in_sh(script, ["ORDERS_HOST", "ORDERS_URL"], tmp_path) == [value, f"http://{value}"]


@settings(max_examples=40)
@given(st.lists(SH_TEXT, min_size=1, max_size=20))
def test_any_text_quoted_is_one_word_to_sh(values):
    done = subprocess.run(["/bin/sh", "-c", "printf '%s\\0' " + " ".join(map(quote_sh, values))],
                          capture_output=True, check=True)
    assert done.stdout.decode() == "".join(f"{value}\0" for value in values)


@given(st.text(min_size=1))
def test_a_variable_s_name_is_one_that_sh_takes(service):
    assert re.fullmatch(r"[A-Z_][A-Z0-9_]*", variable_prefix(service))


# srv and hosts


def test_srv_points_at_host_names_and_makes_names_for_addresses_with_their_records():
    assert text(
        "srv",
        endpoint(weight=5),
        endpoint("2001:db8::1", 8081),
        endpoint("db.example.com", 53, protocol="udp"),
        endpoint("10.0.0.1", 9090, service="users.api_v2"),
    ) == (
        "_orders._tcp 30 IN SRV 0 5 8080 ip-10-0-0-1\n"
        "_orders._tcp 30 IN SRV 0 1 8081 ip-2001-0db8-0000-0000-0000-0000-0000-0001\n"
        "_orders._udp 30 IN SRV 0 1 53 db.example.com.\n"
        "_users-api-v2._tcp 30 IN SRV 0 1 9090 ip-10-0-0-1\n"
        "ip-10-0-0-1 30 IN A 10.0.0.1\n"
        "ip-2001-0db8-0000-0000-0000-0000-0000-0001 30 IN AAAA 2001:db8::1\n"
    )


@pytest.mark.parametrize(
    "host", ["a\nevil 30 IN A 6.6.6.6", "a;b", "$INCLUDE", "@", "-a", "a-.b", "a..b", "a" * 64, "127.1", "fe80::1%eth0",
             "::1%\nx", "a b", '"', "\\", "é", ".", ".".join(["a" * 49] * 6)]
)
def test_a_host_that_dns_cannot_hold_is_left_out_of_srv_with_a_note(host):
    rendering = render("srv", [endpoint(host), endpoint()])
    assert rendering.text == text("srv", endpoint())
    assert rendering.notes == (f"orders/orders-1 left out: DNS cannot hold the host {host[:80]!r}",)


def test_a_service_label_is_never_longer_than_dns_allows():
    assert service_label("a" * 63) == "_" + "a" * 62
    assert service_label("a" * 61 + "--b") == "_" + "a" * 61


def test_hosts_lists_addresses_once_and_notes_the_rest():
    rendering = render("hosts", [endpoint(), endpoint(port=9), endpoint("::1"), endpoint("localhost", id="orders-2"),
                                 endpoint("fe80::1%eth0", id="orders-3")])
    assert rendering.text == "10.0.0.1\torders\n::1\torders\n"
    assert rendering.notes == (
        "orders/orders-2 left out: 'localhost' is not an IP address",
        "orders/orders-3 left out: 'fe80::1%eth0' is not an IP address",
    )


@given(st.ip_addresses(), st.text(max_size=10))
def test_every_line_of_srv_and_hosts_has_its_fields_whatever_the_host(address, name):
    located = [endpoint(str(address)), endpoint(name)]
    for line in render("hosts", located).text.split("\n")[:-1]:
        host, service = line.split("\t")
        assert (str(ip_address(host)), service) == (host, "orders")
    for line in render("srv", located).text.split("\n")[:-1]:
        assert re.fullmatch(r"_orders\._tcp 30 IN SRV 0 1 8080 [A-Za-z0-9._-]+|ip-[0-9a-f-]+ 30 IN (A|AAAA) \S+", line)


# file-sd


def test_file_sd_groups_targets_by_their_labels():
    one = endpoint(region="eu-1", zone="a", version="1.2.0", tags=["edge", "canary"], metadata={"rack.no": "r7"})
    two = one._replace(port=8081)
    other = endpoint("2001:db8::1", 443, protocol="https", id="orders-2")
    assert json.loads(text("file-sd", one, other, two)) == [
        {
            "targets": ["10.0.0.1:8080", "10.0.0.1:8081"],
            "labels": {"service": "orders", "instance_id": "orders-1", "region": "eu-1", "zone": "a",
                       "version": "1.2.0", "tags": ",edge,canary,", "meta_rack_no": "r7"},
        },
        {
            "targets": ["[2001:db8::1]:443"],
            "labels": {"service": "orders", "instance_id": "orders-2", "__scheme__": "https"},
        },
    ]


def test_two_metadata_names_that_become_one_label_keep_the_first_and_note_the_other():
    rendering = render("file-sd", [endpoint(metadata={"a.b": "2", "a-b": "1", "a+b": ""})])
    assert json.loads(rendering.text)[0]["labels"]["meta_a_b"] == "1"
    assert rendering.notes == ("orders/orders-1: metadata 'a.b' left out, meta_a_b is taken",)


@given(st.dictionaries(st.text(), st.text(), max_size=6), st.lists(st.text(), max_size=3))
def test_file_sd_is_one_json_document_in_prometheus_grammar_whatever_the_metadata(metadata, tags):
    written = render("file-sd", [endpoint(metadata=metadata, tags=tags)]).text
    written.encode("utf-8")
    (group,) = json.loads(written)
    for name, value in group["labels"].items():
        assert LABEL_NAME.fullmatch(name)
        assert name == "__scheme__" or not name.startswith("__")
        assert value
    kept = {f"meta_{label_name(name)}" for name, value in metadata.items() if value}
    assert {name for name in group["labels"] if name.startswith("meta_")} <= kept


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, of Debian's prometheus package, is not here")
def test_prometheus_itself_accepts_the_file_with_hostile_metadata_and_ipv6(tmp_path):
    hostile = {value: value for value in HOSTILE} | {"lone": "\ud800", "": "empty", "0": "digit", "{{.}}": "{{.}}"}
    fleet = [endpoint(metadata=hostile), endpoint("2001:db8::1", protocol="https", tags=["a,b", '"'])]
    (tmp_path / "targets.json").write_text(render("file-sd", fleet).text, encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(
        "scrape_configs: [{job_name: mgov, file_sd_configs: [{files: [targets.json]}]}]\n"
    )
    done = subprocess.run(["promtool", "check", "config", "prometheus.yml"],
                          cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
