"""What a compose file includes, extends and takes from env files is part of it, as the Compose Specification says."""

import itertools
import posixpath

import pytest

from mgov.formats import compose, compose_files, dotenv
from mgov.formats.compose_files import Opened
from mgov.formats.malformed import Malformed
from mgov.formats.yamltext import parse_all


class Folder:
    """Files by their paths; compose.yml is the main one."""

    def __init__(self, files):
        self._files = files

    def main(self, documents):
        return Opened("compose.yml", "", documents)

    def compose(self, path, folder, line):
        key = posixpath.normpath(posixpath.join(folder, path))
        return Opened(key, posixpath.dirname(key), parse_all(self._files[key].encode()))

    def settings(self, path, folder, line):
        text = self._files.get(posixpath.normpath(posixpath.join(folder, path)))
        return None if text is None else list(dotenv.entries(text.encode()))

    def folder(self, path, folder):
        return posixpath.join(folder, path)


def read(files, environ=None):
    return compose.read(parse_all(files["compose.yml"].encode()), environ=environ, files=Folder(files))


def by_name(files, environ=None):
    return {entry.service.name: entry for entry in read(files, environ).entries}


def needs(entry):
    return [dependency.name for dependency in entry.service.dependencies]


def urls(entry):
    return [instance.url for instance in entry.instances]


def test_variables_come_from_the_environment_and_then_from_the_env_beside_the_file():
    files = {"compose.yml": "services: {web: {image: 'web:${TAG}', ports: ['${A}${PORT:-80}:80']}}",
             ".env": "TAG=1.0\nA=1\nPORT=${A}2\n"}  # fmt: skip
    (web,) = by_name(files, {"TAG": "2.0"}).values()
    assert (web.service.version, urls(web)) == ("2.0", ["http://127.0.0.1:112"])


def test_env_files_name_calls_the_later_over_the_earlier_and_the_environment_over_both():
    files = {
        "compose.yml": "services:\n  web:\n    env_file: [a.env, {path: b.env}]\n    environment: {C_HOST: c}\n"
                       "  a: {}\n  b: {}\n  c: {}\n",
        "a.env": "A_HOST=a\nB_HOST=a\nC_HOST=a\nD_URL=http://${A_HOST}\n", "b.env": "A_HOST=b\nB_HOST=b\n",
    }  # fmt: skip
    found = read(files)
    assert needs({entry.service.name: entry for entry in found.entries}["web"]) == ["a", "b", "c"]
    assert (4, "web depends on a (inferred from D_URL)") in [(note.line, note.text) for note in found.notes]


def test_an_env_file_that_is_not_there_is_said_unless_it_need_not_be():
    notes = read({"compose.yml": "services:\n  web:\n    env_file:\n    - gone.env\n"
                                 "    - {path: x.env, required: false}\n"}).notes  # fmt: skip
    assert [(note.line, note.text) for note in notes if "env" in note.text] == [
        (4, "web: its env file gone.env is not there")
    ]


def test_a_setting_whose_variable_is_not_set_is_left_out_and_its_value_never_said():
    notes = read({"compose.yml": "services: {web: {env_file: a.env}}", "a.env": "X=1\nPASSWORD=pa$$x$ecret\n"}).notes
    assert [(note.line, note.text) for note in notes if note.line == 2] == [
        (2, "web: PASSWORD holds a variable that cannot be filled: left out")
    ]


BASE = """
services:
  app:
    extends: root
    image: app:1
    labels: [team=shop]
    env_file: app.env
    ports: ["8080:80"]
    healthcheck: {test: curl -f http://localhost/base, interval: 5s}
    depends_on: [db]
  root:
    environment: [CACHE_URL=redis://cache, DB_HOST=other]
"""


