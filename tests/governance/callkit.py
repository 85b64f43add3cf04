"""What the tests of calls share: breakers and limits that are told what to say, a fleet, and what was tried."""

from mgov.errors import RateLimited, Refused
from mgov.model.call import Terms
from mgov.model.registration import Registration

NO_RETRY = Terms(retry_count=0)


class FakePermit:
    def __init__(self, log, name):
        self._log, self._name = log, name

    def success(self, latency_s=None):
        assert latency_s is None or latency_s >= 0
        self._log.append((self._name, "success"))

    def failure(self, kind="", latency_s=None):
        self._log.append((self._name, kind))

    def ignore(self):
        self._log.append((self._name, "ignored"))

    def cancel(self):
        self._log.append((self._name, "cancelled"))


class FakeBreakers:
    """Refuses those in `open`, ejects those in `ejected`, says that those in `serving` serve; `log` holds what was
    reported of whom."""

    def __init__(self):
        self.log, self.open, self.ejected, self.serving = [], set(), set(), set()

    def permit(self, service, instance=None, *, among=None, hold_s=0.0):
        name = instance or service
        if name in self.open:
            raise Refused(f"the breaker of {name} is open")
        return FakePermit(self.log, name)

    def guard_instances(self, service, instances):
        return frozenset(self.ejected & set(instances))

    def state(self, service, instance):
        return "closed"

    def is_serving(self, service, instance):
        return instance in self.serving


class FakeLimits:
    def __init__(self, left):
        self.left = left

    def require(self, key):
        self.left -= 1
        if self.left < 0:
            raise RateLimited(f"{key} is over its limit", retry_after_s=1.0)


def fleet(platform, *urls):
    """Register one instance `a`, `b`, `c` for each URL; the first is picked while the draw is 0."""
    for id, url in zip("abc", urls, strict=False):
        platform.registry.register("orders", url, fields=Registration(id=id))


def tried(called):
    return [(attempt.instance, attempt.status_code or attempt.error) for attempt in called.attempts]
