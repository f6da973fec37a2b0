"""What is printed in a kernel: on the console of the service, in its order, and in the consoles of Jupyter."""

import re

import pytest

NOISY = r"""
import ctypes, os, subprocess, sys
def noisy():
    for n in range(20):
        print(f"{n} from print")
        print(f"{n} from stderr", file=sys.stderr)
        ctypes.CDLL(None).printf(b"%d from C\n", n)
        subprocess.run(["echo", f"{n} from a command"], stdout=sys.stdout)
def noisy_plan():
    noisy()
    yield from null()
"""
NOISE = [f"{n} from {who}" for n in range(20) for who in ("print", "stderr", "C", "a command")]


@pytest.mark.parametrize("by", ["task", "plan", "console"])
def test_all_that_is_printed_is_on_the_services_console_in_its_order(service, console, by):
    service.do("script_upload", script=NOISY)
    service.wait_idle()
    if by == "task":
        service.function("noisy")
        service.wait_idle()
    elif by == "plan":
        service.add("noisy_plan")
        service.do("queue_start")
        service.wait_idle()
    else:
        assert console.run("noisy()")["status"] == "ok"
    service.wait(lambda _: NOISE[-1] in service.output(), "the last line is shown")
    assert re.findall(r"^\d+ from .*$", service.output(), re.MULTILINE) == NOISE


def test_consoles_see_what_a_plan_prints(service, console):
    service.do("script_upload", script=NOISY)
    service.wait_idle()
    service.add("noisy_plan")
    service.do("queue_start")
    assert "0 from print" in console.output("19 from print")
