"""Sign-in by PAM, with `pam_wrapper` and `nss_wrapper` in place of the files of this computer."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bluesky_qs.door.signin.provider import Identity
from tests.system_packages import needs

pytestmark = needs("libpam-wrapper", "libnss-wrapper")

_HERE = Path(__file__).parent


class Driver:
    """A process that signs in where the users of `pam_world` are."""

    def __init__(self, world):
        self.log = world.folder / "driver.log"
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, _HERE / "pam_world.py", "tests.process.signin.pam_driver"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=world.environment,
            )

    def sign_in(self, username, password, **more):
        return self._ask(username=username, password=password, **more)

    def current(self, identity):
        return self._ask(current=msgspec.to_builtins(identity))

    def unavailable(self, **request):
        return self._answer(request)["unavailable"]

    def _ask(self, **request):
        answer = self._answer(request)
        return answer and msgspec.convert(answer, Identity)

    def _answer(self, request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        return json.loads(line)

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)


@pytest.fixture
def driver(pam_world):
    driver = Driver(pam_world)
    yield driver
    driver.close()


def test_the_right_password_gives_name_and_unix_groups(driver):
    identity = driver.sign_in("ada", "password-of-ada")
    assert (identity.id, identity.provider, identity.display_name) == ("ada", "facility", "Ada Lovelace")
    assert identity.groups == {"ada", "staff", "beamline"}


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("", "password-of-ada"),
        ("nobody", "password-of-ada"),
        ("ada\0", "password-of-ada"),
        ("ada", "password-of-ada\0"),
    ],
)
def test_a_wrong_name_or_password_is_refused(driver, username, password):
    assert driver.sign_in(username, password) is None


def test_a_password_for_another_service_is_refused(driver):
    assert driver.sign_in("grace", "password-of-grace") is None


def test_a_user_without_a_unix_account_has_no_groups(driver):
    identity = driver.sign_in("visitor", "password-of-visitor")
    assert (identity.id, identity.groups) == ("visitor", frozenset())
    assert driver.current(identity) == identity


def test_a_user_is_looked_up_again_without_a_password(driver, pam_world):
    identity = driver.sign_in("ada", "password-of-ada")
    assert driver.current(identity) == identity
    pam_world.write_users(groups={"ada": 2001, "staff": 2002})
    assert driver.current(identity).groups == {"ada", "staff"}
    pam_world.write_users(users={"ada": 2999})  # the name now belongs to somebody else
    assert driver.current(identity) is None
    pam_world.write_users(users={})
    assert driver.current(identity) is None


def test_pam_that_cannot_check_is_not_a_wrong_password(driver):
    for service in ("no-such-service", "broken"):
        message = driver.unavailable(username="ada", password="password-of-ada", service=service)
        assert message.startswith("PAM could not check the password")
    assert "the PAM service 'no-such-service' failed" in driver.log.read_text()


def test_no_password_is_logged_at_any_level(driver):
    driver.sign_in("ada", "password-of-ada")
    driver.sign_in("ada", "a-mistyped-word")
    driver.unavailable(username="ada", password="password-of-ada", service="broken")
    assert "PAM refused a user" in driver.log.read_text()
    assert "password-of-ada" not in driver.log.read_text()
    assert "a-mistyped-word" not in driver.log.read_text()
