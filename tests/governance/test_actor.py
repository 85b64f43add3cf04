"""Who a change is recorded under."""

import os

import pytest

from mgov.governance.actor import actor_of


@pytest.mark.parametrize(("environ", "actor"), [
    ({"MGOV_ACTOR": "ann"}, "ann"),
    ({"GITHUB_ACTOR": "bob", "GITHUB_JOB": "build"}, "bob/build"),
    ({"GITLAB_USER_LOGIN": "eve", "CI_JOB_NAME": "test"}, "eve/test"),
    ({"MGOV_ACTOR": "x" * 500}, "x" * 200),
])
def test_the_actor_is_named_or_the_ci_job(environ, actor):
    assert actor_of(environ) == actor


def test_a_uid_without_a_passwd_entry_is_still_an_actor(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert actor_of({}) == f"uid-54321@{os.uname().nodename}"
