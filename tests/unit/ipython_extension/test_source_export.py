"""What is defined in a session as a script for the worker: found, complete, or refused with what to do."""

import math
import traceback

import pytest

from ipython_extension.typed.source_export import NoSource, script_for


@pytest.fixture
def define(bare_shell):
    """Runs cells in a shell; gives the script for names of it."""

    def run(names, *cells):
        for cell in cells:
            bare_shell.run_cell(cell, store_history=True).raise_error()
        return script_for(names.split(), bare_shell.user_ns, bare_shell.history_manager.input_hist_parsed)

    return run


def worker(script, **namespace):
    """The namespace of a worker in which the script ran."""
    exec(script, namespace)
    return namespace


def test_a_function_of_a_cell_is_found_with_its_decorators_and_comments(define):
    script = define("f", "import functools", "x = 1\n\n@functools.cache\ndef f():\n    # why\n    return 5\n")
    assert "# why" in script
    assert worker(script)["f"]() == 5


def test_a_redefined_function_is_sent_as_it_is_now(define):
    assert worker(define("f", "def f(): return 1", "def f(): return 2"))["f"]() == 2


def test_a_class_is_found_where_it_was_typed(define):
    assert worker(define("A", "class A:\n    x = 1", "class A:\n    x = 2"))["A"].x == 2


def test_a_lambda_and_a_second_name_are_sent(define):
    assert worker(define("f", "f = lambda x: x + 1"))["f"](1) == 2
    assert worker(define("g", "def f(x): return x", "g = f"))["g"](3) == 3


def test_plain_values_are_sent_as_they_are(define):
    made = worker(define("n names", "n = -2.5; names = ['a', {'b': (1, None)}]"))
    assert (made["n"], made["names"]) == (-2.5, ["a", {"b": (1, None)}])


def test_imports_go_along_and_what_the_worker_has_wins(define):
    cells = ("import math as m\nfrom os.path import join as glue", "def f(): return m.pi, glue('a', 'b')")
    script = define("f", *cells)
    assert worker(script)["f"]() == (math.pi, "a/b")
    assert worker(script, glue=lambda *parts: parts)["f"]() == (math.pi, ("a", "b"))


def test_nothing_is_defined_if_the_worker_lacks_something(define):
    script = define("f", "n = 3\ndef f(): return n * step")
    namespace = {"step": 2}
    with pytest.raises(NameError, match=r"needed by the pushed definitions: n$"):
        exec(script, namespace)
    assert set(namespace) == {"step", "__builtins__"}
    assert worker(define("f n"), step=2)["f"]() == 6


def test_names_that_are_pushed_together_need_no_check(define):
    assert "_qs_check" not in define("f g", "def g(): return 1\ndef f(x=g()): return [y for y in range(g())]")


@pytest.mark.parametrize(
    ("name", "cell", "expected_text"),
    [
        ("nothing", "", "This session has no 'nothing'"),
        ("wigle", "def wiggle(): ...", "did you mean 'wiggle'"),
        ("count", "", "This session has no 'count'$"),  # not: did you mean 'Out'?
        ("f", "exec('def f(): pass')", "Cannot find the source of f"),
        ("math", "import math", "math is a module"),
        (
            "f",
            "def make(k):\n    def f(): return k\n    return f\nf = make(1)",
            "inside another function and uses its variables: k",
        ),
        ("o", "o = object()", "is of type object"),
        ("a.b", "", "is not a valid name"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_the_reason(define, name, cell, expected_text):
    with pytest.raises(NoSource, match=expected_text):
        define(name, cell)


def test_what_was_made_by_a_call_is_made_again(define):
    made = worker(define("p", "import functools", "p = functools.partial(max, 1)"))
    assert made["p"](0, -1) == 1


def test_definitions_come_before_what_uses_them_at_once(define):
    cells = "from functools import wraps\ndef twice(f):\n    @wraps(f)\n    def g(*a): return f(*a) * 2\n    return g"
    assert worker(define("f twice n", "n = 3", cells, "@twice\ndef f(x=n):\n    return x"))["f"]() == 6


def failing_line(script, call):
    """File, line and text of the innermost frame of a call in the worker."""
    namespace = worker(script)
    with pytest.raises(ZeroDivisionError) as caught:
        eval(call, namespace)
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    return frame.filename, frame.lineno, frame.line


def test_lines_are_numbered_as_typed_in_their_cells(define):
    cells = ["import functools", "x = 1\n\n@functools.cache\ndef f():\n\n    return 1 / 0", "def g():\n    return f()"]
    script = define("f g", *cells)
    assert failing_line(script, "g()") == ("Cell In[2] (f)", 6, "return 1 / 0")
    assert "_qs_define" not in worker(script)


def test_lines_of_a_typed_class_are_numbered_as_typed(define):
    script = define("A B", "n = 3\nclass A:\n    def f(self):\n        1 / 0\n\nclass B(A):\n    pass")
    assert failing_line(script, "B().f()") == ("Cell In[1] (A)", 4, "1 / 0")


def test_lines_of_a_file_are_numbered_as_in_the_file(define, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "wiggles_of_a_test.py"
    file.write_text("import math\n\n\ndef wiggle(n):\n    # why\n    return n / 0\n")
    script = define("wiggle", "from wiggles_of_a_test import wiggle")
    assert failing_line(script, "wiggle(1)") == (f"{file} (wiggle)", 6, "return n / 0")


def test_a_definition_that_fails_leaves_no_helper_behind(define):
    script = define("f", "z = 1\ndef f(x=1 / z): pass", "z = 0")
    namespace = {"z": 0}
    with pytest.raises(ZeroDivisionError):
        exec(script, namespace)
    assert set(namespace) == {"z", "__builtins__"}
