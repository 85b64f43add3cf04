"""Instances for name servers and resolvers: SRV records in zone file syntax (RFC 2782, RFC 1035 section 5), hosts(5).

An SRV record's target is a name, never an address. An instance known by a host name has that name, absolute, as its
target. One known by an address gets a name made from it, `ip-10-0-0-1`, relative to the zone that includes the
lines, with an A or AAAA record beside it: the same address has the same name in every service's lines, so that they
can be put together in one zone.
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from mgov.formats.endpoint import Rendering

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.formats.endpoint import Endpoint

TTL_S = 30
PRIORITY = 0
MAX_LABEL_CHARS = 63
MAX_HOST_CHARS = 253
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def srv(located: Sequence[Endpoint]) -> Rendering:
    """`_orders._tcp 30 IN SRV 0 weight port target` for each, then the address records of the targets made up here."""
    records, addresses, notes = [], {}, []
    for endpoint in located:
        owner = f"{service_label(endpoint.service)}.{'_udp' if endpoint.protocol == 'udp' else '_tcp'}"
        address = parse_address(endpoint.host)
        if address is not None:
            target = address_name(address)
            addresses[target] = address
        elif _is_host_name(endpoint.host):
            target = endpoint.host.removesuffix(".") + "."
        else:
            notes.append(f"{endpoint.service}/{endpoint.id} left out: DNS cannot hold the host {endpoint.host[:80]!r}")
            continue
        records.append(f"{owner} {TTL_S} IN SRV {PRIORITY} {endpoint.weight} {endpoint.port} {target}\n")
    for name, address in addresses.items():
        records.append(f"{name} {TTL_S} IN {'A' if address.version == 4 else 'AAAA'} {address}\n")
    return Rendering("".join(records), tuple(notes))


def hosts(located: Sequence[Endpoint]) -> Rendering:
    """`address<TAB>service` for each instance known by an address, each line once; the others are noted."""
    lines: dict[str, None] = {}
    notes = []
    for endpoint in located:
        address = parse_address(endpoint.host)
        if address is None:
            notes.append(f"{endpoint.service}/{endpoint.id} left out: {endpoint.host[:80]!r} is not an IP address")
        else:
            lines[f"{address}\t{endpoint.service}\n"] = None
    return Rendering("".join(lines), tuple(notes))


def service_label(service: str) -> str:
    """The service's label in an SRV owner name: `_` before it, `-` for what a label cannot hold, 63 octets at most."""
    plain = "".join(c if c in _LABEL and c != "_" else "-" for c in service)
    return f"_{plain}"[:MAX_LABEL_CHARS].rstrip("-")


def address_name(address: IPv4Address | IPv6Address) -> str:
    """One label for an address: `ip-10-0-0-1`; IPv6 in full, so that each has one name."""
    return "ip-" + address.exploded.replace(".", "-").replace(":", "-")


def parse_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that `host` states; None for a name, and for an address with a scope, which holds on one link."""
    if "%" in host:
        return None
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None


def _is_host_name(host: str) -> bool:
    """RFC 1123 section 2.1 with underscores; the last label must not be a number, or it is a broken address."""
    labels = host.removesuffix(".").split(".")
    return (
        len(host) <= MAX_HOST_CHARS
        and not labels[-1].isdigit()
        and all(
            0 < len(label) <= MAX_LABEL_CHARS and _LABEL.issuperset(label) and "-" not in (label[0], label[-1])
            for label in labels
        )
    )
