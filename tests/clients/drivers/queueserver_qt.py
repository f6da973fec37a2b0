"""Drives the window of bluesky-queueserver-qt, as a person would.

    python queueserver_qt.py CONTROL_ADDRESS INFO_ADDRESS [URI]

The last line printed is a JSON object: by step, what the window showed.
"""

import json
import sys
from pathlib import Path

import qt
from bluesky_queueserver_api.http import REManagerAPI as OverHTTP
from bluesky_queueserver_api.zmq import REManagerAPI as OverZMQ
from bluesky_queueserver_qt.ui.main_window import MainWindow
from bluesky_queueserver_qt.ui.plan_edit_dialog import PlanEditDialog
from PyQt5.QtWidgets import QAbstractSpinBox, QApplication, QDoubleSpinBox, QFileDialog

_CONTROL, _INFO, *_URI = sys.argv[1:]

LONG = {"item_type": "plan", "name": "count", "args": [["det1"]], "kwargs": {"num": 1000, "delay": 0.1}}


class Client:
    """The window, and a client of somebody else."""

    def __init__(self, printed):
        self.printed = printed
        if _URI:
            self.other = OverHTTP(http_server_uri=_URI[0], http_auth_provider="/site/token")
            self.other.login("alice", password="of-alice")
        else:
            self.other = OverZMQ(zmq_control_addr=_CONTROL, zmq_info_addr=_INFO)
            self.other.user_group = "primary"
        self.window = MainWindow()
        self.window.show()
        self.queue = self.window.queue_panel
        self.batch = self.window.batch_panel
        self.status = self.window.status_panel
        self.history = self.window.history_panel

    # What the window shows
    def queued(self):
        listed = self.queue.list_widget
        return [listed.item(row).text().split(maxsplit=2)[2] for row in range(listed.count())]

    def ended(self):
        """Name and exit status, newest first."""
        return qt.rows(self.history.table, "Name", "Exit Status")

    def logged(self):
        return [line for line in self.status.console.toPlainText().splitlines() if line.startswith("[LOG]")]

    def until_state(self, manager, environment="open", engine=None):
        wanted = [f"Manager: {manager}", f"Env: {environment}", *([f"RE: {engine}"] if engine else [])]
        qt.until(lambda: set(wanted) <= set(qt.labels(self.status)), wanted)

    def until_queued(self, count):
        qt.until(lambda: len(self.queued()) == count, f"{count} in the queue; {self.logged()[-3:]}")

    # What a person does
    def add(self, name, times=1, **values):
        """Add a plan by way of the browser and its dialog."""
        before = len(self.queued())
        tree = self.window.plan_browser.plan_tree
        (row,) = [row for row in range(tree.topLevelItemCount()) if tree.topLevelItem(row).text(0) == name]

        def fill(dialog):
            type_into(dialog, values)
            dialog.repeat_spin.setValue(times)
            dialog.accept()

        qt.answer(fill)
        tree.itemDoubleClicked.emit(tree.topLevelItem(row), 0)
        self.until_queued(before + times)

    def clear(self):
        qt.answer(qt.say_yes)
        qt.press(self.queue, "🗑 Clear")

    def in_menu(self, row, text):
        """Choose from the menu of a row in the queue."""
        listed = self.queue.list_widget
        listed.clearSelection()
        listed.item(row).setSelected(True)
        qt.answer(qt.choose(text))
        listed.customContextMenuRequested.emit(listed.visualItemRect(listed.item(row)).center())


def type_into(dialog, values):
    for name, value in values.items():
        field = dialog._param_entries[name]["widget"]
        if isinstance(field, QAbstractSpinBox):
            field.setValue(float(value) if isinstance(field, QDoubleSpinBox) else int(value))
        else:
            field.setText(str(value))


def connecting(client):
    def fill(dialog):
        if _URI:
            dialog.rb_http.click()
            dialog.http_url.setText(_URI[0])
            dialog.auth_combo.setCurrentText("API Key")
            dialog.api_key_edit.setText(client.other.apikey_new(expires_in=3600)["secret"])
        else:
            dialog.zmq_address.setText(_CONTROL)
            dialog.zmq_console_address.setText(_INFO)
            dialog.user_edit.setText("Alice")
            dialog.user_group_edit.setText("primary")
        dialog.accept()

    qt.answer(fill)
    client.window.act_connect.trigger()
    client.until_state("idle", "closed")
    qt.press(client.status, "Open Env")
    client.until_state("idle", "open", "idle")
    qt.press(client.window.plan_browser, "🔄 Refresh")
    browser = client.window.plan_browser
    qt.until(lambda: browser.plan_tree.topLevelItemCount() and browser.device_tree.topLevelItemCount(), "the lists")
    devices = [browser.device_tree.topLevelItem(row) for row in range(browser.device_tree.topLevelItemCount())]
    return {"devices": {item.text(0): item.text(1) for item in devices}}


