"""A sweep under what services say of their checks: retries, thresholds, expectations, TLS; and under its own manner."""

import asyncio

import pytest
from certificates import Certificates, TlsServer
from loopback import Loopback

from mgov.errors import Untrusted
from mgov.governance.manner import Manner
from mgov.governance.observed import Thresholds
from mgov.governance.platform import Platform
from mgov.governance.urls import Urls
from mgov.model.registration import Registration


@pytest.fixture
def orders(platform, server):
    platform.registry.register("orders", server.url, fields=Registration(health="/"))
    return server


def say(platform, **policy):
    platform.registry.register("orders", fields=Registration(policy=policy))


class Flaky(Loopback):
    """Fails so many times, then is well."""

    def __init__(self, failures: int) -> None:
        super().__init__(500)
        self._failures = failures

    @property
    def seen(self) -> int:
        return self._seen

    @seen.setter
    def seen(self, count: int) -> None:
        self._seen = count
        self.status = 500 if count <= getattr(self, "_failures", 0) else 200


@pytest.mark.parametrize(("failures", "status", "looks"), [(0, "healthy", 1), (2, "healthy", 3), (3, "unhealthy", 3)])
def test_a_failure_counts_only_after_the_retries_of_its_service(platform, clock, failures, status, looks):
    with Flaky(failures) as server:
        platform.registry.register("orders", server.url, fields=Registration(health="/", policy={"retries": 2}))
        (result,) = platform.monitor.sweep(["orders"])
        assert (result.health.status, server.seen) == (status, looks)
        assert clock.slept == [0.2, 0.4][: looks - 1]


def test_a_look_tells_each_result_once_and_only_when_it_is_final(platform):
    with Flaky(1) as flaky, Loopback() as fine:
        for server in (flaky, fine):
            platform.registry.register("orders", server.url, fields=Registration(health="/"))
        told = []
        platform.monitor.sweep(["orders"], Manner(retry_count=1), on_checked=told.append)
        assert sorted((one.name, one.health.status) for one in told) == sorted(
            (f"orders/{server.id}", "healthy") for server in (flaky, fine))
        assert (flaky.seen, fine.seen) == (2, 1)


def test_retries_said_for_the_sweep_stand_before_the_services_and_who_waits_has_none(platform):
    with Flaky(9) as server:
        platform.registry.register("orders", server.url, fields=Registration(health="/", policy={"retries": 5}))
        platform.monitor.sweep(["orders"], Manner(retry_count=0))
        assert server.seen == 1
        platform.monitor.sweep(["orders"], Manner(most_s=3.0, retry_count=4))
        assert server.seen == 2


def test_bare_urls_are_retried_too(clock):
    with Flaky(1) as server:
        (result,) = Urls([f"{server.url}/"], clock=clock).sweep(Manner(retry_count=1))
        assert (result.health.status, server.seen) == ("healthy", 2)


def test_inside_an_event_loop_retries_are_the_same(store_path):
    async def look(server: Loopback) -> str:
        async with Platform.open(store_path) as platform:
            fields = Registration(health="/", policy={"retries": 1})
            await platform.registry.register("orders", server.url, fields=fields)
            (result,) = await platform.monitor.sweep(["orders"])
            return result.health.status

    with Flaky(1) as server:
        assert (asyncio.run(look(server)), server.seen) == ("healthy", 2)


def test_a_services_thresholds_stand_before_the_usual_ones_and_behind_those_of_the_sweep(platform, orders):
    say(platform, fall=2)
    platform.monitor.sweep(["orders"])
    orders.status = 500
    assert platform.monitor.sweep(["orders"])[0].health.status == "healthy"
    assert platform.monitor.sweep(["orders"])[0].health.status == "unhealthy"
    orders.status = 200
    platform.monitor.sweep(["orders"])
    orders.status = 500
    assert platform.monitor.sweep(["orders"], Manner(thresholds=Thresholds(fall=1)))[0].health.status == "unhealthy"


def test_what_a_service_expects_is_expected_of_every_instance(platform, orders):
    platform.registry.register("orders", fields=Registration(expect=["status=204"]))
    (result,) = platform.monitor.sweep()
    assert result.health.reason == "expected status=204, observed 200 OK"


