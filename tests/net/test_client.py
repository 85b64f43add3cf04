"""FAULTS.md rows 57 to 68 for calls: the client on hostile peers, blocking and on an event loop."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
import time

import pytest
from certificates import Certificates, TlsServer
from hostile import BOMB, HostileServer, says

from mgov.net.async_client import AsyncClient
from mgov.net.client import Client
from mgov.net.exchange import Request, Unanswered
from mgov.net.target import Trust

CAP = 100_000


@pytest.fixture(params=["blocking", "awaited"])
def send(request):
    """Send with one client after another request's; what is kept between them is closed at the end."""
    if request.param == "blocking":
        client = Client()
        yield client.send
        client.close()
        return
    with asyncio.Runner() as runner:
        twin = AsyncClient()
        yield lambda request, **options: runner.run(twin.send(request, **options))

        runner.run(twin.close())


def to(server, path, **fields):
    return Request("GET", "http", "127.0.0.1", server.port, path, **{"max_body_bytes": CAP, **fields})


def failure(send, request, timeout_s=5.0):
    with pytest.raises(Unanswered) as caught:
        send(request, timeout_s=timeout_s)
    return caught.value


@pytest.mark.parametrize(("path", "words"), [
    ("/drip-body", "body not complete within 200ms (HTTP 200, "),
    ("/drip-headers", "headers not complete within 200ms"),
    ("/endless-1xx", "headers not complete within 200ms"),
    ("/silence", "no answer within 200ms"),
])
def test_a_peer_that_trickles_or_stalls_is_left_at_the_deadline_whatever_it_sends(send, hostile, path, words):
    began = time.perf_counter()
    seen = failure(send, to(hostile, path), timeout_s=0.2)
    assert 0.19 <= time.perf_counter() - began < 1.0
    assert (seen.code, seen.was_sent) == ("timeout", True)
    assert seen.detail.startswith(words)


@pytest.mark.parametrize(("path", "code"), [
    ("/reset", "reset"), ("/nothing", "closed"), ("/half-head", "closed"), ("/short-body", "closed"),
    ("/garbage", "protocol"), ("/two-lengths", "protocol"), ("/bad-chunk", "protocol"),
    ("/big-headers", "headers-too-large"), ("/flood-1xx", "headers-too-large"),
])
def test_what_is_no_whole_answer_has_a_reason_of_its_own(send, hostile, path, code):
    assert failure(send, to(hostile, path)).code == code


def test_an_endless_answer_is_cut_at_the_cap_and_says_so(send, hostile):
    answer = send(to(hostile, "/endless-chunks"), timeout_s=5.0)
    assert (answer.status_code, len(answer.body), answer.is_cut) == (200, CAP, True)
    assert send(to(hostile, "/tiny-chunks"), timeout_s=5.0).is_cut


@pytest.mark.parametrize("cap", [3, 2])
def test_a_body_as_long_as_the_cap_is_whole_and_one_byte_more_is_cut(send, hostile, cap):
    answer = send(to(hostile, "/ok", max_body_bytes=cap), timeout_s=5.0)
    assert (answer.body, answer.is_cut) == (b"ok\n"[:cap], cap == 2)


def test_a_compressed_body_stays_as_it_came(send, hostile):
    assert send(to(hostile, "/bomb"), timeout_s=5.0).body == BOMB


@pytest.mark.parametrize("path", ["/to-itself", "/to-file", "/to-metadata"])
def test_a_redirect_is_an_answer_and_nobody_follows_it(send, hostile, path):
    before = len(hostile.requests)
    answer = send(to(hostile, path), timeout_s=5.0)
    assert answer.status_code in (301, 302, 307)
    assert len(hostile.requests) == before + 1


def test_headers_and_a_reason_that_are_no_utf8_come_as_their_bytes(send):
    server = HostileServer(default=says(b"HTTP/1.1 200 \xff\r\nX-A: \xff\xfe\r\nContent-Length: 0\r\n\r\n"))
    try:
        answer = send(to(server, "/"), timeout_s=5.0)
        assert (answer.reason, answer.headers[0]) == (b"\xff", (b"X-A", b"\xff\xfe"))
    finally:
        server.close()


