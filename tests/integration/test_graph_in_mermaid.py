"""The graph as Mermaid text, read by the mermaid package itself in a headless Chromium."""

import html
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGE = """<!doctype html><meta charset="utf-8"><body><script>{library}</script><script>
mermaid.initialize({{startOnLoad: false, maxEdges: 5000, maxTextSize: 5000000}});
mermaid.mermaidAPI.getDiagramFromText({text}).then(
  (diagram) => ({{
    vertices: [...diagram.db.getVertices().values()].map((one) => one.text),
    edges: diagram.db.getEdges().length,
  }}),
  (error) => ({{error: String(error)}}),
).then((told) => {{ document.body.textContent = "TO" + "LD" + JSON.stringify(told) + "END"; }});
</script>"""
HOSTILE = ('<img src=x onerror="a()">', "end", 'say "hi"; a-->b', "订单 #35; %%{init}%%", "`1. x`", "]) click")


@pytest.fixture
def mermaid(require, tmp_path):
    """`mermaid(text)`: the texts of the nodes and the count of the edges that the package reads."""
    library = os.environ.get("MGOV_TEST_MERMAID", "")
    if not library:
        pytest.skip("MGOV_TEST_MERMAID names no mermaid.min.js")
    program = require("chromium")

    def read(text):
        page = tmp_path / "page.html"
        source = Path(library).read_text(encoding="utf-8").replace("</script", "<\\/script")
        page.write_text(PAGE.format(library=source, text=json.dumps(text).replace("</", "<\\/")), encoding="utf-8")
        done = subprocess.run(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=30000", "--dump-dom", page.as_uri()],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        found = re.search(r"TOLD(.*)END", done.stdout, re.DOTALL)
        assert found, done.stdout[-2000:]
        return json.loads(html.unescape(found[1]))

    return read


def test_every_node_and_edge_of_a_real_fleet_is_read(mermaid, run, tmp_path):
    store = str(tmp_path / "store")
    run("init", store)
    run("apply", "-f", str(Path(__file__).parents[1] / "fixtures" / "train-ticket.toml"), "-S", store)
    told = mermaid(run("graph", "-o", "mermaid", "-S", store).out)
    assert (len(told["vertices"]), told["edges"]) == (37, 92)


def test_no_title_breaks_out_of_its_node(mermaid, run, tmp_path):
    store = str(tmp_path / "store")
    run("init", store)
    for number, title in enumerate(HOSTILE):
        depends = ("--depends-on", f"s{number - 1}") if number else ()
        run("register", f"s{number}", "--title", title, *depends, "-S", store)
    told = mermaid(run("graph", "-o", "mermaid", "-S", store).out)
    assert (len(told["vertices"]), told["edges"]) == (len(HOSTILE), len(HOSTILE) - 1)
