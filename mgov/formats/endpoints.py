"""Instances as addresses, for scripts: one URL or host:port a line, or variables that `eval` in a shell can take.

The forms for other programs have files of their own: `zone` (DNS, /etc/hosts) and `file_sd` (Prometheus). Everywhere
an instance without an address, known by its heartbeats alone, is left out.
"""

from mgov.formats.endpoint import Rendering
from mgov.model.names import authority

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.formats.endpoint import Endpoint

OUTPUTS = ("url", "hostport", "env", "srv", "hosts", "file-sd")

_SAFE_IN_SH = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-")


def render(output: str, endpoints: "Sequence[Endpoint]") -> Rendering:
    """`endpoints` in the form of `output`, one of OUTPUTS, in the order given; KeyError on any other."""
    located = [e for e in endpoints if e.host]
    if output == "url":
        return _addresses(located, [e.url for e in located])
    if output == "hostport":
        return _addresses(located, [authority(e.host, e.port) for e in located])
    if output == "env":
        return Rendering(_lines(_env(located)))
    if output == "file-sd":
        from mgov.formats.file_sd import file_sd

        return file_sd(located)
    from mgov.formats import zone

    return {"srv": zone.srv, "hosts": zone.hosts}[output](located)


def variable_prefix(service: str) -> str:
    """The name of `service` in a shell variable: upper case, `_` for what a variable cannot hold or begin with."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in service.upper())
    return f"_{name}" if name[:1].isdigit() else name


def quote_sh(text: str) -> str:
    """`text` as one word of a POSIX shell, quoted only if it must be (POSIX.1-2017, Shell, section 2.2.2)."""
    if text and _SAFE_IN_SH.issuperset(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _addresses(located: "list[Endpoint]", addresses: list[str]) -> Rendering:
    """One a line. A store from elsewhere may hold a host with a line break, which would be read as another address."""
    kept, notes = [], []
    for endpoint, address in zip(located, addresses, strict=True):
        if address.isprintable() and " " not in address:
            kept.append(address)
        else:
            notes.append(f"{endpoint.service}/{endpoint.id} left out: {address[:80]!r} is not an address")
    return Rendering(_lines(kept), tuple(notes))


def _env(located: "list[Endpoint]") -> list[str]:
    """NAME_URL, NAME_HOST and NAME_PORT of a service's first instance, NAME_URLS of all, apart by commas."""
    by_service: dict[str, list[Endpoint]] = {}
    for endpoint in located:
        by_service.setdefault(endpoint.service, []).append(endpoint)
    lines = []
    for service, members in by_service.items():
        prefix, first = variable_prefix(service), members[0]
        urls = ",".join(e.url for e in members)
        values = {"URL": first.url, "HOST": first.host, "PORT": str(first.port), "URLS": urls}
        lines += [f"{prefix}_{name}={quote_sh(value)}" for name, value in values.items()]
    return lines


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
