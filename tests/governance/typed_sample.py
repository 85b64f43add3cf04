"""How a program uses the Python API; a test has mypy read it, and another runs it."""

import asyncio

from mgov import Called, Dependency, Filter, Platform, Registration, Terms


def synchronous(path: str, url: str) -> list[str]:
    """Register, sweep and discover, blocking."""
    with Platform.open(path, actor="sample") as platform:
        fields = Registration(tags=["edge"], dependencies=[Dependency("users")])
        platform.registry.register("orders", url, fields=fields)
        healthy: bool = all(not checked.is_failing for checked in platform.monitor.sweep(["orders"]))
        found = platform.discovery.find("orders", Filter(tags=("edge",)))
        called: Called = platform.calls.get("orders", "/", terms=Terms(deadline_s=10.0, retry_count=0))
        assert called.status_code == 200
        return [member.instance.url for member in found if healthy]


async def asynchronous(path: str, url: str) -> list[str]:
    """The same in an event loop."""
    async with Platform.open(path, actor="sample") as platform:
        outcomes = await platform.registry.register("orders", url, fields=Registration(tags=["edge"]))
        actions: list[str] = [outcome.action for outcome in outcomes]
        checked, total = await asyncio.gather(platform.monitor.sweep(), platform.registry.statistics())
        picked = await platform.discovery.pick("orders", "round-robin", count=1)
        called = await platform.calls.request("GET", "orders", "/", headers={"X-A": "b"})
        assert called.body == b""
        exported = await platform.manifests.export()
        names: list[str] = [entry.service.name for entry in exported]
        assert len(checked) == total["total_instances"]
        return [*actions, *names, *(member.instance.url for member in picked)]
