"""Where a logical key lies in the files driver, and which lock guards it.

    service/<s>                       services/<s>.toml            lock/intent
    config/<s>/<env>/<n>              configs/<s>/<env>/<n>.toml   lock/intent; <n> has six digits
    instance/<s>/<id> maintenance/<s> instances/<s>.json           lock/intent
    policy                            policy.toml                  lock/intent; people write it, undo alone does too
    health/<s> sweep                  state/health/<s>.json ...    lock/health
    heartbeat/<s>/<id>                state/heartbeat/<s>/<id>.json    lock/heartbeat-<bucket>, 64 buckets
    pick/<s> recent/<s> rollup/<s>    state/<family>/<s>.json      lock/<family>-<bucket>
    limit/<s>                         state/limit/<s>.json         lock/limit-<bucket>
    limit-keys/<s>/<bucket>           state/limit-keys/<s>/<bucket>.json    the lock of limit/<s>
    breaker/<s>                       state/breaker/<s>.json       lock/breaker-<bucket>

Every part of a key is checked to be a name before it becomes a path.
"""

from zlib import crc32

from mgov.errors import InternalError, InvalidName
from mgov.model.names import check_name, is_version_number
from mgov.model.record import NamedTuple

LOCK_BUCKETS = 64
SERVICE_STATE = ("health", "pick", "recent", "rollup", "limit", "breaker")    # one document per service
NESTED_STATE = ("heartbeat", "limit-keys")      # a folder of documents per service
POLICY = "policy"
SERVICES, INSTANCES, CONFIGS, HISTORY, LOCKS, QUARANTINE, CACHE = (
    "services", "instances", "configs", "history", "lock", "quarantine", "cache",
)  # fmt: skip
STATE = "state"
INTENT_LOCK, HEALTH_LOCK = "intent", "health"


class Place(NamedTuple):
    """A file below the root: its folder, its name, and the subject whose history it has."""

    folder: str
    name: str

    @property
    def path(self) -> str:
        """Relative to the root, for people."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def is_toml(self) -> bool:
        """Whether people own it."""
        return self.folder == SERVICES

    @property
    def is_version(self) -> bool:
        """Whether it is a version of a configuration: written once, and without a history of its own."""
        return self.folder.startswith(f"{CONFIGS}/")

    @property
    def is_policy(self) -> bool:
        """Whether it is the policy of the whole store."""
        return not self.folder and self.name == "policy.toml"

    @property
    def history(self) -> str:
        """The folder of its last good copies."""
        stem = self.name.rpartition(".")[0]
        return f"{HISTORY}/{self.folder}/{stem}" if self.folder else f"{HISTORY}/{stem}"


def place_of(key: str) -> Place:
    """The file that holds `key`."""
    family, *names = key.split("/")
    for name in names:
        check_name(name, "key")
    if family == "service" and len(names) == 1:
        return Place(SERVICES, f"{names[0]}.toml")
    if family == "config" and len(names) == 3 and is_version_number(names[2]):
        return Place(f"{CONFIGS}/{names[0]}/{names[1]}", f"{names[2]}.toml")
    if (family == "instance" and len(names) == 2) or (family == "maintenance" and len(names) == 1):
        return Place(INSTANCES, f"{names[0]}.json")
    if family in NESTED_STATE and len(names) == 2:
        return Place(f"{STATE}/{family}/{names[0]}", f"{names[1]}.json")
    if family in SERVICE_STATE and len(names) == 1:
        return Place(f"{STATE}/{family}", f"{names[0]}.json")
    if key == POLICY:
        return Place("", "policy.toml")
    if key == "sweep":
        return Place(STATE, "sweep.json")
    if family in ("service", "config", "instance", "maintenance", *NESTED_STATE, *SERVICE_STATE):
        raise InvalidName(f"{key[:80]!r} is not a key: a name cannot hold '/'")
    raise InternalError(f"{key[:80]!r} is not a key of this store")


def lock_of(key: str) -> str:
    """The name of the lock that a write of the state document `key` takes."""
    family, _, rest = key.partition("/")
    if family in ("health", "sweep"):
        return HEALTH_LOCK
    if family == "limit-keys":                  # one limit is split, and reset, in one piece
        return lock_of(f"limit/{rest.partition('/')[0]}")
    return f"{family}-{crc32(key.encode()) % LOCK_BUCKETS:02x}"
