"""``qserver doctor``: checks a service and everything that it needs, and says what to do about each fault.

It works whether the service runs, hangs or is stopped, and does not need an open environment.
"""

import json
import sys
import textwrap
from collections.abc import Sequence

from bluesky_qs.cli.examination import Finding, Level, examine
from bluesky_qs.cli.parser import Parser, exit_code_of
from bluesky_qs.cli.store_options import add_store_options, settings_of

_HELP = """Check a service and everything that it needs: its address, version, store, disk,
lock, permission file, encryption, startup code, clock and open files. Say what to do
about each fault.

Run it on the computer that runs the service, as the user who runs it, with the same
options, environment variables and configuration file. The service may be stopped.

Exit codes: 0 all is well, 1 there are warnings, 2 something is wrong."""
_SIGNS = {Level.OK: "✓", Level.WARNING: "⚠", Level.WRONG: "✗"}
_WIDTH, _COLUMN = 100, 14


def doctor(arguments: Sequence[str]) -> int:
    """Run ``qserver doctor``; return its exit code."""
    return exit_code_of(lambda: _run(arguments), failed=Level.WRONG)


def parser() -> Parser:
    """Return the parser of the command line."""
    made = Parser("qserver doctor", _HELP)
    made.add_argument("--zmq-control-addr", dest="control_addr", metavar="ADDRESS", help="Address of the service.")
    add_store_options(made)
    made.add_argument("--json", action="store_true", help="Print a list of objects.")
    made.add_help_option()
    return made


def _run(arguments: Sequence[str]) -> int:
    options = parser().parse_args(arguments)
    findings = examine(settings_of(options), options.control_addr)
    if options.json:
        print(json.dumps([{**finding._asdict(), "level": finding.level.name.lower()} for finding in findings]))
    else:
        print("\n".join(map(_shown, findings)))
    return max(finding.level for finding in findings)


def _shown(finding: Finding) -> str:
    sign = _SIGNS[finding.level]
    if "✓".encode(sys.stdout.encoding or "utf-8", errors="replace") == b"?":
        sign = {Level.OK: "ok", Level.WARNING: "!", Level.WRONG: "X"}[finding.level]
    lead = f"{sign} {finding.name:<{_COLUMN - 2}}"
    advice = f"\n{finding.advice}" if finding.advice else ""
    lines = [
        line
        for text in (finding.text + advice).splitlines()
        for line in textwrap.wrap(text, _WIDTH - _COLUMN, break_long_words=False, break_on_hyphens=False)
    ]
    return "\n".join([lead + lines[0], *(" " * _COLUMN + line for line in lines[1:])])
