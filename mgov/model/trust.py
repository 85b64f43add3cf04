"""Trust: what of a store may act on its reader's machine, and whether the reader agreed.

A store is data, perhaps from a repository that was just cloned. What in it would run a command, read a file or a
variable of the environment, or send something somewhere is an `Act`; none is carried out before its reader agreed
(`mgov trust`). Agreement is to a content, in one store: an act that changes by a letter is a new one, the same act
under another service is the same. So a command looks at the acts that it is about to carry out and at no others, and
a service that goes takes nobody's trust away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import Untrusted
from mgov.model.healthpolicy import reads_files
from mgov.model.record import NamedTuple
from mgov.model.secret import COMMAND, ENV, FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.model.healthpolicy import HealthPolicy
    from mgov.model.instance import Instance
    from mgov.model.secret import Reference

COMMAND_KIND, FILE_KIND, VARIABLE_KIND = "command", "file", "variable"
_REFERENCE_KINDS = {ENV: VARIABLE_KIND, FILE: FILE_KIND, COMMAND: COMMAND_KIND}
VARIABLE = "MGOV_TRUST"


class Act(NamedTuple):
    """One thing that a store asks for: who asks (`subject`: service/instance), of which kind, and what, in words."""

    subject: str
    kind: str
    content: str

    @property
    def digest(self) -> str:
        """SHA-256 over kind and content, in hexadecimal: what agreement is kept by."""
        from hashlib import sha256

        return sha256(f"{self.kind}\0{self.content}".encode("utf-8", "surrogatepass")).hexdigest()


class Grant(NamedTuple):
    """What a reader agreed to in one store: digests, when (seconds since the epoch), and where the store lay then."""

    store_id: str
    digests: frozenset[str]
    at: float = 0.0
    location: str = ""


def acts_of(instances: Iterable[Instance], policies: Mapping[str, HealthPolicy]) -> list[Act]:
    """What checking `instances` would carry out, in their order: commands, and files that their services name."""
    acts = []
    for instance in instances:
        subject = f"{instance.service}/{instance.id}"
        if instance.check.kind == COMMAND_KIND:
            acts.append(Act(subject, COMMAND_KIND, instance.check.url.removeprefix("command:")))
        elif (policy := policies.get(instance.service)) is not None and reads_files(instance.check, policy):
            acts += [Act(subject, FILE_KIND, path) for path in policy.files]
    return acts


def needs_trust(instance: Instance, policy: HealthPolicy | None) -> bool:
    """Whether checking `instance` carries out any act."""
    return bool(acts_of([instance], {instance.service: policy} if policy is not None else {}))


def reference_act(subject: str, reference: Reference) -> Act:
    """What resolving a reference in the configuration `subject` (service/environment) would carry out."""
    return Act(subject, _REFERENCE_KINDS[reference.kind], reference.target.strip())


def is_trusted(grants: Mapping[str, Grant], store_id: str, digest: str, variable: str) -> bool:
    """Whether the act with `digest` may be carried out for the store `store_id`.

    `variable` is the value of MGOV_TRUST: ids of stores that are trusted whatever they hold, with commas between.
    """
    if is_trusted_whole(store_id, variable):
        return True
    grant = grants.get(store_id)
    return grant is not None and digest in grant.digests


def is_trusted_whole(store_id: str, variable: str) -> bool:
    """Whether MGOV_TRUST names the store."""
    return bool(store_id) and store_id in [part.strip() for part in variable.split(",")]


def untrusted(acts: Sequence[Act], grants: Mapping[str, Grant], store_id: str, variable: str) -> list[Act]:
    """Those of `acts` that may not be carried out, in their order."""
    return [act for act in acts if not is_trusted(grants, store_id, act.digest, variable)]


def refusal(acts: Sequence[Act]) -> Untrusted:
    """The error that says that `acts` (at least one) are not trusted."""
    first = acts[0]
    others = f" and {len(acts) - 1} more" if len(acts) > 1 else ""
    verb = {COMMAND_KIND: "run", VARIABLE_KIND: "read the variable"}.get(first.kind, "read")
    return Untrusted(
        f"{first.subject} asks to {verb} {first.content[:80]!r}{others}, and this store is not trusted to",
        hint="look at what it asks for, and agree, with: mgov trust",
    )
