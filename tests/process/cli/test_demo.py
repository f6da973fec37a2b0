"""The demonstration that stays, to be looked at in a browser."""

import os
import re
import signal
import subprocess
import sys

import httpx
import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demonstration_with_a_page_shows_the_link_and_stays_until_it_is_ended(tmp_path, number):
    command = [sys.executable, "-m", "bluesky_qs", "demo", "--web"]
    env = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, cwd=tmp_path)
    assert demo.stdout is not None
    link = None
    for line in demo.stdout:
        if link := re.search(r"(?P<url>http://\S+/)#api_key=(?P<key>\w+)", line):
            break
    assert link is not None, "the demonstration ended"
    with httpx.Client(base_url=link["url"], trust_env=False) as http:
        assert http.get("").headers["content-type"].startswith("text/html")
        status = http.get("api/status", headers={"Authorization": f"ApiKey {link['key']}"}).json()
    assert status["worker_environment_exists"]
    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=60)  # until nobody has its output open: the service has ended, too
    assert demo.returncode == 0, rest
    assert "Traceback" not in rest
    assert list(tmp_path.glob("bluesky-qs-demo-*")) == []
