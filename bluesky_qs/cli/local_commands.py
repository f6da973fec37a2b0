"""The commands of ``qserver`` that run on the service's own computer and send no request, or only check the service."""

from collections.abc import Sequence

#: The usage and the description of each command, by name.
COMMANDS = {
    "doctor": ("doctor", "Say what is wrong and what to do about it"),
    "backup": ("backup FILE", "Write the queue and the history to FILE"),
    "restore": ("restore FILE", "Replace the queue and history with FILE"),
}


def run(name: str, arguments: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    from bluesky_qs.cli import backup, doctor  # noqa: PLC0415 - requests do not pay for the store

    commands = {"backup": backup.backup, "restore": backup.restore, "doctor": doctor.doctor}
    return commands[name](arguments)


def help_of(name: str) -> str:
    """Return the help for a command."""
    from bluesky_qs.cli import backup, doctor  # noqa: PLC0415 - requests do not pay for the store

    parsers = {**backup.PARSERS, "doctor": doctor.parser}
    return parsers[name]().format_help().rstrip()


def overview() -> str:
    """Return the help for all of them, in two columns."""
    lines = [f"  {usage:<37}{meaning}" for usage, meaning in COMMANDS.values()]
    return "\n".join(["On the computer that runs the service ('qserver -h doctor' explains the first)", *lines])