def test_what_was_seen_lately_is_not_looked_at_again(platform, clock, orders):
    platform.monitor.sweep(["orders"])
    orders.status = 500
    clock.advance(20.0)
    (kept,) = platform.monitor.sweep(["orders"], Manner(max_age_s=30.0))
    assert (kept.health.status, orders.seen) == ("healthy", 1)
    clock.advance(11.0)
    (new,) = platform.monitor.sweep(["orders"], Manner(max_age_s=30.0))
    assert (new.health.status, orders.seen) == ("unhealthy", 2)


def test_a_sweep_of_all_that_left_out_what_was_fresh_does_not_make_it_younger(platform, clock, orders):
    platform.monitor.sweep(["orders"])
    seen_at = clock.now()
    clock.advance(20.0)
    platform.monitor.sweep((), Manner(max_age_s=30.0))
    (member,) = platform.discovery.members("orders", probe=False)
    assert member.health.checked_at == seen_at


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates")).make("orders", "IP:127.0.0.1")


@pytest.fixture
def tls(certificate):
    server = TlsServer(*certificate)
    yield server
    server.close()


def test_insecure_for_a_service_accepts_any_certificate(platform, tls):
    url = f"https://127.0.0.1:{tls.port}"
    platform.registry.register("orders", url, fields=Registration(health="/"))
    assert platform.monitor.sweep(["orders"])[0].health.reason == "self-signed certificate"
    say(platform, insecure=True)
    assert platform.monitor.sweep(["orders"])[0].health.reason == "HTTP 200 OK"


def test_a_services_authority_is_read_only_where_its_reader_agreed(platform, tls, certificate, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    fields = Registration(health="/", policy={"cacert": certificate[0]})
    platform.registry.register("orders", f"https://127.0.0.1:{tls.port}", fields=fields)
    platform.registry.register("orders", "http://127.0.0.1:9", fields=Registration(id="plain"))
    by_id = {result.instance: result for result in platform.monitor.sweep(["orders"])}
    refused = by_id[f"127.0.0.1-{tls.port}"]
    assert (refused.is_local, refused.health.reason) == (True, "its service's files may not be read here: mgov trust")
    assert not by_id["plain"].is_local
    (asked,) = platform.trusts.asked()
    assert (asked.act.kind, asked.act.content, asked.is_trusted) == ("file", certificate[0], False)
    platform.trusts.agree([asked.act])
    by_id = {result.instance: result for result in platform.monitor.sweep()}
    assert by_id[f"127.0.0.1-{tls.port}"].health.reason == "HTTP 200 OK"


def test_a_file_that_is_not_trusted_is_named(platform, certificate):
    from mgov.governance.policies import policies_of

    fields = Registration(health="/", policy={"cacert": "/nowhere/ca.pem"})
    platform.registry.register("orders", "https://127.0.0.1:9", fields=fields)
    instances = [member.instance for member in platform.registry.instances("orders")]
    policies = policies_of(platform.store, {"orders"})
    with pytest.raises(Untrusted, match=r"orders/127.0.0.1-9 asks to read '/nowhere/ca.pem'"):
        platform.trusts.require(instances, policies)


def test_options_of_the_sweep_stand_before_the_services(platform, tls, certificate):
    from mgov.net.target import Trust

    platform.registry.register("orders", f"https://127.0.0.1:{tls.port}", fields=Registration(health="/"))
    (result,) = platform.monitor.sweep(["orders"], Manner(trust=Trust(ca_file=certificate[0])))
    assert result.health.reason == "HTTP 200 OK"




def test_thresholds_count_the_looks_at_a_bare_url(clock, server):
    urls, how = Urls([f"{server.url}/"], clock=clock), Manner(thresholds=Thresholds(rise=2, fall=2))
    said = []
    for status in (200, 500, 200, 500, 500, 200, 200):
        server.status = status
        clock.advance(1.0)
        said.append(urls.sweep(how)[0].health.status)
    assert said == ["healthy", "healthy", "healthy", "healthy", "unhealthy", "unhealthy", "healthy"]
