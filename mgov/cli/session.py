"""One command's session: what the global options and their variables say, and what the command is given."""

import signal
import sys
import threading

from mgov.cli.output import Output
from mgov.cli.text import clean
from mgov.clock import SystemClock
from mgov.errors import DeadlineExceeded, MgovError, UsageError
from mgov.model.units import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from mgov.clock import Clock
    from mgov.governance.platform import Platform

class Session:
    """Given to every command as `ctx.obj`.

    `store` is the text of --store or MGOV_STORE; `child` is what stood behind `--`; `deadline_s` is the time the
    whole command has, in seconds, or None.
    """

    def __init__(
        self,
        out: Output,
        environ: "Mapping[str, str]",
        child: "list[str] | None" = None,
        clock: "Clock | None" = None,
    ) -> None:
        self.out = out
        self.environ = environ
        self.clock: Clock = clock or SystemClock()
        self.child = child or []
        self.has_child = child is not None
        self.store: str | None = environ.get("MGOV_STORE") or None
        self.deadline: str | None = environ.get("MGOV_DEADLINE") or None
        self.assume_yes = bool(environ.get("MGOV_YES"))
        self.debug = bool(environ.get("MGOV_DEBUG"))
        self._platform: Platform | None = None
        self._alarm_before: Any = None

    @property
    def is_quiet(self) -> bool:
        """Whether notes are silenced."""
        return self.out.is_quiet

    @property
    def deadline_s(self) -> "float | None":
        """What --deadline gives the whole command, in seconds; raise UsageError when it is not a duration."""
        return None if self.deadline is None else parse_duration(self.deadline)

    @property
    def lock_wait_s(self) -> float:
        """How long to wait for another writer: the store's own patience, and not quite to the deadline.

        So it is the holder of the lock that is named, not the clock.
        """
        from mgov.store.files import LOCK_WAIT_S

        given = self.deadline_s
        return LOCK_WAIT_S if given is None else min(LOCK_WAIT_S, 0.9 * given)

    def remember(self, key: str, value: "str | bool") -> None:
        """Take a global option that was typed; the last one typed wins."""
        text = str(value)
        match key:
            case "store":
                self.store = text
            case "output":
                self.out.format = text
            case "columns":
                self.out.columns = tuple(name.strip() for name in text.split(",") if name.strip())
            case "color":
                self.out.color = text
            case "deadline":
                self.deadline = text
            case "quiet":
                self.out.is_quiet = True
            case "verbose":
                self.out.is_verbose = True
            case "debug":
                self.debug = True
            case "yes":
                self.assume_yes = True

    def confirm(self, question: str, details: "Iterable[str]" = ()) -> bool:
        """Whether a person agrees: yes with --yes, asked on a terminal; raise UsageError where nobody can be asked.

        `details` are lines to read before the question.
        """
        if self.assume_yes:
            return True
        asked, answers = self.out.stderr, sys.stdin
        if asked is None or answers is None or not (asked.isatty() and answers.isatty()):
            raise UsageError(f"{question} nobody can be asked here", hint="add --yes, or look first with --dry-run")
        for line in details:
            asked.write(clean(line) + "\n")
        asked.write(f"{clean(question)} [y/N] ")
        asked.flush()
        return answers.readline().strip().lower() in ("y", "yes")

    def platform(self) -> "Platform":
        """The platform over this session's store, opened on first use and closed by `close`."""
        if self._platform is None:
            from mgov.cli.stores import find_store
            from mgov.governance.platform import Platform

            place = find_store(self.store, self.environ, is_terminal=self.out.is_terminal, note=self.out.note)
            self._platform = Platform.open(
                place, clock=self.clock, warn=self.out.warn, lock_wait_s=self.lock_wait_s
            )
        return self._platform

    def knows_service(self, name: str) -> bool:
        """Whether the store has the service `name`; False, too, where there is no store or it cannot be read."""
        from mgov.store.root import locate

        if not locate(self.store, self.environ):
            return False                                # asking must not make the user's own
        try:
            self.platform().registry.show(name)
        except MgovError:
            return False
        return True

    @property
    def has_damage(self) -> bool:
        """Whether the store had to leave something out of an answer."""
        return self._platform is not None and bool(getattr(self._platform.store, "damaged", ()))

    def start_deadline(self) -> None:
        """From now on the whole command has `deadline_s` left; then DeadlineExceeded is raised in the main thread."""
        if self.deadline_s is not None and threading.current_thread() is threading.main_thread():
            self._alarm_before = signal.signal(signal.SIGALRM, self._on_alarm)
            signal.setitimer(signal.ITIMER_REAL, self.deadline_s)

    def _on_alarm(self, _number: int, _frame: object) -> None:
        raise DeadlineExceeded(f"the deadline of {self.deadline} is over")

    def close(self) -> None:
        """Let go of the deadline and the store."""
        if self._alarm_before is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._alarm_before)
            self._alarm_before = None
        if self._platform is not None:
            self._platform.close()
