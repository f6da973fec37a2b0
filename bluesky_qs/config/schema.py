"""Every setting of the service: its name, type, default, description, and the options and variables that set it.

Attribute names are the keys of the configuration file. The service's processes read a finished `Settings`, after `load`
has chosen between the sources.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from bluesky_qs.addresses import (
    BOUND_CONTROL_ADDRESS,
    BOUND_INFO_ADDRESS,
    redis_fault,
    redis_meant,
    socket_fault,
)
from bluesky_qs.config.http_settings import Http
from bluesky_qs.config.log_settings import Log
from bluesky_qs.config.setting import Setting
from bluesky_qs.nearest import did_you_mean

DEFAULT_REDIS_ADDR = "localhost:6379"

LogLevel = Literal["SILENT", "QUIET", "NORMAL", "VERBOSE"]
Encoding = Literal["json", "msgpack"]
UpdateLists = Literal["NEVER", "ENVIRONMENT_OPEN", "ALWAYS"]
ReloadPermissions = Literal["NEVER", "ON_REQUEST", "ON_STARTUP"]
InputPolicy = Literal["error", "default", "ask"]


def _no_file(path: str) -> str:
    redis = redis_meant(path)
    return f"is the address of a Redis server, not a path{did_you_mean([f'--redis-addr {redis}'])}" if redis else ""


def _no_device_pattern(text: str) -> str:
    valid = re.fullmatch(r"[\w*?]+(\.[\w*?]+)*", text)
    return "" if valid else "is neither a device name nor a pattern with * and ?"


def _port(channel: str) -> Setting:
    return Setting(
        f"Port of the kernel's {channel} channel. Default: the kernel chooses one.",
        (f"--ipython-{channel}-port",),
        (f"QSERVER_IPYTHON_KERNEL_{channel.upper()}_PORT",),
        "PORT",
        minimum=1,
        maximum=65535,
    )


class Network(msgspec.Struct, frozen=True):
    """The sockets, and the address of Redis."""

    zmq_control_addr: Annotated[
        str,
        Setting(
            "Address of the control socket, which answers requests.",
            ("--zmq-control-addr", "--zmq-addr"),
            ("QSERVER_ZMQ_CONTROL_ADDRESS_FOR_SERVER",),
            "ADDRESS",
            fault=socket_fault,
        ),
    ] = BOUND_CONTROL_ADDRESS
    zmq_info_addr: Annotated[
        str,
        Setting(
            "Address of the info socket, which publishes console output, status, events and documents.",
            ("--zmq-info-addr", "--zmq-publish-console-addr"),
            ("QSERVER_ZMQ_INFO_ADDRESS_FOR_SERVER",),
            "ADDRESS",
            fault=socket_fault,
        ),
    ] = BOUND_INFO_ADDRESS
    zmq_encoding: Annotated[
        Encoding,
        Setting("Encoding of the messages on both sockets.", ("--zmq-encoding",), ("QSERVER_ZMQ_ENCODING_FOR_SERVER",)),
    ] = "json"
    zmq_private_key: Annotated[
        str | None,
        Setting(
            "Private key: encrypt the control socket (see qserver-zmq-keys). Clients need the public key.",
            (),
            ("QSERVER_ZMQ_PRIVATE_KEY_FOR_SERVER", "QSERVER_ZMQ_PRIVATE_KEY"),
            secret=True,
            pattern=re.compile(r"\S{40}"),
            expected="a private key: it should have 40 characters",
        ),
    ] = None
    zmq_publish_console: Annotated[
        bool, Setting("Publish the console output on the info socket.", ("--zmq-publish-console",))
    ] = False
    zmq_publish_documents: Annotated[
        bool,
        Setting(
            "Publish the documents of running plans on the info socket, and keep them for later.",
            ("--zmq-publish-documents",),
        ),
    ] = True
    zmq_publish_info: Annotated[
        bool,
        Setting(
            "Accepted because start scripts for bluesky-queueserver may use it. The status is always published, "
            "because clients of this service wait for it.",
            ("--zmq-publish-info",),
        ),
    ] = True
    zmq_stream_device_progress: Annotated[
        bool,
        Setting(
            "Publish the progress of devices as QS_Info too, like bluesky-queueserver. It is always published as "
            "QS_Progress.",
            ("--zmq-stream-device-progress",),
        ),
    ] = False
    zmq_stream_re_messages: Annotated[
        bool,
        Setting(
            "Publish the RunEngine's messages as QS_Info, like bluesky-queueserver.",
            ("--zmq-stream-re-messages",),
        ),
    ] = False
    redis_addr: Annotated[
        str | None,
        Setting(
            "Keep the queue in Redis at this address: host, host:port, host:port/db or redis://…. A Redis option "
            f"without an address means {DEFAULT_REDIS_ADDR}. Without a Redis option the queue is in a file (--store).",
            ("--redis-addr",),
            ("QSERVER_REDIS_ADDR",),
            "ADDRESS",
            fault=redis_fault,
        ),
    ] = None
    redis_name_prefix: Annotated[str, Setting("Key prefix in Redis.", ("--redis-name-prefix",))] = "qs_default"


class Startup(msgspec.Struct, frozen=True):
    """The startup code of the worker environment and its files."""

    keep_re: Annotated[
        bool, Setting("Ignored; accepted for old start scripts. The startup code creates RE.", ("--keep-re",))
    ] = False
    startup_dir: Annotated[
        str | None,
        Setting("Folder with startup files (*.py, *.ipy).", ("--startup-dir",), metavar="DIR", path=True),
    ] = None
    startup_profile: Annotated[
        str | None,
        Setting("IPython profile with the startup files.", ("--startup-profile",), metavar="NAME"),
    ] = None
    startup_module: Annotated[
        str | None, Setting("Importable module with startup code.", ("--startup-module",), metavar="MODULE")
    ] = None
    startup_script: Annotated[
        str | None, Setting("Python file with startup code.", ("--startup-script",), metavar="FILE", path=True)
    ] = None
    ipython_dir: Annotated[
        str | None,
        Setting(
            "Folder with the IPython profiles. Default: ~/.ipython. If you set this in an option or in the "
            "configuration file and name no startup code, the profile 'default' in this folder is used.",
            ("--ipython-dir",),
            ("IPYTHONDIR",),
            "DIR",
            path=True,
        ),
    ] = None
    existing_plans_and_devices_path: Annotated[
        str | None,
        Setting(
            "File with the lists of existing plans and devices, or its folder. Default: next to the startup code.",
            ("--existing-plans-devices",),
            metavar="PATH",
            path=True,
        ),
    ] = None
    user_group_permissions_path: Annotated[
        str | None,
        Setting(
            "File with the user group permissions, or its folder. Default: next to the startup code.",
            ("--user-group-permissions",),
            metavar="PATH",
            path=True,
        ),
    ] = None
    ignore_invalid_plans: Annotated[
        bool,
        Setting(
            "Ignore plans whose signature cannot be described. Otherwise such a plan is an error.",
            ("--ignore-invalid-plans",),
        ),
    ] = False
    device_max_depth: Annotated[
        int,
        Setting(
            "Number of levels of subdevices in the lists; 0 lists all.",
            ("--device-max-depth",),
            metavar="N",
            minimum=0,
        ),
    ] = 0


class Operation(msgspec.Struct, frozen=True):
    """Operation of the service and its output."""

    print_console_output: Annotated[
        bool, Setting("Print the console output of the manager and worker in this terminal.", ("--console-output",))
    ] = True
    console_logging_level: Annotated[LogLevel, Setting("Logging level (also --verbose, --quiet, --silent).")] = "NORMAL"
    update_existing_plans_and_devices: Annotated[
        UpdateLists,
        Setting(
            "When the stored lists of existing plans and devices are updated.", ("--update-existing-plans-devices",)
        ),
    ] = "ENVIRONMENT_OPEN"
    user_group_permissions_reload: Annotated[
        ReloadPermissions,
        Setting("When the user group permissions are read from their file.", ("--user-group-permissions-reload",)),
    ] = "ON_STARTUP"
    emergency_lock_key: Annotated[
        str | None,
        Setting(
            "Key that always unlocks the manager.",
            (),
            ("QSERVER_EMERGENCY_LOCK_KEY_FOR_SERVER",),
            secret=True,
        ),
    ] = None
    task_result_retention: Annotated[
        int,
        Setting("Keep the result of a task for this many seconds after it ends.", metavar="SECONDS", minimum=0),
    ] = 120
    plan_cleanup_timeout: Annotated[
        int,
        Setting(
            "When the service stops during a plan, wait this many seconds for the plan's cleanup. Then kill the plan. "
            "0 waits without limit.",
            ("--plan-cleanup-timeout",),
            metavar="SECONDS",
            minimum=0,
        ),
    ] = 30
    store: Annotated[
        str | None,
        Setting(
            "File for the queue and its history, if they are not in Redis.",
            ("--store",),
            ("QSERVER_STORE",),
            "PATH",
            path=True,
            fault=_no_file,
        ),
    ] = None
    history_limit: Annotated[
        int | None,
        Setting(
            "Number of items that the history keeps. When an item ends and the history is longer, the oldest items are "
            "removed. Without this setting the history keeps all items until you clear it.",
            ("--history-limit",),
            ("QSERVER_HISTORY_LIMIT",),
            "N",
            minimum=1,
        ),
    ] = None
    item_logs_size: Annotated[
        int,
        Setting(
            "Megabytes for the logs with the output of plans and tasks. Above this size, the oldest logs are removed. "
            "0 keeps no logs.",
            ("--item-logs-size",),
            ("QSERVER_ITEM_LOGS_SIZE",),
            "MB",
            minimum=0,
        ),
    ] = 200
    documents_limit: Annotated[
        int,
        Setting(
            "Number of items whose documents are kept (without large arrays). 0 keeps only the documents of the "
            "last plan, in memory.",
            ("--documents-limit",),
            ("QSERVER_DOCUMENTS_LIMIT",),
            "N",
            minimum=0,
        ),
    ] = 200
    otel: Annotated[
        bool,
        Setting(
            "Send traces of requests to an OpenTelemetry collector. The variables OTEL_… say where it is.",
            ("--otel",),
            ("QSERVER_OTEL",),
            bare="ON",
        ),
    ] = False
    documents_size: Annotated[
        int,
        Setting(
            "Megabytes for documents. Above this size, the documents of the oldest items are removed.",
            ("--documents-size",),
            ("QSERVER_DOCUMENTS_SIZE",),
            "MB",
            minimum=1,
        ),
    ] = 256


class Worker(msgspec.Struct, frozen=True):
    """The process that runs plans."""

    use_ipython_kernel: Annotated[
        bool,
        Setting("Run plans in an IPython kernel.", ("--use-ipython-kernel",), ("QSERVER_USE_IPYTHON_KERNEL",)),
    ] = False
    ipython_kernel_ip: Annotated[
        str,
        Setting(
            "Address where the kernel listens: localhost, auto (this host's address) or an IP address.",
            ("--ipython-kernel-ip",),
            ("QSERVER_IPYTHON_KERNEL_IP",),
            "IP",
        ),
    ] = "localhost"
    ipython_matplotlib: Annotated[
        str | None,
        Setting(
            "Matplotlib backend of the kernel, as in %matplotlib.",
            ("--ipython-matplotlib",),
            ("QSERVER_IPYTHON_KERNEL_MATPLOTLIB",),
            "BACKEND",
        ),
    ] = None
    ipython_connection_file: Annotated[
        str | None,
        Setting(
            "Name of the kernel's connection file. With a name, the file, its key and its ports stay the same while "
            "the service runs, and consoles stay attached when the environment is opened again.",
            ("--ipython-connection-file",),
            ("QSERVER_IPYTHON_KERNEL_CONNECTION_FILE",),
            "FILE",
        ),
    ] = None
    ipython_connection_dir: Annotated[
        str | None,
        Setting(
            "Folder of the kernel's connection file.",
            ("--ipython-connection-dir",),
            ("QSERVER_IPYTHON_KERNEL_CONNECTION_DIR",),
            "DIR",
            path=True,
        ),
    ] = None
    ipython_shell_port: Annotated[int | None, _port("shell")] = None
    ipython_iopub_port: Annotated[int | None, _port("iopub")] = None
    ipython_stdin_port: Annotated[int | None, _port("stdin")] = None
    ipython_hb_port: Annotated[int | None, _port("hb")] = None
    ipython_control_port: Annotated[int | None, _port("control")] = None
    permitted_re_metadata_keys: Annotated[
        tuple[str, ...],
        Setting(
            "Parts of RE.md that clients may read: / for everything, /a/b for one subtree. An empty list in the "
            "configuration file permits none.",
            ("--permitted-re-metadata-keys",),
            ("QSERVER_PERMITTED_RE_METADATA_KEYS",),
            "KEY...",
        ),
    ] = ("/",)
    input_policy: Annotated[
        InputPolicy,
        Setting(
            "How to handle input() and getpass() in startup code, plans and tasks: 'error' immediately raises an "
            "error, 'default' returns an empty string, 'ask' forwards the question to clients (qserver input reply).",
            ("--worker-input",),
        ),
    ] = "error"
    device_read_exclude: Annotated[
        tuple[str, ...],
        Setting(
            "Devices that are never read for clients, with all their subdevices: names or patterns with * and ?. "
            "List devices whose read() has side effects or disturbs a measurement.",
            ("--device-read-exclude",),
            ("QSERVER_DEVICE_READ_EXCLUDE",),
            "NAME...",
            fault=_no_device_pattern,
        ),
    ] = ()
    dry_run_on_add: Annotated[
        bool,
        Setting(
            "Do a dry run of each plan that enters the queue. An event reports the findings, and %qs queue shows them.",
            ("--dry-run-on-add",),
            ("QSERVER_DRY_RUN_ON_ADD",),
        ),
    ] = False
    warm_worker: Annotated[
        bool,
        Setting("Keep a spare worker process, so that the environment opens faster.", ("--warm-worker",)),
    ] = True
    preload: Annotated[
        tuple[str, ...],
        Setting(
            "Modules that the spare worker imports in advance. Do not list user code: it would run before its "
            "settings are known.",
            ("--preload",),
            metavar="MODULE...",
        ),
    ] = ()


class Settings(msgspec.Struct, frozen=True):
    """All settings of the service. ``Settings()`` has the defaults."""

    network: Network = Network()
    startup: Startup = Startup()
    operation: Operation = Operation()
    log: Log = Log()
    worker: Worker = Worker()
    http: Http = Http()


class Field(NamedTuple):
    """One setting: its section, name, type, default and description."""

    section: str
    name: str
    type: Any
    default: Any
    setting: Setting

    @property
    def key(self) -> str:
        """Key in a configuration file: ``network.zmq_encoding``."""
        return f"{self.section}.{self.name}"


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "network": Network,
    "startup": Startup,
    "operation": Operation,
    "log": Log,
    "worker": Worker,
    "http": Http,
}


def fields() -> Iterator[Field]:
    """Every setting, section by section."""
    for section, struct in SECTIONS.items():
        hints = get_type_hints(struct, include_extras=True)
        defaults = struct()
        for name in struct.__struct_fields__:
            kind, setting = get_args(hints[name])
            yield Field(section, name, kind, getattr(defaults, name), setting)


def choices(kind: Any) -> tuple[str, ...]:
    """Return the allowed words for a setting of this type; empty if the type has none."""
    return get_args(kind) if get_origin(kind) is Literal else ()
