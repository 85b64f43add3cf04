"""Targets for Prometheus: the JSON of `file_sd_configs`, one group for each set of labels.

Labels: `service`, `instance_id`, `region`, `zone`, `version`, `tags` as `,a,b,` (so that a rule can look for `,a,`),
each metadata entry as `meta_NAME`, and `__scheme__` where it is https, which Prometheus reads as how to scrape. A
label without a value is left out: to Prometheus both are the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mgov.formats.endpoint import Rendering
from mgov.model.names import authority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.formats.endpoint import Endpoint


def file_sd(located: Sequence[Endpoint]) -> Rendering:
    """`[{"targets": ["host:port"], "labels": {...}}]`, groups and targets in the order given."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    notes: list[str] = []
    for endpoint in located:
        key = tuple(_labels(endpoint, notes).items())
        groups.setdefault(key, []).append(_utf8(authority(endpoint.host, endpoint.port)))
    document = [{"targets": targets, "labels": dict(labels)} for labels, targets in groups.items()]
    return Rendering(json.dumps(document, ensure_ascii=False, indent=2) + "\n", tuple(notes))


def label_name(text: str) -> str:
    """`text` with `_` for every character outside Prometheus' grammar of what may follow in a label's name."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in text)


def _labels(endpoint: Endpoint, notes: list[str]) -> dict[str, str]:
    labels = {
        "service": endpoint.service,
        "instance_id": endpoint.id,
        "region": endpoint.region,
        "zone": endpoint.zone,
        "version": endpoint.version,
        "tags": f",{','.join(endpoint.tags)}," if endpoint.tags else "",
        "__scheme__": "https" if endpoint.protocol == "https" else "",
    }
    for name, value in sorted(item for item in endpoint.metadata.items() if item[1]):
        label = f"meta_{label_name(name)}"
        if label in labels:
            notes.append(f"{endpoint.service}/{endpoint.id}: metadata {name[:80]!r} left out, {label} is taken")
        else:
            labels[label] = value
    return {name: _utf8(value) for name, value in labels.items() if value}


def _utf8(text: str) -> str:
    """`text` as Prometheus demands label values to be: valid UTF-8, so `?` for a lone surrogate."""
    return text.encode("utf-8", "replace").decode("utf-8")
