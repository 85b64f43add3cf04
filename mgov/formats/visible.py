"""Foreign text made visible: what could steer a terminal or turn the order of what is read is shown as an escape.

Control, escape, C1 and bidirectional characters, line separators and lone surrogates become `\\x1b`, `\\u202e`. A
backslash that was there stays one: this is for eyes, JSON is exact.
"""

HOSTILE = frozenset((
    *range(0x20), *range(0x7F, 0xA0),                                               # C0, DEL, C1
    0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A),         # direction marks and overrides
    0x2028, 0x2029, 0xFEFF, *range(0xD800, 0xE000),                                 # line separators, BOM, surrogates
))
_NAMED = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def clean(text: str, keep: str = "") -> str:
    """`text` with hostile characters shown as escapes, except those in `keep`."""
    if text.isprintable():
        return text
    return "".join(_shown(c) if ord(c) in HOSTILE and c not in keep else c for c in text)


def _shown(c: str) -> str:
    code = ord(c)
    return _NAMED.get(c) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
