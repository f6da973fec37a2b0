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


def test_headings_may_have_colons_other_names_and_blank_lines_below():
    for heading in ("Parameters:\n-----------", "Inputs:\n-------", "Args\n====", "Parameters\n\n----------"):
        assert read(f"Move.\n\n{heading}\nsize : int\n    its size\n") == ("Move.", {"size": "its size"})


def test_stars_and_quotes_do_not_belong_to_names():
    text = "Scan.\n\nParameters\n----------\n``*args``\n    motor, start\n`**kw` : dict\n    more\n\\*rest\n    others"
    assert read(text).parameters == {"args": "motor, start", "kw": "more", "rest": "others"}


def test_text_behind_the_colon_describes_the_parameter_unless_it_is_a_type():
    section = """
        Parameters
        ----------
        energy: photon energy [eV]

        exposure: float, in unit of sec
        flyers: Devices with 'kickoff', 'complete' and
            'collect' methods.
        how : {'fast', 'fine'}, optional
            How to scan.
        shape : ndarray of float, shape (n, 3)
        stage : ophyd.Device
        num : int, default: 5
        """
    assert read(section).parameters == {
        "energy": "photon energy [eV]",
        "exposure": "float, in unit of sec",
        "flyers": "Devices with 'kickoff', 'complete' and\n'collect' methods.",
        "how": "How to scan.",
    }


def test_sections_that_are_not_known_are_kept():
    before = "Change.\n\nHazards\n-------\nShutter.\n\n"
    text = f"{before}Parameters\n----------\ne: int\n  The energy.\n\nReturns\n-------\nx\n\nUnits\n-----\neV"
    assert read(text) == ("Change.\n\nHazards\n-------\nShutter.\n\nUnits\n-----\neV", {"e": "The energy."})


def test_tables_and_lists_are_kept_as_written():
    table = "one of\n\n  name | slit\n  -----+-----\n  hfm  | 1\n\n  name\n  ----\n  kbh"
    body = "\n".join(f"    {line}".rstrip() for line in table.split("\n"))
    text = f"Scan.\n\n1. open\n2. scan\n\nParameters\n----------\nmirror : str\n{body}\nnum : int\n    Points.\n"
    assert read(text) == ("Scan.\n\n1. open\n2. scan", {"mirror": table, "num": "Points."})


def test_google_style_is_read():
    text = """Scan.

    Args:
        motor (Movable): What to move.
        *args: Start, stop
            and so on.
        energy: in eV

    Slowly.

    Returns:
        Nothing.
    """
    assert read(text) == (
        "Scan.\n\nSlowly.",
        {"motor": "What to move.", "args": "Start, stop\nand so on.", "energy": "in eV"},
    )


def test_sphinx_style_is_read():
    text = """Scan with :math:`x`: slowly.

    :param motor: What to move.
    :type motor: Movable
    :param int num: Points,
        at least 2.
    :param \\*args: More.
    :returns: nothing
    """
    assert read(text) == (
        "Scan with :math:`x`: slowly.",
        {"motor": "What to move.", "num": "Points,\nat least 2.", "args": "More."},
    )


def test_text_below_a_parameter_need_not_be_indented():
    text = "Parameters\n----------\nexposure: float\nThe exposure time in s.\nnum: int\nHow often, at most"
    assert read(text).parameters == {"exposure": "The exposure time in s.", "num": "How often, at most"}


def test_parameters_that_are_named_like_headings_are_parameters():
    text = (
        "Set.\n\nParameters\n----------\nobj : Movable\nargs :\n    passed to set\nwait : bool, defaults to 1\n    Yes."
    )
    assert read(text) == ("Set.", {"args": "passed to set", "wait": "Yes."})
