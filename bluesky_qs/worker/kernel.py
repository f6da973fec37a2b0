"""The environment's IPython kernel: a normal Jupyter kernel that shares its main thread with jobs.

Its event loop runs only while there is no job for the main thread (see `Jobs`): a plan or a task runs outside the loop,
as in plain Python, and not as a cell. In the meantime, messages from consoles wait in the sockets.

Importing this module imports ipykernel.
"""

import asyncio
import contextlib
import contextvars
import logging
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import ipykernel.debugger
import zmq
from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.session import Session
from traitlets.config import Config

from bluesky_qs.errors import StartupError
from bluesky_qs.ipc.commands import KernelSpec, StartupSpec
from bluesky_qs.private import make_folder
from bluesky_qs.startup.configured import ConfiguredCode
from bluesky_qs.startup.failure import sentence
from bluesky_qs.startup.find import shipped_profiles
from bluesky_qs.startup.folder import profile_folder
from bluesky_qs.startup.loader import roots
from bluesky_qs.startup.plain_shell import prepare
from bluesky_qs.startup.report import LoadProblem
from bluesky_qs.startup.shown_errors import ShownErrors
from bluesky_qs.worker.requests import ConsoleRequests

log = logging.getLogger(__name__)

#: A kernel's slowest import. It is referenced here so that a spare worker imports it in advance.
_WARM = ipykernel.debugger
#: Seconds to wait until the kernel has read the messages that have arrived.
_PATIENCE = 0.5


