"""Sign-in with the passwords of a real LDAP server, Debian's slapd."""

import logging

import pytest

from bluesky_qs.door.signin.provider import ProviderUnavailable
from bluesky_qs.door.signin.providers.ldap import ldap_provider
from tests.system_packages import needs

pytestmark = [needs("slapd"), pytest.mark.xdist_group("the LDAP server of test_ldap.py")]

PEOPLE = "ou=people,dc=example,dc=org"
GROUPS = "ou=groups,dc=example,dc=org"
ADA = f"uid=ada,{PEOPLE}"


@pytest.fixture(scope="module")
def ldap_server(new_ldap_server):
    return new_ldap_server()


@pytest.fixture
async def new_provider(ldap_server):
    """Makes our side of the sign-in, with StartTLS; it ends with the test."""
    made = []

    def new(server=ldap_server, **args):
        settings = {"server_address": f"127.0.0.1:{server.port}", "ca_file": server.ca_file}
        made.append(ldap_provider("directory", settings | args))
        return made[-1]

    yield new
    for each in made:
        await each.close()


@pytest.fixture
def with_template(new_provider):
    """A provider that makes the DN from the user name."""
    return new_provider(bind_dn_template=f"uid={{username}},{PEOPLE}", group_search_base=GROUPS)


@pytest.fixture
def new_with_service(new_provider, ldap_server):
    """Makes providers that look users up with a service account."""

    def new(**args):
        settings = {
            "lookup_dn": True,
            "user_search_base": PEOPLE,
            "user_attribute": "uid",
            "lookup_dn_search_user": ldap_server.SERVICE,
            "lookup_dn_search_password": ldap_server.SERVICE_PASSWORD,
            "group_search_base": GROUPS,
        }
        return new_provider(**settings | args)

    return new


async def test_the_right_password_gives_name_mail_and_groups(with_template, ldap_server):
    identity = await with_template.authenticate("ada", ldap_server.PASSWORDS["ada"])
    assert identity is not None
    assert (identity.id, identity.provider) == ("ada", "directory")
    assert (identity.display_name, identity.mail) == ("Ada Lovelace", "ada@example.org")
    assert identity.groups == {"staff", "unix-users", f"cn=staff,{GROUPS}", f"cn=unix-users,{GROUPS}"}


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ada", "wrong"),
        ("nobody", "password-of-ada"),
        ("ada", ""),  # a server takes it for an anonymous bind, which succeeds
        ("ada", "   "),
        ("", "password-of-ada"),
        ("ada,ou=people", "password-of-ada"),
        ("*", "password-of-ada"),
        ("ada\0", "password-of-ada"),
        ("ada\n", "password-of-ada"),
    ],
)
async def test_a_wrong_name_or_password_is_refused(with_template, new_with_service, username, password):
    assert await with_template.authenticate(username, password) is None
    assert await new_with_service().authenticate(username, password) is None


async def test_a_name_can_contain_characters_that_mean_something_to_ldap(new_with_service):
    provider = new_with_service(valid_username_regex=".*")
    for username in ("*", "ada)(uid=*", "a*", "\\61da", "#", " "):
        assert await provider.authenticate(username, "password-of-ada") is None


async def test_a_user_is_found_by_an_attribute_and_named_as_the_directory_spells_it(new_with_service, ldap_server):
    identity = await new_with_service().authenticate("grace", ldap_server.PASSWORDS["grace"])
    assert (identity.id, identity.display_name) == ("Grace", "Grace Hopper")
    assert "staff" in identity.groups
    by_cn = new_with_service(
        lookup_dn_user_dn_attribute="cn", bind_dn_template=f"cn={{username}},{PEOPLE}", use_lookup_dn_username=False
    )
    identity = await by_cn.authenticate("grace", ldap_server.PASSWORDS["grace"])
    assert identity.id == "Grace"


async def test_the_directory_is_asked_over_ldaps(new_provider, ldap_server):
    provider = new_provider(
        server_address="127.0.0.1",
        server_port=ldap_server.ssl_port,
        use_ssl=True,
        bind_dn_template=[f"uid={{username}},ou=nowhere,{PEOPLE}", f"uid={{username}},{PEOPLE}"],
    )
    assert (await provider.authenticate("ada", ldap_server.PASSWORDS["ada"])).id == "ada"


@pytest.mark.parametrize("ssl", [False, True])
async def test_a_server_whose_certificate_nobody_vouches_for_gets_no_password(new_provider, ldap_server, ssl, caplog):
    port = ldap_server.ssl_port if ssl else ldap_server.port
    address = {"server_address": f"127.0.0.1:{port}", "use_ssl": ssl, "bind_dn_template": f"uid={{username}},{PEOPLE}"}
    with pytest.raises(ProviderUnavailable):
        await new_provider(**address, ca_file="").authenticate("ada", ldap_server.PASSWORDS["ada"])
    assert "certificate verify failed" in caplog.text
    unchecked = new_provider(**address, ca_file="", tls_verify=False)
    assert (await unchecked.authenticate("ada", ldap_server.PASSWORDS["ada"])).id == "ada"
    assert "does not check the certificate" in caplog.text


