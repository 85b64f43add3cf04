"""How a dependency graph looks as SVG: colours for light and dark, the signs of each status, arrow heads.

Colours stand in rules of their own rather than in variables, which viewers other than browsers do not know.
"""

from __future__ import annotations

FONT = ",".join((
    "system-ui", "-apple-system", '"Segoe UI"', "Roboto", '"Noto Sans"', '"Noto Sans CJK SC"', '"PingFang SC"',
    '"Microsoft YaHei"', "sans-serif",
))  # fmt: skip
GROUP_COUNT = 10

# status: (line, fill) in light, (line, fill) in dark
_STATUS = {
    "healthy": ("#1a7f37", "#f3fbf5", "#3fb950", "#10251a"),
    "degraded": ("#9a6700", "#fff8e5", "#d29922", "#2b2210"),
    "unhealthy": ("#cf222e", "#fff1f0", "#f85149", "#2f1517"),
    "starting": ("#0969da", "#f0f7ff", "#4493f8", "#11233b"),
    "maintenance": ("#8250df", "#f8f3ff", "#ab7df8", "#231a38"),
    "declared": ("#59636e", "#f6f8fa", "#9198a1", "#1c2128"),
    "empty": ("#818b98", "#ffffff", "#656c76", "#151b23"),
    "missing": ("#cf222e", "#ffffff", "#f85149", "#151b23"),
}
_GROUPS = (
    "#0969da", "#bf8700", "#1a7f37", "#8250df", "#cf222e", "#0e8a8a", "#bc4c00", "#bf3989", "#57606a", "#6e7b00",
)  # fmt: skip
# Signs are 14 units wide around their middle; a shape of its own for each, so that colour is never needed.
SIGNS = {
    "healthy": '<circle class="f" r="6.5"/><path class="w" d="M-3 .3-.8 2.6 3.2-2"/>',
    "degraded": '<path class="f" d="M0-6.8 7.2 6H-7.2Z"/><path class="w" d="M0-2.4V1.6M0 3.7V3.9"/>',
    "unhealthy": '<path class="f" d="M-2.8-6.7H2.8L6.7-2.8V2.8L2.8 6.7H-2.8L-6.7 2.8V-2.8Z"/>'
    '<path class="w" d="M-2.3-2.3 2.3 2.3M2.3-2.3-2.3 2.3"/>',
    "starting": '<circle class="o" r="5.8"/><path class="f" d="M0-5.8A5.8 5.8 0 0 1 0 5.8Z"/>',
    "maintenance": '<rect class="f" x="-6.2" y="-6.2" width="12.4" height="12.4" rx="2.5"/>'
    '<path class="w" d="M-2-2.6V2.6M2-2.6V2.6"/>',
    "declared": '<path class="o" d="M0-6.4 6.4 0 0 6.4-6.4 0Z"/>',
    "empty": '<circle class="o" r="5.8"/>',
    "missing": '<circle class="o d" r="6"/><path class="o" d="M-1.8-1.6A1.9 1.9 0 1 1 .6.3Q0 .6 0 1.3M0 3.1V3.3"/>',
}
MARKERS = "".join(
    f'<marker id="{name}" viewBox="0 0 10 10" refX="{ref}" refY="5" markerWidth="9" markerHeight="9" '
    f'markerUnits="userSpaceOnUse" orient="auto"><path class="{classes}" d="M1 1.2 9 5 1 8.8Z"/></marker>'
    for name, ref, classes in (
        ("a", 9, "h"), ("ao", 9, "h o"), ("c", 9, "h k"), ("co", 9, "h o k"),
    )
)  # fmt: skip


def stylesheet(statuses: set[str], group_count: int) -> str:
    """The rules for the statuses and groups that a drawing has."""
    light = [
        f"text{{font-family:{FONT};fill:#1f2328}}",
        ".bg{fill:#fff}",
        ".n .b{stroke-width:1.3}",
        ".nm{font-size:13px;font-weight:600}",
        ".tt{font-size:12px}",
        ".mt,.lg{font-size:11px}",
        ".tt,.mt,.lg,.hd{fill:#59636e}",
        ".hd{font-size:12px}",
        ".e{fill:none;stroke:#6e7781;stroke-width:1.25;stroke-opacity:.75}",
        ".as{stroke-dasharray:5 3.5}",
        ".op{stroke-opacity:.5}",
        ".k.e{stroke:#cf222e}",
        ".h{fill:#6e7781;stroke:#6e7781}.h.o{fill:#fff}.h.k{fill:#cf222e;stroke:#cf222e}.h.o.k{fill:#fff}",
        ".w{fill:none;stroke:#fff;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}",
        ".d{stroke-dasharray:2.6 2.2}.missing .b{stroke-dasharray:5 3.5}",
        ".n,.e{transition:opacity .12s}.n:hover .b{stroke-width:2.4}.e:hover{stroke-width:2.6;stroke-opacity:1}",
    ]
    dark = [
        "text{fill:#e6edf3}",
        ".bg{fill:#0d1117}",
        ".tt,.mt,.lg,.hd{fill:#9198a1}",
        ".e{stroke:#7d8590}",
        ".k.e{stroke:#f85149}",
        ".h{fill:#7d8590;stroke:#7d8590}.h.o{fill:#0d1117}.h.k{fill:#f85149;stroke:#f85149}.h.o.k{fill:#0d1117}",
        ".w{stroke:#0d1117}",
    ]
    for status in sorted(statuses):
        line, fill, dark_line, dark_fill = _STATUS[status]
        light.append(
            f".{status} .b{{fill:{fill};stroke:{line}}}.{status} .f{{fill:{line}}}"
            f".{status} .o{{fill:none;stroke:{line};stroke-width:1.5;stroke-linecap:round}}"
        )
        dark.append(
            f".{status} .b{{fill:{dark_fill};stroke:{dark_line}}}.{status} .f{{fill:{dark_line}}}"
            f".{status} .o{{stroke:{dark_line}}}"
        )
    light += [f".g{number}{{fill:{_GROUPS[number]}}}" for number in range(min(group_count, GROUP_COUNT))]
    return f"{''.join(light)}@media (prefers-color-scheme:dark){{{''.join(dark)}}}"
