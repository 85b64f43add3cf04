"""What holds for the checks of every instance of a service: the `[health]` table of its definition.

    [services.orders.health]
    expect = ["latency=200ms?"]         # beside what each instance's own check expects
    retries = 2                         # look again so often before a failure counts
    rise = 2                            # so many good looks in a row make it better,
    fall = 3                            # so many bad ones worse
    cacert = "/etc/ssl/shop-ca.pem"     # trust these authorities only; cert and key show a client certificate
    insecure = true                     # accept any certificate

Files are named by absolute paths, for a store is read from many folders. Reading them needs the reader's trust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.health import GRPCS, HTTPS, NONE, TLS, Check
from mgov.model.record import NamedTuple
from mgov.model.tables import check_text, refuse_unknown, text_at

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_RETRIES = 10
MOST_LOOKS = 100                                # of rise and fall
_FILES = {"cacert": "ca_file", "cert": "cert_file", "key": "key_file"}
_KEYS = ("expect", "retries", "rise", "fall", "insecure", *_FILES)
_OVER_TLS = (HTTPS, TLS, GRPCS)


class HealthPolicy(NamedTuple):
    """The checks of a service's instances. What is None was not said; `retries` and the thresholds are counts."""

    expect: tuple[str, ...] = ()
    retries: int | None = None
    rise: int | None = None
    fall: int | None = None
    insecure: bool = False
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it has read."""
        return tuple(path for path in (self.ca_file, self.cert_file, self.key_file) if path)

    @property
    def has_tls(self) -> bool:
        """Whether it says anything about TLS."""
        return self.insecure or bool(self.files)


NO_POLICY = HealthPolicy()


def parse_health_policy(table: Any) -> HealthPolicy:
    """The policy in a definition's `health` table; raise UsageError naming the key at fault."""
    if not isinstance(table, dict):
        raise UsageError(f"health must be a table, not {table!r:.40}", hint="a check stands at an instance")
    refuse_unknown(table, _KEYS, "a service's health")
    insecure = table.get("insecure", False)
    if not isinstance(insecure, bool):
        raise UsageError(f"health.insecure must be true or false, not {insecure!r:.40}")
    policy = HealthPolicy(
        _expect_at(table),
        _count_at(table, "retries", 0, MOST_RETRIES),
        _count_at(table, "rise", 1, MOST_LOOKS),
        _count_at(table, "fall", 1, MOST_LOOKS),
        insecure,
        **{field: _path_at(table, key) for key, field in _FILES.items()},
    )
    if policy.key_file and not policy.cert_file:
        raise UsageError("health.key goes with health.cert")
    if policy.insecure and policy.ca_file:
        raise UsageError(
            "health: insecure accepts any certificate, so cacert has no meaning beside it",
            hint="leave one of them out: register takes --check-secure, and --check-cacert '' clears",
        )
    return policy


def health_policy_table(policy: HealthPolicy) -> dict[str, Any]:
    """The table that `parse_health_policy` reads back."""
    table: dict[str, Any] = {"expect": list(policy.expect)} if policy.expect else {}
    for field in ("retries", "rise", "fall"):
        if (count := getattr(policy, field)) is not None:
            table[field] = count
    if policy.insecure:
        table["insecure"] = True
    table.update({key: path for key, field in _FILES.items() if (path := getattr(policy, field))})
    return table


def under_policy(check: Check, policy: HealthPolicy) -> Check:
    """`check` held to what the policy expects too, as far as a check of its kind can see it."""
    if not policy.expect or check.kind == NONE:
        return check
    from mgov.model.expectation import parse_expectation, sees

    seen = tuple(text for text in policy.expect if sees(check.kind, parse_expectation(text)))
    return check._replace(expect=(*check.expect, *(text for text in seen if text not in check.expect)))


def reads_files(check: Check, policy: HealthPolicy) -> bool:
    """Whether a probe of `check` reads the policy's files."""
    return bool(policy.files) and check.kind in _OVER_TLS


def _expect_at(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The expectations, each of which can be read; UsageError names the column of what cannot."""
    texts = table.get("expect", [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"health.expect must be a list of texts, not {texts!r:.40}")
    if texts:
        from mgov.model.expectation import parse_expectation

        for text in texts:
            parse_expectation(check_text(text, "health.expect"))
    return tuple(dict.fromkeys(texts))


def _count_at(table: Mapping[str, Any], key: str, least: int, most: int) -> int | None:
    value = table.get(key)
    if value is None or (type(value) is int and least <= value <= most):
        return value
    raise UsageError(f"health.{key} must be a whole number from {least} to {most}, not {value!r:.40}")


def _path_at(table: Mapping[str, Any], key: str) -> str:
    path = text_at(table, key)
    if path and not path.startswith("/"):
        raise UsageError(f"health.{key} must be an absolute path, not {path[:80]!r}")
    return path
