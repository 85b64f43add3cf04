"""The report in a real browser, headless Chromium: its policy lets its own script run, axe-core finds nothing, at three
widths, light and dark, and tables sort and are searched by keyboard."""

import html
import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "fixtures"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
PATIENCE_S = 120
AXE = """
axe.run(document, {resultTypes: ["violations"]}).then((found) => tell(found.violations.map(
  (one) => [one.id, one.nodes.map((node) => node.html.slice(0, 200))])));
"""
USE = """
const table = document.querySelector("#services table.rows"), box = document.getElementById("report-search");
const names = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].textContent);
const press = (key, where) => where.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const [byName, byStatus] = table.querySelectorAll("th button");
byName.click();
const rising = names(), first = byName.closest("th").ariaSort;
byName.click();
const falling = names(), second = byName.closest("th").ariaSort;
byStatus.click();
press("/", document.body);
const focused = document.activeElement.id;
box.value = "OrDeR";
box.dispatchEvent(new Event("input"));
setTimeout(() => {
  const found = names(), said = document.getElementById("report-found").textContent;
  const folds = [...document.querySelectorAll("details")].map((fold) => fold.open);
  press("Escape", box);
  tell({rising, falling, first, second, unsorted: byName.closest("th").ariaSort, focused, found, said, folds,
        all: names().length});
}, 1000);
"""


@pytest.fixture
def chromium(require, tmp_path):
    """`chromium(page, width)` loads a page: what it became, and what the browser logged."""
    program = require("chromium")

    def load(content, width=1280, *, is_dark=False, wait_ms=20_000):
        file = tmp_path / "loaded.html"
        file.write_text(content, encoding="utf-8")
        words = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--enable-logging=stderr",
            f"--virtual-time-budget={wait_ms}", f"--blink-settings=preferredColorScheme={0 if is_dark else 1}",
            "--dump-dom", file.as_uri(),
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return load


@pytest.fixture
def ask(chromium):
    """`ask(page, script, width)`: what the script tells of the page, which it is put into behind `library`."""

    def ask(content, script, width=1280, library="", **how):
        tell = 'const tell = (it) => { document.body.textContent = "TO" + "LD" + JSON.stringify(it) + "END"; };'
        added = f"<script>{library}</script><script>{{ {tell} {script} }}</script>"
        opened = POLICY.sub("", content).replace("</body>", f"{added}</body>")
        dom, _ = chromium(opened, width, **how)
        found = re.search(r"TOLD(.*)END", dom, re.DOTALL)
        assert found, dom[-2000:]
        return json.loads(html.unescape(found[1]))

    return ask


@pytest.fixture
def page(run, tmp_path):
    """The report on two imported fleets, of which nothing answers, and a service with a hostile title."""
    store, file, manifest = str(tmp_path / "store"), tmp_path / "fleet.html", tmp_path / "shop.toml"
    assert run("init", store).code == 0
    assert run("apply", "-f", str(FIXTURES / "train-ticket.toml"), "-S", store).code == 0
    manifest.write_text(run("import", "kubernetes", str(FIXTURES / "shop.k8s.yaml")).out, encoding="utf-8")
    assert run("apply", "-f", str(manifest), "-S", store).code == 0
    title = "</td><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    assert run("register", "hostile", "http://127.0.0.1:1", "--title", title, "--owner", title, "-S", store).code == 0
    assert run("limit", "set", "hostile", "10/1m", "-S", store).code == 0
    assert run("health", "hostile", "-S", store).code == 1
    assert run("report", "--out", str(file), "-S", store).code == 0
    return file.read_text(encoding="utf-8")


def test_the_policy_lets_the_pages_own_script_run_and_the_browser_has_nothing_to_complain_of(chromium, page):
    dom, complaints = chromium(page)
    assert complaints == []
    assert "<th scope=\"col\"><button type=\"button\">Service</button></th>" in dom
    assert "<title>Fleet report</title>" in dom


def test_a_script_that_is_not_the_pages_own_does_not_run(chromium, page):
    changed = page.replace("</body>", "<script>document.title = 'owned'</script></body>")
    dom, complaints = chromium(changed)
    assert "<title>Fleet report</title>" in dom
    assert any("Content Security Policy" in line for line in complaints)


@pytest.mark.parametrize(("width", "is_dark"), [(1280, False), (820, True), (390, False), (390, True)])
def test_an_accessibility_checker_finds_nothing(ask, page, width, is_dark):
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    opened = page.replace("<details", "<details open")
    assert ask(opened, AXE, width, axe, is_dark=is_dark) == []


def test_at_a_phones_width_only_tables_and_the_drawing_scroll_sideways(ask, page):
    script = "tell([document.documentElement.scrollWidth, innerWidth]);"
    scrolled, width = ask(page, script, 390)
    assert scrolled <= width


def test_tables_sort_and_are_searched_by_keyboard(ask, page):
    told = ask(page, USE)
    assert told["rising"] == sorted(told["rising"])
    assert told["falling"] == told["rising"][::-1]
    assert (told["first"], told["second"], told["unsorted"]) == ("ascending", "descending", None)
    assert told["focused"] == "report-search"
    assert told["found"]
    assert all("order" in name for name in told["found"])
    assert told["said"].endswith(" rows")
    assert told["all"] == len(told["rising"]) > len(told["found"])
