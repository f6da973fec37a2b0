"""The first lines of the log, with the locations of the service's files and sockets."""

from collections.abc import Iterator

from bluesky_qs.config.schema import Settings
from bluesky_qs.ipc.runtime import RuntimeDir


def places(settings: Settings, config: str | None, rundir: RuntimeDir) -> Iterator[str]:
    """Yield a line for each location. The manager adds lines for its own files when it has found them."""
    yield f"Configuration: {config or 'no file; options, environment variables and defaults'}"
    log = settings.log
    if log.file is not None:
        yield f"Log: {log.file} (up to {log.file_size} MB, and {log.file_count} full files)"
    yield f"Sockets between the processes: {rundir.path}"
    yield f"Status, events, console and documents: {settings.network.zmq_info_addr}"
