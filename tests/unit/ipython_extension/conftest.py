"""A real IPython shell, and a fake of the outside world: a service that answers from a script."""

import atexit
import json
import threading

import pytest
import zmq
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from bluesky_qs.testing import Wait

STATUS = {
    "msg": "RE Manager v1.2.3",
    "items_in_queue": 0,
    "items_in_history": 0,
    "running_item_uid": None,
    "manager_state": "idle",
    "queue_stop_pending": False,
    "queue_autostart_enabled": False,
    "worker_environment_exists": True,
    "worker_environment_state": "idle",
    "worker_background_tasks": 0,
    "re_state": "idle",
    "pause_pending": False,
    "run_list_uid": "r",
    "plan_queue_mode": {"loop": False, "ignore_failures": False},
    "lock": {"environment": False, "queue": False},
    "plans_allowed_uid": "p1",
    "devices_allowed_uid": "d1",
    "plan_queue_uid": "q0",
    "plan_history_uid": "h0",
}
PLANS = {
    "count": {
        "name": "count",
        "description": "Take one or more readings from detectors.\n\nMore of it.",
        "parameters": [
            {"name": "detectors", "kind": {"name": "POSITIONAL_OR_KEYWORD"}, "annotation": {"type": "__READABLE__"}},
            {"name": "num", "kind": {"name": "POSITIONAL_OR_KEYWORD"}, "default": "1", "min": 1},
            {"name": "md", "kind": {"name": "KEYWORD_ONLY"}, "default": "None"},
        ],
    },
    "scan": {"name": "scan"},
}
_NOTE = "[I 2026-11-22 11:07:34,328 bluesky_qs.worker.tasks]"
DEVICES = {
    "det1": {"is_readable": True, "classname": "SynGauss"},
    "motor": {"is_readable": True, "is_movable": True, "components": {"setpoint": {"is_readable": True}}},
}


