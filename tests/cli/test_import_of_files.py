"""import compose opens what a file includes, extends and takes from env files, bounded, and names each by its path."""

import os
import tomllib

import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a compose file that takes something from others, and it is the current one."""
    (tmp_path / "base").mkdir()
    (tmp_path / "compose.yml").write_text(
        "services:\n  web:\n    extends: {file: base/app.yml, service: app}\n    image: web:${TAG}\n"
        "    env_file: web.env\n  db: {expose: [5432]}\n"
    )
    (tmp_path / "base" / "app.yml").write_text("# shared\nservices:\n  app:\n    ports: ['80']\n")
    (tmp_path / "web.env").write_text("A=1\nSECRET=hunter2\nDB_HOST=db\nFROM_SHELL\nhunter3 hunter4\n")
    (tmp_path / ".env").write_text("TAG=1.4\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_a_compose_file_takes_from_other_files_is_read_and_each_guess_names_its_own_file(run, project):
    result = run("import", "compose", "compose.yml")
    services = tomllib.loads(result.out)["services"]
    assert (services["web"]["version"], services["web"]["dependencies"]) == ("1.4", ["db"])
    assert result.err.splitlines() == [
        "compose.yml:6: db: 5432 is not published on a port that is known",
        "base/app.yml:4: web: 80 is not published on a port that is known",
        "web.env:3: web depends on db (inferred from DB_HOST)",
        "web.env:5: it is not read as an env file from here on",
        "2 services, 0 instances, 1 inferred dependency",
    ]
    (project / "base" / "main.yml").write_text("include: [../compose.yml]\n")
    assert run("import", "compose", "base/main.yml").err.startswith("compose.yml:6: db: 5432")
    elsewhere = run("import", "compose", str(project / "compose.yml"))
    assert f"{project}/base/app.yml:4: web: 80" in elsewhere.err


def test_what_aliases_share_in_another_file_keeps_its_lines(run, project):
    (project / "base" / "app.yml").write_text("x-ports: &ports\n- '80'\nservices:\n  app: {ports: *ports}\n")
    assert "\nbase/app.yml:2: web: 80 is not published" in run("import", "compose", "compose.yml").err


def test_a_pipe_lies_beside_nothing_so_that_it_is_said_what_is_not_followed(run, project):
    result = run("import", "compose", "-", input=(project / "compose.yml").read_text())
    hint = "docker compose config | mgov import compose -"
    assert f"standard input:3: web: extends is not followed: {hint}\n" in result.err
    assert f"standard input:5: web: env_file is not followed: {hint}\n" in result.err


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("base/app.yml", "services: [\n", "base/app.yml:2:1: did not find expected node content"),
        ("base/app.yml", "services: {app: {ports: [x]}}\n", "base/app.yml:1: 'x' is not a port"),
        ("base/app.yml", None, "compose.yml:3: base/app.yml is not a file that is there"),
        ("base/app.yml", "services: {app: {extends: {file: '../compose.yml', service: web}}}\n",
         "base/app.yml:1: the services that extend each other go round in a circle"),
        ("base/app.yml", "services: {app: {extends: {file: '/dev/zero', service: web}}}\n",
         "base/app.yml:1: /dev/zero is not a file that is there"),
        ("base/app.yml", 'services: {app: {env_file: "a\\0b"}}\n', "base/app.yml:1: 'a\\x00b' is not a path"),
        ("base/app.yml", f"services: {{app: {{env_file: [{', '.join(f'{i}.env' for i in range(300))}]}}}}\n",
         "base/app.yml:1: more than 200 files are named"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_another_file_is_refused_with_its_place(run, project, file, text, message):
    for number in range(300):
        (project / "base" / f"{number}.env").write_text("A=1\n")
    (project / file).unlink()
    if text is not None:
        (project / file).write_text(text)
    result = run("import", "compose", "compose.yml")
    assert (result.code, result.out, result.err.splitlines()[0]) == (2, "", f"mgov: {message}")


def test_a_named_pipe_and_a_folder_are_no_files_and_large_ones_are_refused(run, project):
    (project / "web.env").unlink()
    os.mkfifo(project / "web.env")
    (project / ".env").unlink()
    (project / ".env").mkdir()
    assert "compose.yml:5: web: its env file web.env is not there\n" in run("import", "compose", "compose.yml").err
    os.unlink(project / "web.env")
    with open(project / "web.env", "wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert run("import", "compose", "compose.yml").err == (
        "mgov: compose.yml:5: the files that are named have more than 32 MiB\n"
    )