def test_a_service_has_all_of_the_one_that_it_extends_and_what_is_its_own_wins():
    files = {
        "compose.yml": "services:\n  web:\n    extends: {file: common/base.yml, service: app}\n    image: web:2\n"
                       "    ports: ['8080:80', '8081:81']\n    environment: {DB_HOST: db}\n"
                       "    healthcheck: {test: curl -f http://localhost/own}\n"
                       "    depends_on: {mail: {required: false}}\n"
                       "  cache: {}\n  db: {}\n  mail: {}\n  queue: {}\n  other: {}\n",
        "common/base.yml": BASE, "common/app.env": "Q_ADDR=queue:1\n",
    }  # fmt: skip
    web = by_name(files)["web"]
    assert (web.service.version, web.service.owner) == ("2", "shop")
    assert urls(web) == ["http://127.0.0.1:8080", "http://127.0.0.1:8081"]
    assert (web.instances[0].check.url, web.instances[0].check.interval_s) == ("http://127.0.0.1:8080/own", 5.0)
    assert needs(web) == ["cache", "db", "mail", "queue"]


def test_included_projects_have_their_own_folder_and_variables_and_one_may_be_included_twice():
    files = {
        "compose.yml": "include: [a/compose.yml, b/compose.yml]\nservices: {web: {environment: {U: 'http://db'}}}\n",
        "a/compose.yml": "include: [../c.yml]\nservices: {a: {image: 'a:${TAG}', env_file: x.env}}\n",
        "a/.env": "TAG=7\n", "a/x.env": "DB_HOST=db\n",
        "b/compose.yml": "include: [{path: ../c.yml}]\nservices: {b: {image: 'b:${TAG-none}'}}\n",
        "c.yml": "services: {db: {}}\n",
    }  # fmt: skip
    found = by_name(files)
    assert list(found) == ["a", "b", "db", "web"]
    assert (found["a"].service.version, found["b"].service.version) == ("7", "none")
    assert (needs(found["a"]), needs(found["web"])) == (["db"], ["db"])


def test_an_include_of_several_files_lets_the_later_override_in_the_folder_and_with_the_variables_it_names():
    files = {
        "compose.yml": "include:\n- {path: [x/a.yml, x/b.yml], project_directory: p, env_file: v.env}\n",
        "x/a.yml": "services: {a: {image: 'a:${TAG}', ports: ['1:1'], env_file: e.env}}\n",
        "x/b.yml": "services: {a: {ports: ['2:2']}, db: {}}\n",
        "v.env": "TAG=5\n", "p/e.env": "DB_HOST=db\n",
    }  # fmt: skip
    found = by_name(files)
    assert (found["a"].service.version, needs(found["a"])) == ("5", ["db"])
    assert urls(found["a"]) == ["http://127.0.0.1:1", "http://127.0.0.1:2"]


