"""Configuration as real programs use it: nginx reloaded, a server started anew, values read by sh, jq and tomllib."""

import json
import shlex
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from loopback import free_port
from real_servers import nginx_arguments

from mgov import Platform

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30
RENDER = """
printf 'location = / {{ add_header X-Version %s; return 200 "%s"; }}' "$MGOV_CONFIG_VERSION" "$PAGE_BANNER" >page.new
mv page.new page.conf
{nginx} -e {folder}/error.log -c {folder}/nginx.conf -s reload
"""
SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{os.environ['COLOR']} {os.getpid()}".encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def store(tmp_path, monkeypatch):
    path, _ = Platform.create(tmp_path / "store")
    monkeypatch.setenv("MGOV_STORE", path)
    return path


def page(port):
    """(body, X-Version) of the page on a port; nobody there is a body too."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return answer.read().decode(), answer.headers["X-Version"]
    except OSError:
        return "nobody", None


def wait_for_page(port, is_wanted):
    """Ask until the body is as wanted; what was answered."""
    end = time.monotonic() + PATIENCE_S
    while not is_wanted((found := page(port))[0]):
        assert time.monotonic() < end, f"the page is still {found}"
    return found


def in_another_shell(command):
    """What `mgov ...`, typed in a shell, prints."""
    mgov = f"PYTHONPATH={shlex.quote(str(ROOT))} {shlex.quote(sys.executable)} -m mgov"
    done = subprocess.run(["sh", "-c", f"mgov() {{ {mgov} \"$@\"; }}\n{command}"], capture_output=True, text=True,
                          timeout=PATIENCE_S, check=True)
    return done.stdout


@pytest.mark.slow
def test_a_real_nginx_is_reloaded_when_the_configuration_changes(require, store, tmp_path, mgov_process):
    nginx, port = require("nginx"), free_port()
    arguments = nginx_arguments(tmp_path, port, server="include {folder}/page.conf;", has_workers=True)
    (tmp_path / "page.conf").write_text('location = / { return 200 "as it was"; }')
    (tmp_path / "render.sh").write_text(RENDER.format(folder=tmp_path, nginx=nginx))
    in_another_shell("mgov config set edge page.banner=one")
    server = subprocess.Popen([nginx, *arguments])
    try:
        wait_for_page(port, "as it was".__eq__)
        mgov_process("config", "watch", "edge", "page", "--after", "0", "--exec", "sh render.sh", "--quiesce", "300ms",
                     cwd=tmp_path)
        assert wait_for_page(port, "one".__eq__) == ("one", "1")
        in_another_shell("mgov config set edge other=1; mgov config set edge page.banner='now two'")
        assert wait_for_page(port, "now two".__eq__) == ("now two", "3")
        with Platform.open(store) as platform:
            for number in range(20):
                platform.configs.set("edge", {"page.banner": f"burst {number}"})
        assert wait_for_page(port, "burst 19".__eq__) == ("burst 19", "23")
        reloads = (tmp_path / "error.log").read_text().count("reconfiguring")
        assert 3 <= reloads < 20, "a burst is one reload, or a few where the machine was busy"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE_S)


@pytest.mark.slow
def test_a_real_server_is_started_anew_by_a_set_in_another_shell_and_ended_with_its_supervisor(store, mgov_process):
    port = free_port()
    in_another_shell(f"mgov config set web color=red port={port}")
    supervisor = mgov_process("config", "exec", "web", "--watch", "--quiesce", "100ms", "--", sys.executable, "-c",
                              SERVER)
    red, first = wait_for_page(port, lambda body: body != "nobody")[0].split()
    in_another_shell("mgov config set web color=green")
    green, second = wait_for_page(port, lambda body: body.startswith("green"))[0].split()
    assert (red, green) == ("red", "green")
    assert first != second
    supervisor.send_signal(signal.SIGTERM)
    _, err = supervisor.communicate(timeout=PATIENCE_S)
    assert (supervisor.returncode, err) == (143, "web default 2: starting the command anew\nchild exited 143\n")
    assert page(port)[0] == "nobody"


@pytest.mark.slow
def test_the_same_configuration_is_read_by_sh_jq_and_tomllib(require, store):
    values = {"text": "it's \"a\" $HOME `id` \\n\n\tline two 订单", "count": 3, "rate": 0.5, "on": True, "bare": "1.10",
              "hosts": ["a", "b c"], "db": {"host": "db-1", "x.y": {"z": "deep"}}}
    with Platform.open(store) as platform:
        platform.configs.replace("orders", values)
    assert tomllib.loads(in_another_shell("mgov config get orders -o toml")) == values
    assert json.loads(in_another_shell("mgov config get orders -o json")) == values
    jq = require("jq")
    assert in_another_shell(f"mgov config get orders -o json | {jq} -r '.db.host, .hosts[1], .count + 1, .on'") == (
        "db-1\nb c\n4\ntrue\n")
    assert in_another_shell(f"mgov config get orders -o json | {jq} -j .text") == values["text"]
    shown = in_another_shell('eval "$(mgov config get orders -o shell)"\n'
                             'printf "%s|" "$TEXT" "$COUNT" "$RATE" "$ON" "$BARE" "$HOSTS" "$DB_HOST" "$DB_X_Y_Z"')
    assert shown == f"{values['text']}|3|0.5|true|1.10|[\"a\",\"b c\"]|db-1|deep|"
