"""Drives the queue monitor of bluesky-widgets, as a person at its window would.

    python queue_monitor.py CONTROL_ADDRESS INFO_ADDRESS [URI]

The last line printed is a JSON object: by step, what the window showed.
"""

import sys
from pathlib import Path

import qt
from bluesky_queueserver_api.http import REManagerAPI as OverHTTP
from bluesky_queueserver_api.zmq import REManagerAPI as OverZMQ
from bluesky_widgets.apps.queue_monitor.settings import SETTINGS
from bluesky_widgets.apps.queue_monitor.viewer import Viewer
from bluesky_widgets.qt import run_engine_client as widgets
from openpyxl import Workbook
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QComboBox, QFileDialog, QTableWidget, QTextEdit

_CONTROL, _INFO, *_URI = sys.argv[1:]

LONG = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 1000, "delay": 0.1}}


class Monitor:
    """The window, and a client of somebody else."""

    def __init__(self, printed):
        self.printed = printed
        if _URI:
            self.other = OverHTTP(http_server_uri=_URI[0], http_auth_provider="/site/token")
            self.other.login("alice", password="of-alice")
            SETTINGS.http_server_uri = _URI[0]
            SETTINGS.http_server_api_key = self.other.apikey_new(expires_in=3600)["secret"]
        else:
            SETTINGS.zmq_re_manager_control_addr, SETTINGS.zmq_re_manager_info_addr = _CONTROL, _INFO
            self.other = OverZMQ(zmq_control_addr=_CONTROL, zmq_info_addr=_INFO)
            self.other.user_group = "primary"
        self.viewer = Viewer()
        tabs = self.viewer._widget
        tabs.setCurrentIndex(1)
        watching, editing = tabs.widget(0), tabs.widget(1)
        self.connection = watching.findChild(widgets.QtReManagerConnection)
        self.console = watching.findChild(widgets.QtReConsoleMonitor).findChild(QTextEdit)
        self.environment = editing.findChild(widgets.QtReEnvironmentControls)
        self.queue = editing.findChild(widgets.QtReQueueControls)
        self.execution = editing.findChild(widgets.QtReExecutionControls)
        self.status = editing.findChild(widgets.QtReStatusMonitor)
        self.table = editing.findChild(widgets.QtRePlanQueue)
        self.history = editing.findChild(widgets.QtRePlanHistory)
        self.running = editing.findChild(widgets.QtReRunningPlan)
        self.editor = editing.findChild(widgets._QtReEditor)
        self.preview = editing.findChild(widgets._QtReViewer)

    # What the window shows
    def queued(self):
        """Name and parameters of each row."""
        return qt.rows(self.table.findChild(QTableWidget), "Name", "Parameters")

    def ended(self):
        """Name and exit status of each row of the history."""
        return qt.rows(self.history.findChild(QTableWidget), "Name", "STATUS")

    def state(self):
        return dict(text.split(": ", 1) for text in qt.labels(self.status))

    def until_state(self, **wanted):
        names = {"environment": "RE Environment", "manager": "Manager state", "engine": "RE state"}
        names |= {"loop": "Queue LOOP mode", "stop": "Queue STOP pending", "auto": "Queue AUTOSTART"}
        wanted = {names[name]: value for name, value in wanted.items()}
        qt.until(lambda: wanted.items() <= self.state().items(), wanted)

    def until_queued(self, names):
        qt.until(lambda: [row[0] for row in self.queued()] == names, names)

    def until_ended(self, last):
        qt.until(lambda: self.ended()[-1:] == [last] and self.state()["Manager state"] == "IDLE", last)

    # What a person does
    def select(self, *positions):
        table = self.table.findChild(QTableWidget)
        table.clearSelection()
        for position in positions:
            for column in range(table.columnCount()):
                table.item(position, column).setSelected(True)

    def choose(self, name):
        """Choose a plan in the editor; the names in its form."""
        self.editor.findChild(QComboBox).setCurrentText(name)
        assert self.editor.findChild(QComboBox).currentText() == name
        return [row[0] for row in qt.rows(self.form())]

    def form(self):
        return self.editor.findChild(QTableWidget)

    def fill(self, **values):
        """Tick parameters in the form and type their values."""
        for row, (name, *_) in enumerate(qt.rows(self.form())):
            if name.lstrip("*") in values:
                self.form().item(row, 1).setCheckState(Qt.Checked)
                self.form().item(row, 2).setText(values[name.lstrip("*")])

    def typed(self, name):
        """What the form has for a parameter."""
        (value,) = [
            self.form().item(row, 2).text() for row, (each, *_) in enumerate(qt.rows(self.form())) if each == name
        ]
        return value

    def add(self, name, **values):
        """Add a plan by way of the form."""
        before = len(self.queued())
        self.choose(name)
        self.fill(**values)
        qt.press(self.editor, "Add to Queue")
        qt.until(lambda: len(self.queued()) == before + 1, f"{name} in the queue; {self.printed.lines('Exception')}")


