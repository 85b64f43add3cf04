"""Every error that mgov raises, with its code word, exit status and hint.

MgovError
├── Unmet             unmet            1   what was waited for was given up: a target failed too often in a row
├── UsageError        usage            2   a bad flag, argument or value
│   ├── InvalidName   invalid-name     2   a name outside the grammar
│   └── InputError    invalid-input    2   a file or document given as input is wrong: names file, line, key
├── NotFound          not-found        3   no such service, instance, key or version; nothing to check
├── Conflict          conflict         4   compare-and-set lost, or create-only found one
├── DeadlineExceeded  timeout          5   --wait or --deadline ran out
│   └── LockTimeout   lock-timeout     5   another process kept a lock past the deadline
├── Refused           refused          6   the answer exists but may not be given
│   ├── NoneHealthy   none-healthy     6   a service is known, none of its instances may be used
│   ├── RateLimited   rate-limited     6   a rate limit has nothing left for now
│   ├── BreakerOpen   breaker-open     6   a circuit breaker lets no call out now
│   └── Untrusted     untrusted        6   a store asks to run, read or send something, and was not trusted to
├── RemoteError       remote           7   a peer could not be reached or answered wrongly
├── StoreError        store            8   the store cannot serve; nothing was changed
│   ├── NotAStore     not-a-store      8   the folder is not a store, or none was found
│   ├── StoreDamaged  store-damaged    8   a file in the store is cut, flipped or invalid
│   ├── StoreDenied   store-denied     8   permissions, ownership or a planted link
│   ├── StoreFull     store-full       8   no space, inodes or quota left
│   ├── StoreNewer    store-newer      8   written by a newer mgov
│   └── Compacted     compacted        8   the change feed no longer reaches back that far
├── InternalError     bug             70   a bug in mgov
├── ChildNotRunnable  child-not-runnable 126   the command behind -- cannot be run
├── ChildNotFound     child-not-found    127   the command behind -- is not there
├── OutputError       output          74   the answer could not be written; the change itself may be done
└── OutcomeUnknown    outcome-unknown 75   a write may or may not have happened: look, then repeat

The exit statuses follow BSD's sysexits(3) from 70 on. `EXIT_MEANINGS` is what `mgov help exit-codes` prints.
"""

EXIT_MEANINGS: dict[str, str] = {
    "0": "done; healthy; no difference",
    "1": 'the answer is "no": unhealthy, differs, a cycle, a broken rule',
    "2": "usage: a bad flag, argument or input file; a prompt needed without a terminal",
    "3": "not found: service, instance, key, version, trace; nothing to check",
    "4": "conflict: compare-and-set lost, --create-only exists",
    "5": "timeout: --wait, --deadline, a lock",
    "6": "refused: breaker open, rate limited, no healthy instance, not trusted",
    "7": "remote failure: connect, TLS, protocol, or an HTTP status at or above --fail-on",
    "8": "store: none, unreadable, damaged, newer format, no permission, disk full (nothing changed)",
    "70": "a bug in mgov",
    "74": "the output could not be written; the change itself may be done",
    "75": "outcome unknown: look, then repeat",
    "126/127": "child command not runnable / not found",
    "130/141/143": "ended by a signal: interrupt, closed pipe, terminate",
}

OK = 0
NO = 1
INTERRUPTED = 130
PIPE_CLOSED = 141
TERMINATED = 143


class MgovError(Exception):
    """Base of all: one line that says what happened to which named thing, and optionally what to type next.

    `hint` is shown after `hint:`; it is a command or a correction, never an apology.
    """

    code = "error"
    exit_status = 70

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def extend(self, text: str) -> None:
        """Say more in the same line."""
        self.message += f"; {text}"
        self.args = (self.message,)


class Unmet(MgovError):
    """What was waited for was given up before the time ran out."""

    code = "unmet"
    exit_status = 1


class UsageError(MgovError):
    """A bad flag, argument or value."""

    code = "usage"
    exit_status = 2


class InvalidName(UsageError):
    """A name outside the grammar of `mgov.model.names`."""

    code = "invalid-name"


class InputError(UsageError):
    """A file or document given as input is wrong; the message names file, line and key where they are known."""

    code = "invalid-input"


class NotFound(MgovError):
    """No such service, instance, key or version; or nothing to check."""

    code = "not-found"
    exit_status = 3


class Conflict(MgovError):
    """A compare-and-set lost its race, or a create-only write found the key."""

    code = "conflict"
    exit_status = 4


class DeadlineExceeded(MgovError):
    """What was waited for did not happen in time."""

    code = "timeout"
    exit_status = 5


class LockTimeout(DeadlineExceeded):
    """Another process kept a lock past the deadline; the message names it."""

    code = "lock-timeout"


class Refused(MgovError):
    """The thing exists and may not be used now."""

    code = "refused"
    exit_status = 6


class NoneHealthy(Refused):
    """The service is known and none of its instances may be used."""

    code = "none-healthy"


class RateLimited(Refused):
    """A rate limit has nothing left for now. `retry_after_s` is when it would have, in seconds."""

    code = "rate-limited"

    def __init__(self, message: str, *, hint: str | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class BreakerOpen(Refused):
    """A circuit breaker lets no call out now; ask again after `retry_after_s` seconds, None where nobody can tell."""

    code = "breaker-open"

    def __init__(self, message: str, *, hint: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Untrusted(Refused):
    """A store asks to run a command, read a file or variable, or send something, and its reader did not agree."""

    code = "untrusted"


class RemoteError(MgovError):
    """A peer could not be reached, or did not speak the protocol."""

    code = "remote"
    exit_status = 7


class StoreError(MgovError):
    """The store cannot serve this; nothing was changed."""

    code = "store"
    exit_status = 8


class NotAStore(StoreError):
    """No store was found, or the named folder is not one."""

    code = "not-a-store"


class StoreDamaged(StoreError):
    """A file in the store is cut, flipped or invalid; the message names it and where."""

    code = "store-damaged"


class StoreDenied(StoreError):
    """Permissions, ownership, a read-only file system or a planted link stand in the way."""

    code = "store-denied"


class StoreFull(StoreError):
    """No space, no inodes or no quota is left."""

    code = "store-full"


class StoreNewer(StoreError):
    """The store or a file in it was written by a newer mgov."""

    code = "store-newer"


class Compacted(StoreError):
    """The change feed no longer reaches back to the revision asked for."""

    code = "compacted"


class InternalError(MgovError):
    """A bug in mgov."""

    code = "bug"
    exit_status = 70


class ChildNotRunnable(MgovError):
    """The command behind `--` is there and cannot be run."""

    code = "child-not-runnable"
    exit_status = 126


class ChildNotFound(MgovError):
    """The command behind `--` is not there."""

    code = "child-not-found"
    exit_status = 127


class OutputError(MgovError):
    """The answer could not be written; the change itself may be done."""

    code = "output"
    exit_status = 74


class OutcomeUnknown(MgovError):
    """A write may or may not have happened; look before repeating it."""

    code = "outcome-unknown"
    exit_status = 75