class Kernel:
    """The kernel of this process. Create it once, in the main thread.

    Parameters
    ----------
    startup
        The startup code; the kernel uses the same profile.
    reserve
        Called with True before code from a console runs in the main thread, and with False afterward.
    waiting
        Returns whether a job is waiting for the main thread. Code from a console lets the job go first.
    raised
        Called with each exception raised by code from a console.
    at_console
        Context manager around code from a console, where a user answers input requests.
    own
        Called with the path of the connection file, so that the file is removed even if this process cannot remove it.

    Raises
    ------
    StartupError
        A port is in use, or the connection file cannot be written.
    """

    def __init__(
        self,
        spec: KernelSpec,
        startup: StartupSpec,
        *,
        reserve: Callable[[bool], None],
        waiting: Callable[[], bool],
        raised: Callable[[BaseException], None],
        at_console: Callable[[], AbstractContextManager[None]],
        own: Callable[[Path], None],
    ) -> None:
        self._waiting = waiting
        self._at_console = at_console
        self._reserve = reserve
        #: True while code from a console runs, even while it awaits something.
        self.in_cell = False
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._shown_errors = ShownErrors(roots=roots(startup), print_them=True)
        self._app = _application(spec, startup, own, self._shown_errors)
        self._kernel: Any = self._app.kernel
        self._kernel.cell = self._cell
        self._kernel.job_waits = waiting
        self._shell: Any = self._app.shell
        prepare(self._shell)
        self._opening = contextlib.ExitStack()
        self._opening.enter_context(self._shown_errors.watching(self._shell))
        # The hook of Jupyter's debugger does nothing unless a graphical front end is attached.
        sys.breakpointhook = sys.__breakpointhook__
        self._shell.events.register("post_run_cell", lambda result: _report_error(result, raised))
        self._kernel.start()
        self._nudge = _Nudge(self._app)
        if spec.matplotlib:
            self._draw_on(spec.matplotlib)

    @property
    def namespace(self) -> dict[str, Any]:
        """The namespace in which cells run."""
        return self._shell.user_ns

    @property
    def connection(self) -> bytes:
        """The connection data for Jupyter clients (JSON)."""
        return Path(self._app.abs_connection_file).read_bytes()

    def has_requests(self) -> bool:
        """Return whether a console's request to run code has no reply yet. Any other thread may call this."""
        return self._kernel.has_requests()

    def run_configured_code(self) -> list[LoadProblem]:
        """Run the configured code that follows the startup files. Return the problems from the whole opening."""
        self._app.run_configured_code()
        self._opening.close()
        return self._shown_errors.problems

    # ------------------------------------------------------------------------------------- between jobs (`Jobs`)
    def run(self) -> None:
        """Let the kernel use the main thread until `wake`."""
        asyncio.set_event_loop(self._loop)  # a job that used `asyncio.run` has removed the loop
        self._kernel.invite_gui()
        self._loop.run_forever()

    def wake(self) -> None:
        """Make `run` return as soon as the code that runs in it ends or awaits something."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._kernel.eventloop is not None:
            self._nudge()

    def leave(self) -> None:
        """Stop showing output as the output of the last cell."""
        self._kernel.set_parent([], {})

    async def _cell(self, execute: Callable[[], Awaitable[Any]]) -> Any:
        while self._waiting():  # noqa: ASYNC110 - the loop stops for the job; this continues afterward
            await asyncio.sleep(0)
        self.in_cell = True
        self._reserve(True)
        try:
            with self._at_console():
                return await execute()
        finally:
            try:
                self._give_back()
            except KeyboardInterrupt:  # a second Ctrl-C, at this very moment
                self._give_back()

    def _give_back(self) -> None:
        self.in_cell = False
        self._reserve(False)
        if self._waiting():
            self._loop.stop()

    def _draw_on(self, backend: str) -> None:
        try:
            self._shell.enable_matplotlib(backend)
        except Exception as error:  # noqa: BLE001 - matplotlib, Qt and others may raise anything
            # As in IPython, plans also run without windows.
            text = f"The matplotlib backend {backend!r} cannot be used: {sentence(error)}"
            log.warning("%s", text)
            self._shown_errors.note(text)


class _Cells(IPythonKernel):
    """An IPython kernel that waits for the main thread, and that only the manager can end.

    The event loop of a GUI keeps the main thread until the next message to the shell arrives. It must not start while a
    job or an earlier message needs the main thread: these would wait for the next message, and there may be none.
    ipykernel 7 restarts the loop one millisecond after it has returned, even if a message has just been received. Here,
    the loop starts when no message is being handled.
    """

    #: Called with the function that executes a cell.
    cell: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]
    #: Whether a job is waiting for the main thread.
    job_waits: Callable[[], bool]

    def start(self) -> None:
        self._requests = ConsoleRequests(self.session)
        #: The number of shell messages that have been received but not handled yet.
        self._in_hand = 0
        self._invitation: object | None = None
        self._context = contextvars.copy_context()  # the same context for all messages, as in ipykernel
        super().start()
        if self._has_shell_thread:
            manager: Any = self.shell_channel_thread.manager
            manager.get_shell_channel_to_subshell_pair(None).on_recv(self.io_loop, self._receive)

    def has_requests(self) -> bool:
        """Return whether a console's request to run code has no reply yet. ipykernel 6 shows this only while code
        runs.
        """
        if not self._requests and self._has_shell_thread:
            loop, read = self.shell_channel_thread.io_loop, threading.Event()
            # Twice, because the loop runs the callbacks that were added earlier before it reads sockets.
            loop.add_callback(loop.add_callback, read.set)
            read.wait(_PATIENCE)
        return bool(self._requests)

    def shell_channel_thread_main(self, msg: Any) -> Any:
        self._requests.arrived(msg)  # immediately, not when the coroutine begins
        return super().shell_channel_thread_main(msg)

    def enter_eventloop(self) -> None:
        if self._has_shell_thread:
            self.invite_gui()
        else:  # ipykernel 6 keeps the messages and the GUI's loop in one queue
            super().enter_eventloop()

    def invite_gui(self) -> None:
        """Start the event loop of the GUI soon, if there is one and no message is being handled."""
        if self._has_shell_thread and self.eventloop is not None and self._invitation is None:
            # Later, so that other callbacks get their turn between two messages.
            self._invitation = self.io_loop.call_later(0.001, self._run_gui)

    def _run_gui(self) -> None:
        self._invitation = None
        gui = self.eventloop
        if gui is None or self._in_hand or self.job_waits():
            return  # it is started again after the message or the job
        try:
            gui(self)
        except KeyboardInterrupt:  # as in ipykernel
            self.log.error("KeyboardInterrupt caught in kernel")  # noqa: TRY400 - a traceback shows nothing
        self.invite_gui()

    def _receive(self, message: Any) -> Awaitable[None]:
        # Counted here and not when the task begins, because the GUI's loop may start in between.
        self._in_hand += 1
        loop: Any = self.io_loop
        task = loop.asyncio_loop.create_task(self.shell_main(None, message), context=self._context)
        task.add_done_callback(lambda _: self._handled(message))
        return task

    def _handled(self, message: Any) -> None:
        self._in_hand -= 1
        self._requests.handled(message)
        if not self._in_hand:
            self.invite_gui()

    @property
    def _has_shell_thread(self) -> bool:
        """Return whether a separate thread receives the shell messages, as in ipykernel 7."""
        return getattr(self, "shell_channel_thread", None) is not None

    async def do_execute(self, *args: Any, **options: Any) -> Any:
        execute = super().do_execute
        if threading.current_thread() is threading.main_thread():
            # The reply is sent afterward, so that a client that has received it finds the kernel free.
            try:
                return await self.cell(lambda: execute(*args, **options))
            finally:
                self._requests.done_with(self.get_parent("shell"))
        return await execute(*args, **options)  # a subshell has its own thread

    def _send_abort_reply(self, stream: Any, msg: Any, idents: Any) -> None:
        # Code that was waiting behind a cell with an error is not run. As in `do_execute`, the reply comes afterward.
        self._requests.done_with(msg)
        super()._send_abort_reply(stream, msg, idents)

    async def shutdown_request(self, stream: Any, ident: Any, parent: Any) -> None:
        log.warning("Refused to shut down the kernel for a console: close the environment instead")
        refusal = {
            "status": "error",
            "restart": False,
            "ename": "Refused",
            "evalue": "The RE Manager controls this kernel; close the environment instead",
            "traceback": [],
        }
        session: Any = self.session
        session.send(stream, "shutdown_reply", refusal, parent, ident=ident)


class Stream(OutStream):
    """Prints to the process's output, immediately and in order, and sends a copy to consoles.

    The file descriptors do not change. Output from C code goes only to the service's console, in the right order.
    """

    def fileno(self) -> int:
        """Return the descriptor of the process's own stream, for ``subprocess`` and similar code."""
        return {"stdout": 1, "stderr": 2}[self.name]