def test_what_lies_on_another_machine_is_said_and_not_fetched():
    text = "include:\n- oci://docker.io/x/y\n- https://example.com/x.git\n- git@example.com:x\nservices: {web: {}}\n"
    said = "an include from another machine is not followed"
    assert [(n.line, n.text) for n in read({"compose.yml": text}).notes if n.line] == [(i, said) for i in (2, 3, 4)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"compose.yml": "services: {a: {extends: b}, b: {extends: {service: a}}}"},
         "the services that extend each other go round in a circle"),
        ({"compose.yml": "services: {a: {extends: {file: b.yml, service: b}}}",
          "b.yml": "services: {b: {extends: {file: b.yml, service: b}}}"},
         "the services that extend each other go round in a circle"),
        ({"compose.yml": "services: {" + ", ".join(f"s{i}: {{extends: s{i + 1}}}" for i in range(1000)) + "}"},
         "more than 100 services extend each other"),
        ({"compose.yml": "include: [f0]", **{f"f{i}": f"include: [f{i + 1}]" for i in range(1000)}},
         "more than 100 files include each other"),
        ({"compose.yml": "include: [a.yml]", "a.yml": "include: [compose.yml]"}, "the includes go round in a circle"),
        ({"compose.yml": "services: {a: {extends: gone}}"}, "extends names 'gone', which is not here"),
        ({"compose.yml": "services: {a: {extends: {file: b.yml, service: x}}}", "b.yml": "services: {}"},
         "extends names 'x', which is not in b.yml"),
        ({"compose.yml": "services: {a: {extends: {file: '${X}', service: x}}}"}, "${X} is not set"),
        ({"compose.yml": "include: [a.yml]\nservices: {web: {}}", "a.yml": "services: {web: {}}"},
         "the service web stands twice"),
        ({"compose.yml": "include: [{project_directory: x}]"}, "an include needs a path"),
        ({"compose.yml": "include: [a.yml]", "a.yml": "services: 3"}, "services must be a mapping, not 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_put_together_is_refused(files, message):
    with pytest.raises(Malformed) as caught:
        read(files)
    assert caught.value.message == message


class Counting(dict):
    """Variables that count how often they are asked for one."""

    asked = 0

    def __getitem__(self, name):
        self.asked += 1
        return super().__getitem__(name)

    def __contains__(self, name):
        self.asked += 1
        return super().__contains__(name)

    def get(self, name, default=None):
        self.asked += 1
        return super().get(name, default)


def test_a_variable_that_is_looked_up_through_many_included_files_is_asked_for_a_few_times():
    names = [f"{at}.yml" for at in range(15)]
    files = {name: f"include: [{after}]\nservices: {{}}\n" for name, after in itertools.pairwise(names)}
    files |= {"compose.yml": "include: [0.yml]\n", names[-1]: "services: {web: {image: 'x:${TAG}'}}\n"}
    environ = Counting(TAG="2.0")
    assert [entry.service.version for entry in read(files, environ).entries] == ["2.0"]
    assert environ.asked < 10


def test_env_files_whose_variables_grow_and_grow_are_bounded():
    lines = ["A0=0123456789"] + [f"A{at}=$A{at - 1}$A{at - 1}" for at in range(1, 60)]
    files = {"compose.yml": "services: {web: {env_file: e.env}}", "e.env": "\n".join(lines)}
    assert "web: A14 holds a variable that cannot be filled: left out" in [note.text for note in read(files).notes]
    files["e.env"] = "\n".join([*lines[:14], *(f"B{at}=$A13" for at in range(60))])
    with pytest.raises(Malformed, match="env files make more than 2097152 characters"):
        read(files)


def test_what_many_services_take_from_one_env_file_is_bounded(monkeypatch):
    monkeypatch.setattr(compose, "MAX_SETTINGS", 4000)
    files = {"compose.yml": f"services: {{{', '.join(f's{at}: {{env_file: e.env}}' for at in range(5))}}}",
             "e.env": f"A={'x' * 1000}"}  # fmt: skip
    with pytest.raises(Malformed, match="env files make more than 4000 characters in all"):
        read(files)


@pytest.mark.parametrize("text", [
    "services:\n  a: {labels: {A: 1, B: 2, C: 3}}\n  b: {extends: a}\n  c: {extends: a}\n",
    "services:\n  a: {env_file: [e.env, e.env, e.env, e.env]}\n",
    "include:\n- path: [p.yml, p.yml, p.yml, p.yml, p.yml]\n",
])  # fmt: skip
def test_what_is_taken_from_elsewhere_again_and_again_is_bounded(monkeypatch, text):
    monkeypatch.setattr(compose_files, "MAX_TAKEN", 9)
    files = {"compose.yml": text, "e.env": "A=1\nB=2\nC=3\n", "p.yml": "services: {a: {labels: [A, B, C]}}"}
    with pytest.raises(Malformed, match="more than 9 values are taken from other files and services"):
        read(files)


def test_an_include_names_so_many_files_and_no_more():
    text = f"include:\n- path: [{', '.join(['p.yml'] * 101)}]\n"
    with pytest.raises(Malformed, match="an include names more than 100 files"):
        read({"compose.yml": text, "p.yml": "services: {}"})


def test_long_lists_of_services_that_extend_each_other_are_joined_in_no_time():
    ports = ", ".join(f"'{at}'" for at in range(1, 20_000))
    files = {"compose.yml": f"services:\n  a: {{expose: [{ports}]}}\n  b: {{extends: a, expose: [{ports}]}}\n"}
    assert by_name(files)["b"].service is not None


def test_of_two_includes_that_begin_with_the_same_file_both_count():
    files = {"compose.yml": "include: [{path: [base.yml, a.yml]}, {path: [base.yml, b.yml]}]\n",
             "base.yml": "volumes: {v: {}}", "a.yml": "services: {a: {}}", "b.yml": "services: {b: {}}"}  # fmt: skip
    assert {"a", "b"} <= by_name(files).keys()
