"""What a user reads when HTTP goes wrong: each sentence says what to do."""

import contextlib
import datetime as dt
import inspect
import ipaddress
import pickle
import socket
import ssl
import threading

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import bluesky_qs.aio
from bluesky_qs.client import http_calls
from bluesky_qs.client.http_failures import HTTPRequestError, refusal, unreachable
from bluesky_qs.client.http_settings import http_settings
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.wire.info import CONSOLE

STATUS = ("GET", "/api/status")
NGINX = "<html><center>The plain HTTP request was sent to HTTPS port</center></html>"


async def done(value):
    return await value if inspect.isawaitable(value) else value


def test_the_way_to_sign_in_has_the_certificates_that_were_given(tmp_path):
    ca_file = tmp_path / "my ca.pem"
    ca_file.touch()
    settings = http_settings(server_uri="https://x", ca_file=str(ca_file))
    error = refusal(httpx.Response(401, json={"detail": "Not signed in. Send a key"}), settings, {"method": "status"})
    assert str(error).startswith(
        f"Not signed in at https://x. Sign in with %qs connect https://x --ca-file '{ca_file}', "
    )


def fails(address, sentence, **options):
    """A request to this address fails, and the error has these words."""
    with REManagerAPI(http_server_uri=address, **options) as manager, pytest.raises(manager.HTTPRequestError) as caught:
        manager.status()
    assert sentence in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (401, {"detail": "Invalid API key"}, "HTTPClientError", "Not signed in at .*: Invalid API key. Sign in with"),
        (
            401,
            {"detail": "Not enough permissions. Requires scopes ['read:status', 'x']. Request had scopes []"},
            "HTTPClientError",
            "^You may not use status: that needs the scopes read:status, x. Ask the administrator of the server",
        ),
        (401, {"detail": "Not enough permissions."}, "HTTPClientError", "not permit"),
        (403, "Forbidden", "HTTPClientError", "does not permit this: forbidden"),
        (400, NGINX, "HTTPRequestError", r"requires https. Use https://127[^ ]*\.$"),
        (408, {"detail": "slow"}, "RequestTimeoutError", "does not answer. It may be busy; try again"),
        (413, {"detail": "at most 20 MB"}, "HTTPClientError", "too large .*: at most 20 MB. Send it in several parts"),
        (422, {"detail": "key was used"}, "HTTPClientError", "^422: key was used$"),
        (429, {"detail": "slow down"}, "HTTPClientError", "Too many requests .*: slow down. Try again in 3 s"),
        (500, {"detail": "boom"}, "HTTPServerError", "failed with status 500: boom. See its log"),
        (
            502,
            "<html>Bad Gateway</html>",
            "RequestTimeoutError",
            "not available. It may be restarting. Try again later",
        ),
        (503, {"detail": "down"}, "HTTPServerError", "not available: down. Try again in 3 s"),
        (307, "", "HTTPRequestError", "redirects to https://elsewhere.example/. Use that address"),
        (404, "<html>Not Found</html>", "HTTPRequestError", "is not a Bluesky HTTP server: .* Check the address"),
        (404, {"detail": "Not Found"}, "HTTPRequestError", "is not a Bluesky HTTP server: .* Check the address"),
        (200, "<html>Welcome</html>", "HTTPRequestError", "is not a Bluesky HTTP server: .* Check the address"),
    ],
)
def test_each_status_is_an_error_with_a_sentence(scripted, scripted_RM, status, body, kind, sentence):
    scripted.answers[STATUS] = (status, body)
    with pytest.raises(getattr(scripted_RM, kind), match=sentence) as caught:
        scripted_RM.status()
    assert caught.value.response.status_code == status
    assert caught.value.request == {"method": "status", "params": {}}
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_method_that_the_server_does_not_have_is_an_unknown_method(scripted_RM):
    with pytest.raises(scripted_RM.RequestFailedError, match="Unknown method 'item_status'"):
        scripted_RM.item_status("uid")


@pytest.mark.parametrize("kind", [REManagerAPI, bluesky_qs.aio.REManagerAPI])
async def test_a_key_is_not_sent_again_to_a_server_that_wants_tls(scripted, kind):
    scripted.answers[STATUS] = (400, NGINX)
    manager = kind(http_server_uri=scripted.url)
    manager.set_authorization_key(api_key="secret")
    for told in (True, False):
        with pytest.raises(manager.HTTPRequestError, match="requires https") as caught:
            await done(manager.status(reload=True))
        assert ("Your key was sent without encryption: revoke it" in str(caught.value)) is told
    assert [got.authorization for got in scripted.got] == ["ApiKey secret", None]
    await done(manager.close())


@pytest.mark.parametrize("provider", [None, "site"])
def test_a_password_is_not_sent_to_a_server_that_wants_tls(scripted, scripted_RM, provider):
    scripted.answers["GET", "/api/auth/providers"] = (400, NGINX)
    with pytest.raises(scripted_RM.HTTPRequestError, match="requires https"):
        scripted_RM.login("ada", password="of-ada-1815", provider=provider)
    assert [got.verb for got in scripted.got] == ["GET"]


def test_no_answer_in_time_names_the_address_and_the_time(scripted):
    end = threading.Event()
    scripted.answers[STATUS] = lambda _: end.wait(30) and None
    with REManagerAPI(http_server_uri=scripted.url, timeout=0.1) as manager:
        with pytest.raises(manager.HTTPTimeoutError, match=r"http://.* after 0\.1 s") as caught:
            manager.status()
        assert isinstance(caught.value, manager.RequestTimeoutError)
        assert isinstance(caught.value, manager.HTTPRequestError)
    end.set()


