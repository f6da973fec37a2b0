"""Packages in which no module imports, directly or by way of others, itself."""

import ast
from pathlib import Path

import pytest

import bluesky_qs

ROOT = Path(bluesky_qs.__file__).parents[1]


def imports(package: str) -> dict[str, set[str]]:
    """The modules of a package that each of its modules imports, anywhere in it: also for type checkers only."""
    folder = ROOT.joinpath(*package.split("."))
    modules = {f"{package}.{path.stem}": path for path in folder.glob("*.py") if path.stem != "__init__"}
    # A module may import itself: code that runs with another module's globals has no other way.
    return {name: imported(path) & set(modules) - {name} for name, path in modules.items()}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def in_circles(graph: dict[str, set[str]]) -> set[str]:
    """The modules that can be reached from themselves."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        rest = list(graph[start])
        while rest:
            if (name := rest.pop()) not in found:
                found.add(name)
                rest += graph[name]
        return found

    return {name for name in graph if name in reached(name)}


def test_a_circle_is_found():
    assert in_circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == {"b", "c"}


def test_imports_for_type_checkers_count():
    assert "bluesky_qs.client.sync" in imported(ROOT / "bluesky_qs" / "__init__.py")


@pytest.mark.parametrize("package", ["bluesky_qs.client", "bluesky_qs.startup"])
def test_no_module_imports_itself_in_a_circle(package):
    graph = imports(package)
    assert graph
    assert in_circles(graph) == set()
