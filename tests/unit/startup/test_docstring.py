from hypothesis import given
from hypothesis import strategies as st

from bluesky_qs.startup.docstring import read

NUMPY = """
    Scan a motor.

    Slowly.

    Parameters
    ----------
    detectors : list
        Detectors to read.

        All of them.
    start, stop : float
        Ends of the range:

            start < stop
    *args
        The rest.
    undescribed : int

    Other Parameters
    ----------------
    md : dict
        Metadata.

    Returns
    -------
    uid : str
        Not a parameter.
    """


def test_description_is_what_stands_before_the_first_section():
    assert read(NUMPY).description == "Scan a motor.\n\nSlowly."


def test_parameters_have_their_texts():
    assert read(NUMPY).parameters == {
        "detectors": "Detectors to read.\n\nAll of them.",
        "start": "Ends of the range:\n\n    start < stop",
        "stop": "Ends of the range:\n\n    start < stop",
        "args": "The rest.",
        "md": "Metadata.",
    }


def test_docstring_without_sections_is_all_description():
    assert read("One line.") == ("One line.", {})
    assert read(None) == ("", {})


def test_docstring_may_consist_of_sections_only():
    assert read("Parameters\n----------\nx : int\n    An x.") == ("", {"x": "An x."})


def test_indented_section_is_read_as_well():
    assert read("Text.\n\n    Parameters\n    ----------\n    x : int\n        An x.").parameters == {"x": "An x."}


@given(st.text("Parameters\n-= :x*,`", max_size=80))
def test_any_docstring_can_be_read(text):
    assert read(text).description is not None


def test_other_ends_of_lines_are_read():
    text = "Scan.\r\n\r\n    Parameters\r\n    ----------\r\n    a : int\r\n        Size in\u2028 µm.\r\n"
    assert read(text) == ("Scan.", {"a": "Size in\u2028 µm."})
