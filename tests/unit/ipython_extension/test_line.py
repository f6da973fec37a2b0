"""A complaint shows the line that it is about, with carets under what is wrong."""

import pytest
from IPython.core.error import UsageError

from ipython_extension.typed.line import Line


def complaint(text):
    with pytest.raises(UsageError) as caught:
        Line(text).plan()
    return str(caught.value).splitlines()


def test_the_line_at_fault_is_the_one_shown():
    assert complaint("count(\n  [det1],\n  num=a.b[0])")[1:] == ["      num=a.b[0])", "          ^^^^^^"]


def test_a_long_line_is_shown_around_the_fault():
    shown = complaint(f"count([{', '.join(['det1'] * 500)}], f(x), {', '.join(['det2'] * 500)})")
    assert len(shown[1]) <= 110
    assert shown[1][shown[2].index("^") :].startswith("f(x)")


def test_carets_end_with_the_line():
    assert complaint("count(f(1,\n2))")[1:] == ["    count(f(1,", "          ^^^^"]