def test_no_server_is_an_error_that_says_what_to_start(clean_environment):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = fails(address, f"No HTTP server at {address}: connection refused. Is start-re-manager --http")
    assert "QSERVER_HTTP_SERVER_URI" not in str(error)  # the address is in the sentence
    assert isinstance(error, REManagerAPI.RequestTimeoutError)  # as if the server were restarting


def test_an_unknown_host_is_named(clean_environment):
    fails("http://no-such-host.invalid:1", 'Unknown host "no-such-host.invalid:1"')


def test_proxies_of_the_environment_are_not_for_this_computer(scripted, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    scripted.answers[STATUS] = {"msg": "here"}
    with REManagerAPI(http_server_uri=scripted.url) as manager:
        assert manager.status()["msg"] == "here"
    fails("http://192.0.2.1", "192.0.2.1: connection refused")  # by the proxy


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that nobody has signed but itself; a file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "own.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return file


@pytest.fixture
def encrypted(scripted, certificate):
    """The scripted server, with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    scripted.socket = context.wrap_socket(scripted.socket, server_side=True)
    scripted.url = scripted.url.replace("http:", "https:")
    scripted.answers[STATUS] = {"msg": "encrypted"}
    return scripted


def test_a_certificate_of_an_unknown_authority_is_refused_until_its_file_is_given(encrypted, certificate):
    message = str(fails(encrypted.url, "is not trusted: self-signed certificate"))
    assert "--ca-file FILE" in message
    with REManagerAPI(http_server_uri=encrypted.url, http_ca_file=str(certificate)) as manager:
        assert manager.status()["msg"] == "encrypted"


def test_the_variable_for_certificates_is_enough(encrypted, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with REManagerAPI(http_server_uri=encrypted.url) as manager:
        assert manager.status()["msg"] == "encrypted"


def test_a_certificate_for_another_host_name_is_not_said_to_be_untrusted(encrypted, certificate, clean_environment):
    url = encrypted.url.replace("127.0.0.1", "localhost")
    manager = REManagerAPI(http_server_uri=url, http_ca_file=str(certificate))
    with manager, pytest.raises(HTTPRequestError) as caught:
        manager.status()
    assert str(caught.value) == (
        f'The certificate of {url} is for another host: it does not contain "localhost". Use the name of the host for '
        "which it was made, or ask the administrator of the server for a certificate with this name."
    )


def test_a_certificate_that_has_expired_is_not_said_to_be_untrusted():
    error = ssl.SSLCertVerificationError(
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)"
    )
    message = str(unreachable(http_settings(server_uri="https://beamline.example"), {}, error))
    assert message == (
        "The certificate of https://beamline.example cannot be used: certificate has expired. If this "
        "computer's clock is right, ask the administrator of the server for a new certificate."
    )


def test_the_wrong_scheme_is_named(scripted, clean_environment):
    fails(scripted.url.replace("http:", "https:"), f"does not use TLS. Is its address {scripted.url}?")


class TLSDoor:
    """A server with TLS of its own that closes every connection without an answer; it notes how each begins."""

    def __init__(self, certificate):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.begun = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            with connection:
                beginning = connection.recv(1, socket.MSG_PEEK)
                if not beginning:
                    return
                self.begun.append("TLS" if beginning == b"\x16" else connection.recv(65536).partition(b" ")[0].decode())
                if self.begun[-1] == "TLS":
                    with contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True):
                        pass

    def close(self):
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()


@pytest.fixture
def tls_door(certificate, clean_environment):
    door = TLSDoor(certificate)
    yield door
    door.close()


@pytest.mark.parametrize("kind", [REManagerAPI, bluesky_qs.aio.REManagerAPI])
async def test_a_server_with_tls_of_its_own_gets_a_key_in_clear_once(tls_door, kind):
    manager = kind(http_server_uri=tls_door.url)
    manager.set_authorization_key(api_key="secret")
    with pytest.raises(manager.HTTPRequestError, match=r"requires https\. Use https://127.* Your key was sent without"):
        await done(manager.status())
    assert manager.auth_key is None
    assert tls_door.begun == ["GET", "TLS"]
    with pytest.raises(manager.HTTPRequestError, match=r"requires https. Use https://[^ ]*\.$"):
        await done(manager.queue_start())
    await done(manager.close())


def test_a_stream_sends_its_key_in_clear_once(tls_door):
    with REManagerAPI(http_server_uri=tls_door.url) as manager:
        manager.set_authorization_key(api_key="secret")
        with manager.subscribe(CONSOLE) as feed:
            while feed.refusal is None:
                assert feed.next(0.05) is None
        assert "requires https. Use https://127" in str(feed.refusal)
        assert manager.auth_key is None
    assert tls_door.begun == ["GET", "TLS"]


def test_a_connection_that_is_lost_without_tls_is_named(scripted, scripted_RM, monkeypatch):
    monkeypatch.setattr(http_calls, "PAUSES", (0.0,))
    scripted.answers[STATUS] = lambda _: None
    scripted_RM.set_authorization_key(api_key="secret")
    with pytest.raises(scripted_RM.HTTPRequestError, match="closed the connection before it answered"):
        scripted_RM.status()
    assert scripted_RM.auth_key == "secret"


def test_a_file_without_certificates_is_an_error(tmp_path, clean_environment):
    (tmp_path / "empty").write_text("")
    for name, sentence in (("empty", "Cannot read certificates"), ("absent", "There is no file")):
        with pytest.raises(Exception, match=sentence):
            REManagerAPI(http_server_uri="https://127.0.0.1:9", http_ca_file=str(tmp_path / name)).status()
