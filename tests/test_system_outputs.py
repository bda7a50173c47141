"""Attack cases SGN, KEY, LOG, CFG and DOS: what is signed, kept, logged, configured, and what it costs."""

from __future__ import annotations

import json
import logging
import os
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from conformance.adapter import Plain
from conformance.case import ISSUER, NOW, Answer, Provider
from conformance.keys import Jwk, jwks, signing
from conformance.tokens import segment
from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.errors import TokenMalformed
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wire import Malformed, parse_object
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from stepping import FrozenClock
from system import GOOD, INTROSPECTING, OPAQUE, token

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.adapter import Outcome
    from conformance.tokens import Token
    from system import Gate, Gates

UP = {"access_token_upstream_header": "X-Up"}


def new_token(gate: Gate, value: object) -> str:
    return dict(gate.seen(value).headers)["x-up"]


def claims_of(text: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
    return claims


# SGN ------------------------------------------------------------------------------------------------


@pytest.mark.rule("S28")
@pytest.mark.attack("SGN-01", "SGN-02")
def test_nothing_of_the_clients_header_is_copied(gates: Gates) -> None:
    header = {
        "jku": "https://evil.example",
        "x5c": ["MII"],
        "x5t": "abc",
        "jwk": Jwk("p256-forged").as_json(),
        "typ": "evil",
        "cty": "JWT",
        "headers": {"alg": "none"},
        "x": 1,
    }
    text = new_token(gates.open(UP), token(header=header))
    made = jwt.get_unverified_header(text)
    assert set(made) == {"alg", "kid", "typ"}
    assert (made["alg"], made["typ"]) == ("ES256", "JWT")
    assert made["kid"] != "p256"


@pytest.mark.rule("S28")
@pytest.mark.attack("SGN-04", "SGN-05")
def test_issuer_and_expiry_of_a_new_token(gates: Gates) -> None:
    claims = claims_of(new_token(gates.open(UP), token({"original_iss": "https://evil.example"})))
    assert (claims["iss"], claims["original_iss"], claims["exp"]) == ("kong", ISSUER, NOW + 300)
    forever = {**UP, "verify_access_token_expiry": False, "access_token_required_claims": [["iss"]]}
    claims = claims_of(new_token(gates.open(forever), token(without=("exp",))))
    assert "exp" not in claims, "decision 13: documented, a token without expiry gets none"
    nobody = {**forever, "verify_access_token_issuer": False, "access_token_required_claims": [["aud"]]}
    claims = claims_of(new_token(gates.open(nobody), token({"original_iss": "x"}, without=("iss",))))
    assert "original_iss" not in claims


@pytest.mark.rule("S12", "S28")
@pytest.mark.parametrize("leeway", [-100, 0, 60])
@pytest.mark.parametrize("life", [50, 150, 86_400])
def test_a_new_token_lives_as_long_as_the_old_one_and_its_leeway(
    gates: Gates, leeway: int, life: int
) -> None:
    gate = gates.open({**UP, "access_token_upstream_leeway": leeway})
    old = token({"exp": NOW + life})
    if life + leeway <= 0:
        assert gate.send(old).status == 401
        return
    for step in (0, life // 2):
        gate.clock.now = NOW + step
        outcome = gate.send(old)
        if outcome.status == 200:
            assert (
                claims_of(dict(outcome.seen[0].headers)["x-up"])["exp"]
                == NOW + life + leeway
                > gate.clock.now
            )
        else:
            assert life + leeway - step <= 0


@pytest.mark.rule("S3", "S28")
@pytest.mark.attack("SGN-07", "SGN-08", "SGN-14")
def test_numbers_and_texts_survive_exactly(gates: Gates) -> None:
    odd = {"n": 9007199254740993, "huge": 10**400, "f": 0.1, "t": "é\U0001f600\u2028", "e": 1e-7, "z": -0.0}
    text = new_token(gates.open(UP), token(odd))
    claims = parse_object(segment_of(text))
    assert {name: claims[name] for name in odd} == odd
    assert b"0.1" in segment_of(text)
    long = new_token(gates.open(UP), token({"filler": "x" * 9000}))
    assert len(long) > 12_000
    assert claims_of(long)["filler"] == "x" * 9000
    for number in ("1e400", "-1e400", "NaN", "Infinity", "1e99999", "9" * 5000, '"\\ud800"'):
        payload = segment(
            json.dumps({"iss": ISSUER, "aud": "api://orders"}).encode()[:-1] + f',"n":{number}}}'.encode()
        )
        assert gates.open().send(f"{segment(b'{}')}.{payload}.AAAA").status == 401


def segment_of(text: str) -> bytes:
    from jwt_signer_mw.wire import decode_base64url

    return decode_base64url(text.split(".")[1])


@pytest.mark.rule("S28")
@pytest.mark.attack("SGN-10")
def test_without_signing_the_original_is_verified_first(gates: Gates) -> None:
    settings = {"access_token_signing": False, "original_access_token_upstream_header": "X-Original"}
    gate = gates.open(settings)
    assert dict(gate.seen(GOOD).headers) == {"x-original": str(GOOD)}
    assert gate.send(token(key="p256-forged", header={"kid": "p256"})).status == 401


@pytest.mark.rule("S28")
@pytest.mark.attack("SGN-13")
def test_no_two_signatures_share_a_nonce(gates: Gates) -> None:
    gate = gates.open({**UP, "verdict_cache_size": 0})
    signatures = [new_token(gate, GOOD).rpartition(".")[2] for _ in range(20)]
    signatures += [new_token(gate, token({"jti": str(n)})).rpartition(".")[2] for n in range(20)]
    halves = {signature[:40] for signature in signatures}
    assert len(halves) == 40


@pytest.mark.rule("S28", "S29")
def test_what_cannot_be_signed_is_not_forwarded(gates: Gates, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [signing("ed1", "EdDSA").as_json()]}))
    gate = gates.open({"access_token_keyset": (tmp_path / "keys.json").as_uri()})
    for _ in range(2):
        assert gate.send(GOOD).status == 500


