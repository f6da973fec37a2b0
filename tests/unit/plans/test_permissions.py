import pytest

from bluesky_qs.errors import BadParams, ConfigError, NotPermitted
from bluesky_qs.plans.permissions import Permissions

GOOD = {"user_groups": {"root": {"allowed_plans": [None]}, "primary": {"allowed_plans": [":.*"]}}}


def test_groups_and_source_are_kept():
    permissions = Permissions.from_dict(GOOD)
    assert permissions.groups == ("root", "primary")
    assert permissions.as_dict() == GOOD


def test_group_without_lists_may_do_nothing():
    permissions = Permissions.from_dict({"user_groups": {"root": None}})
    (rules,) = permissions.rules("root")
    assert not rules.plans.allows("count")
    assert not rules.functions.allows("f")


def test_first_null_of_a_forbidding_list_forbids_nothing():
    permissions = Permissions.from_dict(
        {"user_groups": {"root": {"allowed_plans": [None], "forbidden_plans": [None], "forbidden_devices": [None]}}}
    )
    (rules,) = permissions.rules("root")
    assert rules.plans.allows("count")


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        ([], "must be an object"),
        ({}, "no 'user_groups'"),
        ({"user_groups": []}, "user_groups: must be an object"),
        ({"user_groups": {}}, "Missing required user group: 'root'"),
        ({"user_groups": {"root": {}}, "users": {}}, "unknown key 'users'"),
        ({"user_groups": {"root": 5}}, "user_groups.root: must be an object"),
        ({"user_groups": {"root": {"alowed_plans": []}}}, "did you mean 'allowed_plans'"),
        ({"user_groups": {"root": {"allowed_plans": "all"}}}, "user_groups.root.allowed_plans: must be a list"),
        ({"user_groups": {"root": {"allowed_plans": [5]}}}, "user_groups.root.allowed_plans: element 0"),
        ({"user_groups": {"root": {"forbidden_devices": [":("]}}}, "user_groups.root.forbidden_devices: pattern"),
        ({"user_groups": {"root": {}, 5: {}}}, "the name of a group must be"),
    ],
)
def test_bad_permissions_are_refused_with_the_place(permissions, words):
    with pytest.raises(BadParams, match=words.replace("(", r"\(")):
        Permissions.from_dict(permissions)


def test_unknown_group_is_named():
    with pytest.raises(NotPermitted, match="Unknown user group: 'guests'"):
        Permissions.from_dict(GOOD).rules("guests")


@pytest.mark.parametrize("by_folder", [True, False])
def test_load_takes_a_file_or_its_folder(tmp_path, by_folder):
    file = tmp_path / "user_group_permissions.yaml"
    file.write_text("user_groups:\n  root:\n    allowed_plans:\n      - null  # all\n    forbidden_plans: [':^_']\n")
    permissions = Permissions.load(tmp_path if by_folder else file)
    assert permissions.as_dict() == {"user_groups": {"root": {"allowed_plans": [None], "forbidden_plans": [":^_"]}}}


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no_such"):
        Permissions.load(tmp_path / "no_such.yaml")


@pytest.mark.parametrize("text", ["user_groups: [", "- 5", "user_groups: {}", "\x00"])
def test_bad_file_is_refused_with_its_name(tmp_path, text):
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"p\.yaml"):
        Permissions.load(file)


def test_duplicate_group_is_refused_with_its_line(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("user_groups:\n  root: {}\n  primary: {}\n  primary: {}\n")
    with pytest.raises(ConfigError, match=r"p\.yaml.*duplicate key 'primary' \(line 4\)"):
        Permissions.load(file)


def test_lists_that_groups_share_by_aliases_are_not_duplicates(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(
        "user_groups:\n  root: &all\n    allowed_plans: &list [null]\n  primary: *all\n  g: {allowed_plans: *list}\n"
    )
    assert Permissions.load(file).groups == ("root", "primary", "g")
    file.write_text("user_groups: &again\n  root: *again\n")
    with pytest.raises(ConfigError, match="unknown key 'root'"):
        Permissions.load(file)


def test_an_empty_file_is_refused(tmp_path):
    file = tmp_path / "user_group_permissions.yaml"
    file.write_text("# nothing yet\n")
    with pytest.raises(ConfigError, match=r"user_group_permissions.yaml' is empty$"):
        Permissions.load(file)
