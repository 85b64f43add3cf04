"""Who a change is recorded under. On the path of a hot verb."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# who runs a CI job, and which job it is: GitHub, GitLab, Buildkite, CircleCI, Jenkins
_CI_ACTORS = (
    ("GITHUB_ACTOR", "GITHUB_JOB"),
    ("GITLAB_USER_LOGIN", "CI_JOB_NAME"),
    ("BUILDKITE_BUILD_CREATOR", "BUILDKITE_LABEL"),
    ("CIRCLE_USERNAME", "CIRCLE_JOB"),
    ("BUILD_USER_ID", "JOB_NAME"),
)
_MAX_ACTOR_CHARS = 200


def actor_of(environ: "Mapping[str, str]") -> str:
    """MGOV_ACTOR, else the CI's actor and job, else user@host; at most 200 characters."""
    return _named(environ)[:_MAX_ACTOR_CHARS]


def _named(environ: "Mapping[str, str]") -> str:
    named = environ.get("MGOV_ACTOR", "").strip()
    if named:
        return named
    for who, job in _CI_ACTORS:
        if environ.get(who):
            return f"{environ[who]}/{environ[job]}" if environ.get(job) else environ[who]
    return f"{_user(environ)}@{os.uname().nodename}"


def _user(environ: "Mapping[str, str]") -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:                                    # a container's uid without a passwd entry
        return environ.get("LOGNAME") or environ.get("USER") or f"uid-{os.getuid()}"
