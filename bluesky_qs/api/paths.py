"""The route of each method over HTTP: its verb and its path. The door and the client use it.

Methods of the community's HTTP server have the paths of that server, in a table. The path of any other method is
derived from its name.
"""

from typing import Any, Literal, NamedTuple

from bluesky_qs.api.method import METHODS, Method

Verb = Literal["GET", "POST"]

#: Every path begins with this prefix.
PREFIX = "/api"


class Path(NamedTuple):
    """The route of a method over HTTP.

    Attributes
    ----------
    method
        Name of the method.
    path
        Without `PREFIX`.
    body_required
        The request is refused (422) without parameters.
    """

    method: str
    verb: Verb
    path: str
    body_required: bool = False


_BODY = True

#: The paths of the community's HTTP server.
_THEIRS = (
    Path("ping", "GET", "/ping"),
    Path("status", "GET", "/status"),
    Path("config_get", "GET", "/config/get"),
    Path("queue_autostart", "POST", "/queue/autostart", _BODY),
    Path("queue_mode_set", "POST", "/queue/mode/set", _BODY),
    Path("queue_get", "GET", "/queue/get"),
    Path("queue_clear", "POST", "/queue/clear"),
    Path("queue_start", "POST", "/queue/start"),
    Path("queue_stop", "POST", "/queue/stop"),
    Path("queue_stop_cancel", "POST", "/queue/stop/cancel"),
    Path("queue_item_add", "POST", "/queue/item/add"),
    Path("queue_item_execute", "POST", "/queue/item/execute", _BODY),
    Path("queue_item_add_batch", "POST", "/queue/item/add/batch", _BODY),
    Path("queue_item_update", "POST", "/queue/item/update", _BODY),
    Path("queue_item_remove", "POST", "/queue/item/remove", _BODY),
    Path("queue_item_remove_batch", "POST", "/queue/item/remove/batch", _BODY),
    Path("queue_item_move", "POST", "/queue/item/move", _BODY),
    Path("queue_item_move_batch", "POST", "/queue/item/move/batch", _BODY),
    Path("queue_item_get", "GET", "/queue/item/get"),
    Path("history_get", "GET", "/history/get"),
    Path("history_clear", "POST", "/history/clear"),
    Path("environment_open", "POST", "/environment/open"),
    Path("environment_close", "POST", "/environment/close"),
    Path("environment_destroy", "POST", "/environment/destroy"),
    Path("environment_update", "POST", "/environment/update"),
    Path("re_pause", "POST", "/re/pause"),
    Path("re_resume", "POST", "/re/resume"),
    Path("re_stop", "POST", "/re/stop"),
    Path("re_abort", "POST", "/re/abort"),
    Path("re_halt", "POST", "/re/halt"),
    Path("re_runs", "POST", "/re/runs"),
    Path("re_metadata", "GET", "/re/metadata"),
    Path("plans_allowed", "GET", "/plans/allowed"),
    Path("devices_allowed", "GET", "/devices/allowed"),
    Path("plans_existing", "GET", "/plans/existing"),
    Path("devices_existing", "GET", "/devices/existing"),
    Path("permissions_reload", "POST", "/permissions/reload"),
    Path("permissions_get", "GET", "/permissions/get"),
    Path("permissions_set", "POST", "/permissions/set", _BODY),
    Path("function_execute", "POST", "/function/execute", _BODY),
    Path("script_upload", "POST", "/script/upload", _BODY),
    Path("task_status", "GET", "/task/status", _BODY),
    Path("task_result", "GET", "/task/result", _BODY),
    Path("kernel_interrupt", "POST", "/kernel/interrupt"),
    Path("lock", "POST", "/lock", _BODY),
    Path("unlock", "POST", "/unlock", _BODY),
    Path("lock_info", "GET", "/lock/info", _BODY),
    Path("manager_stop", "POST", "/manager/stop"),
    Path("manager_kill", "POST", "/test/manager/kill"),
)


class Alias(NamedTuple):
    """Another path for a method, which implies some of its parameters."""

    verb: Verb
    path: str
    method: str
    params: dict[str, Any]


ALIASES = (
    Alias("GET", "/", "ping", {}),
    Alias("GET", "/re/runs/active", "re_runs", {"option": "active"}),
    Alias("GET", "/re/runs/open", "re_runs", {"option": "open"}),
    Alias("GET", "/re/runs/closed", "re_runs", {"option": "closed"}),
)


def derived(method: Method[..., Any]) -> Path:
    """The path of a method that the community's server does not have. ``queue_undo`` is at ``/queue/undo``."""
    words = method.name.removesuffix("_get").replace("_", "/")
    return Path(method.name, "GET" if method.scope.startswith("read:") else "POST", f"/{words}")


#: The path of every method, by method name.
PATHS: dict[str, Path] = {
    **{method.name: derived(method) for method in METHODS.values()},
    **{path.method: path for path in _THEIRS},
}
