"""Configuration of the documentation site (`make docs`). Pages are built in place; nothing is copied or executed."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

project = "bluesky_qs"
author = "The bluesky_qs developers"
version = release = (ROOT / "bluesky_qs" / "_version.py").read_text().split('"')[1]

extensions = ["myst_nb", "state_diagrams"]
root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "notebooks/*.ipynb",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
    "bench/README.md",
    "bluesky_qs/web/README.md",
]

html_theme = "furo"
html_title = f"bluesky_qs {version}"
html_copy_source = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
# Show the outputs stored in the notebooks. `make notebooks` has run them against a real service.
nb_execution_mode = "off"
# Lines with %qs or shell commands are not Python.
suppress_warnings = ["misc.highlighting_failure"]
# Widgets would load scripts from other hosts.
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

#: The menu, besides the index itself: captions, each with its pages, in order.
_MENU: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", ("README.md", "docs/install.md", "docs/glossary.md")),
    ("Tutorials", ("notebooks/*.ipynb",)),
    ("For users", ("docs/prompt.md", "docs/web-page.md", "docs/scripts.md", "docs/cookbook.md", "docs/agents.md")),
    (
        "For beamline staff",
        ("docs/startup-code.md", "docs/operating.md", "docs/moving-from-bluesky-queueserver.md"),
    ),
    ("Reference", ("docs/reference/*.md",)),
    (
        "For developers",
        ("CONTRIBUTING.md", "docs/*.md", "docs/decisions/*.md", "bench/README.md", "bluesky_qs/web/README.md", "*.md"),
    ),
)


def _with_menu(_app: Sphinx, docname: str, content: list[str]) -> None:
    """Add the tables of contents for the menu to the index. In the file itself, GitHub would show them as code."""
    if docname != root_doc:
        return
    placed = {Path("docs/index.md")}
    for caption, patterns in _MENU:
        pages = [path.relative_to(ROOT) for pattern in patterns for path in sorted(ROOT.glob(pattern))]
        pages = [page for page in dict.fromkeys(pages) if page not in placed]
        placed.update(pages)
        lines = "\n".join(f"/{page.with_suffix('')}" for page in pages)
        content[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


def setup(app: Sphinx) -> None:
    """Connect to the build."""
    app.connect("source-read", _with_menu)