class _Application(ConfiguredCode, IPKernelApp):
    """Creates the kernel and its sockets. The worker handles startup files, signals and the loop."""

    #: Whether the connection file is kept for the next kernel.
    keeps_file = False
    #: Called with the path of the connection file when it has been written.
    wrote: Callable[[Path], None]

    def init_code(self) -> None:
        pass

    def init_connection_file(self) -> None:
        with contextlib.suppress(OSError):  # if the file cannot be written, the kernel says so
            make_folder(Path(self.connection_dir))
        super().init_connection_file()

    def write_connection_file(self, **info: Any) -> None:
        super().write_connection_file(**info)
        self.wrote(Path(self.abs_connection_file))

    def cleanup_connection_file(self) -> None:
        if not self.keeps_file:
            super().cleanup_connection_file()

    def init_sockets(self) -> None:
        for channel in ("shell", "iopub", "stdin", "hb", "control"):
            if port := getattr(self, f"{channel}_port"):
                self._require_free(channel, port)
        super().init_sockets()

    def _require_free(self, channel: str, port: int) -> None:
        """Refuse a port that another program uses. Otherwise, the kernel would run without its heartbeat."""
        if self.transport != "tcp":
            return
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as 0MQ does
            try:
                probe.bind(("" if self.ip == "*" else self.ip, port))
            except OSError as error:
                raise StartupError(
                    f"The IPython kernel cannot listen on {self.ip}:{port} ({channel} channel): {error.strerror}. "
                    f"The port comes from the settings or from the connection file {self.abs_connection_file}"
                ) from error

    def init_signal(self) -> None:
        pass


