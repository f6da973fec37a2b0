"""How our log lines look, and whose loggers are configured."""

import logging
import logging.config
import re
import subprocess
import sys

import pytest

from bluesky_qs.config.logs import enable_logging


def run(code):
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    return ended.stderr.splitlines()


LOG = "import logging\nfrom bluesky_qs.config.logs import configure_logging\n"


def test_a_line_names_level_time_and_logger():
    (line,) = run(LOG + "configure_logging()\nlogging.getLogger('bluesky_qs.worker.engine').info('Pausing %s', 'RE')")
    assert re.fullmatch(r"\[I \d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} bluesky_qs\.worker\.engine\] Pausing RE", line)


def test_lines_below_the_level_are_left_out():
    code = "configure_logging('WARNING')\nlog = logging.getLogger('bluesky_qs.x')\nlog.info('a')\nlog.warning('b')"
    (line,) = run(LOG + code)
    assert line.endswith("] b")


def test_configuring_again_changes_the_level_and_doubles_nothing():
    code = "configure_logging()\nconfigure_logging('DEBUG')\nlogging.getLogger('bluesky_qs.x').debug('a')"
    assert len(run(LOG + code)) == 1


def test_the_users_root_logger_is_left_alone():
    code = "configure_logging()\nassert not logging.root.handlers\nlogging.basicConfig()\n"
    assert len(run(LOG + code + "logging.getLogger('bluesky_qs.x').info('a')")) == 1


@pytest.fixture
def ours():
    logger = logging.getLogger("bluesky_qs.test_logs")
    yield logger
    logger.disabled = False


def test_loggers_that_user_code_disabled_are_enabled_again(ours):
    ours.disabled = True
    enable_logging()
    assert not ours.disabled
