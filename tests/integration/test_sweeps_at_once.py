"""FAULTS.md rows 15, 72, 73 with real processes: sweeps short of files, killed half-way, and at once on one store."""

import itertools
import json
import resource
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mgov.errors import NO, OK

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0


class Gated:
    """A server whose answers wait for a gate: `status_of[path]` is asked first, then the path's gate, if it has one."""

    def __init__(self):
        self.status_of = {}
        self.gates = {}                             # path -> the event that its answers wait for
        self._arrived = threading.Condition()
        self._counts = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, gate = outer.status_of.get(self.path, 200), outer.gates.get(self.path)
                outer.count(self.path)
                if gate is not None:
                    gate.wait(PATIENCE_S)
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:                     # whoever asked has been killed
                    return

            def log_message(self, *_):
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 256

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def count(self, path):
        """One more request for `path` is here."""
        with self._arrived:
            self._counts[path] = self._counts.get(path, 0) + 1
            self._arrived.notify_all()

    def wait_until(self, paths, at_least):
        """Return when as many requests for any of `paths` have come, since the server began."""
        def is_so():
            return sum(self._counts.get(path, 0) for path in paths) >= at_least

        with self._arrived:
            assert self._arrived.wait_for(is_so, PATIENCE_S), self._counts

    def close(self):
        """Open all gates and end."""
        for gate in self.gates.values():
            gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def gated():
    server = Gated()
    yield server
    server.close()


@pytest.fixture
def start(mgov_process, tmp_path):
    """Start a command line over the test's store."""
    store = tmp_path / "store"
    assert mgov_process("init", str(store)).wait() == OK
    return lambda *argv, **options: mgov_process("-S", str(store), *argv, **options)


@pytest.fixture
def mgov(start):
    """Run one to its end: its status, and its stdout as JSON where that was asked for."""

    def call(*argv, **options):
        process = start(*argv, **options)
        out, err = process.communicate()
        return process.returncode, json.loads(out) if "json" in argv else out, err

    return call


def statuses(mgov):
    """What the store says of each instance, unprobed: (status, checked_at) by service and instance."""
    _, found, err = mgov("instances", "-o", "json")
    assert err == ""
    return {(one["service"], one["id"]): (one["status"], one["checked_at"]) for one in found}


def apply(mgov, tmp_path, services):
    """Register {service: [health URL, ...]}, one instance for each."""
    manifest = {"services": {name: {"instances": [
        {"id": f"i{n}", "url": url.rpartition("/")[0], "health": "/" + url.rpartition("/")[2]}
        for n, url in enumerate(urls)
    ]} for name, urls in services.items()}}  # fmt: skip
    (tmp_path / "fleet.json").write_text(json.dumps(manifest))
    assert mgov("apply", "-f", str(tmp_path / "fleet.json"))[0] == OK


def test_a_sweep_that_is_killed_half_way_leaves_what_was_known_and_the_next_one_is_whole(gated, start, mgov, tmp_path):
    fleet = {f"s{n:02}": [f"{gated.url}/{n}-{i}" for i in range(2)] for n in range(30)}
    paths = [f"/{n}-{i}" for n, i in itertools.product(range(30), range(2))]
    apply(mgov, tmp_path, fleet)
    assert mgov("health")[0] == OK
    known = statuses(mgov)
    assert len(known) == 60
    assert {status for status, _ in known.values()} == {"healthy"}

    for path in paths[:30]:
        gated.status_of[path] = 503
    for path in paths[30:]:
        gated.gates[path] = threading.Event()
    sweeping = start("health", "--timeout", "30s", "--concurrency", "4")
    gated.wait_until(paths, 60 + 30 + 4)            # half of it is answered, and four wait
    sweeping.send_signal(signal.SIGKILL)
    assert sweeping.wait() == -signal.SIGKILL
    assert mgov("store", "check")[0] == OK
    assert statuses(mgov) == known

    for gate in gated.gates.values():
        gate.set()
    gated.gates.clear()
    status, found, _ = mgov("health", "-o", "json")
    assert (status, len(found)) == (NO, 60)
    assert {status for (service, _), (status, _) in statuses(mgov).items() if service < "s15"} == {"unhealthy"}
    assert {status for (service, _), (status, _) in statuses(mgov).items() if service >= "s15"} == {"healthy"}
    assert mgov("store", "check")[0] == OK


def test_of_two_sweeps_at_once_the_newer_look_at_each_instance_stays(gated, start, mgov, tmp_path):
    apply(mgov, tmp_path, {"orders": [f"{gated.url}/early", f"{gated.url}/late"]})
    gated.gates["/late"] = gate = threading.Event()
    first = start("health", "orders", "--timeout", "30s")
    gated.wait_until(["/early"], 1)
    gated.wait_until(["/late"], 1)                  # it has seen /early well, and waits for /late
    del gated.gates["/late"]
    gated.status_of.update({"/early": 503, "/late": 503})
    assert mgov("health", "orders")[0] == NO
    second = statuses(mgov)
    gate.set()
    assert first.wait() == NO                       # it saw both of them well, and tells what is newer

    last = statuses(mgov)
    early, late = ("orders", "i0"), ("orders", "i1")
    assert last[early] == second[early] == ("unhealthy", second[early][1])
    assert last[late][0] == "healthy"
    assert last[late][1] > second[late][1]
    assert mgov("store", "check")[0] == OK


def test_sweeps_that_race_on_one_store_all_end_well_and_leave_it_whole(gated, start, mgov, tmp_path):
    apply(mgov, tmp_path, {f"s{n}": [f"{gated.url}/{n}-{i}" for i in range(5)] for n in range(6)})
    for round_ in range(3):
        gated.status_of.update({f"/{n}-0": 503 if round_ % 2 else 200 for n in range(6)})
        racing = [start("health") for _ in range(4)]
        answers = [process.communicate() for process in racing]
        assert [process.returncode for process in racing] == [NO if round_ % 2 else OK] * 4, answers
        failing = {key for key, (status, _) in statuses(mgov).items() if status == "unhealthy"}
        assert failing == ({(f"s{n}", "i0") for n in range(6)} if round_ % 2 else set())
    assert mgov("store", "check")[0] == OK


def test_a_sweep_with_hardly_a_descriptor_more_than_the_reserve_keeps_every_result(gated, start, mgov, tmp_path):
    apply(mgov, tmp_path, {f"s{n:02}": [f"{gated.url}/{n}-{i}" for i in range(5)] for n in range(40)})
    gated.status_of["/7-3"] = 503

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))

    sweeping = start("health", "-o", "json", preexec_fn=few_files)
    out, err = sweeping.communicate()
    assert (sweeping.returncode, len(json.loads(out))) == (NO, 200), err
    kept = {key: status for key, (status, _) in statuses(mgov).items()}
    assert kept == {key: "unhealthy" if key == ("s07", "i3") else "healthy" for key in kept}
    assert len(kept) == 200
