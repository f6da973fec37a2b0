"""The live view in a real JupyterLab and Notebook 7."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
import pytest
from nbconvert import HTMLExporter
from nbformat.reader import NotJSONError
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as NoClickError

from bluesky_qs.door import web_page
from tests.conftest import PATIENCE, Service
from tests.ports import free_port

EXTENSION = web_page.FOLDER.parent / "labextension"
SETTINGS = {
    # No dialog at the first start, and no look for news elsewhere.
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin.jupyterlab-settings": {"autosave": False},
    # All cells are there, also those that are scrolled away: the tests count them.
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
}


class Lab:
    """A JupyterLab with a folder of notebooks, whose kernels talk to a service."""

    def __init__(self, service: Service) -> None:
        assert (EXTENSION / "package.json").is_file(), "the extension is not built: make web"
        self.home = Path(tempfile.mkdtemp(prefix="qs-lab-"))
        self.folder = self.home / "notebooks"
        self.folder.mkdir()
        extensions = self.home / "share" / "jupyter" / "labextensions"
        extensions.mkdir(parents=True)
        (extensions / "bluesky-qs").symlink_to(EXTENSION)
        for name, settings in SETTINGS.items():
            path = self.home / "settings" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(settings))
        config = self.home / "config" / "labconfig" / "page_config.json"  # no check of JupyterLab's own build
        config.parent.mkdir(parents=True)
        config.write_text(json.dumps({"buildAvailable": False, "buildCheck": False}))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (self.home / "log").open("wb")
        options = ["--no-browser", "--allow-root", f"--port={self.port}", f"--ServerApp.root_dir={self.folder}"]
        options += ["--IdentityProvider.token=", "--ServerApp.port_retries=0"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options],
            cwd=self.home,
            env={**service.env, **self._env(), "QSERVER_USER": "ada"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def _env(self) -> dict[str, str]:
        return {
            "HOME": str(self.home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTER_PATH": str(self.home / "share" / "jupyter"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
        }

    def wait(self) -> None:
        for _ in range(int(PATIENCE * 10)):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{self.url}/api", timeout=PATIENCE)
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.1)
                break
        raise AssertionError((self.home / "log").read_text()[-3000:])

    def write(self, name: str, *cells: str) -> None:
        """A notebook with these cells; the first loads the extension."""
        made = [nbformat.v4.new_code_cell(cell) for cell in ("%load_ext bluesky_qs", *cells)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
        nbformat.write(notebook, self.folder / name)

    def read(self, name: str):
        return nbformat.read(self.folder / name, as_version=4)

    def close(self) -> None:
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:  # once it waited for itself, in the check of its own build
            self._process.kill()
            self._process.wait()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children)
        self._log.close()
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture(scope="module")
def lab(shared_site):
    lab = Lab(shared_site.service)
    lab.wait()
    yield lab
    lab.close()


class Notebook:
    """A notebook in a browser."""

    def __init__(self, page: Page, lab: Lab, name: str, address: str = "lab/tree") -> None:
        self.page, self.lab, self.name = page, lab, name
        page.goto(f"{lab.url}/{address}/{name}?reset")
        page.locator(".jp-Notebook").wait_for()
        idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        idle.wait_for(state="attached")  # a narrow toolbar hides it

    def run(self, *cells: int, patience: float = PATIENCE) -> None:
        for at in cells:
            self.page.locator(".jp-CodeCell").nth(at).locator(".cm-content").click(timeout=patience * 1000)
            self.page.keyboard.press("Control+Enter")

    def load(self) -> None:
        """Run the first cell, again until the notebook is connected to its kernel."""
        prompt = self.page.locator(".jp-CodeCell").first.locator(".jp-InputPrompt")
        question = self.page.locator(".jp-Dialog .jp-mod-accept")
        for _ in range(10):
            if question.count():  # which kernel, if a cell is run before the kernel has started
                question.first.click()
            with contextlib.suppress(AssertionError, NoClickError):
                self.run(0, patience=PATIENCE / 10)
                expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=PATIENCE * 100)
                return
        raise AssertionError("the first cell does not run")

    def saved(self, is_right: Callable[[str], bool]) -> str:
        """The notebook as HTML, once it has been saved with what is wanted."""
        page = ""
        for _ in range(int(PATIENCE)):
            self.page.keyboard.press("Control+s")
            with contextlib.suppress(AssertionError):  # the still changed while the notebook was saved
                expect(self.page.locator(".jp-mod-dirty")).to_have_count(0, timeout=5000)
            with contextlib.suppress(NotJSONError):  # it is being written
                page, _resources = HTMLExporter().from_notebook_node(self.lab.read(self.name))
            if is_right(page):
                return page
            self.page.wait_for_timeout(1000)  # the next still
        raise AssertionError(page)

    def output(self, cell: int) -> Locator:
        """The view in the output of a cell."""
        return self.page.locator(".jp-CodeCell").nth(cell).locator(".qs-view")

    def menu(self, *names: str) -> None:
        for name in names:
            self.page.get_by_role("menuitem", name=name).first.click()


@pytest.fixture
def notebook(site, lab, browser):
    """Opens a notebook with these cells; the first one, which loads the extension, has run.

    At the end, no script of ours had an error. JupyterLab has some of its own.
    """
    contexts, problems = [], []

    def open_one(name, *cells, address="lab/tree"):
        lab.write(name, *cells)
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 1400}))
        contexts[-1].set_default_timeout(PATIENCE * 1000)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(error) if "bluesky-qs" in str(error.stack) else None)
        opened = Notebook(page, lab, name, address)
        opened.load()
        return opened

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def test_the_view_is_live_and_its_buttons_work_while_a_cell_runs(notebook, site, lab):
    site.add("count", ["det1"], num=1000, delay=0.05, meta={"sample": "<img src=x onerror=alert(1)>"}, user="grace")
    site.service.do("queue_start")
    opened = notebook("live.ipynb", "%qs widget", "import threading; threading.Event().wait()")
    opened.run(1)
    view = opened.output(1)
    expect(view.get_by_text("Running count([det1], num=1000, delay=0.05)")).to_be_visible()
    expect(view.get_by_role("img", name="det1 against the point number")).to_be_visible()
    expect(view.locator("img")).to_have_count(0)
    opened.run(2)
    expect(opened.page.get_by_text("[*]:")).to_be_visible()
    view.get_by_role("button", name="Pause", exact=True).click()
    expect(view.get_by_text("Paused in count([det1]")).to_be_visible()
    line = view.get_by_role("combobox", name="Add a plan")
    line.click()
    opened.page.keyboard.type("count([det1], num=2)")  # none of which is a command of the notebook
    opened.page.keyboard.press("Enter")
    expect(view.get_by_text("Added at position 0: count([det1], num=2)")).to_be_visible()
    view.get_by_role("button", name="Abort…").click()
    view.get_by_role("button", name="Abort", exact=True).click()
    expect(view.get_by_text("Idle, the environment is open")).to_be_visible()
    view.get_by_role("link", name="History").click()
    view.get_by_role("link", name="count([det1], num=1000, delay=0.05)").first.click()
    expect(view.get_by_text("aborted by ada").first).to_be_visible()
    expect(view.get_by_role("main")).to_be_focused()  # the link that was clicked is gone
    assert opened.page.url.endswith("/live.ipynb")
    expect(opened.page.locator(".jp-CodeCell")).to_have_count(3)
    opened.menu("Kernel", "Interrupt Kernel")
    expect(opened.page.get_by_text("[*]:")).to_have_count(0)
    # What a saved notebook shows anywhere.
    site.service.do("queue_clear")
    expect(view.get_by_role("link", name="Now")).to_be_visible()
    opened.load()
    page = opened.saved(lambda page: "Idle, the environment is open; the queue is empty" in page)
    assert "model not found" not in page
    assert "<img src=x" not in page
    # The kernel still has the view.
    opened.page.reload()
    expect(opened.output(1).get_by_text("Idle, the environment is open")).to_be_visible()


def test_the_rows_of_the_queue_are_dragged_and_a_refusal_is_shown_in_front(notebook, site):
    for num in (1, 2, 3):
        site.add("count", ["det1"], num=num)
    opened = notebook("drag.ipynb", "RM.widget()")
    opened.run(1)
    view, mouse = opened.output(1), opened.page.mouse
    first, last = (view.get_by_role("option").nth(at) for at in (0, 2))
    first.scroll_into_view_if_needed()
    start, end = first.bounding_box(), last.bounding_box()
    mouse.move(start["x"] + 90, start["y"] + 8)
    mouse.down()
    mouse.move(end["x"] + 90, end["y"] + end["height"] - 2, steps=4)
    label = view.locator(".dragged").bounding_box()
    assert abs(label["y"] - end["y"] - end["height"]) < 40  # at the pointer
    mouse.up()
    expect(view.get_by_role("option").nth(2)).to_contain_text("num=1")
    site.service.do("lock", environment=True, queue=True, lock_key="secret", user="grace")
    view.get_by_role("button", name="Clear…").click()
    view.get_by_role("button", name="Clear", exact=True).click()
    expect(view.get_by_role("alert").filter(has_text="by grace")).to_be_in_viewport()
    site.service.do("unlock", lock_key="secret")


def test_after_the_end_of_the_kernel_the_last_state_stays_and_a_new_view_works(notebook, site):
    opened = notebook("restart.ipynb", "%qs widget", "%qs widget", "import os; os.kill(os.getpid(), 9)")
    for cell in (1, 2):
        opened.run(cell)
        expect(opened.output(cell).get_by_text("Idle, the environment is open")).to_be_visible()
    site.add("count", ["det1"], num=4)
    for cell in (1, 2):
        expect(opened.output(cell).get_by_role("option")).to_contain_text("num=4")
    opened.saved(lambda page: page.count("count([det1], num=4)") >= 2)  # the still, which may be two seconds old
    opened.output(1).get_by_role("link", name="History").click()
    expect(opened.output(2).get_by_role("option")).to_be_visible()  # each has a place of its own
    opened.menu("Kernel", "Restart Kernel…")
    opened.page.locator(".jp-Dialog .jp-mod-accept").click()
    cell = opened.page.locator(".jp-CodeCell").nth(1)
    expect(cell.get_by_text(re.compile("The kernel (has ended|ended at)"))).to_be_visible()
    expect(cell.get_by_role("cell", name="count([det1], num=4)")).to_be_visible()
    opened.load()
    opened.run(1)
    expect(opened.output(1).get_by_role("option")).to_contain_text("num=4")
    expect(opened.output(1).get_by_role("link", name="Now")).to_be_visible()
    opened.run(3)
    expect(opened.output(1).get_by_text("The kernel has ended. This was the last state.")).to_be_visible()
    expect(opened.output(1).get_by_text("Idle, the environment is open")).to_be_visible()


def test_the_view_fits_into_the_notebook_and_follows_its_theme(notebook, site, keep_picture, findings):
    for num in (1, 2):
        site.add("count", ["det1"], num=num, meta={"sample": "S07"})
    site.service.do("queue_start")
    site.service.wait_idle()
    site.add("scan", ["det1"], "motor", -1, 1, 11)
    opened = notebook("look.ipynb", "%qs widget")
    opened.run(1)
    view = opened.output(1)
    expect(view.get_by_role("option")).to_contain_text("scan([det1]")
    expect(view.get_by_role("img")).to_be_visible()
    for width, scheme in ((1280, "light"), (700, "dark")):
        opened.menu("Settings")
        opened.page.get_by_text("Theme", exact=True).first.hover()
        opened.page.get_by_text(f"JupyterLab {scheme.capitalize()}", exact=True).click()
        opened.page.set_viewport_size({"width": width, "height": 1400})
        expect(view.locator("[data-scheme]")).to_have_attribute("data-scheme", scheme)
        keep_picture(opened.page, f"notebook-{width}-{scheme}")
        assert view.evaluate("node => node.scrollWidth <= node.clientWidth")
        assert findings(opened.page, ".qs-view") == []


def test_notebook_7_shows_the_same(notebook, site, keep_picture):
    opened = notebook("seven.ipynb", "%qs widget", address="notebooks")
    opened.run(1)
    expect(opened.output(1).get_by_text("Idle, the environment is open")).to_be_visible()
    opened.output(1).get_by_role("link", name="History").click()
    expect(opened.output(1).get_by_role("search")).to_be_visible()
    keep_picture(opened.page, "notebook-7")
