"""The bytes of the store's files, each with a checksum over exactly what it holds.

A machine file is one JSON document whose first field is `crc32`, eight hex digits over every byte behind it. A log
line is sealed the same way. TOML that mgov wrote ends with the line `# end revision=N crc32=XXXXXXXX`, over every byte
before `crc32=`. CRC-32 (ISO 3309) finds a flipped bit and a cut; it is no defence against a forger.
"""

from zlib import crc32

from mgov.errors import StoreDamaged, StoreNewer
from mgov.model.record import NamedTuple
from mgov.store.base import Document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

FORMAT = 1
_HEAD = b'{"crc32":"'
_SEAL_BYTES = len(_HEAD) + 8 + len(b'",')
_END = b"\n# end "


class Trailer(NamedTuple):
    """The last line of a TOML file that mgov wrote; `is_intact` is False when the text above it was changed."""

    revision: int
    is_intact: bool


class _ScannerSettings:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")


def _make_decoder() -> "Callable[[str], Any]":
    # json's package imports re, half of bare Python's start-up; its scanner in C does not.
    try:
        from _json import make_scanner
    except ImportError:
        from json import loads

        return loads
    scan = make_scanner(_ScannerSettings)  # type: ignore[arg-type]

    def decode(text: str) -> "Any":
        try:
            value, end = scan(text, 0)
        except StopIteration as stop:
            raise ValueError(f"no JSON value at character {stop.value}") from None
        if text[end:].strip(" \t\r\n"):
            raise ValueError(f"more text behind the JSON value, at character {end}")
        return value

    return decode


decode_json = _make_decoder()


def _make_encoder() -> "Callable[[object], str]":
    try:
        from _json import encode_basestring, make_encoder

        chunks = make_encoder(None, _refuse, encode_basestring, None, ":", ",", False, False, False)
    except (ImportError, TypeError):
        from json import JSONEncoder

        return JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    return lambda value: "".join(chunks(value, 0))


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is not JSON")


encode_json = _make_encoder()                   # compact, unescaped UTF-8; ValueError on NaN and infinities


def etag(data: "bytes | None") -> str:
    """A short mark of these bytes, in hex: checksum and length; `gone` for no file."""
    return "gone" if data is None else f"{crc32(data):08x}{len(data):x}"


def seal(fields: str) -> bytes:
    """One sealed JSON document from the inside of an object, `"a":1,"b":2`, with a final newline."""
    rest = fields.encode() + b"}\n"
    return b'{"crc32":"%08x",' % crc32(rest) + rest


def unseal(data: bytes) -> "dict[str, Any]":
    """The object that `seal` wrote, without its checksum; raise ValueError that says what is wrong."""
    if not data:
        raise ValueError("it is empty")
    if not data.startswith(_HEAD):
        raise ValueError("it does not begin with a checksum, at byte 0")
    if data[:_SEAL_BYTES] != b'%b%08x",' % (_HEAD, crc32(memoryview(data)[_SEAL_BYTES:])):
        tail = "" if data.endswith(b"}\n") else ", and its end is missing"
        raise ValueError(f"its checksum does not match bytes {_SEAL_BYTES} to {len(data)}{tail}")
    try:
        value = decode_json(data.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from error
    value.pop("crc32")
    return value  # type: ignore[no-any-return]


def pack(kind: str, entries: "Mapping[str, Mapping[str, Any]]") -> bytes:
    """A machine file: entries by logical key, one line each, so that a diff shows which one changed."""
    lines = ",\n".join(f"{encode_json(key)}:{encode_json(entry)}" for key, entry in sorted(entries.items()))
    return seal(f'"format":{FORMAT},"kind":"{kind}","entries":{{\n{lines}\n}}')


def unpack(data: bytes, path: str) -> "dict[str, dict[str, Any]]":
    """The entries of a machine file; raise StoreDamaged or StoreNewer, naming `path`."""
    try:
        document = unseal(data)
    except ValueError as error:
        raise StoreDamaged(f"{path} is damaged: {error}", hint="mgov store repair") from None
    check_format(document.get("format"), path)
    entries = document.get("entries")
    if not isinstance(entries, dict):
        raise StoreDamaged(f"{path} is damaged: it has no entries", hint="mgov store repair")
    return entries


def to_document(key: str, entry: "Mapping[str, Any]") -> Document:
    """The document of one entry of a machine file."""
    return Document(key, entry["value"], str(entry["revision"]), entry.get("expires_at"))


def check_format(number: object, path: str) -> None:
    """Raise StoreNewer for a format above ours, StoreDamaged for none at all."""
    if type(number) is not int or number < 1:
        raise StoreDamaged(f"{path} names no valid format", hint="mgov store repair")
    if number > FORMAT:
        raise StoreNewer(f"{path} has format {number}, this mgov reads up to {FORMAT}", hint="upgrade mgov")


def end_toml(text: str, revision: int) -> bytes:
    """The text of a TOML file with its last line, sealed."""
    body = text.encode() + b"# end revision=%d " % revision
    return body + b"crc32=%08x\n" % crc32(body)


def read_end(data: bytes) -> "Trailer | None":
    """The trailer of a TOML file, or None where it has none (a person wrote it, or its end was cut off)."""
    start, stop = _end_line(data)
    words = data[start:stop].split()
    if len(words) != 4 or not words[2].startswith(b"revision=") or not words[3].startswith(b"crc32="):
        return None
    try:
        revision, expected = int(words[2][9:]), int(words[3][6:], 16)
    except ValueError:
        return None
    covered = data.index(b"crc32=", start)
    is_last = stop == len(data) and data.endswith(b"crc32=%08x\n" % expected)
    return Trailer(revision, is_last and crc32(memoryview(data)[:covered]) == expected)


def strip_end(data: bytes) -> bytes:
    """The bytes of a TOML file without its trailer line, if it has one; what a person wrote behind it stays."""
    if read_end(data) is None:
        return data
    start, stop = _end_line(data)
    return data[:start] + data[stop:]


def _end_line(data: bytes) -> tuple[int, int]:
    """Where the last line that begins like a trailer begins and ends; two equal numbers for none."""
    start = data.rfind(_END) + 1
    if start == 0 and not data.startswith(_END[1:]):
        return 0, 0
    stop = data.find(b"\n", start) + 1
    return start, stop or len(data)
