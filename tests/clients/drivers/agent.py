"""Runs the optimization agent of blop, or of bluesky-adaptive, with an optimizer that only walks along a line.

    python agent.py PACKAGE CONTROL_ADDRESS INFO_ADDRESS [URI]

Documents come as at a beamline: the startup code publishes them to a 0MQ proxy (its address is in the file ``proxy``),
and the agent listens to that. The last line printed is a JSON object: by step, what the agent got.
"""

import contextlib
import importlib
import json
import os
import re
import sys
import threading
from pathlib import Path

from bluesky.callbacks.zmq import Proxy, RemoteDispatcher
from bluesky_queueserver_api import BPlan
from bluesky_queueserver_api.http import REManagerAPI as OverHTTP
from bluesky_queueserver_api.zmq import REManagerAPI as OverZMQ

_PACKAGE, _CONTROL, _INFO, *_URI = sys.argv[1:]
agents = importlib.import_module(f"{_PACKAGE}.queueserver")
protocols = importlib.import_module(f"{_PACKAGE}.protocols")

PATIENCE = 60


class Line:
    """An optimizer: the points 0, 0.5, 1 … of the motor, whatever is measured there."""

    def __init__(self):
        self.given, self.outcomes, self.failed = 0, [], []

    def suggest(self, num_points=None):
        return self.register_suggestions([{"motor": (self.given + n) / 2} for n in range(num_points or 1)])

    def register_suggestions(self, suggestions):
        first, self.given = self.given, self.given + len(suggestions)
        return [{**suggestion, "_id": first + n} for n, suggestion in enumerate(suggestions)]

    def ingest(self, points):
        self.outcomes.extend(points)

    def register_failures(self, suggestions):
        self.failed.extend(suggestion["_id"] for suggestion in suggestions)


class Documents:
    """The documents that were published, by run."""

    def __init__(self):
        self.starts, self.stops, self.events, self._runs = {}, {}, {}, {}
        self._stopped = threading.Condition()

    def __call__(self, name, document):
        if name == "start":
            self.starts[document["uid"]] = document
            self.events[document["uid"]] = []
        elif name == "descriptor":
            self._runs[document["uid"]] = document["run_start"]
        elif name == "event":
            self.events[self._runs[document["descriptor"]]].append(document["data"])
        elif name == "stop":
            with self._stopped:
                self.stops[document["run_start"]] = document
                self._stopped.notify_all()

    def wait_for_run(self, seconds):
        with self._stopped:
            return self._stopped.wait_for(lambda: self.stops, seconds)

    def measured(self, uid, suggestions):
        """The evaluation function of the agent: reads the documents of the run."""
        with self._stopped:  # the agent's own dispatcher may have been quicker
            self._stopped.wait_for(lambda: uid in self.stops, PATIENCE)
        order = self.starts[uid]["blop_acquisition_order"]
        by_id = dict(zip(order, self.events[uid], strict=True))
        return [{"_id": s["_id"], "at": by_id[s["_id"]]["motor"]} for s in suggestions]


def client():
    if not _URI:
        RM = OverZMQ(zmq_control_addr=_CONTROL, zmq_info_addr=_INFO)
        RM.user, RM.user_group = "agent", "primary"
        return RM
    RM = OverHTTP(http_server_uri=_URI[0], http_auth_provider="/site/token")
    RM.login("alice", password="of-alice")
    return RM


def reached(bound):
    """The address of a socket that is bound to ``tcp://*:PORT``."""
    return f"localhost:{str(bound).rsplit(':', 1)[-1]}"


def listened_to(RM, proxy):
    """The documents, as soon as they get from the worker to here."""
    documents = Documents()
    dispatcher = RemoteDispatcher(reached(proxy.out_port))
    dispatcher.subscribe(documents)
    threading.Thread(target=dispatcher.start, daemon=True).start()
    while not documents.stops:
        RM.item_execute(BPlan("count", ["det"]))
        RM.wait_for_idle(timeout=PATIENCE)
        documents.wait_for_run(5)
    return documents


