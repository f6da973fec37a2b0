"""The documentation site: its check finds what it is there for, and its state diagrams are complete."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from docutils import nodes
from docutils.utils import new_document

import bluesky_qs
from bluesky_qs.manager.worker.state import TRANSITIONS
from bluesky_qs.manager.worker.worker_link import LINK_TRANSITIONS

DOCS = Path(bluesky_qs.__file__).parents[1] / "docs"


def module(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


check_site = module("check_site")
state_diagrams = module("state_diagrams")


def site(tmp_path, text):
    (tmp_path / "index.html").write_text(text)
    (tmp_path / "other.html").write_text('<h1 id="here">Here</h1>')
    return check_site.faults(tmp_path)


def test_links_inside_and_to_other_hosts_are_right(tmp_path):
    assert site(tmp_path, '<a href="other.html#here">x</a> <a href="https://example.org">y</a> <a href="#">z</a>') == []


def test_links_and_anchors_that_lead_nowhere_are_found(tmp_path):
    assert site(tmp_path, '<a href="gone.html">x</a> <a href="other.html#gone">y</a>') == [
        "index.html: gone.html leads nowhere",
        "index.html: other.html#gone: there is no such anchor",
    ]


def test_fonts_and_scripts_of_other_hosts_are_found(tmp_path):
    (tmp_path / "style.css").write_text("@import url('//fonts.example.org/a.css')")
    found = site(
        tmp_path, '<script src="https://example.org/x.js"></script><style>a {src: url(https://e.org/f)}</style>'
    )
    assert [line.partition(": loads")[0] for line in found] == ["index.html", "index.html", "style.css"]


def diagrams():
    return re.findall(r"```mermaid\n(.*?)```", (DOCS / "reference" / "states.md").read_text(), re.DOTALL)


@pytest.mark.parametrize(("number", "transitions"), [(0, TRANSITIONS), (1, LINK_TRANSITIONS)])
def test_a_state_diagram_shows_every_state_and_every_event(number, transitions):
    drawing = ET.fromstring(state_diagrams.svg(diagrams()[number]))
    shown = {(element.text or "").strip() for element in drawing.iter("{http://www.w3.org/2000/svg}text")}
    events = {str(event) for _, event in transitions}
    assert events | {str(state) for state, _ in transitions} | {str(state) for state in transitions.values()} <= shown
    arrows = [e for e in drawing.iter("{http://www.w3.org/2000/svg}g") if e.get("class") == "edge"]
    assert len(arrows) == 1 + len({(state, target) for (state, _), target in transitions.items()})


def test_what_is_not_a_state_diagram_is_not_drawn():
    with pytest.raises(ValueError, match="only stateDiagram-v2 can be drawn"):
        state_diagrams.svg("sequenceDiagram\n  A->>B: hello")
    with pytest.raises(ValueError, match="'  note right of idle' is not a transition"):
        state_diagrams.svg("stateDiagram-v2\n  [*] --> idle\n  note right of idle")


def test_a_page_has_the_drawing_in_place_of_the_source():
    page = new_document("states.md")
    page += nodes.literal_block("", diagrams()[1], language="mermaid")
    page += nodes.literal_block("", "x = 1", language="python")
    state_diagrams.draw_diagrams(None, page)
    drawing, code = page.children
    assert "<svg" in drawing.astext()
    assert code.astext() == "x = 1"