def _application(
    spec: KernelSpec, startup: StartupSpec, own: Callable[[Path], None], shown_errors: ShownErrors
) -> _Application:
    profile = Path(startup.profile_dir) if startup.profile_dir else None
    config = Config()
    if profile is None or profile.is_relative_to(shipped_profiles()):
        config.HistoryManager.hist_file = ":memory:"
    if spec.ipython_dir:
        # Not passed as an argument, because IPython would then fail if there is no earlier value.
        os.environ["IPYTHONDIR"] = spec.ipython_dir
    folder = profile_folder(startup)
    app = _Application.instance(
        config=config,
        profile=Path(folder.location).name.removeprefix("profile_"),
        profile_dir=folder,
        config_file_paths=[folder.location],
        kernel_class=_Cells,
        outstream_class=f"{__name__}.Stream",
        quiet=False,  # the process's own streams get a copy
        capture_fd_output=False,
        ignore_cwd=True,
        parent_handle=1,  # the service prints how to connect to it
        log_level=logging.ERROR,
    )
    app.shown_errors = shown_errors
    # By default, the profile's configuration decides. It may set a fixed address and ports.
    address = None if spec.ip == "localhost" else _address(spec.ip)
    arguments = {"ip": address, "connection_file": spec.connection_file}
    arguments |= {f"{channel}_port": str(port) for channel, port in spec.ports.items()}
    if spec.connection_dir:
        app.connection_dir = spec.connection_dir
    # A file with a configured name keeps its key and its ports, so that consoles can connect to the next kernel.
    app.keeps_file = spec.connection_file is not None
    app.wrote = (lambda _: None) if _exists(app, spec.connection_file) else own
    try:
        app.initialize([f"--IPKernelApp.{name}={value}" for name, value in arguments.items() if value is not None])
    except zmq.ZMQError as error:
        raise StartupError(f"The IPython kernel cannot listen on {app.ip}: {error}") from error
    except OSError as error:
        name = spec.connection_file or spec.connection_dir or app.connection_dir
        raise StartupError(f"The IPython kernel's connection file cannot be written ({name}): {error}") from error
    if not app.ip.startswith("127."):
        log.warning("The IPython kernel listens on %s: clients need the key; the connections are not encrypted", app.ip)
    return app


def _report_error(result: Any, raised: Callable[[BaseException], None]) -> None:
    if result is not None and result.error_in_exec is not None:
        raised(result.error_in_exec)


def _exists(app: IPKernelApp, name: str | None) -> bool:
    """Return whether the connection file already exists, with ports and a key that a user has chosen."""
    return name is not None and any((Path(folder) / name).exists() for folder in (".", app.connection_dir))


def _address(ip: str) -> str:
    return _address_of_this_host() if ip == "auto" else ip


def _address_of_this_host() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: finds the address that outgoing packets would use
            return probe.getsockname()[0]
        except OSError:  # no network
            return socket.gethostbyname(socket.gethostname())


class _Nudge:
    """Sends the kernel a harmless message, because a GUI's loop keeps the main thread until a message arrives."""

    def __init__(self, app: IPKernelApp) -> None:
        self._session = Session(key=app.session.key, signature_scheme=app.session.signature_scheme)
        self._socket = zmq.Context.instance().socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.rcvhwm = 1  # the replies are not needed
        self._socket.connect(f"tcp://{app.ip}:{app.shell_port}")
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self._session.send(self._socket, "comm_info_request", {})
