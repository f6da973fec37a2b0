"""HTML for the output of notebook cells. It must also look right in notebooks that are not trusted."""

import html

#: The font of code cells, if the notebook defines one. A notebook that is not trusted keeps only the plain values.
_FONT = "font-family:monospace;font-family:var(--jp-code-font-family,monospace)"
#: Breaks lines at spaces, because JupyterLab breaks preformatted text in the middle of words.
WRAPPED = "white-space:pre-wrap;word-break:normal;overflow-wrap:break-word"
#: Colors that can be read on white and on black.
_FAILED, _RUNNING, _YELLOW = "#c62828", "#388e3c", "#b26a00"
COLORS = {
    "failed": f"color:{_FAILED};color:var(--jp-error-color1,{_FAILED})",
    "running": f"color:{_RUNNING}",
    "paused": f"color:{_YELLOW}",
    "suspended": f"color:{_YELLOW}",
    "aborted": f"color:{_YELLOW}",
    "halted": f"color:{_YELLOW}",
}
_SIZE = "font-size:13px;font-size:var(--jp-code-font-size,13px);line-height:1.4"


def in_one_typeface(markup: str) -> str:
    """Show sentences, tables and plans in the typeface of printed output."""
    return f'<div style="{_FONT};{_SIZE}">{markup}</div>' if markup else ""


def preformatted(text: str) -> str:
    """Keep the spaces and line breaks of a text; the browser wraps long lines."""
    return f'<pre style="{WRAPPED};font-size:1em">{html.escape(text)}</pre>'


def sentence(text: str) -> str:
    """A line with little space below it."""
    return f'<p style="margin:0">{html.escape(text)}</p>'
