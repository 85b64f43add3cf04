"""mgov governs a fleet of microservices: registers and discovers services, sweeps their health.

The public Python API, by name; each is imported when it is first used.

    from mgov import Platform

    with Platform.open("path/to/.mgov") as platform:
        platform.registry.register("orders", "http://127.0.0.1:8080")
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mgov.errors import MgovError as MgovError
    from mgov.governance.discovery import Filter as Filter
    from mgov.governance.manner import Manner as Manner
    from mgov.governance.platform import Platform as Platform
    from mgov.model.call import Call as Call
    from mgov.model.call import Called as Called
    from mgov.model.call import Terms as Terms
    from mgov.model.instance import Instance as Instance
    from mgov.model.limit import LimitPolicy as LimitPolicy
    from mgov.model.manifest import Entry as Entry
    from mgov.model.quiesce import Quiesce as Quiesce
    from mgov.model.registration import Registration as Registration
    from mgov.model.service import Dependency as Dependency
    from mgov.model.service import Service as Service
    from mgov.net.target import Trust as Trust

_PUBLIC = {
    "Call": "mgov.model.call",
    "Called": "mgov.model.call",
    "Dependency": "mgov.model.service",
    "Entry": "mgov.model.manifest",
    "Filter": "mgov.governance.discovery",
    "Instance": "mgov.model.instance",
    "LimitPolicy": "mgov.model.limit",
    "Manner": "mgov.governance.manner",
    "MgovError": "mgov.errors",
    "Platform": "mgov.governance.platform",
    "Quiesce": "mgov.model.quiesce",
    "Registration": "mgov.model.registration",
    "Service": "mgov.model.service",
    "Terms": "mgov.model.call",
    "Trust": "mgov.net.target",
}
__all__ = [
    "Call", "Called", "Dependency", "Entry", "Filter", "Instance", "LimitPolicy", "Manner", "MgovError", "Platform",
    "Quiesce", "Registration", "Service", "Terms", "Trust", "__version__",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mgov' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