def connecting(monitor):
    qt.press(monitor.connection, "Connect")
    qt.until(lambda: "ONLINE" in qt.labels(monitor.connection), "ONLINE")
    qt.press(monitor.environment, "Open")
    monitor.until_state(environment="OPEN", manager="IDLE", engine="IDLE")
    qt.until(lambda: "RE Environment is ready" in monitor.console.toPlainText(), "the console")
    return {"console": monitor.console.toPlainText()}


def forms(monitor):
    """The form of each plan."""
    box = monitor.editor.findChild(QComboBox)
    names = [box.itemText(index) for index in range(box.count())]
    return {name: monitor.choose(name) for name in names}


def editing(monitor):
    monitor.add("count", detectors="['det1', 'det2']", num="3")
    monitor.add("mv", args="['motor', 1]")
    monitor.add("scan", detectors="['det1']", args="['motor', -1, 1]", num="4")
    added = monitor.queued()
    monitor.select(0)
    qt.press(monitor.table, "Down")
    monitor.until_queued(["mv", "count", "scan"])
    qt.press(monitor.table, "Bottom")
    monitor.until_queued(["mv", "scan", "count"])
    qt.press(monitor.table, "Up")
    monitor.until_queued(["mv", "count", "scan"])
    qt.press(monitor.table, "Top")
    monitor.until_queued(["count", "mv", "scan"])
    qt.press(monitor.table, "Duplicate")
    monitor.until_queued(["count", "count", "mv", "scan"])
    qt.press(monitor.table, "Delete")
    qt.until(lambda: len(monitor.queued()) == 3, "three rows")
    monitor.select(1, 2)
    qt.press(monitor.table, "Top")
    qt.until(lambda: monitor.queued()[-1][0] == "count", "two rows moved at once")
    monitor.select(2)
    table = monitor.table.findChild(QTableWidget)
    table.cellDoubleClicked.emit(2, 1)
    monitor.fill(num="5")
    qt.press(monitor.editor, "Save")
    qt.until(lambda: "num: 5" in str(monitor.queued()), "the changed number")
    qt.press(monitor.table, "Deselect")
    return {"added": added, "changed": monitor.queued()}


def running(monitor):
    qt.press(monitor.queue, "Start")
    qt.until(lambda: len(monitor.ended()) == 3, "three plans in the history")
    monitor.until_ended(["count", "completed"])
    qt.until(lambda: "generator count" in monitor.console.toPlainText(), "the live table")
    return {"history": monitor.ended(), "console": monitor.console.toPlainText()[-4000:]}


def pausing(monitor):
    """Every way to end a paused plan; failed ones come back to the queue."""
    statuses = {}
    for end, exit_status in (("Stop", "stopped"), ("Abort", "aborted"), ("Halt", "halted")):
        monitor.other.item_add(LONG)
        monitor.until_queued(["count"])
        qt.press(monitor.queue, "Start")
        monitor.until_state(manager="EXECUTING_QUEUE", engine="RUNNING")
        text = monitor.running.findChild(QTextEdit)
        qt.until(lambda text=text: "In progress" in text.toPlainText(), "the run of the plan")
        statuses.setdefault("running", text.toPlainText().split("\n")[:4])
        qt.press(monitor.execution, "Pause: Deferred")
        monitor.until_state(manager="PAUSED", engine="PAUSED")
        qt.press(monitor.execution, "Resume")
        monitor.until_state(manager="EXECUTING_QUEUE", engine="RUNNING")
        qt.press(monitor.execution, "Pause: Immediate")
        monitor.until_state(manager="PAUSED", engine="PAUSED")
        qt.press(monitor.execution, end)
        monitor.until_ended(["count", exit_status])
        statuses[end] = monitor.queued()
        if statuses[end]:
            qt.press(monitor.table, "Clear")
        monitor.until_queued([])
    return statuses