async def test_a_certificate_for_another_host_is_refused(new_provider, ldap_server):
    # The certificate names localhost and 127.0.0.1.
    provider = new_provider(
        server_address=f"127.0.0.2:{ldap_server.other_port}", bind_dn_template=f"uid={{username}},{PEOPLE}"
    )
    with pytest.raises(ProviderUnavailable):
        await provider.authenticate("ada", ldap_server.PASSWORDS["ada"])


async def test_a_server_that_demands_encryption_is_not_a_wrong_password(new_provider, ldap_server, caplog):
    provider = new_provider(use_tls=False, bind_dn_template=f"uid={{username}},{PEOPLE}")
    with pytest.raises(ProviderUnavailable, match="cannot check the password now"):
        await provider.authenticate("ada", ldap_server.PASSWORDS["ada"])
    assert "confidentialityRequired" in caplog.text
    assert "without encryption" in caplog.text


async def test_users_outside_of_the_allowed_groups_are_refused(new_with_service, ldap_server):
    provider = new_with_service(allowed_groups=[f"cn=staff,{GROUPS}"], group_search_base="")
    assert (await provider.authenticate("ada", ldap_server.PASSWORDS["ada"])).groups == {"staff", f"cn=staff,{GROUPS}"}
    assert await provider.authenticate("locked", ldap_server.PASSWORDS["locked"]) is None


async def test_users_whose_entry_does_not_match_the_filter_are_refused(new_with_service, ldap_server):
    provider = new_with_service(search_filter="(&({userattr}={username})(!(employeeType=locked)))")
    assert (await provider.authenticate("ada", ldap_server.PASSWORDS["ada"])).id == "ada"
    assert await provider.authenticate("locked", ldap_server.PASSWORDS["locked"]) is None


async def test_a_service_account_that_is_refused_is_not_a_wrong_password(new_with_service, ldap_server, caplog):
    with pytest.raises(ProviderUnavailable):
        await new_with_service(lookup_dn_search_password="wrong").authenticate("ada", ldap_server.PASSWORDS["ada"])
    assert f"it refuses the service account '{ldap_server.SERVICE}'" in caplog.text


async def test_no_password_is_logged_at_any_level(new_with_service, with_template, ldap_server, caplog):
    caplog.set_level(logging.DEBUG)
    await with_template.authenticate("ada", ldap_server.PASSWORDS["ada"])
    await with_template.authenticate("ada", "a-mistyped-word")
    outside = [f"cn=others,{GROUPS}"]
    assert await new_with_service(allowed_groups=outside).authenticate("ada", ldap_server.PASSWORDS["ada"]) is None
    with pytest.raises(ProviderUnavailable) as unavailable:
        await new_with_service(lookup_dn_search_password="a-wrong-secret").authenticate("ada", "password-of-ada")
    assert "secret" not in unavailable.value.message
    assert "is in none of 'allowed_groups'" in caplog.text
    for secret in ("password-of", "a-mistyped-word", "a-wrong-secret"):
        assert secret not in caplog.text


async def test_a_user_is_looked_up_again_without_a_password(new_with_service, new_ldap_server):
    server = new_ldap_server()
    provider = new_with_service(server=server)
    identity = await provider.authenticate("ada", server.PASSWORDS["ada"])
    assert await provider.current(identity) == identity
    server.change(f"cn=others,{GROUPS}", {"member": [("MODIFY_ADD", [ADA])]})
    assert (await provider.current(identity)).groups == identity.groups | {"others", f"cn=others,{GROUPS}"}
    server.change(ADA, None)
    assert await provider.current(identity) is None
    server.close()
    with pytest.raises(ProviderUnavailable):
        await provider.current(identity)


async def test_without_a_service_account_a_user_stays_as_they_were(with_template, ldap_server):
    identity = await with_template.authenticate("ada", ldap_server.PASSWORDS["ada"])
    assert await with_template.current(identity) is identity


async def test_the_next_server_is_asked_when_one_is_down(new_provider, ldap_server, free_ports, caplog):
    down = f"127.0.0.1:{free_ports(1)[0]}"
    template = f"uid={{username}},{PEOPLE}"
    provider = new_provider(server_address=[down, f"127.0.0.1:{ldap_server.port}"], bind_dn_template=template)
    assert (await provider.authenticate("ada", ldap_server.PASSWORDS["ada"])).id == "ada"
    assert await provider.authenticate("ada", "wrong") is None
    with pytest.raises(ProviderUnavailable, match="cannot check the password now"):
        await new_provider(server_address=down, bind_dn_template=template).authenticate("ada", "any")
    assert f"The LDAP server {down} failed" in caplog.text
