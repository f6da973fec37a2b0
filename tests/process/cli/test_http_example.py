"""The complete example of docs/http-example.md: its files and commands, with paths and ports of a test."""

import re
import shlex
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import bluesky_qs
from bluesky_qs.client.http_failures import NotAuthorizedError
from bluesky_qs.client.sync import REManagerAPI
from tests.certificates import make_certificate
from tests.system_packages import needs

pytestmark = needs("nginx-light")

_PAGE = Path(bluesky_qs.__file__).parents[1] / "docs" / "http-example.md"
_PLAN = {"item_type": "plan", "name": "count", "args": [["det1"]]}
_ROLES = {"ada": "expert", "bob": "user", "olga": "observer"}


class Example:
    """The example in a folder of the test."""

    def __init__(self, folder, ports):
        self.door, *zmq = ports
        self._changes = {
            "/etc/bluesky-qs": str(folder / "etc"),
            "/var/lib/bluesky-qs": str(folder / "var"),
            "127.0.0.1:60610": f"127.0.0.1:{self.door}",
            "127.0.0.1:60615": f"127.0.0.1:{zmq[0]}",
            "127.0.0.1:60625": f"127.0.0.1:{zmq[1]}",
        }
        for name in ("etc", "var"):
            (folder / name).mkdir(mode=0o700)

    def write_files(self):
        """Write the files whose contents the page shows; return the path of the first."""
        blocks = re.findall(r"```yaml\n# (\S+)\n(.*?)```", _PAGE.read_text(), re.DOTALL)
        for name, text in blocks:
            Path(self._changed(name)).write_text(self._changed(text))
        assert [Path(name).name for name, _ in blocks] == ["config.yml", "http.yml"]
        return self._changed(blocks[0][0])

    def add_users(self):
        """Run the commands of the page that add users; the passwords are typed."""
        lines = re.findall(
            r"^sudo -u beamline /opt/bluesky/bin/(qserver-http user add .*)$", _PAGE.read_text(), re.MULTILINE
        )
        for line in lines:
            words = shlex.split(self._changed(line))
            command = [sys.executable, "-m", "bluesky_qs", *words]
            subprocess.run(command, input=f"password-of-{words[3]}\n", text=True, check=True, capture_output=True)
        assert len(lines) == len(_ROLES)

    def _changed(self, text):
        for old, new in self._changes.items():
            text = text.replace(old, new)
        return text


@pytest.fixture
def url(new_service, nginx, nginx_page, tmp_path, free_ports):
    """The address of the running example at nginx."""
    example = Example(tmp_path, free_ports(3))
    config = example.write_files()
    example.add_users()
    new_service("--config", config, "--warm-worker", "OFF", store=False).start()
    (port,) = free_ports(1)
    certificate = make_certificate(tmp_path)
    nginx(nginx_page(certificate, port=port, door=f"proxy_pass http://127.0.0.1:{example.door}/;"))
    url = f"https://localhost:{port}/beamline"
    transport = httpx.HTTPTransport(retries=10, verify=ssl.create_default_context(cafile=certificate[0]))
    with httpx.Client(transport=transport, timeout=60) as http:  # nginx and the door are just starting
        while http.get(f"{url}/readyz").status_code != 200:
            pass
    return url


def test_three_users_have_their_roles_behind_nginx(url, tmp_path):
    ca_file = str(tmp_path / "certificate.pem")
    for name, role in _ROLES.items():
        with REManagerAPI(http_server_uri=url, http_ca_file=ca_file) as manager:
            manager.login(name, password=f"password-of-{name}")
            assert manager.identify()["roles"] == [role]
            assert manager.status()["manager_state"] == "idle"
            if name == "olga":
                sentence = r"You \(olga\) may not use queue_item_add: that needs the scope write:queue:edit\."
                with pytest.raises(NotAuthorizedError, match=sentence):
                    manager.item_add(_PLAN)
                assert [item["user"] for item in manager.queue_get()["items"]] == ["ada", "bob"]
            else:
                with pytest.raises(manager.RequestFailedError, match="is not in the list of allowed plans"):
                    manager.item_add({**_PLAN, "name": "nope"})
                assert manager.item_add(_PLAN)["item"]["user"] == name
