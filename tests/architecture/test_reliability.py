"""docs/reliability.md: each promise names tests, and they exist."""

import ast
import re
from pathlib import Path

PAGE = Path("docs/reliability.md").read_text()
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_each_test_that_the_page_names_exists():
    named = _TEST.findall(PAGE)
    assert len(named) > 20
    assert [f"{path}::{name}" for path, name in named if name not in _tests_of(Path(path))] == []


def test_each_promise_has_a_test():
    (table,) = re.findall(r"\| Promise \| Proved by \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL)
    assert [line for line in table.splitlines() if not _TEST.search(line)] == []


def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
