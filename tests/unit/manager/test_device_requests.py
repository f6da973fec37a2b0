"""Reading devices, in a whole manager."""

import asyncio

import pytest

from bluesky_qs.config.schema import Settings, Worker
from bluesky_qs.ipc.commands import ReadDevices
from bluesky_qs.manager.worker.reading_requests import moving
from bluesky_qs.testing import AsyncManager, Wait

GROUP = {"user_group": "primary"}


def asked(manager):
    return [command for command in manager.worker.commands if isinstance(command, ReadDevices)]


async def test_devices_are_read_by_name(opened):
    opened.worker.readings["motor"] = {"value": 2.5, "units": "mm", "moving": True, "limits": [-1, 5]}
    devices = (await opened.do("device_read", names=["motor", "sim_bundle_A.mtrs.x"], **GROUP))["devices"]
    assert list(devices) == ["motor", "sim_bundle_A.mtrs.x"]
    assert devices["motor"] | {"timestamp": 0} == {
        "value": 2.5,
        "units": "mm",
        "timestamp": 0,
        "limits": [-1, 5],
        "moving": True,
    }


async def test_one_name_needs_no_list(opened):
    assert list((await opened.do("device_read", names="det1", **GROUP))["devices"]) == ["det1"]


async def test_without_names_everything_that_moves_is_read(opened):
    devices = (await opened.do("device_read", **GROUP))["devices"]
    assert {"motor", "motor1", "sim_bundle_A.mtrs.x"} <= devices.keys()
    assert "det1" not in devices


async def test_no_names_at_all_read_nothing(opened):
    assert (await opened.do("device_read", names=[], **GROUP))["devices"] == {}
    assert asked(opened) == []


def test_signals_of_a_device_are_settings_and_do_not_move():
    signal = {"classname": "EpicsSignal", "is_readable": True, "is_movable": True}
    motor = {"classname": "EpicsMotor", "is_readable": True, "is_movable": True, "components": {"velocity": signal}}
    fixed = {"classname": "Stage", "is_readable": True, "is_movable": False, "components": {"x": motor}}
    assert list(moving({"stage": fixed, "energy": signal, "m1": motor})) == ["stage.x", "energy", "m1"]


async def test_devices_are_read_while_a_plan_runs_and_while_it_is_paused(opened, running):
    await running()
    assert (await opened.do("device_read", names=["motor"], **GROUP))["devices"]["motor"]["value"] == 0.0
    await opened.do("re_pause", option="immediate")
    await opened.until(lambda status: status["manager_state"] == "paused")
    assert (await opened.do("device_read", names=["motor"], **GROUP))["devices"]["motor"]["value"] == 0.0


async def test_unknown_names_are_refused_with_similar_names(opened, refused):
    message = await refused("device_read", names=["motr", "det1", "nosuchdevice"], **GROUP)
    lead = "Parameter 'names': there is no such device, or you may not use it (your user group is 'primary'): 'motr'"
    assert message.startswith(lead)
    assert "'motr' (did you mean 'motor'" in message
    assert "'nosuchdevice'" in message
    assert "det1" not in message
    assert asked(opened) == []


async def test_many_unknown_names_are_counted(opened, refused):
    message = await refused("device_read", names=[f"xyzzy{n}" for n in range(9)], **GROUP)
    assert message.endswith("'xyzzy4' and 4 more")


async def test_a_device_of_another_group_is_refused(opened, refused):
    rules = {"allowed_devices": [None], "forbidden_devices": ["det1"], "allowed_plans": [None]}
    await opened.do(
        "permissions_set",
        user_group_permissions={"user_groups": {"root": {"allowed_devices": [None]}, "primary": rules}},
    )
    assert "'det1'" in await refused("device_read", names=["det1"], **GROUP)
    assert "det2" in (await opened.do("device_read", names=["det2"], **GROUP))["devices"]


@pytest.mark.parametrize("name", ["motor._x", "motor.__class__", "motor.", ""])
async def test_private_and_empty_names_are_refused(opened, refused, name):
    assert f"may not use it (your user group is 'primary'): {name!r}" in await refused(
        "device_read", names=[name], **GROUP
    )


async def test_a_name_below_the_lists_goes_to_the_worker_with_the_group(opened):
    await opened.do("device_read", names=["motor.readback.deep"], max_age=1, **GROUP)
    (command,) = asked(opened)
    assert (command.names, command.unlisted, command.user_group, command.max_age) == (
        [],
        ["motor.readback.deep"],
        "primary",
        1,
    )


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"names": 3}, "'names'"),
        ({"names": ["motor", 3]}, "'names'"),
        ({"max_age": -1}, "'max_age' of 'device_read' has an unsupported value -1"),
        ({"max_age": "x"}, "'max_age' of 'device_read' has an unsupported value 'x'"),
        ({"user_group": "nobody"}, "Unknown user group: 'nobody'"),
    ],
)
async def test_wrong_parameters_are_named(opened, refused, params, said):
    assert said in await refused("device_read", **GROUP | params)


async def test_a_request_without_a_group_is_refused(opened, refused):
    assert "user group is not specified" in await refused("device_read", names=["motor"])


async def test_with_the_environment_closed_it_is_refused(manager, refused):
    assert await refused("device_read", names=["motor"], **GROUP) == (
        "RE Worker environment does not exist. Open it first."
    )


async def test_while_the_environment_opens_it_is_refused(manager, refused):
    manager.worker.on_open(Wait())
    await manager.do("environment_open")
    await manager.until(lambda _: manager.worker.is_waiting)
    assert "Try again when it is open" in await refused("device_read", **GROUP)
    manager.worker.proceed()


async def test_a_worker_that_hangs_is_an_error_and_nobody_else_waits(opened, refused):
    opened.worker.hang()
    reading = asyncio.create_task(refused("device_read", names=["motor"], **GROUP))
    await opened.until(lambda _: opened.worker.unheard)
    assert (await opened.do("queue_get"))["items"] == []
    assert "busy with user code" in await reading
    opened.worker.recover()
    assert "motor" in (await opened.do("device_read", names=["motor"], **GROUP))["devices"]


async def test_excluded_devices_and_their_parts_are_not_read():
    settings = Settings(worker=Worker(device_read_exclude=("motor1", "sim_bundle_*")))
    async with AsyncManager(settings=settings) as manager:
        await manager.open()
        names = ["motor1", "motor2", "sim_bundle_A.mtrs.x"]
        devices = (await manager.do("device_read", names=names, **GROUP))["devices"]
        assert [name for name, found in devices.items() if "excluded from reading" in found.get("error", "")] == [
            "motor1",
            "sim_bundle_A.mtrs.x",
        ]
        assert asked(manager)[0].names == ["motor2"]
        everything = (await manager.do("device_read", **GROUP))["devices"]
        assert "motor2" in everything
        assert not {"motor1", "sim_bundle_A.mtrs.x"} & everything.keys()
