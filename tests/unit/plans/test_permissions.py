import pytest

from bluesky_qs.errors import BadParams, ConfigError, NotPermitted
from bluesky_qs.plans.permissions import PermissionRules

GOOD = {"user_groups": {"root": {"allowed_plans": [None]}, "primary": {"allowed_plans": [":.*"]}}}


def test_groups_and_source_are_kept():
    permissions = PermissionRules.from_dict(GOOD)
    assert permissions.groups == ("root", "primary")
    assert permissions.as_dict() == GOOD


def test_group_without_lists_may_do_nothing():
    permissions = PermissionRules.from_dict({"user_groups": {"root": None}})
    (rules,) = permissions.rules("root")
    assert not rules.plans.allows("count")
    assert not rules.functions.allows("f")


def test_first_null_of_a_forbidding_list_forbids_nothing():
    permissions = PermissionRules.from_dict(
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
        ({"user_groups": {"root": {}, 5: {}}}, "a group name must be"),
    ],
)
def test_bad_permissions_are_refused_with_the_place(permissions, words):
    with pytest.raises(BadParams, match=words.replace("(", r"\(")):
        PermissionRules.from_dict(permissions)


def test_unknown_group_is_named():
    with pytest.raises(NotPermitted, match="Unknown user group: 'guests'"):
        PermissionRules.from_dict(GOOD).rules("guests")


@pytest.mark.parametrize("by_folder", [True, False])
def test_load_takes_a_file_or_its_folder(tmp_path, by_folder):
    file = tmp_path / "user_group_permissions.yaml"
    file.write_text("user_groups:\n  root:\n    allowed_plans:\n      - null  # all\n    forbidden_plans: [':^_']\n")
    permissions = PermissionRules.load(tmp_path if by_folder else file)
    assert permissions.as_dict() == {"user_groups": {"root": {"allowed_plans": [None], "forbidden_plans": [":^_"]}}}


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no_such"):
        PermissionRules.load(tmp_path / "no_such.yaml")


@pytest.mark.parametrize("text", ["user_groups: [", "- 5", "user_groups: {}", "\x00"])
def test_bad_file_is_refused_with_its_name(tmp_path, text):
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"p\.yaml"):
        PermissionRules.load(file)


def test_duplicate_group_is_refused_with_its_line(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("user_groups:\n  root: {}\n  primary: {}\n  primary: {}\n")
    with pytest.raises(ConfigError, match=r"p\.yaml.*duplicate key 'primary' \(line 4\)"):
        PermissionRules.load(file)


def test_lists_that_groups_share_by_aliases_are_not_duplicates(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text(
        "user_groups:\n  root: &all\n    allowed_plans: &list [null]\n  primary: *all\n  g: {allowed_plans: *list}\n"
    )
    assert PermissionRules.load(file).groups == ("root", "primary", "g")
    file.write_text("user_groups: &again\n  root: *again\n")
    with pytest.raises(ConfigError, match="unknown key 'root'"):
        PermissionRules.load(file)


def test_an_empty_file_is_refused(tmp_path):
    file = tmp_path / "user_group_permissions.yaml"
    file.write_text("# nothing yet\n")
    with pytest.raises(ConfigError, match=r"user_group_permissions.yaml' is empty$"):
        PermissionRules.load(file)


BARE = """
user_groups:
  root:
    allowed_plans: [null]
    forbidden_plans: ["^_"]
    allowed_devices: [null]
    forbidden_devices: ["^_", "tmp$"]
  primary:
    allowed_plans: ["count|scan", "mv"]
    allowed_devices: [".*"]
    allowed_functions: ["^get_(?:x|y)"]
"""


def test_regular_expressions_without_a_colon_are_read_as_such_with_a_warning(tmp_path, caplog):
    (tmp_path / "user_group_permissions.yaml").write_text(BARE)
    permissions = PermissionRules.load(tmp_path)
    rules = permissions.rules("primary")

    def allowed(what, *arguments):
        return all(getattr(each, what).allows(*arguments) for each in rules)

    assert [name for name in ("count", "rel_scan", "_scan", "mv", "mvr") if allowed("plans", name)] == [
        "count",
        "rel_scan",
        "mv",
    ]
    paths = [("det",), ("stage", "x"), ("_det",), ("_det", "x"), ("stage", "x_tmp")]
    assert [path for path in paths if allowed("devices", path, {})] == [("det",), ("stage", "x")]
    assert [name for name in ("get_x", "get_z", "forget_x") if rules[1].functions.allows(name)] == ["get_x"]
    messages = [record.getMessage() for record in caplog.records]
    assert [message.partition(".yaml': ")[2].partition(" is not")[0] for message in messages] == [
        "user_groups.root.forbidden_plans: '^_'",
        "user_groups.root.forbidden_devices: '^_'",
        "user_groups.root.forbidden_devices: 'tmp$'",
        "user_groups.primary.allowed_plans: 'count|scan'",
        "user_groups.primary.allowed_devices: '.*'",
        "user_groups.primary.allowed_functions: '^get_(?:x|y)'",
    ]
    assert messages[1].endswith("Write ':?^_'")


@pytest.mark.parametrize("pattern", ["(", "*", "__NOBODY__:x"])
def test_what_is_no_regular_expression_either_is_refused(pattern):
    with pytest.raises(BadParams, match=r"user_groups\.root\.allowed_devices: "):
        PermissionRules.from_dict({"user_groups": {"root": {"allowed_devices": [pattern]}}})