def test_the_environment_has_no_say_in_where_a_request_goes(send, hostile, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(to(hostile, "/ok"), timeout_s=5.0).status_code == 200


def test_the_request_is_what_was_given_with_host_and_length_added(send, hostile):
    before = len(hostile.requests)
    send(to(hostile, "/ok", headers=((b"X-A", b"\xff"),)), timeout_s=5.0)
    send(to(hostile, "/ok", headers=((b"Host", b"shop.test"),))._replace(method="POST", body=b""), timeout_s=5.0)
    assert hostile.requests[before:] == [
        b"GET /ok HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-A: \xff\r\n\r\n" % hostile.port,
        b"POST /ok HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\n\r\n",
    ]


def test_an_answer_to_head_has_no_body_whatever_its_length_says(send):
    server = HostileServer(default=says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
    try:
        answer = send(to(server, "/")._replace(method="HEAD"), timeout_s=5.0)
        assert (answer.status_code, answer.body) == (200, b"")
    finally:
        server.close()


def test_a_refused_connection_was_never_sent(send, closed_port):
    seen = failure(send, Request("GET", "http", "127.0.0.1", closed_port, "/"))
    assert (seen.code, seen.detail, seen.was_sent) == ("refused", "connection refused", False)


def test_a_name_that_nobody_knows_and_one_that_takes_for_ever_end_in_time():
    let_go = threading.Event()

    def resolve(host):
        if host == "slow.test":
            let_go.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    async def twin(request, timeout_s):
        return await AsyncClient(resolve=resolve).send(request, timeout_s=timeout_s)

    for send in (Client(resolve=resolve).send, lambda request, timeout_s: asyncio.run(twin(request, timeout_s))):
        seen = failure(send, Request("GET", "http", "nobody.test", 80, "/"))
        assert (seen.code, seen.detail, seen.was_sent) == ("dns", "no such host: nobody.test", False)
        seen = failure(send, Request("GET", "http", "slow.test", 80, "/"), timeout_s=0.1)
        assert (seen.code, seen.detail) == ("timeout", "name not resolved within 100ms")
    let_go.set()


def test_the_addresses_of_a_name_are_tried_in_turn(hostile):
    addresses = ["127.0.0.2", "127.0.0.1"]              # the server listens on the second alone

    async def twin(request, timeout_s):
        return await AsyncClient(resolve=lambda host: addresses).send(request, timeout_s=timeout_s)

    for send in (Client(resolve=lambda host: addresses).send, lambda r, timeout_s: asyncio.run(twin(r, timeout_s))):
        answer = send(to(hostile, "/ok")._replace(host="orders.test"), timeout_s=5.0)
        assert answer.address == f"127.0.0.1:{hostile.port}"


# -- connections that are kept


class Keeper:
    """Answers requests on connections that it keeps open, until a test cuts them; counts both."""

    def __init__(self):
        self.connections = []
        self.request_count = 0
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.closes_after = 0                           # requests a connection answers before it is cut; 0: all
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection):
        served = 0
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                if served and served == self.closes_after:
                    return                              # heard, and not a word
                self.request_count += data.count(b"HTTP/1.1\r\n")
                served += 1
                connection.sendall(self.answer)

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)


@pytest.fixture
def keeper():
    running = Keeper()
    yield running
    running.close()


def test_requests_share_one_connection(send, keeper):
    for _ in range(3):
        assert send(to(keeper, "/"), timeout_s=5.0).body == b"ok"
    assert (keeper.request_count, len(keeper.connections)) == (3, 1)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")     # there are threads: the server's
def test_after_a_fork_the_parents_connection_is_the_parents_alone(keeper):
    client = Client()
    assert client.send(to(keeper, "/"), timeout_s=5.0).body == b"ok"
    child = os.fork()
    if child == 0:                                      # the test's other half, which never returns to pytest
        is_fine = client.send(to(keeper, "/"), timeout_s=5.0).body == b"ok"
        os._exit(0 if is_fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(keeper.connections) == 2
    assert client.send(to(keeper, "/"), timeout_s=5.0).body == b"ok"
    assert len(keeper.connections) == 2
    client.close()


def test_a_kept_connection_that_breaks_without_a_word_is_replaced_for_what_may_be_sent_twice(send, keeper):
    keeper.closes_after = 1
    assert send(to(keeper, "/"), timeout_s=5.0).body == b"ok"
    assert send(to(keeper, "/"), timeout_s=5.0).body == b"ok"
    assert len(keeper.connections) == 2


def test_and_for_nothing_else(send, keeper):
    keeper.closes_after = 1
    post = to(keeper, "/")._replace(method="POST", body=b"x")
    assert send(post, timeout_s=5.0).body == b"ok"
    assert failure(send, post).code in ("closed", "reset")


def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next_one(send, keeper):
    keeper.answer += b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    for _ in range(2):
        assert send(to(keeper, "/"), timeout_s=5.0).body == b"ok"
    assert len(keeper.connections) == 2


def test_a_connection_that_is_to_be_closed_is_not_kept(send, keeper):
    keeper.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    for _ in range(2):
        assert send(to(keeper, "/"), timeout_s=5.0).body == b"ok"
    assert len(keeper.connections) == 2


# -- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates")).make("valid", "IP:127.0.0.1")


@pytest.fixture
def tls_server(certificate, require):
    require("openssl")
    server = TlsServer(*certificate)
    yield server
    server.close()


def test_https_is_verified_and_says_why_not(send, tls_server, certificate):
    request = Request("GET", "https", "127.0.0.1", tls_server.port, "/", max_body_bytes=CAP)
    seen = failure(send, request)
    assert (seen.code, seen.detail, seen.was_sent) == ("tls", "self-signed certificate", False)
    for trust in (Trust(insecure=True), Trust(ca_file=certificate[0])):
        answer = send(request._replace(trust=trust), timeout_s=5.0)
        assert (answer.status_code, len(answer.body)) == (200, 40000)


def test_a_peer_that_never_shakes_hands_and_one_that_speaks_no_tls_are_told_apart(send, keeper):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen = failure(send, Request("GET", "https", "127.0.0.1", silent.getsockname()[1], "/"), timeout_s=0.2)
    assert (seen.code, seen.detail) == ("timeout", "no TLS handshake within 200ms")
    seen = failure(send, Request("GET", "https", "127.0.0.1", keeper.port, "/"))
    assert (seen.code, seen.detail, seen.was_sent) == ("tls", "the peer does not speak TLS", False)


def test_certificate_variables_of_the_environment_are_not_trusted(send, tls_server, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
    assert ssl.get_default_verify_paths().cafile == certificate[0]
    assert failure(send, Request("GET", "https", "127.0.0.1", tls_server.port, "/")).code == "tls"
