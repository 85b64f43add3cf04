"""config schema set, show; config validate: what a configuration may hold, and whether it does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from mgov.cli.config import Environment, Service, VersionOption
from mgov.cli.options import TEXT, Context, command
from mgov.cli.rows import OUTCOME_COLUMNS, outcomes_view
from mgov.cli.view import Column, View
from mgov.errors import NO, OK, InputError, NotFound, UsageError

if TYPE_CHECKING:
    from mgov.cli.session import Session
    from mgov.model.config import Values

VIOLATION_COLUMNS = (Column("key"), Column("rule"), Column("message"))


@command("mgov config schema set orders schema.json", "mgov config schema set orders --none", columns=OUTCOME_COLUMNS)
def set_(
    ctx: Context,
    service: Service,
    file: Annotated[str | None, typer.Argument(metavar="FILE|-", help="A JSON Schema, in JSON or TOML")] = None,
    none: Annotated[bool, typer.Option("--none", help="Check nothing from now on")] = False,
) -> View:
    """Check what is published from now on: a version that breaks the schema is refused, naming the key and the rule.

    What is there already stays as it is; config validate says how it stands.
    """
    if none == (file is not None):
        raise UsageError("name a file, or --none", hint=f"mgov config schema set {service} schema.json")
    return outcomes_view([ctx.obj.platform().configs.schemas.set(service, _schema(file) if file is not None else {})])


@command("mgov config schema show orders", formats=TEXT)
def show(ctx: Context, service: Service) -> str:
    """Print the schema of a service's configuration, as JSON."""
    schema = ctx.obj.platform().configs.schemas.of(service)
    if not schema:
        raise NotFound(f"{service} has no schema for its configuration", hint=f"mgov config schema set {service} FILE")
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


@command(
    "mgov config validate orders -e prod",
    "mgov config validate orders -f values.toml",
    columns=VIOLATION_COLUMNS,
)
def validate(
    ctx: Context,
    service: Service,
    env: Environment = "default",
    version: VersionOption = 0,
    file: Annotated[
        str | None, typer.Option("-f", "--file", metavar="FILE|-", help="These values instead, over the base")
    ] = None,
) -> View:
    """Say what of a configuration its schema refuses, by key and rule: 0 nothing, 1 something, 3 without a schema."""
    session = ctx.obj
    values, what = _values(session, service, env, version, file)
    found = session.platform().configs.schemas.violations(service, values)
    summary = f"{what} is as its schema says" if not found else f"{what}: {len(found)} against its schema"
    return View(VIOLATION_COLUMNS, found, [one._asdict() for one in found], NO if found else OK, summary=summary)


def _schema(path: str) -> Values:
    from mgov.cli.inputs import read_document, shown_path

    document = read_document(path)
    if not isinstance(document, dict) or not document:
        raise InputError(f"{shown_path(path)}: a JSON Schema is an object with rules in it")
    return document


def _values(session: Session, service: str, env: str, version: int, file: str | None) -> tuple[Values, str]:
    configs = session.platform().configs
    if file is None:
        found = configs.read(service, environment=env, version=version, use_snapshot=False)
        return found.values, found.name
    from mgov.cli.config_inputs import read_values
    from mgov.cli.inputs import shown_path

    return configs.schemas.over_base(service, read_values(file)), shown_path(file)
