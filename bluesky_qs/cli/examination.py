"""The checks of ``qserver doctor``. Each check returns its findings and never raises an error because of a fault."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import time
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bluesky_qs._version import __version__
from bluesky_qs.addresses import BOUND_CONTROL_ADDRESS, client_address, reaches_beyond
from bluesky_qs.cli.clear_lock import LOCK, who_locked
from bluesky_qs.client.settings import settings as connection_settings
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.config.schema import Settings
from bluesky_qs.errors import QSError
from bluesky_qs.manager.worker.opening import location_of
from bluesky_qs.plans.permissions import PermissionRules
from bluesky_qs.store.base import Store
from bluesky_qs.store.choice import chosen_store
from bluesky_qs.store.disk import space_of
from bluesky_qs.store.place import default_store_path
from bluesky_qs.wire.control import public_key

#: Seconds to wait for the service, and seconds by which a time may be ahead of the clock.
_PATIENCE, _AHEAD = 3.0, 60.0
#: The fraction of the open-file limit that may be in use.
_MOST_FILES = 0.8
#: The first byte of everything that a 0MQ socket sends.
_OF_ZMQ = b"\xff"


class Level(IntEnum):
    """How bad a finding is; the worst one is the exit code."""

    OK = 0
    WARNING = 1
    WRONG = 2


class Finding(NamedTuple):
    """The result of a check: ``text`` states the fact, ``advice`` says what to do about it."""

    name: str
    level: Level
    text: str
    advice: str = ""


def examine(settings: Settings, control_addr: str | None = None) -> list[Finding]:
    """Check the service with these settings. ``control_addr`` is its address, if the settings do not have it."""
    findings: list[Finding] = []
    address = control_addr or _address_of(settings)
    status, found = _service(address, settings)
    findings += found
    findings += _store(settings)
    findings += _disk(settings)
    findings += _permissions(settings)
    findings += _encryption(settings)
    findings += _clock(status)
    return findings


def _address_of(settings: Settings) -> str | None:
    address = settings.network.zmq_control_addr
    return None if address == BOUND_CONTROL_ADDRESS else client_address(address)


# --------------------------------------------------------------------------------------------------- the service
def _service(address: str | None, settings: Settings) -> tuple[dict[str, Any] | None, list[Finding]]:
    """The status, if the service answers, and findings about the service and its environment."""
    private = settings.network.zmq_private_key
    key = public_key(private) if private else None
    try:
        place = connection_settings(control_addr=address, public_key=key).control_addr
        with REManagerAPI(address, zmq_public_key=key, timeout_recv=_PATIENCE) as manager:
            try:
                begun = time.monotonic()
                status = manager.status()
            except QSError:
                return None, [_silence(place, has_key=key is not None)]
            delay = f"{(time.monotonic() - begun) * 1000:.1f} ms"
            text = f"The service at {place} answered within {delay}. Its state is {status['manager_state']!r}."
            answer = Finding("service", Level.OK, text)
            return dict(status), [answer, *_version(status), *_environment(manager, status)]
    except QSError as error:
        return None, [Finding("service", Level.WRONG, error.message, "Correct this setting.")]


def _silence(address: str, *, has_key: bool) -> Finding:
    """The finding that says why the service does not answer."""
    parts = urlsplit(address)
    if parts.scheme != "tcp":
        return Finding("service", Level.WRONG, f"No service answers at {address}.", _START)
    try:
        with socket.create_connection(
            (parts.hostname or "localhost", parts.port or 0), timeout=_PATIENCE
        ) as connection:
            connection.settimeout(_PATIENCE)
            first = connection.recv(1)
    except ConnectionRefusedError:
        return Finding("service", Level.WRONG, f"No service is running at {address}.", _START)
    except TimeoutError:
        first = b""
    except OSError as error:
        text = f"{address} cannot be reached: {error.strerror or error}."
        return Finding("service", Level.WRONG, text, "Check the address and the network.")
    if first != _OF_ZMQ:
        text = f"Another program is using the port of {address}."
        advice = f"Find it with: ss -ltnp 'sport = :{parts.port}'. End it, or choose another address."
        return Finding("service", Level.WRONG, text, advice)
    key = "your public key may be wrong" if has_key else "it may be encrypted and need its public key"
    text = f"A service listens at {address} but did not answer within {_PATIENCE:g} s: it hangs, or {key}."
    advice = "Look at the service's log. For the key, give the service's configuration file (--config)."
    return Finding("service", Level.WRONG, text, advice)


_START = "Start it, for example with: systemctl start bluesky-qs. Its log says why it ended."


def _version(status: Any) -> list[Finding]:
    theirs = status["msg"].rpartition(" v")[2]
    if theirs == __version__:
        return [Finding("version", Level.OK, f"The service and this command have version {__version__}.")]
    text = f"The service has version {theirs}, this command has {__version__}."
    return [Finding("version", Level.WARNING, text, "Restart the service to use the installed version.")]


def _environment(manager: REManagerAPI, status: Any) -> list[Finding]:
    try:
        report = manager.environment_report()["report"]
    except QSError as error:  # bluesky-queueserver has no such report
        return [Finding("startup", Level.WARNING, f"There is no report on the startup code: {error}")]
    if status["manager_state"] == "creating_environment":
        text = "The environment is being opened."
        advice = "If the startup code hangs: qserver environment destroy. Then its line: qserver environment report"
        return [Finding("startup", Level.WARNING, text, advice)]
    if not report:
        return [Finding("startup", Level.OK, "The environment has not been opened since the service started.")]
    if not report.get("success"):
        text = f"The environment did not open: {report.get('message')}"
        return [Finding("startup", Level.WRONG, text, "Correct the code, then: qserver environment open")]
    text = f"The environment opened in {report.get('seconds', 0):.1f} s: "
    text += f"{report.get('plans')} plans, {report.get('devices')} devices."
    left_out = [each["name"] for each in report.get("left_out", [])]
    if left_out:
        text += f" Left out: {', '.join(left_out)}."
        return [Finding("startup", Level.WARNING, text, "The reasons: qserver environment report")]
    return [Finding("startup", Level.OK, text)]


# ----------------------------------------------------------------------------------------------------- the store
def _store(settings: Settings) -> list[Finding]:
    path = _store_path(settings)
    if path is not None and not path.exists():
        text = f"There is no queue store {path} yet."
        advice = "If your service has another one, give --store or --config. Otherwise its first start makes it."
        return [Finding("store", Level.WARNING, text, advice)]
    try:
        return asyncio.run(_stored(chosen_store(settings, beside_service=True)))
    except QSError as error:
        advice = "To restore the queue, see “Backup” in the chapter on operating."
        return [Finding("store", Level.WRONG, error.message, advice)]


def _store_path(settings: Settings) -> Path | None:
    """The file of the store; None for Redis."""
    if settings.network.redis_addr is not None:
        return None
    return Path(settings.operation.store) if settings.operation.store else default_store_path()


async def _stored(store: Store) -> list[Finding]:
    await store.open()
    try:
        content = await store.load()
        counts = f"items: {len(content.items)}, history: {len(content.history)}"
        findings = [Finding("store", Level.OK, f"The {store.description} can be read ({counts}).")]
        findings += await _durability(store)
        lock = content.facts.get(LOCK)
        if lock and (who := who_locked(lock)):
            text, advice = f"Locked: {who}.", "If the key is lost: qserver-clear-lock, then restart the service."
            findings.append(Finding("lock", Level.OK, text, advice))
        if content.history and (end := _end_of(await store.read_history(content.history[-1:]))) > time.time() + _AHEAD:
            text = f"The last plan ended in the future, at {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(end))}."
            findings.append(Finding("last plan", Level.WARNING, text, "The clock was set back. Set it, and use NTP."))
    finally:
        await store.close()
    return findings


def _end_of(history: list[tuple[int, bytes]]) -> float:
    """When the last item ended; 0 if that is unknown."""
    for _, data in history:
        return float((json.loads(data).get("result") or {}).get("time_stop") or 0)
    return 0.0


async def _durability(store: Store) -> list[Finding]:
    from bluesky_qs.store.redis import RedisStore  # noqa: PLC0415 - its client is slow to import

    if not isinstance(store, RedisStore) or await store.writes_each_change():
        return []
    text = "Redis does not write each change to disk: a power cut may lose the latest ones."
    return [Finding("durability", Level.WARNING, text, "Set 'appendonly yes' and 'appendfsync always' in Redis.")]


def _disk(settings: Settings) -> list[Finding]:
    path = _store_path(settings)
    if path is None:
        return []
    try:
        space = space_of(path.parent)
    except OSError as error:
        text = f"The free space of the disk with {path.parent} cannot be read: {error.strerror or error}."
        return [Finding("disk", Level.WRONG, text, "Check that it is mounted.")]
    text = f"{space.free / 1e6:,.0f} MB of {space.total / 1e6:,.0f} MB are free for {path.parent}.".replace(",", " ")
    if space.is_low:
        level, lead = (Level.WRONG, "full") if space.is_full else (Level.WARNING, "nearly full")
        advice = "Delete files there, or move the store to another disk (copy-store)."
        return [Finding("disk", level, f"The disk is {lead}: {text}", advice)]
    if path.exists() and not os.access(path, os.W_OK):
        return [
            Finding(
                "disk", Level.WARNING, f"You may not write to {path}.", "Run this as the user who runs the service."
            )
        ]
    return [Finding("disk", Level.OK, text), *_files(path)]


def _files(path: Path) -> list[Finding]:
    """Compare the number of the running manager's open files with its limit; without Linux, return nothing."""
    try:
        words = path.with_name(f"{path.name}.lock").read_text().split()
        process = Path("/proc") / words[1]
        if words[-1] != os.uname().nodename or b"bluesky_qs" not in (process / "cmdline").read_bytes():
            return []
        used = len(list((process / "fd").iterdir()))
        limits = (process / "limits").read_text().splitlines()
    except (OSError, IndexError):  # no service, or another user's service
        return []
    most = next((line.split()[3] for line in limits if line.startswith("Max open files")), "unlimited")
    text = f"The manager has {used} of {most} files open."
    if most.isdecimal() and used > _MOST_FILES * int(most):
        advice = "Raise the limit (LimitNOFILE= in systemd), and look for clients that never disconnect."
        return [Finding("open files", Level.WARNING, text, advice)]
    return [Finding("open files", Level.OK, text)]


