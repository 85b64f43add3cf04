"""What a gRPC server says of itself: grpc.health.v1 (grpc/doc/health-checking.md, health.proto).

    message HealthCheckRequest  { string service = 1; }
    message HealthCheckResponse { ServingStatus status = 1; }       UNKNOWN 0, SERVING 1, NOT_SERVING 2,
                                                                    SERVICE_UNKNOWN 3 (of Watch only)

Both messages are one field, written here by hand in protobuf's wire format: a tag `field << 3 | type`, then a
varint (type 0) or a length and that many bytes (type 2).
"""

from __future__ import annotations

from mgov.model.health import HEALTHY, UNHEALTHY

SERVING = 1
STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_MAX_VARINT_BYTES = 10
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def request(service: str) -> bytes:
    """A HealthCheckRequest for `service`; '' asks about the server as a whole, and is left out."""
    name = service.encode()
    return b"\x0a" + _varint(len(name)) + name if name else b""


def response(data: bytes) -> int:
    """The status in a HealthCheckResponse, UNKNOWN where it is left out; raise ValueError when it is no such message.

    Fields that nobody knows are passed over, and of a field that stands twice the last counts, as protobuf asks.
    """
    status, at = 0, 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            status = value if tag >> 3 == 1 else status
        elif kind == _BYTES:
            size, at = _read_varint(data, at)
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("a wire type that protobuf does not have")
    if at > len(data):
        raise ValueError("the message is cut")
    return status


def name_of(status: int) -> str:
    """The status in words of the proto file."""
    return STATUSES[status] if 0 <= status < len(STATUSES) else f"status {status}"


def verdict(status: int) -> tuple[str, str]:
    """(status, reason) of a server that answered with `status`."""
    return HEALTHY if status == SERVING else UNHEALTHY, name_of(status)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(_MAX_VARINT_BYTES):
        if at + place >= len(data):
            raise ValueError("the message is cut")
        byte = data[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError("a varint of more than ten bytes")
