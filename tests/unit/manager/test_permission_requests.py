"""Permissions, lists and the lock, in a whole manager."""

import pytest

from bluesky_qs.config.schema import Operation, Settings, Startup
from bluesky_qs.errors import ConfigError
from bluesky_qs.ipc.commands import SetPermissions
from bluesky_qs.testing import AsyncManager, MemoryStore, NewLists

TESTER = {"user": "tester", "user_group": "primary"}
COUNT = {"item_type": "plan", "name": "count", "args": [["det1"]]}
PERMISSIONS = {
    "user_groups": {
        "root": {"allowed_plans": [None], "allowed_devices": [None], "allowed_functions": [None]},
        "primary": {"allowed_plans": ["count"], "allowed_devices": ["det1"], "allowed_functions": []},
    }
}


@pytest.fixture
def files(tmp_path):
    """Settings with permissions and lists in a folder of the test."""
    text = (
        "user_groups:\n  root: {allowed_plans: [null], allowed_devices: [null]}\n  primary: {allowed_plans: [count]}\n"
    )
    (tmp_path / "user_group_permissions.yaml").write_text(text)
    return tmp_path


def settings_of(folder, **operation):
    startup = Startup(user_group_permissions_path=str(folder), existing_plans_and_devices_path=str(folder))
    return Settings(startup=startup, operation=Operation(**operation))


async def test_allowed_plans_and_devices_depend_on_the_group(manager):
    everything = await manager.do("plans_allowed", user_group="primary")
    guest = await manager.do("plans_allowed", user_group="test_user")
    assert set(guest["plans_allowed"]) < set(everything["plans_allowed"])
    assert everything["plans_allowed_uid"] == (await manager.do("status"))["plans_allowed_uid"]
    assert "det1" in (await manager.do("devices_allowed", user_group="test_user"))["devices_allowed"]


async def test_functions_are_those_of_the_worker_that_the_group_may_call(opened):
    async def allowed(group):
        answer = await opened.do("functions_allowed", user_group=group)
        assert answer["functions_allowed_uid"] == (await opened.do("status"))["functions_allowed_uid"]
        return answer["functions_allowed"]

    expected = {"signature": "(time)", "description": "Sleep for a given number of seconds."}
    assert await allowed("primary") == {"function_sleep": expected}
    before = await opened.do("status")
    functions = dict.fromkeys(("function_sleep", "func_for_test", "other"), expected)
    opened.worker.on_update(NewLists(functions=functions))
    await opened.do("environment_update")
    after = await opened.until(lambda status: status["functions_allowed_uid"] != before["functions_allowed_uid"])
    assert after["plans_allowed_uid"] == before["plans_allowed_uid"]
    assert list(await allowed("primary")) == ["function_sleep", "func_for_test"]
    assert list(await allowed("admin")) == ["function_sleep"]
    await opened.until_idle()
    await opened.do("permissions_set", user_group_permissions=PERMISSIONS)
    assert await allowed("primary") == {}
    assert (await opened.do("status"))["functions_allowed_uid"] != after["functions_allowed_uid"]


async def test_no_function_is_known_before_the_environment_was_opened(manager):
    assert (await manager.do("functions_allowed", user_group="primary"))["functions_allowed"] == {}


@pytest.mark.parametrize("method", ["plans_allowed", "devices_allowed", "functions_allowed"])
async def test_an_unknown_group_has_no_lists(refused, method):
    assert "Unknown user group: 'strangers'" in await refused(method, user_group="strangers")


async def test_existing_plans_and_devices_are_all_of_them(manager):
    assert "count" in (await manager.do("plans_existing"))["plans_existing"]
    assert "det1" in (await manager.do("devices_existing"))["devices_existing"]


async def test_new_permissions_apply_at_once_and_are_sent_to_the_worker(opened):
    before = await opened.do("status")
    await opened.do("permissions_set", user_group_permissions=PERMISSIONS)
    assert (await opened.do("permissions_get"))["user_group_permissions"] == PERMISSIONS
    assert list((await opened.do("plans_allowed", user_group="primary"))["plans_allowed"]) == ["count"]
    assert (await opened.do("status"))["plans_allowed_uid"] != before["plans_allowed_uid"]
    assert isinstance(opened.worker.commands[-1], SetPermissions)