def forms(client):
    """By plan, what its form would send if nobody typed anything."""
    window = client.window
    sent = {}
    for name, plan in window._plans.items():
        dialog = PlanEditDialog({"name": name, "info": plan}, devices=window._devices, parent=window)
        (item,) = dialog.get_items()
        sent[name] = item.to_dict()
        dialog.reject()
    return sent


def editing(client):
    client.add("count", detectors="det1, det2", num="3")
    client.add("mv", args="motor, 1")
    client.add("log_scan", detectors="det1", motor="motor", start=1, stop=2, num=4)
    client.add("count", times=2, detectors="det2", num="2")
    added = client.queued()

    def change(dialog):
        type_into(dialog, {"num": "5"})
        dialog.accept()

    qt.answer(change)
    client.queue.list_widget.itemDoubleClicked.emit(client.queue.list_widget.item(0))
    qt.until(lambda: "num=5" in client.queued()[0], "the changed number")
    client.in_menu(3, "Remove 1 item(s)")
    client.until_queued(4)
    return {"added": added, "changed": client.queued()}


def batching(client):
    """A batch from a file, and one that the service refuses."""
    plans = [{"item_type": "plan", "name": "count", "kwargs": {"detectors": ["det3"], "num": n}} for n in (1, 2)]
    Path("batch.json").write_text(json.dumps({"name": "two", "items": plans}))
    QFileDialog.getOpenFileName = lambda *args: ("batch.json", "")
    qt.press(client.batch, "📂 Load")
    qt.answer(qt.say_yes)
    qt.press(client.batch, "🚀 Submit to Queue")
    client.until_queued(6)
    plans[1]["name"] = "no_such_plan"
    Path("batch.json").write_text(json.dumps({"name": "two", "items": plans}))
    qt.press(client.batch, "📂 Load")
    qt.answer(qt.say_yes)
    qt.press(client.batch, "🚀 Submit to Queue")
    qt.until(lambda: "ERROR" in client.logged()[-1], "the refusal")
    return {"queue": client.queued()[-2:], "refusal": client.logged()[-1]}


def running(client):
    qt.press(client.queue, "▶ Start")
    qt.until(lambda: len(client.ended()) == 6, "all plans in the history")
    client.until_state("idle")
    client.history.table.selectRow(5)
    qt.answer(qt.choose("Re-add to Queue"))
    client.history.table.customContextMenuRequested.emit(client.history.table.pos())
    client.until_queued(1)
    again = client.queued()
    client.clear()
    client.until_queued(0)
    return {"history": client.ended(), "again": again}


def pausing(client):
    statuses = {}
    for end, request in (("aborted", client.queue.abort_requested), ("halted", client.queue.halt_requested)):
        client.other.item_add(LONG)
        client.until_queued(1)
        qt.press(client.queue, "▶ Start")
        client.until_state("executing_queue", engine="running")
        qt.press(client.queue, "⏹ Stop")
        qt.until(lambda: client.other.status(reload=True)["queue_stop_pending"], "the pending stop")
        qt.press(client.queue, "⏸ Pause")
        client.until_state("paused", engine="paused")
        qt.press(client.queue, "⏯ Resume")
        client.until_state("executing_queue", engine="running")
        qt.press(client.queue, "⏸ Pause")
        client.until_state("paused", engine="paused")
        qt.answer(qt.say_yes)
        request.emit()
        client.until_state("idle")
        qt.until(lambda end=end: client.ended()[0][1] == end, f"{end} in the history")
        client.until_queued(1)
        statuses[end] = client.queued()
        client.clear()
        client.until_queued(0)
    return statuses


def locked(client):
    """Somebody else locks the service: the window changes nothing and says so."""
    client.other.item_add(LONG)
    client.until_queued(1)
    client.other.lock_all("a-key", note="measuring")
    before = len(client.logged())
    client.clear()
    qt.press(client.queue, "▶ Start")
    qt.press(client.status, "Close Env")
    qt.until(lambda: str(client.logged()[before:]).count("ERROR") == 3, "three refusals")
    refusals = client.logged()[before:]
    client.other.unlock("a-key")
    kept = client.queued()
    client.clear()
    client.until_queued(0)
    return {"refusals": refusals, "kept": len(kept)}


def closing(client):
    qt.press(client.history, "🗑 Clear History")
    qt.until(lambda: client.ended() == [], "an empty history")
    qt.press(client.status, "Close Env")
    client.until_state("idle", "closed")
    qt.press(client.status, "Open Env")
    client.until_state("idle", "open")
    qt.answer(qt.say_yes)
    client.window._on_destroy_env()
    client.until_state("idle", "closed")
    errors = [line for line in client.logged() if "ERROR" in line]
    client.window.act_disconnect.trigger()
    qt.until(lambda: "  ○ Disconnected  " in qt.labels(client.window), "disconnected")
    return {"errors": errors}


STEPS = (connecting, forms, editing, batching, running, pausing, locked, closing)

if __name__ == "__main__":
    application = QApplication(["bluesky-queueserver-qt"])
    qt.report(Client, STEPS)
