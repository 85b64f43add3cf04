"""A report as one HTML page that needs nothing but itself.

It loads nothing and runs one script, which its content security policy (CSP level 3) knows by its hash, as it does the
style sheets; there is no other way in, and all foreign text is escaped. Without the script it is read as it is.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from mgov.errors import UsageError
from mgov.formats.html import head, lists
from mgov.formats.html.markup import text
from mgov.formats.html.script import SCRIPT
from mgov.formats.html.style import STYLE
from mgov.formats.svg import svg
from mgov.model.fleetreport import drawable

if TYPE_CHECKING:
    from mgov.model.fleetreport import Report
    from mgov.model.picture import Picture

__all__ = ["page"]

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M4 4h8v8H4z' "
    "fill='none' stroke='%230969da'/%3E%3Cg fill='%230969da'%3E%3Ccircle cx='4' cy='4' r='3'/%3E%3Ccircle cx='12' "
    "cy='4' r='3'/%3E%3Ccircle cx='4' cy='12' r='3'/%3E%3Ccircle cx='12' cy='12' r='3'/%3E%3C/g%3E%3C/svg%3E"
)
DRAWN_AT_MOST = (250, 80, 25)                   # boxes; fewer where they say very much
MOST_EDGES = 600                                # more are a hatching, and take seconds to lay out
DRAWING_BYTES = 380_000
NAVIGATION = (
    ("attention", "Attention"), ("graph", "Graph"), ("services", "Services"), ("audit", "Audit"),
    ("breakers", "Breakers"), ("limits", "Limits"), ("instances", "Instances"),
)  # fmt: skip


def page(report: Report) -> str:
    """The page of `report`."""
    drawn, unit, drawing = _drawn(report.picture)
    parts = [
        head.attention(report),
        head.drawing(drawn, unit, report.picture, drawing),
        lists.services(report),
        lists.audit(report.card),
        lists.breakers(report),
        lists.limits(report),
        lists.instances(report),
    ]
    body = "".join(parts)
    known = ((ident, words) for ident, words in NAVIGATION if f'<section id="{ident}"' in body)
    links = "".join(f'<a href="#{ident}">{words}</a>' for ident, words in known)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
{_policy(drawing)}
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="{ICON}">
<title>{text(report.title or head.DEFAULT_TITLE)}</title>
<style>{STYLE}</style></head>
<body><a class=skip href=#attention>Skip to the content</a>
{head.head(report)}<div class="bar"><div><nav aria-label="Parts of this report">{links}</nav>{SEARCH}</div></div>
<main>{body}</main>
<footer><p>Made by mgov from what the store knew. Nothing was probed for it, and it loads nothing.</p></footer>
<script>{SCRIPT}</script></body></html>
"""


SEARCH = (
    '<div class="find" role="search" hidden>'
    '<input id="report-search" type="search" placeholder="Search all tables (/)" '
    'aria-label="Search all tables" autocomplete="off" spellcheck="false"><output id="report-found" '
    'for="report-search" aria-live="polite"></output></div>'
)


def _drawn(picture: Picture) -> tuple[Picture, str, str]:
    """What is drawn of `picture`, what one box of it is, and the drawing: as much as its room allows. '' for none."""
    for most in DRAWN_AT_MOST if picture.nodes else ():
        drawn, unit = drawable(picture, most)
        if len(drawn.edges) > MOST_EDGES:
            continue
        try:
            drawing = svg(drawn, headline="" if unit == "service" else f"{len(drawn.nodes)} groups by {unit}")
        except UsageError:
            continue
        if len(drawing) <= DRAWING_BYTES:
            return drawn, unit, drawing
    return picture, "service", ""


def _policy(drawing: str) -> str:
    styles = " ".join(_hash(style) for style in (STYLE, *_styles_in(drawing)))
    allowed = (
        f"default-src 'none'; style-src {styles}; script-src {_hash(SCRIPT)}; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{allowed}">'


def _styles_in(drawing: str) -> list[str]:
    """The texts of the style elements of a drawing, as it is written by `mgov.formats.svg`."""
    return [part.split("</style>")[0] for part in drawing.split("<style>")[1:]]


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
