"""register, deregister, heartbeat: how a service and its instances come, stay and go."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from mgov.cli.options import Context, command
from mgov.cli.rows import OUTCOME_COLUMNS, outcomes_view
from mgov.cli.view import View
from mgov.errors import ChildNotFound, ChildNotRunnable, DeadlineExceeded, InputError, UsageError
from mgov.model.registration import Registration
from mgov.model.service import check_schema, openapi_endpoints, parse_dependency
from mgov.model.units import parse_duration

Name = Annotated[str, typer.Argument(metavar="NAME", help="The service")]
_Text = str | None
_Texts = list[str] | None


@command(
    "mgov register orders http://127.0.0.1:8080 --health /health --tag edge",
    "mgov register orders --owner shop --depends-on users --depends-on mail:async:optional",
    columns=OUTCOME_COLUMNS,
)
def register(
    ctx: Context,
    name: Name,
    url: Annotated[_Text, typer.Argument(metavar="URL", help="The address of one instance of it")] = None,
    version: Annotated[_Text, typer.Option(metavar="V", help="Version")] = None,
    title: Annotated[_Text, typer.Option(metavar="TEXT", help="A name for people, in any script")] = None,
    description: Annotated[_Text, typer.Option(metavar="TEXT", help="What it does")] = None,
    owner: Annotated[_Text, typer.Option(metavar="TEAM", help="Who answers for it")] = None,
    domain: Annotated[_Text, typer.Option(metavar="TEXT", help="The business domain it belongs to")] = None,
    tier: Annotated[_Text, typer.Option(metavar="TEXT", help="How much depends on it, such as critical")] = None,
    tag: Annotated[_Texts, typer.Option(metavar="TAG", help="A tag; repeat for more, '' clears")] = None,
    depends_on: Annotated[
        _Texts, typer.Option(metavar="NAME[:async][:optional]", help="A service it calls; repeat for more, '' clears")
    ] = None,
    datastore: Annotated[_Texts, typer.Option(metavar="NAME", help="A datastore it uses; '' clears")] = None,
    api: Annotated[_Text, typer.Option(metavar="FILE", help="An OpenAPI document to read its endpoints from")] = None,
    schema: Annotated[_Text, typer.Option(metavar="FILE", help="A JSON Schema of the data it owns")] = None,
    meta: Annotated[_Texts, typer.Option(metavar="K=V", help="A metadata entry; repeat for more, '' clears")] = None,
    id: Annotated[_Text, typer.Option(metavar="ID", help="The instance's id [host-port]")] = None,
    region: Annotated[_Text, typer.Option(metavar="TEXT", help="Where the instance runs")] = None,
    zone: Annotated[_Text, typer.Option(metavar="TEXT", help="Where in the region")] = None,
    weight: Annotated[int | None, typer.Option(metavar="N", help="Its share of traffic [1]; 0 is none")] = None,
    health: Annotated[_Text, typer.Option(metavar="PATH|URL|tcp|none", help="How to check it [tcp]")] = None,
    check_interval: Annotated[_Text, typer.Option(metavar="DURATION", help="How often to check it [30s]")] = None,
    check_timeout: Annotated[_Text, typer.Option(metavar="DURATION", help="How long a check may take [5s]")] = None,
    check_expect: Annotated[
        _Texts, typer.Option(metavar="EXPECTATION", help="What must hold: status=2xx, latency=200ms ...; '' clears")
    ] = None,
    check_retries: Annotated[
        int | None, typer.Option(metavar="N", help="For all instances: look again before a failure counts [0]")
    ] = None,
    check_rise: Annotated[
        int | None, typer.Option(metavar="N", help="For all instances: good looks in a row to get better [1]")
    ] = None,
    check_fall: Annotated[
        int | None, typer.Option(metavar="N", help="For all instances: bad looks in a row to get worse [1; watched 3]")
    ] = None,
    check_cacert: Annotated[
        _Text, typer.Option(metavar="FILE", help="For all instances: the authorities to trust; '' clears")
    ] = None,
    check_cert: Annotated[
        _Text, typer.Option(metavar="FILE", help="For all instances: the client certificate to show; '' clears")
    ] = None,
    check_key: Annotated[
        _Text, typer.Option(metavar="FILE", help="For all instances: the client certificate's key; '' clears")
    ] = None,
    check_insecure: Annotated[
        bool | None, typer.Option("--check-insecure/--check-secure", help="For all instances: accept any certificate")
    ] = None,
    ttl: Annotated[_Text, typer.Option(metavar="DURATION", help="It beats; unhealthy when it stops that long")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Forget every field that is not given")] = False,
    create_only: Annotated[bool, typer.Option("--create-only", help="Fail with 4 where it exists")] = False,
    expect_rev: Annotated[_Text, typer.Option(metavar="REV", help="Fail with 4 unless it is at REV")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing")] = False,
) -> View:
    """Register a service and, with a URL or a TTL, one instance of it. The same again is "unchanged".

    With an instance, --version, --tag and --meta describe the instance, and the service while it has none of its own;
    --check-expect is the instance's too. Without one, it holds for all instances, as the other options do that say so.
    """
    if "://" in name:
        hint = f"mgov register {url or 'NAME'} {name[:80]}"
        raise UsageError(f"{name[:80]!r} is a URL: the name comes first", hint=hint)
    fields = Registration(
        title=title,
        description=description,
        owner=owner,
        domain=domain,
        tier=tier,
        dependencies=[parse_dependency(d) for d in _items(depends_on) or ()] if depends_on is not None else None,
        datastores=_items(datastore),
        api=_endpoints(api) if api is not None else None,
        schema=_schema(schema) if schema is not None else None,
        version=version,
        tags=_items(tag),
        metadata=pairs(meta, "--meta") if meta is not None else None,
        id=id,
        region=region,
        zone=zone,
        weight=weight,
        health=health,
        interval_s=parse_duration(check_interval) if check_interval is not None else None,
        timeout_s=parse_duration(check_timeout) if check_timeout is not None else None,
        expect=_items(check_expect),
        ttl_s=parse_duration(ttl) if ttl is not None else None,
        policy=_given(
            retries=check_retries,
            rise=check_rise,
            fall=check_fall,
            cacert=_absolute(check_cacert),
            cert=_absolute(check_cert),
            key=_absolute(check_key),
            insecure=check_insecure,
        ),
    )
    outcomes = ctx.obj.platform().registry.register(
        name,
        url,
        fields=fields,
        replace=replace,
        create_only=create_only,
        expect_revision=expect_rev,
        dry_run=dry_run,
    )
    return outcomes_view(outcomes, summary="nothing was changed (--dry-run)" if dry_run else "")


@command("mgov deregister orders 127.0.0.1-8080", "mgov deregister orders --all --yes", columns=OUTCOME_COLUMNS)
def deregister(
    ctx: Context,
    name: Name,
    instance: Annotated[_Text, typer.Argument(metavar="INSTANCE", help="The instance to remove")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Remove the service and all its instances")] = False,
    drain: Annotated[
        _Text, typer.Option(metavar="DURATION", help="First take it out of discovery, and wait this long")
    ] = None,
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="Succeed where it is not there")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, remove nothing")] = False,
) -> View | int:
    """Remove an instance, or with --all a service with everything that was observed of it."""
    registry = ctx.obj.platform().registry
    if (instance is None) == (not everything):
        dependents = registry.dependents(name) if instance is None else []
        told = f" (needed by {', '.join(dependents)})" if dependents else ""
        raise UsageError(f"name an instance of {name}, or say --all{told}", hint=f"mgov instances {name}")
    if everything and not dry_run:
        dependents = registry.dependents(name)
        told = f" It is needed by {', '.join(dependents)}." if dependents else ""
        if not ctx.obj.confirm(f"Remove {name} and all its instances?{told}"):
            ctx.obj.out.note("nothing was removed")
            return 1
    if drain is not None and not dry_run:
        _drain(ctx, name, instance, parse_duration(drain), missing_ok=missing_ok)
    if everything:
        outcomes = registry.deregister_all(name, missing_ok=missing_ok, dry_run=dry_run)
        if ctx.obj.platform().configs.newest(name):
            ctx.obj.out.note(f"the configuration of {name} stays, for when it comes back")
    else:
        outcomes = registry.deregister(name, str(instance), missing_ok=missing_ok, dry_run=dry_run)
    return outcomes_view(outcomes, summary="nothing was removed (--dry-run)" if dry_run else "")


@command(
    "mgov heartbeat worker worker-1",
    "mgov heartbeat worker --status degraded --note 'queue is long'",
    "mgov heartbeat backup -- /usr/local/bin/backup",
    takes_child=True,
)
def heartbeat(
    ctx: Context,
    name: Name,
    instance: Annotated[_Text, typer.Argument(metavar="INSTANCE", help="The one [the only one with a TTL]")] = None,
    status: Annotated[str, typer.Option(metavar="STATUS", help="healthy, degraded or unhealthy")] = "healthy",
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why")] = "",
) -> int | None:
    """Record that an instance with a TTL is alive. Says nothing when all is well.

    With a command behind --, run it first: healthy when it ends with 0, else unhealthy; its status is returned. A job
    that may hang is given a --deadline: then it is ended, and unhealthy.
    """
    session = ctx.obj
    registry = session.platform().registry
    if not session.has_child:
        registry.heartbeat(name, instance, status=status, note=note)
        return None
    from mgov.cli.child import run_child
    from mgov.model.health import HEALTHY, UNHEALTHY

    if status != HEALTHY or note:
        raise UsageError("the command says how it is: --status and --note go without one")
    beating = registry.beating(name, instance)
    try:
        ended = run_child(session)
    except (ChildNotFound, ChildNotRunnable, DeadlineExceeded) as error:
        registry.heartbeat(name, beating, status=UNHEALTHY, note=error.message)
        raise
    registry.heartbeat(
        name, beating, status=UNHEALTHY if ended else HEALTHY, note=f"ended with {ended}" if ended else ""
    )
    return ended


def pairs(items: list[str], flag: str) -> dict[str, str]:
    """The mapping in a list of `K=V`; an empty item clears."""
    found = {}
    for item in items:
        key, equals, value = item.partition("=")
        if item and (not equals or not key):
            raise UsageError(f"{flag} takes K=V, not {item[:80]!r}")
        if item:
            found[key] = value
    return found


def _items(given: list[str] | None) -> list[str] | None:
    return [item for item in given if item] if given is not None else None


def _given(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _absolute(path: str | None) -> str | None:
    """A file as a store names it: it is read from many folders."""
    return os.path.abspath(path) if path else path


def _endpoints(path: str) -> tuple[str, ...]:
    if not path:
        return ()
    from mgov.cli.inputs import read_document

    try:
        return openapi_endpoints(read_document(path))
    except InputError:
        raise
    except UsageError as error:
        raise InputError(f"{path}: {error.message}", hint=error.hint) from None


def _schema(path: str) -> dict[str, Any]:
    if not path:
        return {}
    from mgov.cli.inputs import read_document

    document = read_document(path)
    if not isinstance(document, dict):
        raise InputError(f"{path}: a JSON Schema is an object")
    try:
        return check_schema(document)
    except UsageError as error:
        raise InputError(f"{path}: {error.message}", hint=error.hint) from None


def _drain(ctx: Context, name: str, instance: str | None, seconds: float, *, missing_ok: bool) -> None:
    from mgov.errors import NotFound

    try:
        ctx.obj.platform().registry.maintain(name, instance, reason="draining")
    except NotFound:
        if not missing_ok:
            raise
        return
    ctx.obj.out.note(f"draining {name} for {seconds:g}s")
    ctx.obj.clock.sleep(seconds)
