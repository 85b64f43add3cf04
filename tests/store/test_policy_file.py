"""policy.toml: people write it; what is wrong with it is named with its place, and reading it changes nothing."""

import pytest

from mgov.errors import StoreDamaged
from mgov.governance.platform import Platform
from mgov.model.finding import Finding
from mgov.model.registration import Registration
from mgov.model.service import Dependency

RULE = '[[graph.forbidden]]\nfrom = "web"\nto = "data"\n'


@pytest.fixture
def opened(tmp_path):
    path, _ = Platform.create(tmp_path / "store")
    with Platform.open(path, actor="tester") as platform:
        yield platform, tmp_path / "store" / "policy.toml"


def test_a_store_without_a_policy_forbids_nothing(opened):
    platform, _ = opened
    assert platform.store.read("policy") is None
    assert platform.graphs.check() == []


def test_what_the_policy_forbids_is_found(opened):
    platform, file = opened
    file.write_text(RULE)
    platform.registry.register("users-db", fields=Registration(tier="data"))
    fields = Registration(tier="web", dependencies=(Dependency("users-db"),))
    platform.registry.register("shop", fields=fields)
    assert platform.graphs.check() == [
        Finding("forbidden", "shop -> users-db", "web -> data is forbidden", ("shop", "users-db"))
    ]
    assert platform.check() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"graph = [", "policy.toml:1: invalid value, at the end"),
        (b"\xef\xbb\xbf", "policy.toml:1:1: it begins with a byte order mark: save it as UTF-8 without BOM"),
        (b"[graph]\nforbiden = []\n", "policy.toml: graph has no key 'forbiden'"),
        (b"[[graph.forbidden]]\nfrom = 1\n", "policy.toml: graph.forbidden[0]: from must be text in quotes, not 1"),
    ],
)
def test_a_policy_that_cannot_be_read_is_named_with_its_place_and_never_ignored(opened, text, message):
    platform, file = opened
    file.write_bytes(text)
    with pytest.raises(StoreDamaged) as caught:
        platform.graphs.check()
    assert caught.value.message == message
    (finding,) = platform.check()
    assert (finding.path, finding.problem) == ("policy.toml", message)
    assert finding.remedy == "mend it: mgov keeps no copy of what people write"
    assert platform.repair() == []
    assert file.read_bytes() == text