# ---------------------------------------------------------------------------------------------------- the others
def _permissions(settings: Settings) -> list[Finding]:
    try:
        location = location_of(settings)
    except QSError as error:
        return [Finding("startup code", Level.WRONG, error.message, "Correct this setting of the service.")]
    try:
        rules = PermissionRules.load(location.permissions_path)
    except QSError as error:
        advice = "Correct the file, then restart the service, or: qserver permissions reload"
        return [Finding("permissions", Level.WRONG, error.message, advice)]
    return [Finding("permissions", Level.OK, f"{location.permissions_path}: {', '.join(sorted(rules.groups))}.")]


def _encryption(settings: Settings) -> list[Finding]:
    network = settings.network
    if network.zmq_private_key is not None:
        return [Finding("encryption", Level.OK, "The control socket is encrypted.")]
    if not reaches_beyond(network.zmq_control_addr):
        return [Finding("encryption", Level.OK, "Only programs on this computer can reach the control socket.")]
    text = "The control socket is not encrypted: anyone who can reach it can run plans."
    advice = "Make keys with qserver-zmq-keys, or listen on tcp://localhost:60615, or let a firewall protect the port."
    return [Finding("encryption", Level.WARNING, text, advice)]


def _clock(status: dict[str, Any] | None) -> list[Finding]:
    told = datetime.fromisoformat(status["time"]).timestamp() if status else 0.0
    if told > time.time() + _AHEAD:
        text = f"The clock of the service is {told - time.time():.0f} s ahead of this computer's clock."
        return [Finding("clock", Level.WARNING, text, "Set the clock, and use NTP.")]
    command = shutil.which("timedatectl")
    if command:
        ran = subprocess.run([command, "show"], capture_output=True, text=True, timeout=_PATIENCE, check=False)
        if "NTPSynchronized=no" in ran.stdout:
            text = "The clock of this computer is not synchronized."
            return [Finding("clock", Level.WARNING, text, "Turn on NTP: timedatectl set-ntp true")]
    now = datetime.now().astimezone()
    return [Finding("clock", Level.OK, f"It is {now:%Y-%m-%d %H:%M:%S %Z}.")]
