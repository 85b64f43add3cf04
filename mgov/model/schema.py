"""A JSON Schema over a configuration: which keys break which rule. The package jsonschema knows the rules; what it
says is put in words that name the key and never show a value.

A schema says its own draft by `$schema` [2020-12]. It must be whole: a `$ref` to another document is refused, nothing
is fetched. What a reference (`env:NAME`) will resolve to is not known here, and is not judged.
"""

from __future__ import annotations

from contextlib import contextmanager
from re import search
from typing import TYPE_CHECKING, Any

from mgov.errors import UsageError
from mgov.model.config import lookup
from mgov.model.key import format_key
from mgov.model.names import suggest
from mgov.model.record import NamedTuple
from mgov.model.secret import is_secret, reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REQUIRED, ADDITIONAL = "required", "additionalProperties"
_BOUNDS = {
    "minimum": "must be at least", "maximum": "must be at most", "exclusiveMinimum": "must be more than",
    "exclusiveMaximum": "must be less than", "multipleOf": "must be a multiple of", "minLength": "must have at least",
    "maxLength": "must have at most", "minItems": "must have at least", "maxItems": "must have at most",
    "enum": "must be one of", "const": "must be", "pattern": "must match", "type": "must be",
}  # fmt: skip
_UNITS = {"minLength": "characters", "maxLength": "characters", "minItems": "items", "maxItems": "items"}
MAX_SHOWN_CHARS = 200
MAX_NAMED = 5


class Violation(NamedTuple):
    """One key (dotted, '' for the whole) that breaks a rule of the schema, in words."""

    key: str
    rule: str
    message: str


def check_schema(schema: Any) -> dict[str, Any]:
    """Return `schema` if it is one; raise UsageError naming the place where not."""
    from mgov.model.service import check_schema as check_storable

    validator = _validator(check_storable(schema))
    from jsonschema.exceptions import SchemaError

    try:
        validator.check_schema(schema)
    except SchemaError as error:
        place = format_key(str(part) for part in error.absolute_path)
        raise UsageError(f"the schema is invalid{f' at {place}' if place else ''}: {error.message[:MAX_SHOWN_CHARS]}") \
            from None
    _check_references(schema)
    return dict(schema)


def violations(schema: Mapping[str, Any], values: Mapping[str, Any]) -> list[Violation]:
    """What in `values` breaks the schema, by key; raise UsageError where the schema cannot be applied."""
    validator = _validator(schema)
    from referencing import Registry

    found: set[Violation] = set()
    with _whole():
        for error in validator(dict(schema), registry=Registry()).iter_errors(dict(values)):
            if reference(error.instance) is None:
                found.update(_described(error, values))
    return sorted(found)


def refuse_violations(schema: Mapping[str, Any], values: Mapping[str, Any], service: str) -> None:
    """Raise UsageError with the first violations, and how many more there are."""
    found = violations(schema, values)
    if found:
        shown = [f"{one.key or 'the whole'} {one.message} ({one.rule})" for one in found[:MAX_NAMED]]
        more = [f"and {len(found) - MAX_NAMED} more"] if len(found) > MAX_NAMED else []
        raise UsageError(f"the schema of {service} refuses it: {'; '.join(shown + more)}",
                         hint=f"mgov config schema show {service} says what is allowed")


def _check_references(schema: Any) -> None:
    """Raise UsageError where a `$ref` leads out of the schema: now, and not when a value happens to come to it."""
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012, specification_with

    def follow(resource: Any, resolver: Any) -> None:
        for word in ("$ref", "$dynamicRef"):
            if isinstance(target := resource.contents.get(word), str):
                resolver.lookup(target)
        for inner in resource.subresources():
            if isinstance(inner.contents, dict):
                follow(inner, resolver.in_subresource(inner))

    whole = specification_with(str(schema.get("$schema", "")), default=DRAFT202012).create_resource(schema)
    place = whole.id() or ""
    with _whole():
        follow(whole, Registry().with_resource(place, whole).resolver(place))


@contextmanager
def _whole() -> Iterator[None]:
    from referencing.exceptions import Unresolvable

    try:
        yield
    except Unresolvable as error:
        target = error.ref or f"#{getattr(error, 'anchor', '')}"
        raise UsageError(f"the schema refers to {str(target)[:80]!r}, which is not in it",
                         hint="a schema is one document: put what it refers to under $defs") from None
    except ValueError as error:                 # a URL or a pointer into a list that is none
        raise UsageError(f"the schema refers to what cannot be read: {str(error)[:MAX_SHOWN_CHARS]}") from None
    except RecursionError:
        raise UsageError("the schema refers to itself without end") from None


def _validator(schema: Any) -> Any:
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for
    except ImportError:
        raise UsageError("checking a configuration against its schema needs the package jsonschema",
                         hint="pip install 'mgov[schema]'") from None
    with _whole():
        return validator_for(schema, default=Draft202012Validator)


def _described(error: Any, values: Mapping[str, Any]) -> Iterator[Violation]:
    path = tuple(str(part) for part in error.absolute_path)
    rule, wanted = str(error.validator), error.validator_value
    if rule == REQUIRED:
        for name in wanted:
            if name not in error.instance:
                yield Violation(format_key((*path, name)), rule, "is missing")
        return
    if rule == ADDITIONAL and wanted is False:
        known = error.schema.get("properties", {})
        for name in error.instance:
            if name not in known and not any(search(one, name) for one in error.schema.get("patternProperties", {})):
                near = suggest(name, list(known))
                meant = f": did you mean {format_key((*path, near))}?" if near else ""
                yield Violation(format_key((*path, name)), rule, f"is not a key of it{meant}")
        return
    yield Violation(format_key(path), rule, _words(rule, wanted) or _own_words(error, path, values))


def _words(rule: str, wanted: Any) -> str:
    if rule not in _BOUNDS:
        return ""
    shown = " or ".join(map(str, wanted)) if rule == "type" and isinstance(wanted, list) else _shown(wanted)
    unit = f" {_UNITS[rule]}" if rule in _UNITS else ""
    return f"{_BOUNDS[rule]} {shown}{unit}"


def _own_words(error: Any, path: tuple[str, ...], values: Mapping[str, Any]) -> str:
    """jsonschema's own words, which show the value; not where that is a secret."""
    try:
        has_secret = is_secret(path or ("",), lookup(values, path))
    except KeyError:                            # within a list
        has_secret = True
    return f"breaks {error.validator}" if has_secret else f"is refused: {error.message[:MAX_SHOWN_CHARS]}"


def _shown(wanted: Any) -> str:
    from mgov.model.setting import to_json

    if isinstance(wanted, list):
        return ", ".join(to_json(item) for item in wanted)[:MAX_SHOWN_CHARS]
    return str(wanted)[:MAX_SHOWN_CHARS] if isinstance(wanted, str) else to_json(wanted)[:MAX_SHOWN_CHARS]