class FakeService:
    """Keeps a queue as simply as can be and notes every request."""

    def __init__(self):
        self.requests = []
        self.queue = []
        self.running = {}
        self.history = []
        #: Uids under which items that ended are in the queue again.
        self.requeued = {}
        self.answers = {}
        self.task = {}
        self.console = []
        self.status = dict(STATUS)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.REP)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def asked(self, method):
        """The parameters of all requests of this method."""
        return [params for name, params in self.requests if name == method]

    @staticmethod
    def plan(name, uid, *args, **kwargs):
        return queued({"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}, uid)

    def where(self, uid):
        """What ``item_status`` tells of an item."""
        if self.running.get("item_uid") == uid:
            return {"state": "running"}
        if uid in (uids := [item["item_uid"] for item in self.queue]):
            return {"state": "queued", "position": uids.index(uid)}
        for item in self.history:
            if item["item_uid"] == uid:
                again = {"requeued_as": self.requeued[uid]} if uid in self.requeued else {}
                return {"state": item["result"]["exit_status"], "result": item["result"], **again}
        return {"state": "not_found"}

    def close(self):
        with self._context.socket(zmq.REQ) as socket:
            socket.connect(self.address)
            socket.send(b"null")
            socket.recv()
        self._thread.join()
        self._socket.close(linger=0)
        self._context.term()

    def _serve(self):
        while (request := json.loads(self._socket.recv())) is not None:
            method, params = request["method"], request.get("params", {})
            self.requests.append((method, params))
            answer = {"success": True, "msg": ""} | self._answer(method, params)
            self._socket.send(json.dumps(answer).encode())
        self._socket.send(b"{}")

    def _answer(self, method, params):
        if method in self.answers:
            answer = self.answers[method]
            return answer(params) if callable(answer) else answer
        gone = {params.get(key) for key in ("uid", "before_uid", "after_uid")} - {None}
        gone |= set(params.get("uids", ())) if method == "queue_item_remove_batch" else set()
        if gone - {item["item_uid"] for item in self.queue}:
            return {"success": False, "msg": f"No such item: {sorted(gone)}", "error": "NotFound"}
        match method:
            case "status":
                counts = {"items_in_queue": len(self.queue), "items_in_history": len(self.history)}
                versions = {"plan_queue_uid": f"q{self.queue}{self.running}", "plan_history_uid": f"h{self.history}"}
                return self.status | counts | versions | {"running_item_uid": self.running.get("item_uid")}
            case "queue_get":
                uid = f"q{self.queue}{self.running}"
                return {"items": self.queue, "running_item": self.running, "plan_queue_uid": uid}
            case "history_get":
                return {"items": self.history, "plan_history_uid": f"h{self.history}"}
            case "console_get":
                since = params.get("since") or 0
                messages = [{"msg": text, "seq": n} for n, text in enumerate(self.console, 1) if n > since]
                return {"messages": messages, "last": len(self.console)}
            case "environment_report":
                return {"report": {}}
            case "item_status":
                uids = params["item_uid"]
                if isinstance(uids, str):
                    return {"status": self.where(uids)}
                return {"status": {uid: self.where(uid) for uid in uids}}
            case "item_check":
                return {"results": [{"success": True, "msg": ""} for _ in params.get("items", [None])]}
            case "events_get":
                return {"events": [], "last": 0}
            case "documents_get":
                return {"documents": []}
            case "queue_item_update":
                item = params["item"]
                self.queue = [item if item["item_uid"] == each["item_uid"] else each for each in self.queue]
                return {"item": item}
            case "script_upload" | "function_execute":
                self.console += [
                    f"{_NOTE} Starting the task task-1: script\n",
                    f"{_NOTE} The task task-1 is completed\n",
                ]
                return {"task_uid": "task-1"}
            case "task_result":
                result = {"success": True, "msg": "", "traceback": "", "return_value": None}
                return {"status": "completed", "result": result | {"time_start": 1.0, "time_stop": 2.0} | self.task}
            case "lock":
                lock = {"user": params["user"], "time_str": "now", "note": params.get("note")}
                return {"lock_info": {key: params.get(key, False) for key in ("environment", "queue")} | lock}
            case "plans_allowed":
                return {"plans_allowed": PLANS, "plans_allowed_uid": "p1"}
            case "devices_allowed":
                return {"devices_allowed": DEVICES, "devices_allowed_uid": "d1"}
            case "queue_item_add":
                item = queued(params["item"], f"uid-{len(self.requests):04}", params["user"])
                self.queue.insert(0 if params.get("pos") == "front" else len(self.queue), item)
                return {"item": item, "qsize": len(self.queue)}
            case "queue_item_add_batch":
                items = [queued(item, f"uid-{i}-{len(self.requests):04}") for i, item in enumerate(params["items"])]
                self.queue += items
                return {"items": items, "results": [], "qsize": len(self.queue)}
            case "queue_item_move":
                item = next(item for item in self.queue if item["item_uid"] == params["uid"])
                return {"item": item, "qsize": len(self.queue)}
            case "queue_item_remove":
                item = next(item for item in self.queue if item["item_uid"] == params["uid"])
                self.queue.remove(item)
                return {"item": item, "qsize": len(self.queue)}
            case _:
                return {}


def queued(item, uid, user="ada"):
    return {**item, "item_uid": uid, "user": user, "user_group": "admin"}


@pytest.fixture
def fake():
    service = FakeService()
    yield service
    service.close()


@pytest.fixture
def bare_shell(tmp_path, monkeypatch):
    """A shell of its own, without the extension."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))  # where the lock key's file is
    monkeypatch.delenv("_QSERVER_RE_WORKER_ACTIVE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.colors = "nocolor"
    yield shell
    shell.run_line_magic("unload_ext", "ipython_extension")
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(bare_shell, fake, monkeypatch):
    """The same with the extension, which speaks to the fake service."""
    monkeypatch.setenv("QSERVER_ZMQ_CONTROL_ADDRESS", fake.address)
    monkeypatch.setenv("QSERVER_ZMQ_INFO_ADDRESS", "ipc:///nowhere")  # silent: the fake publishes nothing
    monkeypatch.setenv("QSERVER_USER", "ada")
    bare_shell.run_line_magic("load_ext", "ipython_extension")
    return bare_shell


@pytest.fixture
def qs(shell):
    """Runs a line as if it were typed after ``%qs``; the result comes back, an error is raised."""

    def run(line):
        result = shell.run_cell(f"%qs {line}", store_history=False)
        result.raise_error()
        return result.result

    return run


@pytest.fixture
def plan():
    """Makes plans as they are stored, for `bluesky_qs.testing.Manager.fill`."""

    def make(name, uid, *args, **kwargs):
        return queued({"item_type": "plan", "name": name, "args": list(args), "kwargs": kwargs}, uid)

    return make


@pytest.fixture
def opened(qs_manager):
    """A manager whose environment is open."""
    qs_manager.open()
    return qs_manager


@pytest.fixture
def running(opened):
    """A manager whose plan runs until the test says otherwise."""
    opened.worker.on_plan("count", Wait())
    opened.add("count", ["det1"])
    opened.do("queue_start")
    opened.wait_until(lambda _: opened.worker.is_waiting)
    return opened


@pytest.fixture
def managed_shell(bare_shell, qs_manager, monkeypatch):
    """A shell with the extension, which speaks to a whole manager."""
    monkeypatch.setenv("QSERVER_USER", "ada")
    bare_shell.run_line_magic("load_ext", "ipython_extension")
    return bare_shell


@pytest.fixture
def managed(managed_shell):
    """Runs a line after ``%qs`` against a whole manager; the result comes back, an error is raised."""

    def run(line):
        result = managed_shell.run_cell(f"%qs {line}", store_history=False)
        result.raise_error()
        return result.result

    return run
