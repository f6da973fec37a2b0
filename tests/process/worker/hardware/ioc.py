"""An EPICS IOC with an axis, its readback, and a trigger.

Run ``ioc.py FILE``: every write is a line of the file before it is answered. EPICS variables choose the port.
"""

import sys
from pathlib import Path

from caproto.server import PVGroup, pvproperty, run

log = Path(sys.argv[1]).open("w")  # noqa: SIM115 - for as long as the process runs


def note(text):
    """Write a line of the file."""
    log.write(f"{text}\n")
    log.flush()


class Axis(PVGroup):
    """Writes to ``setpoint`` move ``readback``."""

    setpoint = pvproperty(value=0.0, precision=3, units="mm")
    readback = pvproperty(value=0.0, precision=3, units="mm")
    acquire = pvproperty(value=0)

    @setpoint.putter
    async def setpoint(self, instance, value):
        note("write")
        await self.readback.write(value)

    @acquire.putter
    async def acquire(self, instance, value):
        note("trigger")

    @setpoint.startup
    async def setpoint(self, instance, async_lib):
        note("ready")


if __name__ == "__main__":
    run(Axis(prefix="dry:").pvdb, interfaces=["127.0.0.1"], log_pv_names=False)
