"""The live view where there is no notebook; that in one is in `tests/e2e/test_prompt_widget.py`."""

import pytest
from IPython.core.error import UsageError

from bluesky_qs import REManagerAPI
from ipython_extension import load_ipython_extension, unload_ipython_extension


def test_a_terminal_says_what_shows_the_same(qs, shell):
    with pytest.raises(UsageError, match="needs a notebook"):
        qs("widget")
    with pytest.raises(UsageError, match="%qs wait follows the plans"):
        shell.user_ns["RM"].widget()


def test_the_method_of_clients_comes_and_goes_with_the_extension(bare_shell):
    assert not hasattr(REManagerAPI, "widget")
    load_ipython_extension(bare_shell)
    assert "Show the state, the queue and the history" in REManagerAPI.widget.__doc__
    unload_ipython_extension(bare_shell)
    assert not hasattr(REManagerAPI, "widget")
