"""Five servers of the real world, with the check that each really has: seen well, seen to go, seen to come back."""

import contextlib
import http.server
import json
import subprocess
import threading
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from functools import partial

import pytest
from real_servers import KINDS, Server, haproxy, prometheus

from mgov.errors import NO, OK, NoneHealthy
from mgov.formats.textfile import METRICS

pytestmark = pytest.mark.slow

DEADLINE = "60s"


@pytest.fixture
def mgov(mgov_process, tmp_path):
    """`mgov("health", "-o", "json")`: a whole process over the test's own store; (status, stdout, stderr)."""

    def call(*argv):
        process = mgov_process(*argv, "--store", str(tmp_path / "store"), "--deadline", DEADLINE)
        out, err = process.communicate()
        return process.returncode, out, err

    assert call("init", str(tmp_path / "store"))[0] == OK
    return call


@pytest.fixture
def serve(tmp_path, require):
    """Start a server of a kind; it is killed when the test ends."""
    with contextlib.ExitStack() as stack:

        def start(kind):
            name, kind = (kind, KINDS[kind]) if isinstance(kind, str) else (kind.program, kind)
            server = Server(kind, require(kind.program), tmp_path / name)
            stack.callback(server.kill)
            server.start()
            return server

        yield start


@pytest.fixture
def watch(mgov_process, tmp_path):
    """`health NAME --watch` in a pipe."""

    def start(name):
        return mgov_process(
            "health", name, "--watch", "-o", "plain", "--interval", "100ms", "--store", str(tmp_path / "store"),
            "--deadline", DEADLINE,
        )  # fmt: skip

    return start