# KEY ------------------------------------------------------------------------------------------------


@pytest.mark.rule("S17", "S28", "S29", "S30")
@pytest.mark.attack("KEY-11", "CFG-15")
def test_a_set_that_is_deleted_while_it_is_used_is_made_again(gates: Gates) -> None:
    """Requests get 200 or 500 and never an unsigned token; ours are never accepted as input."""
    clock = FrozenClock(NOW)
    gate = gates.open({**UP, "admin_token": "s" * 20}, keyset_store=MemoryStore(), clock=clock)
    first = new_token(gate, GOOD)
    assert gate.send(first).status == 401, "our own token comes back in"
    deleted = gate.runner.ask(
        Plain("DELETE", "/jwt-signer/jwks/kong", "x", (("Authorization", f"Bearer {'s' * 20}"),))
    )
    assert deleted.status == 204
    clock.now += 2
    outcome = gate.send(token({"jti": "2"}))
    assert outcome.status == 200
    second = dict(outcome.seen[0].headers)["x-up"]
    assert jwt.get_unverified_header(first)["kid"] != jwt.get_unverified_header(second)["kid"]


@pytest.mark.rule("S29", "S30")
@pytest.mark.attack("KEY-04", "KEY-05", "KEY-07", "KEY-08", "KEY-10")
def test_the_endpoints_from_outside(gates: Gates) -> None:
    name = "/jwt-signer/jwks/kong"
    secret = ("Authorization", f"Bearer {'s' * 20}")

    def ask(gate: Gate, method: str, target: str, *headers: tuple[str, str]) -> Outcome:
        return gate.runner.ask(Plain(method, target, "api.example", headers))

    off = gates.open(keyset_store=MemoryStore())
    for method, target in (("POST", name + "/rotate"), ("DELETE", name), ("GET", "/jwt-signer/jwks")):
        assert ask(off, method, target, secret).status in (404, 405)
    gate = gates.open({"admin_token": "s" * 20}, keyset_store=MemoryStore())
    for method, target in (("POST", name + "/rotate"), ("DELETE", name), ("GET", "/jwt-signer/jwks")):
        assert ask(gate, method, target).status == 401
        assert ask(gate, method, target, ("Authorization", "Bearer wrong")).status == 401
        assert ask(gate, method, target, ("Cookie", f"admin_token={'s' * 20}")).status == 401
        assert ask(gate, method, target, secret, ("Origin", "https://evil.example")).status == 403
        assert ask(gate, method, target, secret, ("Origin", "null")).status == 403
        assert ask(gate, method, target, secret, ("Origin", "http://[")).status == 403
        assert ask(gate, method, target, secret, ("Sec-Fetch-Site", "cross-site")).status == 403
        assert ask(gate, method, target, ("Authorization", f"Bearer {'s' * 20}, x")).status == 401
    for target in (
        "http:%2f%2f169.254.169.254%2f/rotate",
        "http://169.254.169.254/rotate",
        "../kong/rotate",
        "KONG/rotate",
    ):
        assert ask(gate, "POST", f"/jwt-signer/jwks/{target}", secret).status == 404
    statuses = [ask(gate, "POST", name + "/rotate", secret).status for _ in range(30)]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) <= 11
    for answer in (ask(gate, "GET", name), ask(gate, "GET", "/jwt-signer/jwks", secret)):
        assert not members(json.loads(answer.body)) & {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def members(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(members, value.values()))
    return set().union(*map(members, value)) if isinstance(value, list) else set()


@pytest.mark.rule("S29")
@pytest.mark.attack("KEY-13")
def test_a_forked_worker_signs_as_well(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(jwks("p256").as_json()))
    settings = {"access_token_jwks_uri": keys.as_uri(), "access_token_signing_algorithm": "ES256"}
    settings |= {"channel_token_optional": True}  # type: ignore[dict-item]
    seen: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["HTTP_AUTHORIZATION"])
        start_response("200 OK", [])
        return [b""]

    middleware = JWTSignerMiddleware(application, settings, keyset_store=MemoryStore(), clock=lambda: NOW)

    def sign(value: Token) -> str:
        from conformance.wsgi import environ_of

        environ = environ_of(Plain("GET", "/", "x", (("Authorization", f"Bearer {value}"),)))
        list(middleware(environ, lambda *_: None))  # type: ignore[arg-type]
        return seen[-1]

    before = sign(GOOD)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, "\n".join(sign(token({"jti": "2"})) for _ in range(2)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        of_child = pipe.read().split("\n")
    ours = sign(token({"jti": "2"}))
    assert ours.rpartition(".")[2] != of_child[0].rpartition(".")[2], "one nonce in two processes"
    assert jwt.get_unverified_header(before[7:])["kid"] == jwt.get_unverified_header(of_child[0][7:])["kid"]


class Planted:
    """A pickle that would leave a file behind."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.rule("S27", "S29")
@pytest.mark.attack("KEY-14")
def test_a_planted_pickle_is_not_loaded(gates: Gates, tmp_path: Path) -> None:
    import pickle

    class Poisoned:
        blocking = False

        def get(self, key: str) -> bytes | None:
            return b"9999999999 " + pickle.dumps(Planted(str(tmp_path / "owned")))

        def put(self, key: str, value: bytes, seconds: float) -> None: ...

        def delete(self, key: str) -> None: ...

    assert gates.open(INTROSPECTING, cache=Poisoned()).send(OPAQUE).status == 401
    assert not (tmp_path / "owned").exists()


@pytest.mark.rule("S27")
@pytest.mark.attack("KEY-14")
@pytest.mark.parametrize(
    "value", [b"", b"x", b" ", b"nan {}", b"1e999 {}", b"5", b"\xff\xfe", b"9999999999 []", b"inf"]
)
def test_a_cache_that_holds_rubbish_accepts_nobody(gates: Gates, value: bytes) -> None:
    class Rubbish:
        blocking = False

        def get(self, key: str) -> bytes | None:
            return value

        def put(self, key: str, value: bytes, seconds: float) -> None: ...

        def delete(self, key: str) -> None: ...

    assert gates.open(INTROSPECTING, cache=Rubbish()).send(OPAQUE).status in (401, 503)


# LOG ------------------------------------------------------------------------------------------------


@pytest.mark.rule("S31")
@pytest.mark.attack("LOG-01", "LOG-03", "LOG-06")
@pytest.mark.advisory("CVE-2024-45808", "CVE-2025-65015")
@pytest.mark.parametrize("kid", ["a\r\nINFO fake", "\x1b[31mred", "\u2028next", "\x7f", "k" * 900, "\ud7ff"])
def test_what_a_client_wrote_stays_in_one_line(
    gates: Gates, kid: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gate = gates.open({"enable_instrumentation": True})
    gate.send(token({"iss": kid, "sub": kid}, header={"kid": kid}))
    gate.send(token({"iss": kid, "sub": kid}))
    gate.send(
        None, ("X", kid[:10].encode().decode("latin-1").strip("\r\n\x1b\x7f")), target="/a%0d%0ab%1b%7f%ff"
    )
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("jwt_signer_mw")]
    assert len(ours) >= 6
    for line in ours:
        assert line.isascii()
        assert line.isprintable()
        assert len(line) < 1000
        assert "k" * 65 not in line
    assert "key_unknown" in "".join(ours)


@pytest.mark.rule("S31")
@pytest.mark.attack("LOG-07")
def test_reasons_are_a_bounded_set(gates: Gates) -> None:
    """Observers, and so metrics, get one of the reasons that `errors` declares."""
    from jwt_signer_mw import errors

    known = {
        one.code for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.Refusal)
    }
    heard: list[Any] = []
    gate = gates.open(INTROSPECTING, observers=(heard.append,))
    for value in (None, GOOD, "opaque", token(header={"kid": "x" * 50}), token({"sub": 5}), "a,b"):
        gate.send(value)
    assert {event.reason for event in heard} <= known | {"accepted", "exempt"}
    assert len(heard) == 6


@pytest.mark.rule("S29", "S31")
@pytest.mark.attack("LOG-04")
def test_no_secret_of_the_settings_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    secrets = {
        "access_token_introspection_authorization": "Basic c2VjcmV0OnMzY3IzdA==",
        "access_token_jwks_uri_client_password": "s3cr3t-password",
        "admin_token": "s3cr3t-admin-token",
    }
    settings = Settings.load(
        {
            **secrets,
            "access_token_jwks_uri": "https://idp.example/jwks",
            "access_token_jwks_uri_client_username": "gateway",
            "access_token_introspection_endpoint": "https://idp.example/introspect",
        }
    )
    with pytest.raises(ConfigurationError) as failed:
        Settings.load({**secrets, "access_token_leeway": "x", "admin_tokn": "s3cr3t-admin-token"})
    shown = repr(settings) + str(settings) + caplog.text + str(failed.value) + repr(failed.value.problems)
    for secret in ("c2VjcmV0OnMzY3IzdA==", "s3cr3t-password", "s3cr3t-admin-token"):
        assert secret not in shown


# CFG ------------------------------------------------------------------------------------------------

BAD: dict[str, dict[str, Any]] = {
    "a misspelt option": {"verify_acess_token_signature": True},
    "an option in another case": {"Access_Token_Jwks_Uri": "https://idp.example/jwks"},
    "algorithm none": {"access_token_signing_algorithm": "none"},
    "algorithm in lower case": {"access_token_signing_algorithm": "rs256"},
    "algorithm RS384": {"access_token_signing_algorithm": "RS384"},
    "algorithm null": {"access_token_signing_algorithm": None},
    "outputs that are equal": {"access_token_upstream_header": "X-A", "channel_token_upstream_header": "x_a"},
    "original and output equal": {
        "access_token_upstream_header": "X-A",
        "original_access_token_upstream_header": "X-A",
    },
    "originals equal": {
        "original_channel_token_upstream_header": "X-A",
        "original_access_token_upstream_header": "X.A",
    },
    "an output that is Host": {"access_token_upstream_header": "Host"},
    "an output with a line break": {"access_token_upstream_header": "X-A\r\nX-B"},
    "an output of the consumer family": {"access_token_upstream_header": "X-Consumer-ID"},
    "leeway text": {"access_token_leeway": "sixty"},
    "leeway negative": {"access_token_leeway": -1},
    "leeway infinite": {"access_token_leeway": float("inf")},
    "leeway NaN": {"access_token_leeway": float("nan")},
    "leeway true": {"access_token_leeway": True},
    "leeway a billion": {"access_token_leeway": 1e9},
    "no audiences": {"access_token_audiences_allowed": []},
    "no issuers": {"access_token_issuers_allowed": []},
    "an empty audience": {"access_token_audiences_allowed": [""]},
    "no subjects": {"access_token_subjects_allowed": []},
    "no scopes": {"access_token_scopes_required": []},
    "scopes of blanks": {"access_token_scopes_required": [" "]},
    "audience a number": {"access_token_audiences_allowed": [5]},
    "audience an object": {"access_token_audiences_allowed": {"a": 1}},
    "signature check a text": {"verify_access_token_signature": "maybe"},
    "signature check null": {"verify_access_token_signature": None},
    "signature check a number": {"verify_access_token_signature": 0.0},
    "an empty secret": {"admin_token": ""},
    "a blank secret": {"admin_token": "  "},
    "an empty password": {
        "access_token_jwks_uri": "https://idp.example/jwks",
        "access_token_jwks_uri_client_username": "a",
        "access_token_jwks_uri_client_password": "",
    },
    "half a pair": {
        "access_token_jwks_uri": "https://idp.example/jwks",
        "access_token_jwks_uri_client_username": "a",
    },
    "empty credentials": {"access_token_introspection_authorization": ""},
    "an empty path": {"access_token_scopes_claim": []},
    "a path of numbers": {"access_token_scopes_claim": [1]},
    "a path with an empty name": {"access_token_scopes_claim": [""]},
    "required claims that are no paths": {"access_token_required_claims": [[]]},
    "an empty encryption key": {"keyset_encryption_keys": [""]},
    "no encryption keys": {"keyset_encryption_keys": []},
    "a foreign store": {"keyset_store": "ftp://x"},
    "a size below zero": {"max_token_bytes": -1},
    "a size of zero": {"max_token_bytes": 0},
}


@pytest.mark.rule("S32")
@pytest.mark.attack("CFG-03", "CFG-06", "CFG-07", "CFG-09", "CFG-10", "CFG-12", "CFG-16")
@pytest.mark.advisory("CVE-2026-49852", "CVE-2026-48990", "CVE-2026-45363", "CVE-2026-102266")
@pytest.mark.parametrize("settings", BAD.values(), ids=BAD)
def test_bad_settings_are_refused_at_construction(gates: Gates, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as failed:
        gates.open(settings)
    assert failed.value.problems


@pytest.mark.rule("S14", "S32")
@pytest.mark.attack("CFG-06")
def test_one_text_is_one_audience(gates: Gates) -> None:
    gate = gates.open({"access_token_audiences_allowed": "api://orders"})
    assert gate.send(GOOD).status == 200
    for audience in ("api", "api://", "a", "api://orders,api://x", "orders"):
        assert gate.send(token({"aud": audience})).status == 403


@pytest.mark.rule("S32")
@pytest.mark.attack("CFG-01")
def test_without_any_way_to_check_nothing_passes(gates: Gates) -> None:
    gate = gates.open({"access_token_jwks_uri": None})
    for value in (None, GOOD, OPAQUE, token(key="p256-forged", header={"kid": "p256"})):
        assert gate.send(value).status == 401


@pytest.mark.rule("S6", "S32")
@pytest.mark.attack("CFG-04")
@pytest.mark.advisory(
    "CVE-2022-29217", "CVE-2024-33663", "CVE-2026-85394", "CVE-2026-48526", "CVE-2026-102273"
)
def test_key_text_is_no_secret_even_in_a_file(gates: Gates, tmp_path: Path) -> None:
    """HS* and ES* are on, and somebody wrote the public key's own text down as the secret."""
    from conformance.keys import Pem

    texts = [Pem("p256", public=True).as_bytes(), json.dumps(Jwk("p256").as_json()).encode()]
    for text in texts:
        file = tmp_path / "keys.json"
        secret = {"kty": "oct", "kid": "shared", "k": segment(text)}
        file.write_text(json.dumps({"keys": [secret, Jwk("p256").as_json()]}))
        gate = gates.open({"enable_hs_signatures": True, "access_token_jwks_uri": file.as_uri()})
        signed = jwt.api_jws.encode(
            b"{}", b"x" * 32, algorithm="HS256", headers={"kid": "shared"}
        ).rpartition(".")[0]
        import hashlib
        import hmac

        forged = f"{signed}.{segment(hmac.digest(text, signed.encode(), hashlib.sha256))}"
        assert gate.send(forged).status == 401
        assert gate.send(GOOD).status == 200


@pytest.mark.rule("S24", "S32")
@pytest.mark.attack("CFG-13")
def test_plain_http_is_warned_about() -> None:
    def warned(url: str) -> bool:
        found = Settings.load({"access_token_jwks_uri": url}).warnings
        return any(one.option == "access_token_jwks_uri" for one in found)

    assert warned("http://idp.example/jwks")
    assert warned("http://127.0.0.1.evil.example/jwks")
    assert warned("http://localhost.evil.example/jwks")
    assert warned("http://10.0.0.1/jwks")
    for url in (
        "https://idp.example/jwks",
        "http://127.0.0.1:8080/jwks",
        "http://localhost/jwks",
        "http://[::1]/jwks",
    ):
        assert not warned(url)


@pytest.mark.rule("S17")
@pytest.mark.attack("CFG-15")
def test_mounted_twice_the_inner_one_does_not_trust_the_outer(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(jwks("p256").as_json()))
    settings: dict[str, Any] = {
        "access_token_jwks_uri": keys.as_uri(),
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
    }
    store = MemoryStore()

    def application(*_: object) -> Any:
        raise AssertionError("called")

    from conformance.wsgi import environ_of

    inner = JWTSignerMiddleware(application, settings, keyset_store=store, clock=lambda: NOW)
    outer = JWTSignerMiddleware(inner, settings, keyset_store=store, clock=lambda: NOW)
    statuses: list[str] = []
    environ = environ_of(Plain("GET", "/", "x", (("Authorization", f"Bearer {GOOD}"),)))
    list(outer(environ, lambda status, _: statuses.append(status)))  # type: ignore[arg-type]
    assert statuses == ["401 Unauthorized"]


@pytest.mark.rule("S16")
@pytest.mark.attack("CFG-16")
@pytest.mark.parametrize(
    "held", [None, 5, "x", [], ["x"], {}, {"b": None}, {"b": {}}, {"b": [{"c": "orders.read"}]}]
)
def test_a_path_through_anything_never_raises(gates: Gates, held: object) -> None:
    for path in (["a", "b", "c"], ["a.b"], ["a", "0"], ["a", "b"]):
        gate = gates.open({"access_token_scopes_claim": path})
        assert gate.send(token({"a": held})).status == 403


# DOS ------------------------------------------------------------------------------------------------


@pytest.mark.rule("S2", "S3", "S33")
@pytest.mark.attack("DOS-03", "DOS-04")
@pytest.mark.advisory("CVE-2026-101918", "CVE-2025-53864", "CVE-2026-48525")
def test_hostile_json_costs_little(gates: Gates) -> None:
    depth = segment(b'{"alg":"ES256","x":' + b"[" * 1200 + b"]" * 1200 + b"}")
    wide = b"{" + b",".join(b'"%x":1' % n for n in range(100_000)) + b"}"
    gate = gates.open()
    assert gate.send(GOOD).status == 200
    best = min(timed(gate, f"{depth}.e30.AAAA") for _ in range(3))
    assert best < 0.05
    start = time.process_time()
    with pytest.raises(Malformed):
        parse_object(wide)
    assert time.process_time() - start < 0.5
    assert gate.send(GOOD).status == 200


def timed(gate: Gate, value: object) -> float:
    start = time.perf_counter()
    assert gate.send(value).status == 401
    return time.perf_counter() - start


@pytest.mark.rule("S5", "S33")
@pytest.mark.attack("DOS-01")
def test_bad_signatures_cost_no_more_than_good_ones(gates: Gates) -> None:
    """A flood of them fetches nothing, remembers nothing, and a good token passes in between."""
    gate = gates.open(provider=Provider({"/jwks": Answer(jwks("rsa1", "p256"))}))
    assert gate.send(GOOD).status == 200
    forged = token(key="rsa1", alg="RS256").compact()
    head, _, tail = forged.split(".")
    numbers = count()
    for _ in range(150):
        claims = segment(json.dumps({"n": next(numbers)}).encode())
        assert gate.send(f"{head}.{claims}.{tail}").status == 401
    assert gate.calls() <= 2
    assert gate.send(token({"jti": "good"})).status == 200
    runner: Any = gate.runner
    assert len(runner.middleware.pipeline.verdicts) == 2


def test_a_malformed_token_is_named_and_never_quoted() -> None:
    assert "eyJ" not in repr(TokenMalformed("not three base64url parts with a JOSE header"))
