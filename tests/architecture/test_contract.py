"""The table of methods and everything that is derived from it say the same."""

import inspect

import pytest

from bluesky_qs.api.method import METHODS, Lock
from bluesky_qs.client.sync import REManagerAPI

METHOD_LIST = sorted(METHODS.values(), key=lambda method: method.name)


def names(method):
    return method.name


@pytest.mark.parametrize("method", METHOD_LIST, ids=names)
def test_the_client_has_the_method_with_its_documentation(method):
    assert inspect.getdoc(getattr(REManagerAPI, method.name)).startswith(inspect.getdoc(method.stub))


@pytest.mark.parametrize("method", METHOD_LIST, ids=names)
def test_a_method_that_a_lock_refuses_takes_the_key(method):
    assert (method.lock is Lock.NONE) or "lock_key" in method.parameters


@pytest.mark.parametrize("method", METHOD_LIST, ids=names)
def test_the_first_line_of_the_documentation_is_a_sentence(method):
    first = inspect.getdoc(method.stub).splitlines()[0]
    assert first.endswith((".", ":")) or inspect.getdoc(method.stub).splitlines()[1]
