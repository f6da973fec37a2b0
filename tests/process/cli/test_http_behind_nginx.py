"""A door behind a real nginx under a path prefix, as docs/http-door.md describes it, with TLS at either."""

import json
import ssl

import httpx
import pytest
import websockets.sync.client

from tests.certificates import make_certificate
from tests.system_packages import needs

pytestmark = needs("nginx-light")

KEY = "k3yOfTheTests"


@pytest.mark.parametrize("slash", ["/", ""], ids=["nginx removes the prefix", "nginx leaves the prefix"])
@pytest.mark.parametrize("tls", ["at nginx", "at both"])
def test_the_door_answers_under_the_prefix(new_door, nginx, nginx_page, tmp_path, free_ports, tls, slash):
    certificate = make_certificate(tmp_path)
    trusted = ssl.create_default_context(cafile=certificate[0])
    options = [] if tls == "at nginx" else ["--ssl-certfile", certificate[0], "--ssl-keyfile", certificate[1]]
    door = new_door("--behind-proxy", "--root-path", "/beamline", *options)
    scheme = "https" if options else "http"
    with door.client(scheme, verify=trusted) as http:  # also without nginx, at its own address
        assert http.get("/api/status").status_code == 200
    place = f"proxy_pass {scheme}://127.0.0.1:{door.port}{slash};"
    if options:
        place += f"proxy_ssl_trusted_certificate {certificate[0]}; proxy_ssl_verify on; proxy_ssl_name localhost;"
    (port,) = free_ports(1)
    nginx(nginx_page(certificate, port=port, door=place))

    headers = {"Authorization": f"ApiKey {KEY}"}
    url = f"https://localhost:{port}/beamline"
    transport = httpx.HTTPTransport(retries=10, verify=trusted)  # nginx is just starting
    with httpx.Client(base_url=url, headers=headers, transport=transport, timeout=60) as http:
        assert http.get("/api/status").json()["manager_state"] == "idle"
        assert http.get("/api/status", headers={"Authorization": "ApiKey x"}).headers["x-tiled-root"] == f"{url}/api"
        assert http.post("/api/queue/clear", params={"api_key": KEY}).json()["success"]
        cookie = http.get("/api/status", params={"api_key": KEY}).headers["set-cookie"]
        assert "Path=/beamline" in cookie
        assert "Secure" in cookie
    address = f"wss://localhost:{port}/beamline/api/status/ws"
    with websockets.sync.client.connect(address, additional_headers=headers, ssl=trusted, proxy=None) as websocket:
        assert "status" in json.loads(websocket.recv(60))["msg"]
    assert door.stop() == 0
    assert '"from":"127.0.0.1"' in door.printed()
    assert KEY not in (tmp_path / "access.log").read_text() + door.printed()
