"""Keys that never leave their vault: a real PKCS#11 library (SoftHSM), and a key service's emulator."""

# ruff: noqa: E402  (the libraries are extras)
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import jwt
import pytest

from parts import require, require_module

require_module("pkcs11")
require_module("boto3")
require_module("moto")

import boto3
import pkcs11
from moto.server import ThreadedMotoServer
from pkcs11 import Attribute, KeyType, Mechanism
from pkcs11.util.ec import encode_named_curve_parameters

from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.errors import ConfigurationError, SigningFailed, StoreError
from jwt_signer_mw.jose.key import Elsewhere
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.testing import JWKS, Issuer
from jwt_signer_mw.vaults import open_vault
from jwt_signer_mw.wsgi import JWTSignerMiddleware as WSGIMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE: Final = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN: Final = "1234"
ALGORITHMS: Final = ("RS256", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA")
ISSUER: Final = Issuer()


# The device ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Makes tokens with keys by their label; gives the URL of one."""
    require(MODULE.exists(), "softhsm2 is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    (folder / "pin").write_text(f"{PIN}\n")
    patch = pytest.MonkeyPatch()
    patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
    softhsm("--init-token", "--free", "--label", "orders", "--so-pin", "5678", "--pin", PIN)
    with open_token() as session:
        session.generate_keypair(KeyType.RSA, 2048, store=True, label="jwt", id=b"\1")
        curve(session, KeyType.EC, "secp256r1").generate_keypair(store=True, label="jwt", id=b"\2")
        edwards = curve(session, KeyType.EC_EDWARDS, "1.3.101.112")
        mechanism = Mechanism.EC_EDWARDS_KEY_PAIR_GEN
        edwards.generate_keypair(mechanism=mechanism, store=True, label="jwt", id=b"\3")
    yield f"pkcs11:token=orders;object=jwt?module-path={MODULE}&pin-source=file:{folder}/pin"
    patch.undo()


def softhsm(*arguments: str) -> None:
    subprocess.run(["softhsm2-util", *arguments], check=True, capture_output=True)


@contextmanager
def open_token() -> Iterator[Any]:
    """A session of somebody who makes keys."""
    with pkcs11.lib(str(MODULE)).get_token(token_label="orders").open(rw=True, user_pin=PIN) as session:
        yield session


def curve(session: Any, kind: Any, name: str) -> Any:
    parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(name)}
    return session.create_domain_parameters(kind, parameters, local=True)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_device_signs_and_pyjwt_agrees(device: str, alg: str) -> None:
    keys = open_vault(device, 5).read()
    (key,) = [one for one in keys if one.can_sign(alg)]
    assert key.is_elsewhere
    assert not key.is_private
    message = b"header.payload"
    public = jwt.PyJWK(key.public_jwk(), algorithm=alg)
    assert public.Algorithm.verify(message, public.key, key.sign(alg, message))


def test_the_key_that_is_named_comes_first(device: str) -> None:
    assert [key.kty for key in open_vault(device, 5).read()] == ["OKP", "EC", "RSA"]
    named = device.replace("object=jwt", "object=jwt;id=%01")
    assert [key.kty for key in open_vault(named, 5).read()] == ["RSA", "OKP", "EC"]


def test_many_threads_sign_at_once(device: str) -> None:
    key = open_vault(device, 5).read()[1]
    failures: list[Exception | None] = []

    def sign() -> None:
        try:
            failures.extend(None for _ in range(20) if key.verify("ES256", b"a", key.sign("ES256", b"a")))
        except Exception as error:  # noqa: BLE001  told below
            failures.append(error)

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [None] * 160


def test_a_forked_process_signs_too(device: str) -> None:
    """In a process without threads, as a server forks its workers."""
    program = f"""
import os
from jwt_signer_mw.vaults import open_vault
key = open_vault({device!r}, 5).read()[1]
key.sign("ES256", b"before")
child = os.fork()
if child == 0:
    good = key.verify("ES256", b"a", key.sign("ES256", b"a"))
    os._exit(0 if good else 1)
status = os.waitpid(child, 0)[1]
print(status, key.verify("ES256", b"b", key.sign("ES256", b"b")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0 True\n"


def test_a_device_that_lost_its_sessions(device: str) -> None:
    key = open_vault(device, 5).read()[1]
    key.sign("ES256", b"a")
    pkcs11.lib(str(MODULE)).reinitialize()
    assert key.verify("ES256", b"b", key.sign("ES256", b"b"))


@pytest.mark.parametrize(
    "old, new, text",
    [
        ("object=jwt", "object=nothing", "no key 'nothing'"),
        ("object=jwt", "object=jwt;id=%09", "no key 'jwt'"),
        ("token=orders", "token=nobody", "NoSuchToken"),
        ("/pin", "/no-pin", "the PIN can't be read: FileNotFoundError"),
        (f"module-path={MODULE}", "module-path=/nowhere.so", "PKCS11Error"),
    ],
)
def test_what_a_device_has_not(device: str, old: str, new: str, text: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_vault(device.replace(old, new), 5).read()
    assert text in caught.value.detail


def test_a_wrong_pin_is_in_no_text(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE_PIN", "wrong-pin-4711")
    url = device.partition("pin-source")[0] + "pin-source=env:DEVICE_PIN"
    program = f"""
from jwt_signer_mw.vaults import open_vault
open_vault({url!r}, 5).read()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "PinIncorrect" in done.stderr.splitlines()[-1]
    assert "4711" not in done.stderr.splitlines()[-1]


# The key service -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """An emulator with keys under aliases; gives the start and the end of URLs."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    patch = pytest.MonkeyPatch()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "test")
    _, port = server.get_host_and_port()
    endpoint = f"http://127.0.0.1:{port}"
    client = boto3.client("kms", region_name="eu-central-1", endpoint_url=endpoint)
    for alias, spec in {"rsa": "RSA_2048", "es256": "ECC_NIST_P256", "es512": "ECC_NIST_P521"}.items():
        key = client.create_key(KeyUsage="SIGN_VERIFY", KeySpec=spec)["KeyMetadata"]["KeyId"]
        client.create_alias(AliasName=f"alias/{alias}", TargetKeyId=key)
    yield f"awskms:///{{keys}}?region=eu-central-1&endpoint={endpoint}"
    patch.undo()
    server.stop()


@pytest.mark.parametrize("alg", ["RS256", "RS512", "ES256", "ES512"])
def test_a_service_signs_and_pyjwt_agrees(service: str, alg: str) -> None:
    url = service.format(keys="alias/rsa,alias/es256,alias/es512")
    (key,) = [one for one in open_vault(url, 5).read() if one.can_sign(alg)]
    message = b"header.payload"
    public = jwt.PyJWK(key.public_jwk(), algorithm=alg)
    assert public.Algorithm.verify(message, public.key, key.sign(alg, message))


def test_a_signature_that_is_none_is_not_handed_out(service: str) -> None:
    """This emulator's PSS has a salt of another length than RFC 7518 section 3.5 and the real service."""
    (key,) = open_vault(service.format(keys="alias/rsa"), 5).read()
    with pytest.raises(SigningFailed):
        key.sign("PS256", b"a")


def test_what_a_service_has_not(service: str) -> None:
    with pytest.raises(StoreError, match="NotFoundException"):
        open_vault(service.format(keys="alias/nothing"), 5).read()
    with pytest.raises(StoreError, match="EndpointConnectionError"):
        open_vault("awskms:///alias/a?region=eu-central-1&endpoint=http://127.0.0.1:9", 1).read()


# In a middleware -----------------------------------------------------------------------------------


def settings_for(url: str, **more: object) -> dict[str, Any]:
    return {
        "access_token_jwks_uri": JWKS,
        "access_token_signing_algorithm": "ES256",
        "access_token_keyset": url,
        "channel_token_optional": True,
        "keyset_store": "memory://",
        **more,
    }


def header() -> tuple[str, str]:
    return ISSUER.header(Settings.load(settings_for("kong")).access_token, {"sub": "alice"})


class Application:
    """What the middleware hands on."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        self.tokens.append(environ["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
        start_response("200 OK", [])
        return [b""]

    async def later(self, scope: Any, _receive: Any, send: Any) -> None:
        self.tokens.append(dict(scope["headers"])[b"authorization"].decode().removeprefix("Bearer "))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def call(app: Any, path: str = "/", **headers: str) -> tuple[int, bytes]:
    statuses: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "orders.example", **headers}
    body = b"".join(app(environ, lambda status, *_: statuses.append(status)))
    return int(statuses[0].split()[0]), body


@pytest.fixture(params=["device", "service"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found.format(keys="alias/es256") if request.param == "service" else found


def test_wsgi(url: str) -> None:
    """The published set verifies the new token; a token that comes again is not signed again."""
    app = Application()
    middleware = WSGIMiddleware(app, settings_for(url), transport=ISSUER)
    _, value = header()
    assert [call(middleware, HTTP_AUTHORIZATION=value)[0] for _ in range(5)] == [200] * 5
    assert len(set(app.tokens)) == 1
    name = middleware.assembly.keyring.sets()[-1].id
    status, body = call(middleware.admin, f"/jwt-signer/jwks/{name}")
    assert status == 200
    keys = {key["kid"]: key for key in json.loads(body)["keys"]}
    assert not any("d" in key for key in keys.values())
    kid = jwt.get_unverified_header(app.tokens[0])["kid"]
    claims = jwt.decode(app.tokens[0], jwt.PyJWK(keys[kid]), ["ES256"], options={"verify_aud": False})
    assert (claims["iss"], claims["sub"]) == ("kong", "alice")


def test_asgi_signs_off_the_event_loop(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Application()
    threads: set[int] = set()
    signing = Elsewhere.sign

    def watched(signer: Elsewhere, message: bytes) -> bytes:
        threads.add(threading.get_ident())
        return signing(signer, message)

    monkeypatch.setattr(Elsewhere, "sign", watched)

    async def ask(middleware: ASGIMiddleware, value: str) -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"authorization", value.encode())],
        }
        await middleware(scope, _no_body, send)
        assert sent[0]["status"] == 200

    async def main() -> None:
        middleware = ASGIMiddleware(app.later, settings_for(url), transport=AsyncIssuer())
        await ask(middleware, header()[1])
        async with anyio.create_task_group() as requests:
            for _ in range(16):
                requests.start_soon(ask, middleware, header()[1])

    anyio.run(main)
    assert len(set(app.tokens)) == 17
    assert threads
    assert threading.get_ident() not in threads


async def _no_body() -> Any:
    return {"type": "http.request", "body": b""}


class AsyncIssuer:
    async def send(self, exchange: Any) -> Any:
        return ISSUER.send(exchange)


def test_a_vault_that_is_down_is_told_so(service: str, caplog: pytest.LogCaptureFixture) -> None:
    """At the start it is no reason not to start; a request gets a 503 that says when to come again."""
    url = service.format(keys="alias/es256").replace("127.0.0.1:", "127.0.0.1:9")[:-1]
    url = f"{url.partition('&endpoint')[0]}&endpoint=http://127.0.0.1:9"
    middleware = WSGIMiddleware(Application(), settings_for(url), transport=ISSUER)
    assert call(middleware, HTTP_AUTHORIZATION=header()[1])[0] == 503
    assert "EndpointConnectionError" in caplog.text


def test_a_vault_that_goes_away_while_it_signs(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    app = Application()
    middleware = WSGIMiddleware(app, settings_for(device), transport=ISSUER)
    assert call(middleware, HTTP_AUTHORIZATION=header()[1])[0] == 200
    monkeypatch.setenv("SOFTHSM2_CONF", os.devnull)
    pkcs11.lib(str(MODULE)).reinitialize()
    assert call(middleware, HTTP_AUTHORIZATION=header()[1])[0] == 503
    monkeypatch.undo()
    pkcs11.lib(str(MODULE)).reinitialize()
    assert call(middleware, HTTP_AUTHORIZATION=header()[1])[0] == 200


# Settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "pkcs11:token=a?module-path=/m.so",
        "pkcs11:object=a?module-path=/m.so",
        "pkcs11:token=a;object=b",
        "pkcs11:token=a;object=b?module-path=m.so",
        "pkcs11:token=a;object=b?module-path=/m.so&pin-value=1234",
        "pkcs11:token=a;object=b?module-path=/m.so&pin-source=1234",
        "pkcs11:token=a;object=b;object=c?module-path=/m.so",
        "pkcs11:token=a;object=b;type=public?module-path=/m.so",
        "pkcs11:token=a;object=b?module-path=/m.so&x=1",
        "awskms:///",
        "awskms://host/alias/a",
        "awskms:///alias/a,alias/a",
        "awskms:///alias/a?profile=x",
        "awskms:///alias/a?endpoint=ftp://x",
        "awskms:///alias/a#b",
    ],
)
def test_what_names_no_vault(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(settings_for(url))
    errors = [(one.id, one.option) for one in caught.value.problems if one.level == "error"]
    assert errors == [("settings.E025", "access_token_keyset")]
    assert "1234" not in str(caught.value)
