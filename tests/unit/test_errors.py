"""The classes of errors and their codes."""

import pytest

from bluesky_qs import errors
from bluesky_qs.client.failures import RequestFailedError, failure
from bluesky_qs.errors import QSError, by_code


@pytest.mark.parametrize("cls", [QSError, errors.WorkerError, errors.AddressInUse])
def test_a_code_names_its_class(cls):
    assert by_code(cls().code) is cls


def test_an_unknown_code_is_a_plain_error():
    assert by_code("OfALaterVersion") is QSError


def test_the_errors_of_a_client_take_no_code():
    refusal = failure({"method": "task_result"}, {"success": False, "msg": "No.", "error": "WorkerError"})
    assert isinstance(refusal, RequestFailedError)
    assert refusal.code == "WorkerError"
    assert by_code("WorkerError") is errors.WorkerError
    assert by_code("RequestFailedError") is QSError


def test_a_refusal_without_a_class_gets_the_one_that_its_message_shows():
    msg = "Error: Invalid lock key: \nRE Manager is locked by Ada"
    assert isinstance(failure({"method": "queue_clear"}, {"success": False, "msg": msg}), errors.Locked)
    assert type(failure({"method": "queue_clear"}, {"success": False, "msg": "No."})) is RequestFailedError
