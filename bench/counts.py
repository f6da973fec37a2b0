"""Count features of the code that matter to its readers, in one checkout or in several side by side.

    python bench/counts.py [CHECKOUT …]          a table, one column for each checkout; this one if none is named
    python bench/counts.py --coverage CHECKOUT   also run the unit tests of the manager there, which takes minutes

Only text and syntax trees are read, so any commit can be counted: give the path of a clone with that commit.
"""

import argparse
import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

PACKAGES = ("bluesky_qs", "ipython_extension")
#: A pattern for inverted clauses and abstract nouns in texts that users see.
_STIFF = re.compile(
    r"\b(is|are) to be\b|\bmeans nothing\b|\bgoes? on\b|\bgo on\b|\bhas been told\b|\bis no \w+ of\b|\bcannot be had\b|"
    r"\bis away\b|\bof life\b|\bWhat (is|was|of)\b|\bwithout end\b|\bin vain\b|\bunless that is\b|\bno longer there\b",
)

Count = Callable[["Checkout"], object]


class Checkout:
    """The Python files of a checkout, with their syntax trees."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.texts = {
            p.relative_to(root): p.read_text() for name in PACKAGES for p in sorted((root / name).rglob("*.py"))
        }
        self.trees = {path: ast.parse(text) for path, text in self.texts.items()}

    def below(self, folder: str) -> dict[Path, ast.Module]:
        """The files below a folder."""
        return {path: tree for path, tree in self.trees.items() if str(path).startswith(f"{folder}/")}

    def module(self, path: Path) -> str:
        """The dotted name of a file."""
        return ".".join(path.with_suffix("").parts).removesuffix(".__init__")

    def imports(self, path: Path) -> set[str]:
        """Our own modules that a file imports anywhere."""
        modules = {self.module(each) for each in self.trees}
        found: set[str] = set()
        for node in ast.walk(self.trees[path]):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                found.update((parts & modules) or {node.module})
        return (found & modules) - {self.module(path)}


def modules_of_the_extension(code: Checkout) -> str:
    """The number of files, and the number of files at the top level."""
    files = code.below("ipython_extension")
    return f"{len(files)} ({sum(len(path.parts) == 2 for path in files)} at the top)"


def imports_within_the_extension(code: Checkout) -> int:
    """The number of imports between modules of the extension."""
    return sum(len({m for m in code.imports(p) if m.startswith("ipython_extension")}) for p in code.below(PACKAGES[1]))


def modules_over_500_lines(code: Checkout) -> str:
    """The number of long modules, and the length of the longest."""
    lines = {path: text.count("\n") for path, text in code.texts.items()}
    longest = max(lines, key=lines.__getitem__)
    return f"{sum(n > 500 for n in lines.values())} (longest: {longest.name}, {lines[longest]})"


def lines_of_code(code: Checkout) -> int:
    """The number of lines in both packages."""
    return sum(text.count("\n") for text in code.texts.values())


def functions_over_50_lines(code: Checkout) -> int:
    """The number of functions with more than 50 lines, from ``def`` to the last line."""
    return sum(node.end_lineno - node.lineno >= 50 for node in _functions(code))


def methods_called_by_strings(code: Checkout) -> int:
    """The number of calls in the prompt that name a 0MQ method in a string: ``ask("queue_get")``."""
    methods = {
        node.name
        for tree in code.below("bluesky_qs/api").values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any("method" in ast.unparse(d) for d in node.decorator_list)
    }
    return sum(
        isinstance(node, ast.Call)
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in methods
        for tree in code.below("ipython_extension").values()
        for node in ast.walk(tree)
    )


def reply_fields_with_any(code: Checkout) -> str:
    """The number of TypedDict fields in ``api/`` whose types contain ``Any``, and the number of all fields."""
    fields = [
        ast.unparse(each.annotation)
        for tree in code.below("bluesky_qs/api").values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.AnnAssign)
    ]
    with_any = [field for field in fields if re.search(r"\bAny\b", field)]
    return f"{len(with_any)} of {len(fields)}"


def import_circles(code: Checkout) -> str:
    """The number of groups of modules that import each other anywhere in the file, and the number of files in each
    group."""
    graph = {code.module(path): code.imports(path) for path in code.trees}
    sizes = sorted((len(group) for group in _circles(graph)), reverse=True)
    return f"{len(sizes)} ({', '.join(f'{n} files' for n in sizes)})" if sizes else "0"


def places_of_did_you_mean(code: Checkout) -> str:
    """Files that contain the phrase “did you mean”, or search for similar names on their own."""
    wording = [
        path for path, text in code.texts.items() if re.search(r"did you mean", _strings(text, path), re.IGNORECASE)
    ]
    alike = [path for path, text in code.texts.items() if re.search(r"\bget_close_matches\(|SequenceMatcher\(", text)]
    return f"{len(wording)} (that search for similar names: {len(alike)})"


def variables_named_for_speech(code: Checkout) -> int:
    """The number of functions, variables and parameters named ``told`` or ``said``."""
    return sum(
        _name(node) in {"told", "said", "_told", "_said"} for tree in code.trees.values() for node in ast.walk(tree)
    )


def stiff_sentences(code: Checkout) -> int:
    """The number of strings and docstrings with an unnatural phrase that the pattern finds.

    It does not find all of them.
    """
    return sum(
        bool(_STIFF.search(node.value))
        for tree in code.trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def flags_in_the_runner(code: Checkout) -> str:
    """The number of Boolean attributes of the runner's classes, and of assignments to them."""
    tree = code.trees[Path("bluesky_qs/manager/execution/runner.py")]
    assigned: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(tree):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                assigned.setdefault(target.attr, []).append(node.value)
    flags = {
        name: values
        for name, values in assigned.items()
        if any(isinstance(v, ast.Constant) and (isinstance(v.value, bool) or v.value is None) for v in values)
    }
    return f"{len(flags)}, assigned in {sum(map(len, flags.values()))} places"


