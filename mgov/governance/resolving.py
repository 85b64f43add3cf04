"""Resolving references: what a value says about where a secret lies becomes the secret, once its reader agreed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgov.errors import NotFound
from mgov.model.key import format_key
from mgov.model.secret import COMMAND, ENV, Reference, reference, references
from mgov.model.trust import reference_act

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgov.governance.trusts import Agreement
    from mgov.model.config import Configuration, Path

COMMAND_WAIT_S = 30.0


def resolve(
    value: Any, configuration: Configuration, path: Path, agreement: Agreement, environ: Mapping[str, str]
) -> Any:
    """`value`, which stands under `path`, with every reference resolved; nothing is before all are trusted."""
    where = f"{configuration.service}/{configuration.environment}"
    agreement.require([reference_act(where, found) for _, found in references(value, path)])
    return _resolved(value, path, environ)


def _resolved(value: Any, path: Path, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(item, (*path, key), environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, path, environ) for item in value]
    found = reference(value)
    return _look_up(found, format_key(path), environ) if found is not None else value


def _look_up(found: Reference, key: str, environ: Mapping[str, str]) -> str:
    if found.kind == ENV:
        if found.target not in environ:
            raise NotFound(f"{key} is kept in the variable {found.target}, which is not set")
        return environ[found.target]
    if found.kind == COMMAND:
        from mgov.model.command import argv_of
        from mgov.net.child import output_of

        return output_of(argv_of(found.target), what=f"the command of {key}", environ=environ, wait_s=COMMAND_WAIT_S)
    from mgov.store.secretfile import read_secret

    return read_secret(found.target, key)
