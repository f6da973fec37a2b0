"""A manager that does what a test tells it, by Python source sent to its control socket."""

import asyncio
import json
import os
import sys
import time

import zmq
import zmq.asyncio

from bluesky_qs.errors import QSError
from bluesky_qs.ipc import supervision
from bluesky_qs.ipc.child import begin_manager
from bluesky_qs.ipc.link import ClientEnd


async def main():
    rundir = begin_manager(sys.argv)
    settings = rundir.load_settings()
    context = zmq.asyncio.Context()
    link = ClientEnd(context, rundir.supervisor_link, supervision.SupervisorReport)
    reports = []
    reported = asyncio.Condition()
    stop = asyncio.Event()
    obedient = True

    async def follow():
        async for _, report in link.reports():
            async with reported:
                reports.append(type(report).__name__ + (", hurry" if getattr(report, "hurry", False) else ""))
                reported.notify_all()
            if isinstance(report, supervision.StopRequested) and obedient:
                print("fake manager stops:", report.reason)
                stop.set()

    async def beat():
        while True:
            await link.request(supervision.Beat())
            await asyncio.sleep(supervision.BEAT_PERIOD)  # as the real one does

    async def serve():
        nonlocal obedient
        control = context.socket(zmq.REP)
        control.bind(settings.network.zmq_control_addr)
        push = context.socket(zmq.PUSH)
        push.connect(rundir.publications)
        while True:
            request = json.loads(await control.recv())
            match request:
                case {"exec": source}:
                    names = {"result": None, "os": os, "sys": sys, "time": time}
                    exec(source, names)
                    answer = names["result"]
                case {"command": name, "args": args}:
                    try:
                        value = await link.request(getattr(supervision, name)(*args))
                    except QSError as error:
                        answer = {"refused": error.code, "message": error.message}
                    else:
                        answer = json.loads(json.dumps(_plain(value)))
                case {"publish": [topic, payload]}:
                    await push.send_multipart([topic.encode(), payload.encode()])
                    answer = None
                case {"reported": answer}:
                    async with reported:
                        while answer not in reports:
                            await reported.wait()
                case {"obedient": value}:
                    obedient, answer = value, None
                case {"exit": code}:
                    os._exit(code)
                case _:
                    answer = {"pid": os.getpid(), "reports": reports, "inventory": _plain(inventory)}
            await control.send(json.dumps(answer).encode())

    following = asyncio.create_task(follow())
    inventory = await link.request(supervision.Hello(os.getpid()))
    if inventory.stopping:
        return
    tasks = [following, asyncio.create_task(beat()), asyncio.create_task(serve())]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            task.result()


def _plain(value):
    if hasattr(value, "__struct_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list):
        return [_plain(element) for element in value]
    return value.decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    asyncio.run(main())
