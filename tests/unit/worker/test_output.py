"""What a worker marks in its output."""

import os
import subprocess
import sys
import threading

import pytest

from bluesky_qs.ipc.item_marks import MarkReader, Marks, Printed
from bluesky_qs.worker.output import ItemOutput


@pytest.fixture
def output(monkeypatch):
    """A function that lets a piece of code print, and returns what each item has printed."""
    reader, writer = os.pipe()
    output = ItemOutput(Marks("secret"))
    os.dup2(writer, output._descriptor)
    os.close(writer)

    def printed(code):
        with monkeypatch.context() as patched, os.fdopen(os.dup(output._descriptor), "w") as stream:
            patched.setattr(sys, "stdout", stream)
            code(output)
        os.close(output._descriptor)
        found = {}
        for part in MarkReader("secret").read(os.read(reader, 65536)):
            if isinstance(part, Printed):
                found[part.uid] = found.get(part.uid, "") + part.data.decode()
        os.close(reader)
        return found

    return printed


def in_background(output, *texts):
    """Print from another thread, as a background task does."""

    def run():
        with output.of_task("task", background=True):
            for text in texts:
                print(text, end="")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_what_is_still_in_a_buffer_belongs_to_the_item(output):
    def code(output):
        print("before")
        output.begin("plan", 1.0)
        print("of the plan", end="")
        output.end("plan")
        print("after")

    assert output(code) == {None: "before\nafter\n", "plan": "of the plan"}


def test_a_background_task_and_a_plan_are_told_apart(output):
    def code(output):
        output.begin("plan", 1.0)
        print("begins")
        in_background(output, "one\n", "t", "wo\n", "three")
        print("goes on")
        output.end("plan")

    assert output(code) == {"plan": "begins\ngoes on\n", "task": "one\ntwo\nthree"}


def test_standard_output_is_replaced_only_while_background_tasks_run(output):
    def code(output):
        before = sys.stdout
        in_background(output, "one\n")
        assert sys.stdout is before

    assert output(code) == {"task": "one\n"}


def test_nothing_is_marked_without_a_token(capfd):
    output = ItemOutput(None)
    output.begin("plan", 1.0)
    in_background(output, "text\n")
    output.end("plan")
    assert capfd.readouterr().out == "text\n"


#: A print is between its text and its newline when a background task ends, so that `sys.stdout` is replaced.
PRINTS_MEANWHILE = """
import gc, sys, threading
from bluesky_qs.ipc.item_marks import Marks
from bluesky_qs.worker.output import ItemOutput

class Slow:
    def write(self, text):
        if text != "text":
            done.append(text)
            return
        at_text.set()
        task_ended.wait(60)
        gc.collect()
        everything = [bytes(size) for size in range(0, 2000, 8) for _ in range(50)]  # takes what was freed

    def flush(self):
        pass

done, at_text, task_ended = [], threading.Event(), threading.Event()
output = ItemOutput(Marks("secret"))
terminal, sys.stdout = sys.stdout, Slow()

def task():
    with output.of_task("task", background=True):
        begun.set()
        at_text.wait(60)
    task_ended.set()

begun = threading.Event()
thread = threading.Thread(target=task)
thread.start()
begun.wait(60)
print("text")
thread.join()
sys.stdout = terminal
assert done == ["\\n"], done
print("survived")
"""


def test_a_print_survives_the_end_of_a_background_task_in_another_thread():
    done = subprocess.run([sys.executable, "-c", PRINTS_MEANWHILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("survived\n")
