"""The few facts of an X.509 certificate that a prober tells: until when, of whom, by whom.

The standard library reads them of a verified peer only. This walks the DER (ITU-T X.690) of any: down to the names
and the validity of RFC 5280 section 4.1, no further. It verifies nothing; TLS does that.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mgov.model.record import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_OBJECT, _SEQUENCE, _SET, _VERSION = 0x06, 0x30, 0x31, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
_NAMES = {
    bytes((0x55, 0x04, last)): name
    for last, name in ((3, "CN"), (6, "C"), (7, "L"), (8, "ST"), (10, "O"), (11, "OU"), (5, "serialNumber"))
} | {bytes.fromhex("0992268993f22c640119"): "DC", bytes.fromhex("2a864886f70d010901"): "emailAddress"}


class Certificate(NamedTuple):
    """`expires_at` is in seconds since the epoch; the names are foreign text such as `O=Example, CN=db.internal`."""

    expires_at: float
    subject: str
    issuer: str


class _Element(NamedTuple):
    tag: int
    value: bytes


def read_certificate(der: bytes) -> Certificate | None:
    """What the certificate `der` says, or None if it is none."""
    try:
        [certificate] = _elements(der)
        signed = next(_elements(_value(certificate, _SEQUENCE)))
        fields = [field for field in _elements(_value(signed, _SEQUENCE)) if field.tag != _VERSION]
        _serial, _algorithm, issuer, validity, subject = fields[:5]
        _not_before, not_after = _elements(_value(validity, _SEQUENCE))
        return Certificate(_moment(not_after), _name(subject), _name(issuer))
    except (ValueError, StopIteration, OverflowError):      # malformed, cut short, or no such date
        return None


def _elements(data: bytes) -> Iterator[_Element]:
    """The elements that follow one another in `data`; ValueError where it does not hold what it announces."""
    at = 0
    while at < len(data):
        header = data[at : at + 2]
        if len(header) < 2 or header[0] & 0x1F == 0x1F:     # tags beyond 30 do not occur in what is read here
            raise ValueError("cut short, or an unknown tag")
        at, size = at + 2, header[1]
        if size >= 0x80:
            count = size - 0x80
            digits = data[at : at + count]
            if not 1 <= len(digits) == count <= 4:
                raise ValueError("no definite length")
            at, size = at + count, int.from_bytes(digits)
        if at + size > len(data):
            raise ValueError("cut short")
        yield _Element(header[0], data[at : at + size])
        at += size


def _value(element: _Element, tag: int) -> bytes:
    if element.tag != tag:
        raise ValueError(f"tag {element.tag:#x} instead of {tag:#x}")
    return element.value


def _moment(element: _Element) -> float:
    """RFC 5280 section 4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050 on, both to the second and in UTC."""
    text = element.value.decode("ascii")
    if element.tag == _UTC_TIME:
        text = ("20" if text[:2] < "50" else "19") + text
    elif element.tag != _GENERALIZED_TIME:
        raise ValueError("not a time")
    digits = text[:-1]
    if len(text) != 15 or text[-1] != "Z" or not digits.isdigit():
        raise ValueError("not a time in UTC to the second")
    month, day, hour, minute, second = (int(digits[i : i + 2]) for i in range(4, 14, 2))
    return datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC).timestamp()


def _name(element: _Element) -> str:
    """The attributes in the order of the certificate, which is that of `openssl x509 -subject`."""
    parts = []
    for group in _elements(_value(element, _SEQUENCE)):
        for attribute in _elements(_value(group, _SET)):
            kind, value = _elements(_value(attribute, _SEQUENCE))
            label = _NAMES.get(_value(kind, _OBJECT)) or _dotted(kind.value)
            parts.append(f"{label}={value.value.decode(_ENCODINGS.get(value.tag, 'latin-1'), 'replace')}")
    return ", ".join(parts)


def _dotted(oid: bytes) -> str:
    """An object identifier in its dotted form (X.690 section 8.19)."""
    arcs, arc = [], 0
    for octet in oid:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    if not arcs:
        raise ValueError("an empty object identifier")
    first = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))
