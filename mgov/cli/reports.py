"""Where a look is reported beside the answer: JUnit, GitHub Actions, Prometheus' textfile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgov.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgov.cli.session import Session
    from mgov.governance.checked import Checked


class Reports:
    """The reports that one command line asks for; none costs nothing. GitHub's are made by themselves in Actions.

    Before anything is looked at: OutputError for a file that cannot be written where it is asked for, UsageError for
    what names none, such as a variable that a job forgot to set.
    """

    def __init__(self, session: Session, *, junit: str | None, textfile: str | None, is_github: bool) -> None:
        self._session = session
        self._junit, self._textfile = junit, textfile
        self._is_github = is_github or session.environ.get("GITHUB_ACTIONS") == "true"
        for flag, path in (("--junit", junit), ("--textfile", textfile)):
            if path is not None:
                from mgov.store.outfile import check_place

                if path in ("", "-"):
                    raise UsageError(f"{flag} takes a file, not {path!r}", hint=f"{flag} /dev/stdout prints it")
                check_place(path)

    def write(self, results: Sequence[Checked], *, is_last: bool = True) -> None:
        """Write each report whole, and where no further look follows, tell GitHub and add to the job summary.

        Raise OutputError when one cannot be written.
        """
        if not (self._junit or self._textfile or self._is_github):
            return
        from mgov.store.outfile import append_to, write_whole

        found = [result.to_result() for result in results]
        if self._junit:
            from mgov.formats.junit import junit

            write_whole(self._junit, junit(found))
        if self._textfile:
            from mgov.formats.textfile import textfile

            rendering = textfile(found)
            write_whole(self._textfile, rendering.text)
            for note in rendering.notes:
                self._session.out.note(note)
        if self._is_github and is_last:
            from mgov.formats.github import summary, workflow_commands

            # The runner reads commands from both streams; stdout belongs to the answer.
            for line in workflow_commands(found).splitlines():
                self._session.out.relay(line)
            place = self._session.environ.get("GITHUB_STEP_SUMMARY")
            if place:
                append_to(place, summary(found))
