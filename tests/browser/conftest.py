"""The page in a real browser: one Chromium and one service for all tests, which leave the queue empty."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bluesky_qs.door import web_page
from tests.conftest import PATIENCE, Service
from tests.ports import free_port
from tests.system_packages import chromium, needs

#: Screenshots of the views, to be looked at. Those of the documentation come from `pictures.py`.
SHOTS = web_page.FOLDER.parents[2] / "build" / "screenshots"
KEY = "k3yOfTheTests"
_AXE = web_page.FOLDER.parent / "node_modules" / "axe-core" / "axe.min.js"

expect.set_options(timeout=PATIENCE * 1000)


def pytest_collection_modifyitems(items):
    """One test process runs all of these, because a browser and a service are dear."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("browser"))
            item.add_marker(needs("chromium"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a module. Asynchronous tests cannot run as long as it is there."""
    assert (web_page.FOLDER / "index.html").is_file(), "the page is not built: make web"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


class Site:
    """A service with a door, and a page of it. With a configuration of the door, the key does not count."""

    def __init__(self, home: Path, *args: str, configuration: str = "") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        env = {"QSERVER_HTTP_SERVER_SINGLE_USER_API_KEY": KEY}
        if configuration:
            (home / "http.yml").write_text(configuration.format(home=home))
            args, env = (*args, "--http-config", str(home / "http.yml")), {}
        self.service = Service(home, "--warm-worker", "OFF", "--http", f"127.0.0.1:{self.port}", *args, env=env)

    @property
    def link(self) -> str:
        """What the service prints for whoever started it."""
        return f"{self.url}/#api_key={KEY}"

    def add(
        self, name: str, *args: Any, user: str = "tester", meta: dict[str, Any] | None = None, **kwargs: Any
    ) -> str:
        """Queue a plan as somebody at a prompt does; its uid."""
        item = {"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}
        item |= {"meta": meta} if meta else {}
        return self.service.do("queue_item_add", item=item, user=user, user_group="primary")["item"]["item_uid"]

    def run_all(self) -> None:
        """Run the queue to its end."""
        self.service.do("queue_start")
        self.service.wait_idle()


@pytest.fixture(scope="session")
def new_site() -> Iterator[Any]:
    """Makes services with a door: ``new_site("--option", …)``."""
    made: list[Site] = []

    def new(*args: str, **options: Any) -> Site:
        made.append(Site(Path(tempfile.mkdtemp(prefix="qs-page-")), *args, **options))
        return made[-1]

    yield new
    for site in made:
        site.service.close()
        shutil.rmtree(site.service.home, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_site(new_site) -> Site:
    site = new_site("--worker-input", "ask")
    site.service.start()
    site.service.open()
    return site


@pytest.fixture
def site(shared_site) -> Iterator[Site]:
    """The service of all tests: its environment is open, and the queue is empty."""
    yield shared_site
    status = shared_site.service.ask("status")
    if status["input_pending"]:
        shared_site.service.ask("input_reply", input_uid=status["input_pending"]["input_uid"], text="")
    if status["manager_state"] != "idle":
        shared_site.service.ask("re_pause", option="immediate")
        shared_site.service.wait(lambda status: status["manager_state"] in ("paused", "idle"), "paused")
        shared_site.service.ask("re_abort")
        shared_site.service.wait_idle()
    shared_site.service.do("queue_clear")


@pytest.fixture
def new_page(browser) -> Iterator[Any]:
    """Opens pages, each in a browser session of its own: ``new_page(width=360, scheme="dark")``.

    Whoever uses it has said their ``name``, for which the page asks with the shared key before it changes something.
    At the end, none of them has asked another host, nor had an error of a script or of its policy.
    """
    contexts = []
    problems: list[str] = []

    def new(
        width: int = 1280, height: int = 900, scheme: str = "light", name: str | None = "tester", **options: Any
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
        if name is not None:
            context.add_init_script(f"localStorage['bluesky-qs:' + new URL('api', location) + ':name'] = {name!r}")
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("request", lambda request: problems.append(request.url) if _is_elsewhere(request.url) else None)
        return page

    yield new
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(site, new_page) -> Page:
    """The page of the service, signed in."""
    page = new_page()
    page.goto(site.link)
    page.get_by_text("Idle, the environment is open").wait_for()
    return page


@pytest.fixture
def findings():
    """What axe finds on a page that is serious: ``findings(page)``, or ``findings(page, ".part")``."""
    source = _AXE.read_text()

    def run(page, part=None):
        page.evaluate(source)
        found = page.evaluate("(part) => axe.run(part ?? document, { resultTypes: ['violations'] })", part)[
            "violations"
        ]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in serious]

    return run


@pytest.fixture
def keep_picture():
    """Keeps a screenshot of a page under a name, for people: ``keep_picture(page, "now-360-dark")``."""

    def keep(page: Page, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png")

    return keep


#: All widths and heights in pixels, and color schemes, in which people look at the page.
SCREENS = [(w, h, scheme) for w, h in ((360, 780), (1280, 900), (3840, 2100)) for scheme in ("light", "dark")]
#: axe takes seconds for each page. The colors do not depend on the width, and the layout does not on the scheme.
_AXE_AT = {(360, "light"), (1280, "dark"), (3840, "light")}


@pytest.fixture
def looks_right(findings, keep_picture):
    """Keeps a picture, and checks that nothing is cut off and that axe finds nothing serious.

    ``looks_right(page, "now", 360, "dark")``, for each of `SCREENS`.
    """

    def look(page: Page, name: str, width: int, scheme: str) -> None:
        keep_picture(page, f"{name}-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
        if (width, scheme) in _AXE_AT:
            assert findings(page) == [], (name, width, scheme)

    return look


@contextlib.contextmanager
def frozen_door(service: Service) -> Iterator[None]:
    """The door does not answer. The supervisor is frozen too, or it would replace the door after some seconds."""
    assert service.process
    supervisor, door = psutil.Process(service.process.pid), service.find("bluesky_qs.door")
    supervisor.suspend()
    door.suspend()
    try:
        yield
    finally:
        door.resume()
        supervisor.resume()


def _is_elsewhere(address: str) -> bool:
    return urlsplit(address).hostname != "127.0.0.1"


# Chromium asks the proxies of these variables for everything, itself on this computer included.
for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
    os.environ.pop(name, None)
