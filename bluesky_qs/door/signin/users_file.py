"""Users in a file, one line each: ``NAME:HASH:GROUPS:DISPLAY NAME:MAIL``. Passwords are hashed with argon2."""

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import argon2
import msgspec
import platformdirs

from bluesky_qs.errors import ConfigError, QSError
from bluesky_qs.private import make_folder

SHORTEST_PASSWORD = 8
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}")
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,63}")
_FIELDS = 5
_HEADING = "# Users of the HTTP server: NAME:HASH:GROUPS:DISPLAY NAME:MAIL. Edit it with qserver-http user.\n"


class UsersFileError(QSError):
    """A change was refused, or the file cannot be used."""


class User(msgspec.Struct, frozen=True):
    """A user in the file."""

    name: str
    password_hash: str
    groups: tuple[str, ...] = ()
    display_name: str = ""
    mail: str = ""

    def __repr__(self) -> str:  # the text may end up in a log
        return f"User({self.name!r})"

    @property
    def line(self) -> str:
        """The user's line in the file."""
        return ":".join((self.name, self.password_hash, ",".join(self.groups), self.display_name, self.mail)) + "\n"


def default_users_file() -> Path:
    """Return the default path of the file, in the user's data directory."""
    return Path(platformdirs.user_data_dir("bluesky_qs", appauthor=False)) / "http-users"


class UsersFile:
    """A file with users. It is read each time, so changes take effect at once."""

    def __init__(self, path: Path, *, hasher: argon2.PasswordHasher | None = None) -> None:
        self.path = path
        self._hasher = hasher or argon2.PasswordHasher()
        #: A hash to compare with for unknown users, so that the response time does not reveal which users exist.
        self._nobody = ""

    def users(self) -> dict[str, User]:
        """Return all users by name.

        Raises
        ------
        UsersFileError
            The file cannot be read, others can read it, or a line is not valid.
        """
        return {user.name: user for user in map(self._user, *self._numbered()) if user is not None}

    def verified(self, name: str, password: str) -> User | None:
        """Return the user if the password is right. It takes a tenth of a second, on purpose.

        Raises
        ------
        UsersFileError
            As for `users`.
        """
        if not self._nobody:
            self._nobody = self._hasher.hash(os.urandom(16).hex())
        user = self.users().get(name)
        try:
            self._hasher.verify(user.password_hash if user else self._nobody, password)
        except argon2.exceptions.VerifyMismatchError:
            return None
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            raise UsersFileError(f"The hash of user {name!r} in {self.path} is not valid. Set a new password") from None
        return user

    def add(
        self, name: str, password: str, *, groups: Collection[str] = (), display_name: str = "", mail: str = ""
    ) -> None:
        """Add a user. The file is created if it does not exist.

        Raises
        ------
        UsersFileError
            The user already exists, or something is not valid.
        """
        _check(name, password, groups, (display_name, mail))
        user = User(name, self._hasher.hash(password), tuple(groups), display_name, mail)
        with self._changing() as lines:
            if _line_of(name, lines) is not None:
                raise UsersFileError(
                    f"User {name!r} already exists. Change the password with: qserver-http user passwd {name}"
                )
            lines.append(user.line)

    def set_password(self, name: str, password: str) -> None:
        """Change a password.

        Raises
        ------
        UsersFileError
            There is no such user, or the password is too short.
        """
        _check(name, password, (), ())
        hashed = self._hasher.hash(password)
        with self._changing() as lines:
            number = self._required(name, lines)
            user = self._user(lines[number], number + 1)
            assert user is not None
            lines[number] = msgspec.structs.replace(user, password_hash=hashed).line

    def remove(self, name: str) -> None:
        """Remove a user.

        Raises
        ------
        UsersFileError
            There is no such user.
        """
        with self._changing() as lines:
            del lines[self._required(name, lines)]

    def _numbered(self) -> tuple[list[str], range]:
        lines = self._lines()
        return lines, range(1, len(lines) + 1)

    def _user(self, line: str, number: int) -> User | None:
        line = line.rstrip("\n")
        if not line.strip() or line.startswith("#"):
            return None
        name, *rest = line.split(":")
        if len(rest) != _FIELDS - 1 or not _NAME.fullmatch(name):
            raise UsersFileError(
                f"Line {number} of {self.path} is not valid. It should be NAME:HASH:GROUPS:DISPLAY NAME:MAIL"
            )
        password_hash, groups, display_name, mail = rest
        return User(name, password_hash, tuple(group for group in groups.split(",") if group), display_name, mail)

    def _lines(self) -> list[str]:
        try:
            with self.path.open(encoding="utf-8") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise UsersFileError(
                        f"Others can read or write the users file {self.path}. Prevent this with: chmod 600 {self.path}"
                    )
                return file.readlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsersFileError(f"The users file {self.path} cannot be read: {_reason(error)}") from None

    @contextlib.contextmanager
    def _changing(self) -> Iterator[list[str]]:
        """Yield the lines, then write them atomically. Simultaneous changes wait for each other."""
        try:
            make_folder(self.path.parent)
            lock = os.open(self.path.with_name(self.path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise UsersFileError(f"The users file {self.path} cannot be written: {_reason(error)}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lines = self._lines() if self.path.exists() else [_HEADING]
            yield lines
            self._write("".join(lines))
        finally:
            os.close(lock)

    def _write(self, text: str) -> None:
        try:
            handle, written = tempfile.mkstemp(dir=self.path.parent)  # readable by its owner only
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(written).replace(self.path)
        except OSError as error:
            raise UsersFileError(f"The users file {self.path} cannot be written: {_reason(error)}") from None

    def _required(self, name: str, lines: list[str]) -> int:
        number = _line_of(name, lines)
        if number is None:
            raise UsersFileError(f"There is no user {name!r} in {self.path}")
        return number


def checked_path(text: str) -> Path:
    """Return the path of a users file that a configuration names.

    Raises
    ------
    ConfigError
        The path is empty.
    """
    if not text:
        raise ConfigError("'path' of the users file is empty")
    return Path(text).expanduser()


def _check(name: str, password: str, groups: Collection[str], texts: Collection[str]) -> None:
    if not _NAME.fullmatch(name):
        raise UsersFileError(
            f"{name!r} cannot be a user name. Use letters, digits and _ . @ + -, at most 64 characters"
        )
    if len(password) < SHORTEST_PASSWORD:
        raise UsersFileError(f"The password is too short. It needs at least {SHORTEST_PASSWORD} characters")
    for group in groups:
        if not _GROUP.fullmatch(group):
            raise UsersFileError(
                f"{group!r} cannot be a group name. Use letters, digits, spaces and _ . -, at most 64 characters, and "
                "begin with a letter, digit or _"
            )
    for text in texts:
        if ":" in text or not text.isprintable():
            raise UsersFileError(f"{text!r} must not contain colons or line breaks")


def _line_of(name: str, lines: list[str]) -> int | None:
    return next((number for number, line in enumerate(lines) if line.startswith(f"{name}:")), None)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "unknown error") if isinstance(error, OSError) else "it contains bytes that are not text"
