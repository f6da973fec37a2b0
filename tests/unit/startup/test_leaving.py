"""A process that has run user code ends, whatever that code has left behind."""

import subprocess
import sys
import textwrap


def left(code, patience=60.0):
    """Run code in a process that leaves with exit code 3; what it wrote on standard error."""
    program = f"{textwrap.dedent(code)}\nfrom bluesky_qs.startup.leaving import leave\nleave(3, patience={patience})\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 3, done.stderr
    return done.stdout, done.stderr


def test_exit_handlers_run_and_threads_are_not_waited_for():
    out, err = left(
        """
        import atexit, threading
        atexit.register(print, "saved")
        threading.Thread(target=threading.Event().wait).start()
        """
    )
    assert (out, err) == ("saved\n", "")


def test_exit_handler_that_never_ends_is_given_up_and_shown():
    out, err = left(
        """
        import atexit, threading
        def flush_to_a_broker_that_is_gone():
            print("flushing")
            threading.Event().wait()
        atexit.register(flush_to_a_broker_that_is_gone)
        """,
        patience=0.2,
    )
    assert out == "flushing\n"
    assert "Exit handlers of the startup code (atexit) did not finish in 0.2 s" in err
    assert "in flush_to_a_broker_that_is_gone" in err


def test_a_multiprocessing_process_that_keeps_running_is_killed():
    out, err = left(
        """
        import multiprocessing, threading
        process = multiprocessing.get_context("fork").Process(target=threading.Event().wait)
        process.start()
        """,
        patience=0.2,
    )
    # Its output is the test's: that ends only with it.
    assert (out, "multiprocessing" in err) == ("", True)