def runner(RM, proxy, documents, **problem):
    """An agent of the package, with its own client and dispatcher."""
    qs = agents.QueueserverClient(RM, RemoteDispatcher(reached(proxy.out_port)))
    filled = {"actuators": ["motor"], "sensors": ["det"], "optimizer": Line()} | problem
    return agents.QueueserverOptimizationRunner(
        protocols.QueueserverOptimizationProblem(evaluation_function=documents.measured, **filled), qs
    ), qs


def ended(RM):
    """The last plan of the history, once nothing runs or waits any more."""
    RM.wait_for_condition(lambda s: (s["manager_state"], s["items_in_queue"]) == ("idle", 0), timeout=PATIENCE)
    return RM.history_get(reload=True)["items"][-1]


def stop(qs):
    """Let an agent's client stop listening; bluesky's dispatcher (1.15) cannot close its loop from another thread."""
    with contextlib.suppress(RuntimeError):
        qs.stop_listener()


def optimizing(agent, RM):
    result = agent.run(iterations=3, num_points=2).result(PATIENCE)
    ended(RM)
    history = RM.history_get(reload=True)["items"]
    return {
        "iterations": result.iterations_completed,
        "current": agent.current_iteration,
        "same uids": [list(result.uids)] == [[item["result"]["run_uids"][0] for item in history[-3:]]],
        "statuses": [item["result"]["exit_status"] for item in history[-3:]],
        "measured": [point["at"] for point in agent.optimization_problem.optimizer.outcomes],
    }


def suggesting(agent, RM):
    optimizer = agent.optimization_problem.optimizer
    optimizer.outcomes.clear()
    result = agent.submit_suggestions([{"motor": 7.5}]).result(PATIENCE)
    return {"uids": len(result.uids), "measured": optimizer.outcomes[0]["at"], "item": ended(RM)["name"]}


def failing(RM, proxy, documents):
    """A plan that fails in the middle of its run: the agent gets its exception."""
    agent, qs = runner(RM, proxy, documents, acquisition_plan="failing_acquire")
    error = agent.run(iterations=5).exception(PATIENCE)
    stop(qs)
    RM.wait_for_idle(timeout=PATIENCE)
    status = RM.status(reload=True)
    autostart, waiting = status["queue_autostart_enabled"], status["items_in_queue"]
    RM.queue_clear()
    failed = agent.optimization_problem.optimizer.failed
    return {"error": str(error), "failed": failed, "autostart": autostart, "back in the queue": waiting}


def refusing(RM, proxy, documents):
    """A plan that the service refuses: the agent raises, and its future ends."""
    agent, qs = runner(RM, proxy, documents, acquisition_plan="no_such_plan")
    try:
        agent.run()
    except RM.RequestFailedError as error:
        told = str(error)
    stop(qs)
    return {"told": told, "ended": agent._current_future.done()}


def stopping(RM, proxy, documents):
    agent, qs = runner(RM, proxy, documents)
    future = agent.run(iterations=1000)
    agent.stop()
    iterations = future.result(PATIENCE).iterations_completed
    stop(qs)
    ended(RM)
    return {"ended early": iterations < 1000}


def misspelling(RM, proxy, documents):
    """A detector that does not exist: the answer has a warning, and the plan fails before it makes a run."""
    runs = len(documents.starts)
    reply = RM.item_add(BPlan("default_acquire", [{"motor": 1.0, "_id": 0}], ["motor"], ["dett"]))
    RM.wait_for_condition(lambda s: s["manager_state"] == "idle" and not s["queue_autostart_enabled"], timeout=PATIENCE)
    item = RM.history_get(reload=True)["items"][-1]
    RM.queue_clear()
    found = {"warnings": reply.get("warnings"), "told": item["result"]["msg"], "status": item["result"]["exit_status"]}
    return found | {"runs": len(documents.starts) - runs}


