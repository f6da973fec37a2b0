"""Draw the state diagrams of the pages as SVG. GitHub renders Mermaid, but the site has no script for it."""

import re
from collections.abc import Iterator

import pygraphviz
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

_HEAD = "stateDiagram-v2"
_TRANSITION = re.compile(r"(?P<state>\w+|\[\*]) --> (?P<target>\w+)(?:: (?P<event>\w+))?")
_START = "[*]"


def svg(source: str) -> str:
    """The drawing of a diagram in Mermaid's language. Only transitions between states are supported.

    Raises
    ------
    ValueError
        A line is not a transition.
    """
    events: dict[tuple[str, str], list[str]] = {}
    for state, target, event in _transitions(source):
        events.setdefault((state, target), []).append(event)
    graph = pygraphviz.AGraph(directed=True, bgcolor="transparent", ranksep=0.5, nodesep=0.15)
    graph.node_attr.update(shape="box", style="rounded", fontname="sans-serif", fontsize=12, height=0.3)
    graph.edge_attr.update(fontname="sans-serif", fontsize=10, arrowsize=0.7)
    graph.add_node(_START, shape="point", width=0.12)
    for (state, target), names in events.items():
        graph.add_edge(state, target, label="".join(rf" {name} \l" for name in names if name))
    drawn = graph.draw(format="svg", prog="dot").decode()
    # A page does not need the XML header. The text color suits light and dark pages.
    drawn = drawn[drawn.index("<svg") :].replace('"black"', '"currentColor"')
    return drawn.replace("<text ", '<text fill="currentColor" ')


def _transitions(source: str) -> Iterator[tuple[str, str, str]]:
    head, *lines = source.strip().splitlines()
    if head.strip() != _HEAD:
        raise ValueError(f"{head!r}: only {_HEAD} can be drawn")
    for line in lines:
        parts = _TRANSITION.fullmatch(line.strip())
        if parts is None:
            raise ValueError(f"{line!r} is not a transition (state --> state: event)")
        yield parts["state"], parts["target"], parts["event"] or ""


def draw_diagrams(_app: Sphinx, page: nodes.document) -> None:
    """Replace the source of each diagram on a page with its drawing."""
    for block in list(page.findall(nodes.literal_block)):
        if block.get("language") != "mermaid":
            continue
        try:
            drawing = svg(block.astext())
        except ValueError as error:
            raise ExtensionError(f"{block.source}:{block.line}: {error}") from error
        block.replace_self(nodes.raw("", f'<div style="overflow-x: auto">{drawing}</div>', format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Draw the diagrams on every page."""
    app.connect("doctree-read", draw_diagrams)
    return {"parallel_read_safe": True}
