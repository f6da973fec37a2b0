import pytest

from bluesky_qs.door.signin.access import read_policy
from bluesky_qs.door.signin.provider import Identity
from bluesky_qs.door.signin.roles import ROLES, SCOPES, Policy, Rule, key_scopes, shown_name
from bluesky_qs.errors import ConfigError


def ada(**fields):
    return Identity("ada", "toy", **fields)


def access_by(*rules, identity=None, **policy):
    return Policy([Rule(**rule) for rule in rules], **policy).access(identity or ada())


def policy_of(section, providers=("toy",), **more):
    return read_policy({"access": section, **more}, providers=providers)


def test_the_admin_looks_after_keys_and_cannot_touch_the_queue():
    assert ROLES["admin"] == {
        "read:status",
        "user:apikeys",
        "admin:apikeys",
        "admin:read:principals",
        "admin:metrics",
    }


def test_the_expert_may_do_everything_but_stop_the_manager_and_test():
    not_allowed = {"write:manager:stop", "write:testing"}
    assert ROLES["expert"] == {scope for scope in SCOPES if not scope.startswith("admin:")} - not_allowed


def test_the_user_and_the_advanced_user_change_neither_permissions_nor_code_nor_locks():
    expected = ROLES["expert"] - {"write:permissions", "write:scripts", "write:config", "write:lock"}
    assert ROLES["user"] == ROLES["advanced"] == expected


def test_the_observer_reads_everything_and_changes_nothing_but_own_keys():
    assert ROLES["observer"] == {scope for scope in SCOPES if scope.startswith("read:")} | {"user:apikeys"}


def test_the_single_user_may_do_everything_but_look_after_other_users():
    assert ROLES["unauthenticated_single_user"] == {scope for scope in SCOPES if not scope.startswith("admin:")}


def test_the_public_sees_the_status_only():
    assert ROLES["unauthenticated_public"] == {"read:status"}


def test_whoever_no_rule_applies_to_is_refused():
    assert access_by({"user": "bob", "roles": "expert"}) is None


def test_a_rule_without_roles_lets_nobody_in():
    assert access_by({"user": "ada", "user_group": "primary"}) is None


def test_the_roles_of_all_rules_that_apply_are_added_up():
    access = access_by(
        {"user": ["ada", "bob"], "roles": "observer"},
        {"group": "staff", "roles": "admin"},
        identity=ada(groups=frozenset({"staff", "users"})),
    )
    assert access.roles == {"observer", "admin"}
    assert access.scopes == ROLES["observer"] | ROLES["admin"]


def test_the_first_rule_with_a_user_group_decides_about_it():
    rules = (
        {"user": "ada", "roles": "user"},
        {"anyone": True, "user_group": "guests"},
        {"user": "ada", "user_group": "x"},
    )
    assert access_by(*rules).user_group == "guests"


def test_without_a_user_group_in_the_rules_the_default_counts():
    assert access_by({"user": "ada", "roles": "user"}).user_group == "primary"
    assert access_by({"user": "ada", "roles": "user"}, user_group="staff").user_group == "staff"


def test_a_rule_applies_only_if_all_of_its_conditions_are_met():
    rule = {"user": "ada", "group": "staff", "roles": "user"}
    assert access_by(rule) is None
    assert access_by(rule, identity=ada(groups=frozenset({"staff"}))) is not None


def test_a_rule_for_one_provider_does_not_apply_to_the_same_name_at_another():
    rule = {"user": "ada", "provider": "pam", "roles": "expert"}
    assert access_by(rule) is None
    assert access_by(rule, identity=Identity("ada", "pam")) is not None


@pytest.mark.parametrize(
    ("wanted", "claims"),
    [
        ({"role": "operator"}, {"role": "operator"}),
        ({"role": ["operator", "chief"]}, {"role": "chief"}),
        ({"roles": "operator"}, {"roles": ["guest", "operator"]}),
        ({"realm_access.roles": "operator"}, {"realm_access": {"roles": ["operator"]}}),
        ({"https://example.org/role": "operator"}, {"https://example.org/role": "operator"}),
        ({"email_verified": True}, {"email_verified": True}),
    ],
)
def test_a_claim_matches_one_value_or_one_of_several(wanted, claims):
    assert access_by({"claim": wanted, "roles": "user"}, identity=ada(claims=claims)) is not None


@pytest.mark.parametrize(
    ("wanted", "claims"),
    [
        ({"role": "operator"}, {}),
        ({"role": "operator"}, {"role": "operators"}),
        ({"role": "operator", "site": "north"}, {"role": "operator"}),
        ({"realm_access.roles": "operator"}, {"realm_access": "roles"}),
        ({"email_verified": True}, {"email_verified": 1}),
        ({"role": None}, {}),
    ],
)
def test_a_claim_that_is_missing_or_different_does_not_match(wanted, claims):
    assert access_by({"claim": wanted, "roles": "user"}, identity=ada(claims=claims)) is None


