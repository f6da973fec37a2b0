"""House rule: foreign data is read by parsers of data, never unpickled or evaluated.

Ruff has rules for some of this. A comment switches them off in a line, and not for imports under another name.
"""

import ast
from pathlib import Path

import pytest

import bluesky_qs

ROOT = Path(bluesky_qs.__file__).parents[1]
MODULES = [path for package in ("bluesky_qs", "ipython_extension") for path in sorted((ROOT / package).rglob("*.py"))]

#: Modules whose loading runs code that the data name.
UNSAFE_MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "jsonpickle"}
EVALUATES = {"eval", "exec", "compile", "__import__"}
YAML_LOADERS = {"load", "load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all"}
#: The few places that may, with what they read.
ALLOWED = {
    "bluesky_qs/startup/user_code.py": "startup code and uploaded scripts, which are the user's own programs",
    "bluesky_qs/startup/header.py": "annotations of a plan, in the namespace of its own startup code",
    "bluesky_qs/plans/lists.py": "YAML with the safe loader, of C or of Python",
}


def faults(source: str) -> list[str]:
    """What a module does to data that is not to be done to foreign data, with the lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        match node:
            case ast.Import():
                names = [alias.name.partition(".")[0] for alias in node.names]
                names = [name for name in names if name in UNSAFE_MODULES]
            case ast.ImportFrom(module=str(module)):
                names = [module] if module.partition(".")[0] in UNSAFE_MODULES else []
                names += [
                    f"yaml.{alias.name}" for alias in node.names if module == "yaml" and alias.name in YAML_LOADERS
                ]
            case ast.Call(func=ast.Name(id=name)) if name in EVALUATES:
                names = [name]
            case ast.Attribute(value=ast.Name(id="builtins"), attr=name) if name in EVALUATES:
                names = [name]
            case ast.Attribute(value=ast.Name(id="yaml"), attr=name) if name in YAML_LOADERS:
                names = [f"yaml.{name}"]
            case ast.keyword(arg="allow_pickle"):
                names = ["allow_pickle"]
        found += [f"line {getattr(node, 'lineno', '?')}: {name}" for name in names]
    return found


def test_no_module_unpickles_or_evaluates_foreign_data():
    found = {str(path.relative_to(ROOT)): faults(path.read_text()) for path in MODULES}
    assert len(found) > 300
    assert {name: lines for name, lines in found.items() if lines and name not in ALLOWED} == {}
    assert [name for name in ALLOWED if not found[name]] == [], "these need no exception any more"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import pickle as json",
        "from pickle import loads",
        "import marshal",
        "eval(text)",
        "exec(text)",
        "import builtins; builtins.eval(text)",
        "__import__(text)",
        "import yaml; yaml.load(text, Loader=yaml.Loader)",
        "import yaml; yaml.unsafe_load(text)",
        "from yaml import full_load",
        "numpy.load(file, allow_pickle=True)",
    ],
)
def test_the_rule_finds(source):
    assert faults(source) != []


@pytest.mark.parametrize(
    "source", ["import json; json.loads(text)", "import yaml; yaml.safe_load(text)", "re.compile(text)", "model.eval()"]
)
def test_the_rule_lets_pass(source):
    assert faults(source) == []
