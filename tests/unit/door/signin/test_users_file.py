import stat
import threading

import pytest

from bluesky_qs.door.signin.file_providers import FileProvider
from bluesky_qs.door.signin.provider import Identity, ProviderUnavailable
from bluesky_qs.door.signin.users_file import UsersFile, UsersFileError

PASSWORD = "correct horse"


def test_a_user_who_was_added_is_verified_by_the_password(users_file):
    users_file.add("ada", PASSWORD, groups=["staff", "optics"], display_name="Ada Lovelace", mail="ada@x.org")
    user = users_file.verified("ada", PASSWORD)
    assert (user.groups, user.display_name, user.mail) == (("staff", "optics"), "Ada Lovelace", "ada@x.org")
    assert users_file.verified("ada", PASSWORD + " ") is None
    assert users_file.verified("bob", PASSWORD) is None


def test_the_file_is_its_owners_only_and_has_no_password(users_file):
    users_file.add("ada", PASSWORD)
    assert stat.S_IMODE(users_file.path.stat().st_mode) == 0o600
    assert PASSWORD not in users_file.path.read_text()
    assert "$argon2id$" in users_file.path.read_text()
    assert "argon2" not in repr(users_file.users()["ada"])


def test_a_file_that_others_can_read_is_not_used(users_file):
    users_file.add("ada", PASSWORD)
    users_file.path.chmod(0o640)
    with pytest.raises(UsersFileError, match="chmod 600"):
        users_file.verified("ada", PASSWORD)


def test_a_changed_password_counts_at_once_and_the_rest_of_the_file_stays(users_file):
    users_file.add("ada", PASSWORD, groups=["staff"])
    with users_file.path.open("a") as file:
        file.write("# a comment\n\n")
    users_file.add("bob", PASSWORD)
    users_file.set_password("ada", "another horse")
    assert users_file.verified("ada", PASSWORD) is None
    assert users_file.verified("ada", "another horse").groups == ("staff",)
    assert users_file.verified("bob", PASSWORD)
    assert "# a comment\n\n" in users_file.path.read_text()


def test_a_removed_user_is_gone(users_file):
    users_file.add("ada", PASSWORD)
    users_file.add("adam", PASSWORD)
    users_file.remove("ada")
    assert list(users_file.users()) == ["adam"]


@pytest.mark.parametrize("name", ["", "a:b", "a b", "-x", "#x", "a\n", "ä", "x" * 65])
def test_names_that_would_break_the_file_are_refused(users_file, name):
    with pytest.raises(UsersFileError, match="cannot be a user name"):
        users_file.add(name, PASSWORD)


@pytest.mark.parametrize("more", [{"groups": ["a,b"]}, {"groups": ["a:b"]}, {"display_name": "a:b"}, {"mail": "a\nb"}])
def test_texts_that_would_break_the_file_are_refused(users_file, more):
    with pytest.raises(UsersFileError):
        users_file.add("ada", PASSWORD, **more)
    assert not users_file.path.exists()


def test_what_cannot_be_done_is_said_and_changes_nothing(users_file):
    users_file.add("ada", PASSWORD)
    before = users_file.path.read_text()
    for change, message in [
        (lambda: users_file.add("ada", PASSWORD), "exists"),
        (lambda: users_file.add("bob", "short"), "too short"),
        (lambda: users_file.set_password("bob", PASSWORD), "no user 'bob'"),
        (lambda: users_file.remove("bob"), "no user 'bob'"),
    ]:
        with pytest.raises(UsersFileError, match=message):
            change()
    assert users_file.path.read_text() == before


def test_a_line_that_is_not_valid_is_named_and_not_shown(users_file):
    users_file.add("ada", PASSWORD)
    with users_file.path.open("a") as file:
        file.write("bob:secret\n")
    with pytest.raises(UsersFileError, match=r"Line 3 .* NAME:HASH") as refused:
        users_file.users()
    assert "secret" not in refused.value.message


def test_changes_at_the_same_time_are_all_kept(users_file):
    threads = [threading.Thread(target=users_file.add, args=(f"user{n}", PASSWORD)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(users_file.users()) == [f"user{n}" for n in range(8)]


async def test_the_provider_gives_the_user_of_the_file(users_file):
    users_file.add("ada", PASSWORD, groups=["staff"], display_name="Ada", mail="a@x.org")
    provider = FileProvider("local", users_file)
    ada = Identity("ada", "local", "Ada", "a@x.org", frozenset({"staff"}))
    assert await provider.authenticate("ada", PASSWORD) == ada
    assert await provider.authenticate("ada", "wrong") is None
    assert await provider.current(Identity("ada", "local")) == ada
    users_file.remove("ada")
    assert await provider.current(ada) is None


async def test_a_provider_without_its_file_cannot_be_used(tmp_path):
    provider = FileProvider("local", UsersFile(tmp_path / "missing"))
    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        await provider.authenticate("ada", PASSWORD)
