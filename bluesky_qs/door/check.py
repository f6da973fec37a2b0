"""``python -m bluesky_qs.door.check``: checks a door's options before its service starts.

The options come as JSON from standard input, and the `Checked` options go to standard output. This is a separate
process, because the supervisor should not load the door's packages.
"""

import os
import subprocess
import sys

import msgspec

from bluesky_qs.config.schema import Http
from bluesky_qs.errors import ConfigError, StartupError


class Checked(msgspec.Struct, frozen=True):
    """Complete and valid options, or the reason why they are not valid.

    Attributes
    ----------
    key
        The key, if it was generated.
    """

    http: Http | None = None
    key: str | None = None
    error: str = ""


def checked(http: Http) -> Checked:
    """Check the options in a separate process.

    Raises
    ------
    ConfigError
        The options cannot be used.
    StartupError
        The separate process failed.
    """
    command = [sys.executable, "-P", "-m", "bluesky_qs.door.check"]
    done = subprocess.run(command, input=msgspec.json.encode(http), stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise StartupError("The options of the HTTP door could not be checked")
    answer = msgspec.json.decode(done.stdout, type=Checked)
    if answer.error:
        raise ConfigError(answer.error)
    return answer


def _check(http: Http) -> Checked:
    from bluesky_qs.door.opening import prepare  # noqa: PLC0415 - the supervisor imports this module
    from bluesky_qs.door.signin.registry import providers  # noqa: PLC0415

    try:
        opening = prepare(http, os.environ, config_option="--http-config")
        providers(opening.settings.sign_in.providers)
    except StartupError as error:
        return Checked(error=error.message)
    key = opening.settings.single_user.key if opening.key_file is not None else None
    return Checked(http=opening.http, key=key)


if __name__ == "__main__":
    options = msgspec.json.decode(sys.stdin.buffer.read(), type=Http)
    sys.stdout.buffer.write(msgspec.json.encode(_check(options)))