async def test_permissions_that_are_in_force_change_nothing(opened):
    permissions = (await opened.do("permissions_get"))["user_group_permissions"]
    await opened.do("permissions_set", user_group_permissions=permissions)
    assert not isinstance(opened.worker.commands[-1], SetPermissions)


async def test_permissions_that_cannot_be_stored_are_not_in_force(manager, refused):
    before = (await manager.do("permissions_get"))["user_group_permissions"]
    manager.store.refuse = "disk full"
    assert "disk full" in await refused("permissions_set", user_group_permissions=PERMISSIONS)
    assert (await manager.do("permissions_get"))["user_group_permissions"] == before


async def test_permissions_without_groups_are_refused(refused):
    assert "user_groups" in await refused("permissions_set", user_group_permissions={})


async def test_permissions_are_read_from_their_file_again(files):
    async with AsyncManager(settings=settings_of(files)) as manager:
        text = (files / "user_group_permissions.yaml").read_text()
        (files / "user_group_permissions.yaml").write_text(text.replace("count", "scan"))
        await manager.do("permissions_reload", restore_plans_devices=True)
        groups = (await manager.do("permissions_get"))["user_group_permissions"]["user_groups"]
        assert groups["primary"]["allowed_plans"] == ["scan"]


async def test_permissions_are_not_read_again_if_the_service_never_does(files):
    async with AsyncManager(settings=settings_of(files, user_group_permissions_reload="NEVER")) as manager:
        assert "NEVER" in (await manager.ask("permissions_reload"))["msg"]
        await manager.do("permissions_reload", restore_permissions=False)


async def test_stored_permissions_are_kept_where_the_file_is_not_read_at_each_start(files):
    store = MemoryStore()
    settings = settings_of(files, user_group_permissions_reload="ON_REQUEST")
    async with AsyncManager(settings=settings, store=store) as manager:
        await manager.do("permissions_set", user_group_permissions=PERMISSIONS)
    async with AsyncManager(settings=settings, store=store) as manager:
        assert (await manager.do("permissions_get"))["user_group_permissions"] == PERMISSIONS
    async with AsyncManager(settings=settings_of(files), store=store) as manager:
        assert (await manager.do("permissions_get"))["user_group_permissions"] != PERMISSIONS


async def test_a_service_with_wrong_permissions_does_not_start(files):
    (files / "user_group_permissions.yaml").write_text("user_groups: 3")
    with pytest.raises(ConfigError, match="user_groups"):
        await AsyncManager(settings=settings_of(files)).start()


async def test_the_lists_of_the_worker_are_written_beside_the_startup_code(files):
    async with AsyncManager(settings=settings_of(files)) as manager:
        assert (await manager.do("plans_existing"))["plans_existing"] == {}
        await manager.open()
    async with AsyncManager(settings=settings_of(files)) as manager:
        assert "count" in (await manager.do("plans_existing"))["plans_existing"]


async def test_lists_that_cannot_be_read_do_not_stop_the_service(files, caplog):
    (files / "existing_plans_and_devices.yaml").write_text("nonsense")
    async with AsyncManager(settings=settings_of(files)) as manager:
        assert "Could not read the lists" in caplog.text
        assert (await manager.do("plans_existing"))["plans_existing"] == {}


async def test_lists_that_cannot_be_written_do_not_stop_the_service(files, caplog):
    startup = Startup(existing_plans_and_devices_path=str(files / "nowhere" / "lists.yaml"))
    async with AsyncManager(settings=Settings(startup=startup)) as manager:
        await manager.open()
        assert "Could not save the lists" in caplog.text
        assert "count" in (await manager.do("plans_existing"))["plans_existing"]