def unit_coverage_of_the_manager(code: Checkout) -> str:
    """The percentage of lines in ``bluesky_qs/manager`` that run in the single process of the unit tests."""
    python = code.root / ".venv" / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "coverage"
        options = ["--data-file", data, "--source", "bluesky_qs.manager", "-m", "pytest", "-q", "tests/unit"]
        # The exit code is not checked, because a test that fails has run lines too.
        subprocess.run([python, "-m", "coverage", "run", *options], cwd=code.root, check=False, stdout=sys.stderr)
        report = Path(folder) / "report.json"
        subprocess.run(
            [python, "-m", "coverage", "json", "-q", "--data-file", data, "-o", report], cwd=code.root, check=True
        )
        return f"{json.loads(report.read_text())['totals']['percent_covered']:.0f} %"


COUNTS: tuple[tuple[str, Count, str], ...] = (
    ("lines of both packages", lines_of_code, ""),
    ("modules of ipython_extension", modules_of_the_extension, "at most 8 at the top"),
    ("imports between them", imports_within_the_extension, "fewer"),
    ("modules longer than 500 lines", modules_over_500_lines, "0"),
    ("functions longer than 50 lines", functions_over_50_lines, "0"),
    ("0MQ methods that the prompt calls by strings", methods_called_by_strings, "0"),
    ("reply fields with Any", reply_fields_with_any, "user values only"),
    ("import circles", import_circles, "0"),
    ("files that write “did you mean”", places_of_did_you_mean, "1"),
    ("names told, said", variables_named_for_speech, "0"),
    ("strings with a stiff phrase", stiff_sentences, "0"),
    ("flags of manager/execution/runner.py", flags_in_the_runner, "one value"),
)


def _functions(code: Checkout) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for tree in code.trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def _name(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.FunctionDef(name=name):
            return name
        case ast.Attribute(attr=name, ctx=ast.Store()):
            return name
    return None


def _strings(text: str, path: Path) -> str:
    """The strings of a file, without docstrings."""
    tree = ast.parse(text, str(path))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return "\n".join(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    )


def _circles(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """Return the sets of modules in which each module can be reached from every other module."""
    reached = {module: _reached(module, graph) for module in graph}
    seen: set[str] = set()
    for module in graph:
        group = {other for other in reached[module] if module in reached[other]}
        if module not in seen and len(group) > 1:
            seen |= group
            yield group


def _reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        for module in graph.get(pending.pop(), ()):
            if module not in found:
                found.add(module)
                pending.append(module)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[Path(__file__).parents[1]])
    parser.add_argument("--coverage", action="store_true", help="also run the unit tests, under coverage")
    options = parser.parse_args()
    checkouts = [Checkout(path.resolve()) for path in options.checkouts]
    counts = list(COUNTS)
    if options.coverage:
        counts.append(("coverage of manager/ in one process", unit_coverage_of_the_manager, "85 %"))
    print("| what is counted |", " | ".join(str(path) for path in options.checkouts), "| target |")
    print("|---" * (len(checkouts) + 2) + "|")
    for label, count, target in counts:
        print(f"| {label} |", " | ".join(str(count(checkout)) for checkout in checkouts), f"| {target} |", flush=True)


if __name__ == "__main__":
    main()
