"""Our clients send an extension of ours only to a service whose status lists it."""

import pytest

from bluesky_qs import errors
from bluesky_qs.aio import REManagerAPI as AsyncREManagerAPI

HISTORY = {"success": True, "msg": "", "items": [], "plan_history_uid": "h"}


@pytest.fixture
def older(accepting):
    """A service that has no extensions."""
    accepting.answers["status"] = {"plan_history_uid": "h", "manager_state": "idle"}
    accepting.answers["history_get"] = HISTORY
    return accepting


@pytest.mark.parametrize("reload", [True, False])
def test_a_parameter_that_the_service_does_not_list_is_refused_here_and_not_sent(older, RM, reload):
    with pytest.raises(errors.BadParams) as error:
        RM.history_get(limit=5, metadata={"sample": "S*"}, reload=reload)
    assert error.value.message == (
        "This service does not support these parameters of history_get: limit=5, metadata={'sample': 'S*'}"
    )
    assert older.asked("history_get") == []
    assert RM.history_get(reload=reload)["items"] == []


def test_a_service_that_was_replaced_by_a_newer_one_is_asked_again(older, RM):
    with pytest.raises(errors.BadParams):
        RM.history_get(limit=5)
    older.answers["status"] = {"plan_history_uid": "h", "extensions": ["limit"]}
    RM.history_get(limit=5, reload=True)
    RM.history_get(limit=6, reload=True)
    assert older.asked("history_get") == [{"limit": 5}, {"limit": 6}]
    assert older.methods[-3:] == ["status", "history_get", "history_get"]  # what is known is not asked twice


def test_what_the_client_adds_is_left_out_once_an_older_service_has_refused_it(accepting, RM):
    accepting.answers["status"] = {"extensions": ["user"]}
    RM.status()
    unsupported = {"success": False, "msg": "API request contains unsupported parameters: 'user'."}
    accepting.answers["re_pause"] = lambda params: unsupported if "user" in params else {"success": True, "msg": ""}
    accepting.answers["status"] = {}
    RM.re_pause()
    RM.re_pause()
    assert ["user" in params for params in accepting.asked("re_pause")] == [True, False, False]


def test_the_user_of_a_history_is_a_filter_and_never_filled_in(qs_manager, RM):
    qs_manager.fill(history=[{"name": "count", "user": "ada"}, {"name": "scan", "user": "bob"}])
    RM.user = "ada"
    assert [item["name"] for item in RM.history_get()["items"]] == ["count", "scan"]
    assert [item["name"] for item in RM.history_get(user="bob")["items"]] == ["scan"]


async def test_the_asyncio_client_does_the_same(older, clean_environment):
    async with AsyncREManagerAPI(older.control, zmq_info_addr=older.info, timeout_recv=5) as manager:
        with pytest.raises(errors.BadParams, match="limit=5"):
            await manager.history_get(limit=5)
        assert (await manager.history_get())["items"] == []
    assert older.asked("history_get") == [{}]
