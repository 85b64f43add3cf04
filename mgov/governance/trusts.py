"""Trusts: what a store asks its reader's machine to do, and what the reader agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.governance.current import current
from mgov.governance.policies import policies_of
from mgov.model.instance import from_value
from mgov.model.record import NamedTuple
from mgov.model.secret import references
from mgov.model.trust import VARIABLE, Act, Grant, acts_of, reference_act, refusal, untrusted
from mgov.store.trust import TrustFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mgov.clock import Clock
    from mgov.model.healthpolicy import HealthPolicy
    from mgov.model.instance import Instance
    from mgov.store.base import Store


class Asked(NamedTuple):
    """An act that the store asks for, and whether it may be carried out."""

    act: Act
    is_trusted: bool


class Agreement:
    """What the reader agreed to of a store, which need not be there. `environ` is looked at for MGOV_TRUST."""

    def __init__(self, store_id: str, environ: Mapping[str, str], file: TrustFile | None = None) -> None:
        self._store_id = store_id
        self._variable = environ.get(VARIABLE, "")
        self._file = file

    @property
    def file(self) -> TrustFile:
        """Where it is kept."""
        if self._file is None:
            self._file = TrustFile.of_user()
        return self._file

    def untrusted(self, acts: Sequence[Act]) -> set[Act]:
        """Those of `acts` that may not be carried out; the file is read only where there are any."""
        return set(untrusted(acts, self.file.grants(), self._store_id, self._variable)) if acts else set()

    def require(self, acts: Iterable[Act]) -> None:
        """Raise Untrusted when any of `acts` may not be carried out."""
        refused = self.untrusted(list(acts))
        if refused:
            raise refusal(sorted(refused))


class Trusts:
    """A store's acts against the user's own trust file. `environ` is looked at for MGOV_TRUST."""

    def __init__(self, store: Store, clock: Clock, environ: Mapping[str, str], file: TrustFile | None = None) -> None:
        self._store, self._clock = store, clock
        self.agreement = Agreement(store.id, environ, file)

    def asked(self) -> list[Asked]:
        """Everything that the store asks for: of checks by service and instance, then of configurations."""
        instances = self._instances()
        acts = acts_of(instances, policies_of(self._store, {instance.service for instance in instances}))
        acts += self._reference_acts()
        refused = self.agreement.untrusted(acts)
        return [Asked(act, act not in refused) for act in acts]

    def untrusted_among(self, instances: Iterable[Instance], policies: Mapping[str, HealthPolicy]) -> set[str]:
        """The keys (`Instance.key`) of those whose check may not be carried out; `policies` are their services'.

        The trust file is read only where there is something to trust.
        """
        wanted = list(instances)
        refused = {act.subject for act in self.agreement.untrusted(acts_of(wanted, policies))}
        return {instance.key for instance in wanted if f"{instance.service}/{instance.id}" in refused}

    def require(self, instances: Iterable[Instance], policies: Mapping[str, HealthPolicy]) -> None:
        """Raise Untrusted when the check of any of `instances`, under their services' `policies`, may not be done."""
        self.agreement.require(acts_of(instances, policies))

    def agree(self, acts: Iterable[Act]) -> None:
        """Trust `acts` of this store, and what it asked for before no longer, unless it is among them."""
        digests = frozenset(act.digest for act in acts)
        self.agreement.file.grant(Grant(self._store.id, digests, self._clock.now(), self._store.location))

    def withdraw(self) -> bool:
        """Trust nothing of this store any more; False when nothing was."""
        return self.agreement.file.withdraw(self._store.id)

    def _instances(self) -> list[Instance]:
        found = []
        for document in self._store.scan("instance/"):
            _, service, instance_id = document.key.split("/")
            found.append(from_value(service, instance_id, document.value))
        return found

    def _reference_acts(self) -> list[Act]:
        """What the newest versions would have resolved, each with the base that it saw."""
        acts = []
        for where in sorted({key.rpartition("/")[0] for key in self._store.keys("config/")}):
            _, service, environment = where.split("/")
            values = current(self._store, service, environment).values
            acts += [reference_act(f"{service}/{environment}", found) for _, found in references(values)]
        return list(dict.fromkeys(acts))