async def test_a_lock_refuses_who_has_no_key(manager, refused):
    answer = await manager.do("lock", lock_key="k", queue=True, user="ada", note="at lunch")
    assert answer["lock_info"]["user"] == "ada"
    message = await refused("queue_item_add", item=COUNT, **TESTER)
    assert "ada" in message
    assert "at lunch" in message
    assert (await manager.do("queue_item_add", item=COUNT, lock_key="k", **TESTER))["qsize"] == 1
    assert (await manager.do("status"))["lock"] == {"environment": False, "queue": True}


async def test_a_lock_of_the_queue_leaves_the_environment_free(manager):
    await manager.do("lock", lock_key="k", queue=True, user="ada")
    await manager.open()


async def test_a_key_is_checked(manager, refused):
    await manager.do("lock", lock_key="k", environment=True, user="ada")
    await manager.do("lock_info", lock_key="k")
    assert "ada" in await refused("lock_info", lock_key="wrong")
    assert "must be a non-empty string" in await refused("environment_open", lock_key="")


async def test_only_the_key_unlocks(manager):
    await manager.do("lock", lock_key="k", queue=True, user="ada")
    answer = await manager.ask("unlock", lock_key="wrong")
    assert (answer["success"], answer["lock_info"]["queue"]) == (False, True)
    assert not (await manager.do("unlock", lock_key="k"))["lock_info"]["queue"]
    await manager.do("unlock", lock_key="anything")


async def test_a_lock_can_be_changed_with_its_key_only(manager, refused):
    await manager.do("lock", lock_key="k", queue=True, user="ada")
    assert "different key" in await refused("lock", lock_key="other", queue=True, user="bob")
    answer = await manager.do("lock", lock_key="k", environment=True, user="ada")
    assert (answer["lock_info"]["environment"], answer["lock_info"]["queue"]) == (True, False)


async def test_a_lock_locks_something(refused):
    assert "environment and/or queue must be selected" in await refused("lock", lock_key="k", user="ada")


async def test_the_emergency_key_opens_every_lock():
    async with AsyncManager(settings=Settings(operation=Operation(emergency_lock_key="911"))) as manager:
        await manager.do("lock", lock_key="k", queue=True, user="ada")
        assert (await manager.do("lock_info"))["lock_info"]["emergency_lock_key_is_set"]
        await manager.do("unlock", lock_key="911")
        assert not (await manager.do("status"))["lock"]["queue"]


async def test_a_lock_that_cannot_be_stored_does_not_hold(manager, refused):
    manager.store.refuse = "disk full"
    assert "disk full" in await refused("lock", lock_key="k", queue=True, user="ada")
    assert not (await manager.do("status"))["lock"]["queue"]


async def test_a_lock_outlives_the_service():
    store = MemoryStore()
    async with AsyncManager(store=store) as manager:
        await manager.do("lock", lock_key="k", queue=True, user="ada")
    async with AsyncManager(store=store) as manager:
        assert (await manager.do("status"))["lock"]["queue"]


BARE = {"user_groups": {**PERMISSIONS["user_groups"], "root": {"allowed_plans": [None], "forbidden_plans": ["^_"]}}}


async def test_permissions_with_bare_regular_expressions_are_set_with_a_warning(manager, caplog):
    reply = await manager.do("permissions_set", user_group_permissions=BARE)
    (warning,) = reply["warnings"]
    assert warning.startswith("user_groups.root.forbidden_plans: '^_' is not a name, so it is read as a regular")
    assert warning in caplog.text
    assert "warnings" not in await manager.do("permissions_set", user_group_permissions=PERMISSIONS)


async def test_stored_permissions_with_bare_regular_expressions_are_used_with_a_warning(files, caplog):
    store = MemoryStore()
    settings = settings_of(files, user_group_permissions_reload="ON_REQUEST")
    async with AsyncManager(settings=settings, store=store) as manager:
        await manager.do("permissions_set", user_group_permissions=BARE)
    caplog.clear()
    async with AsyncManager(settings=settings, store=store) as manager:
        assert (await manager.do("permissions_get"))["user_group_permissions"] == BARE
    assert "Stored user group permissions: user_groups.root.forbidden_plans: '^_' is not a name" in caplog.text
