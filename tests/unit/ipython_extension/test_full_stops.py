"""Of several sentences in a text of the prompt, the last one has a full stop like the others."""

import ast
import re
from pathlib import Path

import ipython_extension
from ipython_extension.shown.tables import full_sentence

_BETWEEN = re.compile(r"(?<=[\w)][.?!]) (?=[A-Z])")
#: The end of a sentence without a full stop. A command, a plan or a value at the end has none, because it is copied.
_OPEN = re.compile(r"[a-z]\)?$")


def _texts(tree):
    """The texts of a module without its docstrings; values that are put into them are blank."""
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    aside = {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}
    aside |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in aside:
            yield node.value


def test_the_last_of_several_sentences_has_a_full_stop():
    wrong = []
    for path in sorted(Path(ipython_extension.__file__).parent.rglob("*.py")):
        for text in _texts(ast.parse(path.read_text())):
            *before, last = _BETWEEN.split(text)
            if before and _OPEN.search(last) and ": " not in last:
                wrong.append(f"{path.name}: {text}")
    assert not wrong


def test_a_full_stop_is_added_only_where_there_is_no_end():
    texts = ["The plan will fail", "Back at 15:00.", "Really?", "a very long …"]
    assert [full_sentence(text) for text in texts] == ["The plan will fail.", *texts[1:]]
