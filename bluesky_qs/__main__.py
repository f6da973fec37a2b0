"""``python -m bluesky_qs COMMAND`` runs any command, even if another package owns the scripts with these names."""

import sys
from importlib import import_module

_COMMANDS = {
    "start-re-manager": "start_re_manager",
    "qserver": "qserver",
    "qserver-list-plans-devices": "list_plans_devices",
    "qserver-zmq-keys": "zmq_keys",
    "qserver-console-monitor": "console_monitor",
    "qserver-clear-lock": "clear_lock",
    "qserver-console": "console",
    "qserver-qtconsole": "qtconsole",
    "qserver-http": "http",
    "copy-store": "copy_store",
    "demo": "demo",
}


def main() -> None:
    """Run the command named by the first argument, with the remaining arguments."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in _COMMANDS:
        wants_help = name in ("-h", "--help")
        text = "Usage: python -m bluesky_qs COMMAND ...\n\nCommands: " + "\n          ".join(_COMMANDS)
        print(text, file=sys.stdout if wants_help else sys.stderr)
        sys.exit(0 if wants_help else 1)
    sys.argv = [name, *sys.argv[2:]]
    sys.exit(import_module(f"bluesky_qs.cli.{_COMMANDS[name]}").main())


if __name__ == "__main__":
    main()