@contextlib.contextmanager
def serving(folder):
    """A port of 127.0.0.1 behind which the files of a folder are served, as a textfile's exporter does."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def queried(base, query):
    """What Prometheus answers: by (service, instance_id) the value, or the status whose value is 1."""
    with urllib.request.urlopen(base + urllib.parse.quote(query), timeout=10) as answer:
        found = json.load(answer)["data"]["result"]
    return {
        (one["metric"].get("service"), one["metric"].get("instance_id")): one["metric"].get("status", one["value"][1])
        for one in found
        if "status" not in one["metric"] or one["value"][1] == "1"
    }


def fields_of(line):
    """What a line of `health --watch` says, without when."""
    return line.rstrip("\n").split("\t")[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_server_is_seen_well_then_gone_then_back_and_the_watch_prints_each_change(kind, serve, mgov, watch):
    server = serve(kind)
    id = f"127.0.0.1-{server.port}"
    check, reason = KINDS[kind].check, KINDS[kind].reason
    assert mgov("register", kind, server.url, "--health", check)[0] == OK

    assert mgov("discover", kind, "--wait", DEADLINE, "-o", "url") == (OK, f"{server.url}\n", "")
    status, out, _ = mgov("health", kind, "-o", "json")
    assert (status, [(one["status"], one["reason"]) for one in json.loads(out)]) == (OK, [("healthy", reason)])
    watching = watch(kind)
    assert fields_of(watching.stdout.readline()) == [f"{kind}/{id}", "-", "healthy", reason]

    server.kill()
    assert fields_of(watching.stdout.readline()) == [f"{kind}/{id}", "healthy", "unhealthy", "connection refused"]
    status, out, _ = mgov("health", kind, "--columns", "instance,status,reason")
    assert (status, out) == (NO, f"{id}\tunhealthy\tconnection refused\n")
    status, out, err = mgov("discover", kind, "-o", "url")
    assert (status, out) == (NoneHealthy.exit_status, "")
    assert f"{id} unhealthy (connection refused)" in err

    server.start()
    assert mgov("discover", kind, "--wait", DEADLINE, "-o", "url") == (OK, f"{server.url}\n", "")
    assert fields_of(watching.stdout.readline()) == [f"{kind}/{id}", "unhealthy", "healthy", reason]
    assert mgov("health", kind)[0] == OK
    watching.send_signal(2)
    assert watching.wait() == 130
    assert watching.stderr.read() == ""


def test_one_sweep_tells_the_server_that_was_killed_from_those_that_were_not(serve, mgov):
    servers = {kind: serve(kind) for kind in KINDS}
    for kind, server in servers.items():
        mgov("register", kind, server.url, "--health", KINDS[kind].check)
        assert mgov("discover", kind, "--wait", DEADLINE)[0] == OK

    assert mgov("health")[0] == OK
    servers["etcd"].kill()
    status, out, _ = mgov("health", "--columns", "service,status")
    assert status == NO
    assert dict(line.split("\t") for line in out.splitlines()) == {
        "etcd": "unhealthy", "haproxy": "healthy", "nginx": "healthy", "prometheus": "healthy", "redis": "healthy",
    }  # fmt: skip
    assert json.loads(mgov("stats", "-o", "json")[1])["healthy_instances"] == 4


def test_haproxy_tells_of_a_backend_that_is_down_and_the_check_follows_its_monitor_uri(serve, mgov, closed_port):
    web = serve("nginx")
    edge = serve(haproxy({"one": web.port, "two": closed_port}))
    mgov("register", "web", web.url, "--health", "/health")
    mgov("register", "edge", edge.url, "--health", "/up", "--depends-on", "web")
    assert mgov("discover", "edge", "--wait", DEADLINE)[0] == OK
    stats = f"{edge.url}/stats;csv"
    seen = ("--expect", r"body~\nweb,one,.*,UP,", "--expect", r"body~\nweb,two,.*,DOWN,")
    assert mgov("health", stats, *seen, "--wait", DEADLINE)[0] == OK
    assert mgov("health", "--columns", "service,status,reason") == (
        OK, "edge\thealthy\tHTTP 200 OK\nweb\thealthy\tHTTP 200 OK\n", "2 of 2 healthy\n"
    )  # fmt: skip

    web.kill()
    none_up = ("--expect", r"body~\nweb,one,.*,DOWN,", "--expect", r"body~\nweb,BACKEND,.*,DOWN,")
    assert mgov("health", stats, *none_up, "--wait", DEADLINE)[0] == OK
    status, out, err = mgov("health", "--columns", "service,status,reason")
    assert (status, out) == (
        NO, "edge\tunhealthy\tHTTP 503 Service Unavailable\nweb\tunhealthy\tconnection refused\n"
    )  # fmt: skip
    assert err.splitlines()[:2] == ["web fails first: connection refused", "  because of it: edge"]


def test_a_real_prometheus_has_the_textfile_as_series_with_their_values(serve, mgov, closed_port, tmp_path):
    web = serve("nginx")
    mgov("register", "web", web.url, "--health", "/health")
    mgov("register", "gone", f"http://127.0.0.1:{closed_port}")
    assert mgov("discover", "web", "--wait", DEADLINE)[0] == OK
    (tmp_path / "served").mkdir()
    status, out, _ = mgov("health", "-o", "json", "--textfile", str(tmp_path / "served" / "mgov.prom"))
    shown = {result["service"]: result for result in json.loads(out)}
    assert (status, shown["web"]["status"], shown["gone"]["status"]) == (NO, "healthy", "unhealthy")

    with serving(tmp_path / "served") as port:
        base = f"{serve(prometheus(scrape=(port, '/mgov.prom'))).url}/api/v1/query?query="
        has_both = 'json:.data.result[0].value[1]=="2"'
        assert mgov("health", f"{base}count(mgov_instance_up)", "--expect", has_both, "--wait", DEADLINE)[0] == OK
        series = {metric: queried(base, metric) for metric in METRICS}
        assert list(queried(base, 'up{job="mgov"}').values()) == ["1"]
    of = {name: (name, result["instance"]) for name, result in shown.items()}
    assert series["mgov_instance_up"] == {of["web"]: "1", of["gone"]: "0"}
    assert series["mgov_instance_status"] == {of["web"]: "healthy", of["gone"]: "unhealthy"}
    latency_s = {one: float(value) for one, value in series["mgov_instance_latency_seconds"].items()}
    assert latency_s == {of["web"]: pytest.approx(shown["web"]["latency_ms"] / 1000, abs=0.0001)}
    checked = float(series["mgov_instance_checked_timestamp_seconds"][of["web"]])
    assert datetime.fromtimestamp(checked, UTC).isoformat(timespec="milliseconds")[:23] == (
        shown["web"]["checked_at"].rstrip("Z")
    )


def test_a_script_reaches_the_very_server_that_discover_names(serve, mgov, require):
    server = serve("nginx")
    mgov("register", "web", server.url, "--health", "/health")
    url = mgov("discover", "web", "--wait", DEADLINE, "--pick", "p2c", "-o", "url")[1].strip()
    said = subprocess.run([require("curl"), "-sS", f"{url}/health"], capture_output=True, text=True, check=True)
    assert said.stdout == "ok\n"


def test_demo_plays_to_its_end_and_leaves_nothing_behind(mgov_process, tmp_path):
    demo = mgov_process("demo", env={"TMPDIR": str(tmp_path)})
    out, err = demo.communicate()
    assert demo.returncode == OK
    assert "healthy" in out
    notes = err.splitlines()
    assert [line for line in notes if "healthy" in line][:2] == ["2 of 2 healthy", "1 of 2 healthy; 1 unhealthy"]
    assert notes[-2].startswith("mgov: no instance of users may be used: 127.0.0.1-")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demo_ends_its_servers_and_removes_its_folder(mgov_process, tmp_path):
    demo = mgov_process("demo", env={"TMPDIR": str(tmp_path)}, stderr=subprocess.DEVNULL, start_new_session=True)
    urls = []
    for line in demo.stdout:
        urls += [word for word in line.split() if word.startswith("http://127.0.0.1:")]
        if len(urls) == 2:
            break
    demo.send_signal(2)
    demo.stdout.read()
    assert demo.wait() == 130
    assert list(tmp_path.iterdir()) == []
    looking = mgov_process("health", *urls)
    out, _ = looking.communicate()
    assert (looking.returncode, out.count("connection refused")) == (NO, 2)