def controlling(monitor):
    """Stop and its taking back, loop mode, autostart, copies."""
    monitor.other.item_add(LONG)
    monitor.until_queued(["count"])
    qt.press(monitor.queue, "Start")
    monitor.until_state(manager="EXECUTING_QUEUE")
    qt.press(monitor.queue, "Stop")
    monitor.until_state(stop="YES")
    qt.press(monitor.queue, "Stop")
    monitor.until_state(stop="NO")
    qt.press(monitor.running, "Copy to Queue")
    monitor.until_queued(["count"])
    qt.press(monitor.execution, "Pause: Immediate")
    monitor.until_state(manager="PAUSED")
    qt.press(monitor.execution, "Stop")
    monitor.until_state(manager="IDLE")
    qt.press(monitor.table, "Clear")
    monitor.until_queued([])
    qt.press(monitor.table, "Loop")
    monitor.until_state(loop="ON")
    qt.press(monitor.table, "Loop")
    monitor.until_state(loop="OFF")
    before = len(monitor.ended())
    qt.tick(monitor.queue, "Auto")
    monitor.until_state(auto="ON")
    monitor.history.findChild(QTableWidget).selectRow(1)
    qt.press(monitor.history, "Copy to Queue")
    qt.until(lambda: len(monitor.ended()) == before + 1, "the copy has run by itself")
    monitor.until_state(manager="IDLE")
    qt.tick(monitor.queue, "Auto")
    monitor.until_state(auto="OFF")
    qt.press(monitor.running, "Update Environment")
    qt.until(lambda: qt.can_press(monitor.running, "Update Environment"), "the environment is idle")
    return {"copied": monitor.ended()[before:]}


def uploading(monitor):
    """A spreadsheet of plans, which this client reads itself."""
    book = Workbook()
    for row in (["plan_name", "detectors", "num"], ["count", "['det1']", 2], ["count", "['det2']", 3]):
        book.active.append(row)
    book.save("plans.xlsx")
    QFileDialog.getOpenFileName = lambda *args: ("plans.xlsx", "")

    def choose(dialog):
        qt.press(dialog, "..")
        dialog.pb_ok.click()

    qt.answer(choose)
    qt.press(monitor.editor, "Batch Upload")
    monitor.until_queued(["count", "count"])
    return {"queue": monitor.queued()}


def viewing(monitor):
    """The buttons below a queued plan and its form."""
    monitor.select(1)
    qt.press(monitor.preview, "Copy to Queue")
    monitor.until_queued(["count"] * 3)
    monitor.select(1)
    qt.press(monitor.preview, "Edit")
    monitor.fill(num="7")
    typed = monitor.typed("num")
    qt.press(monitor.editor, "Reset")
    found = {"typed": typed, "reset": monitor.typed("num")}
    qt.press(monitor.editor, "Cancel")
    return found | {"copy": monitor.queued()[2]}


def locked(monitor):
    """Somebody else locks the service: the window changes nothing and says so."""
    monitor.other.lock_all("a-key", note="measuring")
    queued = monitor.queued()
    qt.press(monitor.table, "Clear")
    qt.press(monitor.queue, "Start")
    qt.press(monitor.environment, "Close")
    assert monitor.queued() == queued
    monitor.other.unlock("a-key")
    refusals = monitor.printed.lines("Exception")
    qt.press(monitor.table, "Clear")
    monitor.until_queued([])
    return {"refusals": refusals}


def interrupting(monitor):
    """The button Ctrl-C, which only works where the worker is an IPython kernel."""
    if monitor.other.status()["ip_kernel_state"] == "disabled":
        return {"can": qt.can_press(monitor.execution, "Ctrl-C")}
    uid = monitor.other.script_upload("import time\ntime.sleep(600)")["task_uid"]
    monitor.until_state(manager="EXECUTING_TASK")
    while monitor.other.task_status(uid)["status"] == "running":
        qt.press(monitor.execution, "Ctrl-C")
        monitor.other.wait_for_completed_task(uid, timeout=30)
    monitor.until_state(manager="IDLE")
    return {"can": True, "traceback": monitor.other.task_result(uid)["result"]["traceback"]}


def closing(monitor):
    saved = {}
    for suffix in ("txt", "json", "yaml"):
        monitor.viewer.run_engine.save_plan_history_to_file(file_path=f"history.{suffix}", file_format=suffix)
        saved[suffix] = Path(f"history.{suffix}").read_text()
    qt.press(monitor.history, "Clear History")
    qt.until(lambda: monitor.ended() == [], "an empty history")
    qt.press(monitor.environment, "Close")
    monitor.until_state(environment="CLOSED", manager="IDLE")
    qt.press(monitor.environment, "Open")
    monitor.until_state(environment="OPEN", manager="IDLE")
    monitor.viewer.action_activate_env_destroy.trigger()
    qt.press(monitor.environment, "Destroy")
    monitor.until_state(environment="CLOSED", manager="IDLE")
    qt.press(monitor.connection, "Disconnect")
    qt.until(lambda: qt.can_press(monitor.connection, "Connect"), "disconnected")
    return {"saved": {suffix: len(text) > 100 for suffix, text in saved.items()}}


STEPS = (connecting, forms, editing, running, pausing, controlling, uploading, viewing, locked, interrupting, closing)

if __name__ == "__main__":
    application = QApplication(["queue-monitor"])
    qt.report(Monitor, STEPS)