@pytest.mark.parametrize(
    ("display_name", "mail", "shown"),
    [
        ("", "", "jdoe"),
        ("John Doe", "", 'jdoe "John Doe"'),
        ("", "j@x.org", "jdoe <j@x.org>"),
        ("John Doe", "j@x.org", 'jdoe "John Doe <j@x.org>"'),
    ],
)
def test_items_show_a_user_like_the_community_server_does(display_name, mail, shown):
    assert shown_name("jdoe", display_name, mail) == shown


def test_a_key_loses_the_scopes_that_its_owner_loses_and_gains_none():
    assert key_scopes({"read:queue", "write:execute"}, frozenset({"read:queue", "read:status"})) == {"read:queue"}


def test_a_key_that_inherits_has_the_scopes_of_its_owner():
    assert key_scopes(("inherit",), ROLES["observer"]) == ROLES["observer"]


def test_roles_can_be_made_and_changed():
    policy = policy_of(
        {
            "rules": [{"user": "ada", "roles": ["watcher", "user"]}],
            "roles": {
                "watcher": {"scopes_set": ["read:status", "read:queue"]},
                "user": {"scopes_add": "write:scripts", "scopes_remove": ["write:queue:edit"]},
            },
        }
    )
    assert policy.scopes_of(["watcher"]) == {"read:status", "read:queue"}
    assert policy.scopes_of(["user"]) == ROLES["user"] - {"write:queue:edit"} | {"write:scripts"}


def test_a_role_that_is_null_may_do_nothing():
    assert (
        policy_of({"rules": [{"user": "ada", "roles": "user"}], "roles": {"user": None}}).scopes_of(["user"]) == set()
    )


@pytest.mark.parametrize(
    ("section", "providers", "message"),
    [
        ({}, ["toy"], "has no rules"),
        ({"rules": [{"roles": "user"}]}, ["toy"], "has no condition"),
        ({"rules": [{"user": "ada"}]}, ["toy"], "gives neither"),
        ({"rules": [{"user": "ada", "roles": "epxert"}]}, ["toy"], "did you mean 'expert'"),
        ({"rules": [{"user": "ada", "roles": "user", "provider": "pma"}]}, ["pam"], "did you mean 'pam'"),
        ({"rules": [{"user": "ada", "roles": "user"}]}, ["pam", "oidc"], "there are several providers"),
        ({"rules": [{"user": "ada", "rolls": "user"}]}, ["toy"], "unknown field `rolls`.*did you mean 'roles'"),
        ({"rulez": []}, ["toy"], "unknown field `rulez`.*did you mean 'rules'"),
        ({"roles": {"user": {"scopes_add": "write:script"}}}, [], "did you mean 'write:scripts'"),
        (None, ["toy"], "no section says who may do what"),
    ],
)
def test_a_section_that_lets_in_nobody_or_the_wrong_ones_is_refused(section, providers, message):
    with pytest.raises(ConfigError, match=message):
        policy_of(section, providers)


COMMUNITY = "bluesky_httpserver.authorization:"


def dictionary(**args):
    return {"policy": f"{COMMUNITY}DictionaryAPIAccessControl", "args": args}


def test_the_dictionary_of_the_community_server_is_read():
    users = {
        "ada": {"roles": ["Expert", "admin"], "displayed_name": "Ada Lovelace", "mail": "ada@x.org"},
        "bob": {"roles": "observer"},
        "eve": None,
    }
    policy = read_policy({"api_access": dictionary(users=users)}, providers=["toy"])
    access = policy.access(ada(display_name="somebody else"))
    assert access.roles == {"expert", "admin"}
    assert access.user == 'ada "Ada Lovelace <ada@x.org>"'
    assert policy.access(Identity("bob", "toy")).roles == {"observer"}
    assert policy.access(Identity("eve", "toy")) is None


def test_the_group_of_resource_access_is_everybodys():
    group = {"policy": f"{COMMUNITY}DefaultResourceAccessControl", "args": {"default_group": "test_user"}}
    sections = {"api_access": dictionary(users={"ada": {"roles": "user"}}), "resource_access": group}
    assert read_policy(sections, providers=["toy"]).access(ada()).user_group == "test_user"


def test_the_basic_policy_changes_the_role_of_the_single_user():
    roles = {"unauthenticated_single_user": {"scopes_remove": "write:scripts"}}
    section = {"policy": f"{COMMUNITY}BasicAPIAccessControl", "args": {"roles": roles}}
    policy = read_policy({"api_access": section}, providers=[])
    assert "write:scripts" not in policy.scopes_of(["unauthenticated_single_user"])


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"api_access": {"policy": f"{COMMUNITY}ServerBasedAPIAccessControl"}}, "ServerBased.* is not supported"),
        ({"api_access": {"policy": f"{COMMUNITY}BasicAPIAccessControl"}}, "does not let anyone sign in"),
        ({"api_access": dictionary(users={"ada": {"roles": "exprt"}})}, "unknown role 'exprt'"),
        ({"resource_access": {"policy": "mine:Own"}}, "'mine:Own' of 'resource_access' is not supported"),
        ({"access": {"rules": []}, "api_access": dictionary()}, "both 'access' and 'api_access'"),
    ],
)
def test_policies_that_are_not_supported_are_refused_by_name(sections, message):
    with pytest.raises(ConfigError, match=message):
        read_policy(sections, providers=["toy"])
