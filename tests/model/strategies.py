"""Hypothesis strategies for the records of a fleet."""

from hypothesis import strategies as st

from mgov.model.check import parse_check
from mgov.model.health import Check
from mgov.model.instance import Instance, check_instance, default_check
from mgov.model.limit import LimitPolicy
from mgov.model.service import Dependency, Service

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
tags = st.lists(texts.filter(lambda t: t and "," not in t), max_size=3, unique=True).map(tuple)
metadata = st.dictionaries(texts, texts, max_size=3).map(lambda m: dict(sorted(m.items())))
names = st.text("ab01", min_size=1, max_size=4) | st.sampled_from(("a.b", "x-1_y"))
seconds = st.integers(100, 10_000_000).map(lambda ms: ms / 1000)
limits = st.builds(LimitPolicy, st.integers(1, 99), st.integers(1, 10_000_000), st.integers(1, 9))
plain = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def services(draw, name=names):
    """Any service."""
    own = draw(name)
    depends_on = draw(st.lists(names.filter(lambda n: n != own), max_size=3, unique=True))
    kinds = st.sampled_from(("synchronous", "asynchronous"))
    return Service(
        own,
        **{field: draw(texts) for field in ("title", "version", "description", "owner", "domain", "tier")},
        tags=draw(tags),
        metadata=draw(metadata),
        datastores=draw(tags),
        api=tuple(sorted(draw(st.sets(texts.map(lambda t: f"GET /{t}"), max_size=2)))),
        schema=draw(st.dictionaries(texts, plain, max_size=2)),
        dependencies=tuple(Dependency(n, draw(kinds), draw(st.booleans())) for n in sorted(depends_on)),
        limit=draw(st.none() | limits),
    )


@st.composite
def instances(draw, service="orders", origin=""):
    """Any instance of `service` with an id of its own."""
    host = draw(st.sampled_from(("", "127.0.0.1", "h.example", "::1")))
    port = draw(st.integers(1, 65535)) if host else 0
    protocol = draw(st.sampled_from(("http", "https", "grpc"))) if host else "http"
    ttl_s = draw(seconds.filter(lambda s: s >= 1)) if not host else draw(st.none() | seconds.filter(lambda s: s >= 1))
    address = {"protocol": protocol, "host": host, "port": port}
    named = ["none", "http://other:81/x"] + (["tcp", "/", "/health?x=1", "tcp://other:9"] if host else [])
    check: Check = draw(
        st.just(default_check(protocol, host, port, ttl_s))
        | st.builds(lambda text, i, t: parse_check(text, **address, interval_s=i, timeout_s=t),
                    st.sampled_from(named), seconds, seconds)
    )  # fmt: skip
    return check_instance(
        Instance(
            service, draw(names), host, port, protocol, check, draw(st.integers(0, 65535)), draw(texts), draw(texts),
            draw(texts), draw(tags), draw(metadata), ttl_s, origin,
        )
    )  # fmt: skip
