"""`qserver-console-monitor` beside a service that publishes no console output."""

import subprocess
import sys


def test_a_service_that_publishes_no_console_output_is_reported(service):
    command = [sys.executable, "-m", "bluesky_qs", "qserver-console-monitor", "--zmq-info-addr", service.info]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=service.env
    ) as monitor:
        assert "started with --zmq-publish-console ON" in monitor.stderr.readline()
        monitor.terminate()
        assert monitor.stdout.read() == ""
