"""How wide a text will be in a sans-serif font that nobody knows yet: an estimate that is rather too wide.

East Asian wide and full-width characters (Unicode Standard Annex 11) take a whole em, combining ones nothing; the
rest follows the widths of DejaVu Sans, one of the widest faces that a viewer may fall back to.
"""

from __future__ import annotations

import unicodedata

_WIDTHS = {
    **dict.fromkeys("ijl'|", 0.30), **dict.fromkeys("I.,:;! ", 0.34), **dict.fromkeys("ftr()[]-/\\", 0.42),
    **dict.fromkeys("csz", 0.55), **dict.fromkeys("mM", 0.95), **dict.fromkeys("wW@%", 1.0),
    **dict.fromkeys("<>=+~^", 0.84),
}  # fmt: skip
LOWER_EM, UPPER_EM, DIGIT_EM, OTHER_EM, WIDE_EM = 0.62, 0.72, 0.64, 0.7, 1.0


def text_width(text: str, size: float, *, is_bold: bool = False) -> float:
    """The width of `text` in a font of `size`, in the unit of `size`."""
    return sum(_em(c) for c in text) * size * (1.09 if is_bold else 1.0)


def shortened(text: str, size: float, most: float, *, is_bold: bool = False) -> str:
    """`text`, its end replaced by an ellipsis where it would be wider than `most`."""
    if len(text) * size * 0.3 <= most * 2 and text_width(text, size, is_bold=is_bold) <= most:
        return text
    left = most - size * (1.09 if is_bold else 1.0)
    kept = []
    for c in text:
        left -= text_width(c, size, is_bold=is_bold)
        if left < 0:
            break
        kept.append(c)
    return "".join(kept).rstrip() + "…"


def _em(c: str) -> float:
    if c in _WIDTHS:
        return _WIDTHS[c]
    if c.isascii():
        return DIGIT_EM if c.isdigit() else UPPER_EM if c.isupper() else LOWER_EM if c.islower() else OTHER_EM
    if unicodedata.combining(c):
        return 0.0
    return WIDE_EM if unicodedata.east_asian_width(c) in "WF" else OTHER_EM
