"""How `export` and `import` print a manifest: apart from `apply`, so that an import loads none of what that needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.cli.view import View
from mgov.model.manifest import dump

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mgov.model.manifest import Entry


def manifest_view(entries: Iterable[Entry]) -> View:
    """The manifest of `entries`, for -o toml and -o json."""
    document = dump(entries)

    def toml_text() -> str:
        from mgov.formats import toml

        return toml.dump(document)

    return View(data=document, extras={"toml": toml_text})