class Tutorial:
    """The code of docs/agents.md for these agents, with the addresses and the package of this test."""

    def __init__(self, proxy, documents):
        page = (Path(__file__).parents[3] / "docs" / "agents.md").read_text()
        here = {"tcp://localhost:60615": _CONTROL, "tcp://localhost:60625": _INFO}
        here |= {"https://beamline.example": _URI[0]} if _URI else {}
        here |= {"localhost:5578": reached(proxy.out_port), "from blop.queueserver": f"from {_PACKAGE}.queueserver"}
        for theirs, ours in here.items():
            assert theirs in page
            page = page.replace(theirs, ours)
        _startup, over_zmq, over_http, result_of, self.run_agent = re.findall(r"```py\n(.*?)```", page, re.DOTALL)
        self.client = over_http if _URI else over_zmq
        self.documents = documents
        self.names = {}
        exec(result_of, self.names)

    def run(self, RM, sensors):
        """Run an agent as the page does; its error, if it raises one."""
        filled = {"actuators": ["motor"], "sensors": sensors, "optimizer": Line()}
        problem = protocols.QueueserverOptimizationProblem(evaluation_function=self.documents.measured, **filled)
        self.names |= {"RM": RM, "problem": problem}
        try:
            exec(self.run_agent, self.names)
        except (ValueError, RuntimeError) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def again(self, sensors):
        """Run the same agent again, with other sensors; how many iterations it has completed."""
        agent = self.names["agent"]
        agent.optimization_problem.sensors[:] = sensors
        result = self.names["result_of"](agent, agent.run(iterations=2), self.names["RM"])
        stop(agent._client)
        return result.iterations_completed


def state(RM):
    status = RM.status(reload=True)
    return [status["items_in_queue"], status["queue_autostart_enabled"]]


def careful(proxy, documents):
    """A misspelled detector and the client of the tutorial: the agent raises, and the queue keeps running."""
    tutorial = Tutorial(proxy, documents)
    exec(tutorial.client, tutorial.names)
    RM = tutorial.names["RM"]
    told, after = tutorial.run(RM, ["dett"]), state(RM)
    found = {"told": told, "after": after, "again": tutorial.again(["det"])}
    RM.wait_for_idle(timeout=PATIENCE)
    found["error"] = tutorial.run(RM, ["det"])
    stop(tutorial.names["agent"]._client)
    ended(RM)
    return found | {"iterations": tutorial.names["result"].iterations_completed}


def waiting(RM, proxy, documents):
    """A misspelled detector and a client that does not check: the agent does not wait forever, and can run again."""
    tutorial = Tutorial(proxy, documents)
    told, after = tutorial.run(RM, ["dett"]), state(RM)
    RM.item_remove(pos="front")
    RM.queue_autostart(True)
    again = tutorial.again(["det"])
    ended(RM)
    return {"told": told, "after": after, "again": again}


def knows_item_check(RM):
    """Whether the HTTP server has it; that of the community does not."""
    try:
        RM.send_request(method=("GET", "/api/item/check"), params={"item": BPlan("count", ["det"]).to_dict()})
    except RM.HTTPClientError:
        return False
    return True


def main():
    proxy = Proxy()
    threading.Thread(target=proxy.start, daemon=True).start()
    Path("proxy").write_text(reached(proxy.in_port))
    RM = client()
    found = {}
    closed = agents.QueueserverClient(RM, None, autostart=False)
    try:
        closed.check_environment()
    except RuntimeError as error:
        found["closed"] = str(error)
    RM.environment_open()
    RM.wait_for_idle(timeout=PATIENCE)
    documents = listened_to(RM, proxy)
    agent, qs = runner(RM, proxy, documents)
    found |= {"optimizing": optimizing(agent, RM), "suggesting": suggesting(agent, RM)}
    stop(qs)
    steps = (failing, refusing, stopping, misspelling, waiting)
    found |= {step.__name__: step(RM, proxy, documents) for step in steps}
    if _URI:
        os.environ["QSERVER_HTTP_SERVER_API_KEY"] = RM.apikey_new(expires_in=3600)["secret"]
    if not _URI or knows_item_check(RM):
        found["careful"] = careful(proxy, documents)
    RM.close()
    print(json.dumps(found), flush=True)
    os._exit(0)  # threads of the dispatchers do not end


if __name__ == "__main__":
    main()
