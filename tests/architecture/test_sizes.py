"""House rules on size: a function fits on a screen, and a module has one subject."""

import ast
from pathlib import Path

import bluesky_qs

ROOT = Path(bluesky_qs.__file__).parents[1]
LONGEST_FUNCTION, LONGEST_MODULE = 50, 500
MODULES = [path for package in ("bluesky_qs", "ipython_extension") for path in sorted((ROOT / package).rglob("*.py"))]


def functions(path):
    """Name, line, and number of lines of each function in a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{node.name}, line {node.lineno}", node.end_lineno - node.lineno + 1


def test_no_function_is_longer_than_a_screen():
    sizes = {f"{path.relative_to(ROOT)}: {name}": size for path in MODULES for name, size in functions(path)}
    assert len(sizes) > 1000
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


def test_no_module_is_too_long():
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE} == {}
