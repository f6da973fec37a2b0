"""Presses the buttons of a Qt program and reads what it shows, without a screen."""

import faulthandler
import json
import os
import sys
import time
import traceback

from PyQt5.QtCore import QEventLoop, QTimer
from PyQt5.QtWidgets import QApplication, QCheckBox, QLabel, QMessageBox, QPushButton

PATIENCE = 60.0
LONGEST = 220.0


def until(condition, what):
    """Let the program run until the condition holds."""
    end = time.monotonic() + PATIENCE
    loop = QEventLoop()
    timer = QTimer()
    timer.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > end else None)
    timer.start(20)
    if not condition():
        loop.exec_()
    assert condition(), f"not after {PATIENCE} s: {what}; shown:\n{shown()}"


def press(widget, text, kind=QPushButton):
    """Press the one button, or tick the one box, with this text, as soon as the program allows it."""
    (button,) = [button for button in widget.findChildren(kind) if button.text() == text]
    until(button.isEnabled, f"{text!r} can be pressed")
    button.click()


def tick(widget, text):
    press(widget, text, QCheckBox)


def can_press(widget, text):
    return any(button.text() == text and button.isEnabled() for button in widget.findChildren(QPushButton))


def labels(widget):
    return [label.text() for label in widget.findChildren(QLabel)]


def rows(table, *names):
    """The texts of a table, row by row; with names, only the columns that have them as headings."""
    headings = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount())]
    columns = [headings.index(name) for name in names] or range(len(headings))
    cells = [[table.item(row, column) for column in columns] for row in range(table.rowCount())]
    return [[cell.text() if cell else "" for cell in row] for row in cells]


def shown():
    """Every label of the program, for the message of a failure."""
    windows = [window for window in QApplication.topLevelWidgets() if window.isVisible()]
    return "\n".join(text for window in windows for text in labels(window) if text)


def answer(respond):
    """Give the next dialog or menu to a function, once it is open; it must close it."""
    timer = QTimer(QApplication.instance())

    def look():
        asked = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        if asked is not None:
            timer.stop()
            respond(asked)

    timer.timeout.connect(look)
    timer.start(20)


def choose(text):
    """For `answer`: choose the action of a menu whose name ends like this."""

    def respond(menu):
        (action,) = [action for action in menu.actions() if action.text().endswith(text)]
        action.trigger()
        menu.close()

    return respond


def say_yes(box):
    """For `answer`: say yes to a question."""
    box.button(QMessageBox.Yes).click()


class Tee:
    """Keeps the lines that the program prints, and prints them."""

    def __init__(self):
        self.text = ""
        self._stream = sys.stdout
        sys.stdout = self

    def write(self, text):
        self.text += text
        return self._stream.write(text)

    def flush(self):
        self._stream.flush()

    def lines(self, start):
        return [line for line in self.text.splitlines() if line.startswith(start)]


def report(program, steps):
    """Run the steps on a program and print their reports as one JSON object."""
    printed = Tee()
    code = 1
    faulthandler.dump_traceback_later(LONGEST, exit=True)  # a dialog that nobody answers
    try:
        window = program(printed)
        found = {step.__name__: step(window) for step in steps}
        print(json.dumps(found | {"printed": printed.lines("Exception")}))
        code = 0
    except Exception:  # noqa: BLE001 - the program must end, whatever went wrong
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads of such programs do not end
