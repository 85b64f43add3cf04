"""import: what another tool knows of a fleet, as a manifest."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mgov.cli.inputs import read_documents, shown_path
from mgov.cli.manifestview import manifest_view
from mgov.cli.options import Context, command
from mgov.cli.view import View
from mgov.errors import InputError, UsageError
from mgov.formats.findings import ADDRESSES, INTERNAL, PUBLISHED
from mgov.formats.malformed import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgov.cli.composefiles import ComposeFiles
    from mgov.formats.findings import Found
    from mgov.model.manifest import Entry

FORMATS = ("toml", "json")
File = Annotated[str, typer.Argument(metavar="FILE|-", help="The file, or - for standard input")]
Address = Annotated[str, typer.Option(metavar="published|internal", help="Which addresses the instances get")]


@command(
    "mgov import compose docker-compose.yml | mgov apply -f -",
    "docker compose config | mgov import compose - --address internal",
    formats=FORMATS,
)
def compose(ctx: Context, file: File, address: Address = PUBLISHED) -> View:
    """Print a compose file as a manifest. What was inferred, and from which line, is said on stderr.

    Published addresses are those of the ports on this host, internal ones those the services use among themselves. Of a
    file, what it includes and extends, its env files and the .env beside it are read too.
    """
    from mgov.formats import compose

    files = None
    if os.path.isfile(file):                            # a pipe lies beside nothing
        from mgov.cli.composefiles import ComposeFiles

        files = ComposeFiles(file)

    def read(documents: list[Any]) -> Found:
        return compose.read(documents, address=address, environ=ctx.obj.environ, files=files)

    return _view(ctx, file, address, read, files)


@command(
    "mgov import kubernetes manifests.yaml | mgov apply -f -",
    "kubectl get deploy,sts,ds,svc,cm -o json | mgov import kubernetes -",
    formats=FORMATS,
)
def kubernetes(
    ctx: Context,
    file: File,
    address: Address = INTERNAL,
    namespace: Annotated[
        str, typer.Option(metavar="NAMESPACE", help="Where objects live that do not say it")
    ] = "default",
) -> View:
    """Print Kubernetes manifests as a manifest of mgov. What was inferred, and from which line, is said on stderr.

    Internal addresses are cluster DNS names, published ones those of load balancers, external IPs and Ingress hosts.
    """
    from mgov.formats import kubernetes

    return _view(ctx, file, address, lambda docs: kubernetes.read(docs, address=address, namespace=namespace))


@command(
    "curl -s localhost:8500/v1/agent/services | mgov import consul - | mgov apply -f -",
    "mgov import consul catalog.json --address published",
    formats=FORMATS,
)
def consul(ctx: Context, file: File, address: Address = INTERNAL) -> View:
    """Print what Consul's agent, catalog or health endpoints answered as a manifest.

    Internal addresses are those of Consul's network, published ones those tagged for the WAN.
    """
    from mgov.formats import consul

    return _view(ctx, file, address, lambda docs: consul.read(docs, address=address))


def _view(
    ctx: Context, file: str, address: str, read: Callable[[list[Any]], Found], files: ComposeFiles | None = None
) -> View:
    if address not in ADDRESSES:
        raise UsageError(f"unknown --address {address:.40}", hint=f"one of {', '.join(ADDRESSES)}")
    try:
        found = read(read_documents(file))
    except Malformed as error:
        raise InputError(f"{_place(file, error.line, files)}: {error.message}", hint=error.hint) from None
    for note in sorted([*found.notes, *(files.notes if files else ())], key=lambda note: note.line):
        ctx.obj.out.note(f"{_place(file, note.line, files)}: {note.text}")
    return manifest_view(found.entries)._replace(summary=_counted(found.entries))


def _place(file: str, line: int, files: ComposeFiles | None) -> str:
    if files is not None:
        return files.place(line)
    return f"{shown_path(file)}:{line}" if line else shown_path(file)


def _counted(entries: Sequence[Entry]) -> str:
    services = len(entries)
    instances = sum(len(entry.instances) for entry in entries)
    calls = sum(len(entry.service.dependencies) for entry in entries)
    return (
        f"{services} service{'' if services == 1 else 's'}, {instances} instance{'' if instances == 1 else 's'}, "
        f"{calls} inferred dependenc{'y' if calls == 1 else 'ies'}"
    )
