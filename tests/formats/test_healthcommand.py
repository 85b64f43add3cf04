"""A health command that looks at an address becomes that check; any other has no twin outside its container."""

import pytest

from mgov.formats.healthcommand import Probe, probe_of, probe_of_line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curl -f http://localhost:8080/health", Probe("http", 8080, "/health")),
        ("curl -sf -o /dev/null -m 5 http://127.0.0.1:80/ || exit 1", Probe("http", 80, "/", "127.0.0.1")),
        ("curl --fail 'https://localhost/ok?a=1&b=2' >/dev/null 2>&1", Probe("https", 443, "/ok?a=1&b=2")),
        ("curl -fsk https://localhost/ok", Probe("https", 443, "/ok", is_insecure=True)),
        ("curl --insecure https://localhost/ok", Probe("https", 443, "/ok", is_insecure=True)),
        ("curl -k http://localhost/ok", Probe("http", 80, "/ok")),
        ("wget -qO- localhost:3000/ping", Probe("http", 3000, "/ping")),
        ("/usr/bin/wget --spider -q http://web", Probe("http", 80, "/", "web")),
        ("sh -c 'curl -f http://localhost/a || exit 1'", Probe("http", 80, "/a")),
        ("nc -z localhost 5432", Probe("tcp", 5432)),
        ("/bin/grpc_health_probe -addr=:9555", Probe("grpc", 9555)),
        ("grpc_health_probe --addr localhost:9555", Probe("grpc", 9555)),
        ("curl -f http://localhost:${PORT}/", None),
        ("curl -f http://localhost:99999/", None),
        ("curl -f http://u:p@localhost/", None),
        ("curl --version", None),
        ("redis-cli ping", None),
        ("echo 'open", None),
        ("nc -z localhost", None),
        ("grpc_health_probe -addr=here", None),
        ("", None),
    ],
)
def test_a_health_command_as_a_check_from_outside(line, expected):
    assert probe_of_line(line) == expected


def test_words_are_taken_as_they_stand():
    assert probe_of(["curl", "-f", "http://localhost/a b"]) is None
    assert probe_of(["curl", "-f", "http://localhost/a"]) == Probe("http", 80, "/a")
    assert probe_of([]) is None
