"""Published flaws of other products, by number: what each let through is refused here.

Those about requests, providers and caches are played in the `test_system_*` files, under their number too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conformance.adapter import Plain
from conformance.case import NOW, Answer, Provider
from conformance.keys import Jwk, Pem, jwks, private_key
from conformance.tokens import segment, signed
from jwt_signer_mw.jose import ASYMMETRIC, SYMMETRIC, load_keyset, verify_compact
from jwt_signer_mw.jose.weaknesses import is_key_text
from system import CLAIMS, GOOD, MAIN, OPAQUE, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from system import Gates

HS_ON: dict[str, object] = {"enable_hs_signatures": True}
PUBLIC = private_key("rsa1").public_key()
PEM = Pem("rsa1", public=True).as_bytes()
SPKI = PUBLIC.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PKCS1 = PUBLIC.public_bytes(Encoding.DER, PublicFormat.PKCS1)
PKCS1_PEM = PUBLIC.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
SSH = PUBLIC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
SSH_EC = private_key("p256").public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
JWK = Jwk("rsa1").as_json()


def text_of(value: object, **more: Any) -> bytes:
    return json.dumps(value, **more).encode()


FORMS: dict[str, bytes] = {
    # every public form of a key that somebody took for an HMAC secret
    "SPKI PEM": PEM,
    "SPKI PEM without its last line end": PEM.rstrip(),
    "SPKI PEM with CRLF": PEM.replace(b"\n", b"\r\n"),
    "SPKI PEM with leading blanks": b"  \n" + PEM,
    "SPKI PEM behind a comment": b"# the key\n" + PEM,
    "SPKI DER": SPKI,
    "SPKI base64": base64.b64encode(SPKI),
    "PKCS #1 PEM": PKCS1_PEM,
    "PKCS #1 DER": PKCS1,
    "OpenSSH RSA": SSH,
    "OpenSSH ECDSA": SSH_EC,
    "JWK": text_of(JWK),
    "JWK compact": text_of(JWK, separators=(",", ":")),
    "JWK sorted": text_of(JWK, sort_keys=True),
    "JWKS": text_of({"keys": [JWK]}),
    "modulus": base64.urlsafe_b64decode(JWK["n"] + "=="),  # type: ignore[operator]
    "modulus text": str(JWK["n"]).encode(),
    "empty": b"",
    "kid": b"rsa1",
}


def forged(secret: bytes, alg: str = "HS256", **header: object) -> str:
    text = ".".join(
        segment(text_of(part))
        for part in ({"alg": alg, "kid": "rsa1", **header}, {"exp": NOW + 300, **CLAIMS})
    )
    digest = hmac.digest(secret, text.encode(), getattr(hashlib, f"sha{alg[2:]}"))
    return f"{text}.{segment(digest)}"


@pytest.mark.rule("S5", "S6")
@pytest.mark.advisory("CVE-2015-9235", "CVE-2016-10555", "CVE-2022-29217", "CVE-2023-48223", "CVE-2024-33663")
@pytest.mark.advisory(
    "CVE-2024-37568", "CVE-2026-34950", "CVE-2026-44699", "CVE-2026-48526", "CVE-2026-85394"
)
@pytest.mark.advisory(
    "CVE-2026-102268", "CVE-2026-102273", "CVE-2026-107722", "CVE-2026-107724", "PYSEC-2017-24"
)
@pytest.mark.advisory("CVE-2026-22817", "CVE-2026-22818", "CVE-2026-120459")
@pytest.mark.parametrize("secret", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("alg", sorted(SYMMETRIC))
def test_no_form_of_a_public_key_is_a_secret(secret: bytes, alg: str) -> None:
    """With HS* on, whether the key declares an algorithm or none, by its own kid or by none."""
    bare = {name: value for name, value in JWK.items() if name not in ("alg", "use")}
    for keys in ({"keys": [JWK]}, {"keys": [bare]}, PEM):
        keyset = load_keyset(text_of(keys) if isinstance(keys, dict) else keys, symmetric=True)
        for text in (forged(secret, alg), forged(secret, alg, kid=None), forged(secret, alg, kid="")):
            with pytest.raises(Exception, match=r".*") as refused:
                verify_compact(text, keyset, algorithms=ASYMMETRIC | SYMMETRIC)
            assert getattr(refused.value, "status", 0) == 401


@pytest.mark.rule("S6")
@pytest.mark.advisory("CVE-2022-29217", "CVE-2026-102268", "CVE-2026-102273", "CVE-2026-85394")
@pytest.mark.parametrize(
    "form", [form for form in FORMS if form not in ("empty", "kid", "modulus", "modulus text")]
)
def test_a_secret_that_is_key_text_is_refused_when_it_is_loaded(form: str) -> None:
    """Written down as `oct` by mistake; base64 of a key is found as well."""
    keyset = load_keyset({"keys": [{"kty": "oct", "kid": "o", "k": segment(FORMS[form])}]}, symmetric=True)
    assert keyset.keys == (), "everybody has this secret"
    assert is_key_text(FORMS[form])


@pytest.mark.rule("S5")
@pytest.mark.advisory("CVE-2015-9235", "CVE-2020-28042", "CVE-2025-61152")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", " none", "none ", "null", "HS256"])
@pytest.mark.parametrize(
    "signature", ["", "AA", GOOD.compact().rpartition(".")[2]], ids=["nothing", "a byte", "another's"]
)
def test_an_unsigned_token_is_none(gates: Gates, alg: str, signature: str) -> None:
    text = f"{segment(text_of({'alg': alg, 'kid': 'p256'}))}.{GOOD.compact().split('.')[1]}.{signature}"
    assert gates.open(HS_ON).send(text).status == 401


@pytest.mark.rule("S11")
@pytest.mark.advisory("CVE-2022-21449", "CVE-2019-14859")
@pytest.mark.parametrize(
    "signature",
    [
        bytes(64),
        bytes(31) + b"\1" + bytes(31) + b"\1",
        bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551") * 2,  # the order
        b"\xff" * 64,
        bytes(63),
        bytes(65),
        bytes.fromhex("3006020101020101"),
        bytes.fromhex("30060201000201ff"),
    ],
)
def test_impossible_ecdsa_signatures(gates: Gates, signature: bytes) -> None:
    assert gates.open().send(f"{GOOD.compact().rpartition('.')[0]}.{segment(signature)}").status == 401


@pytest.mark.rule("S10")
@pytest.mark.advisory("CVE-2025-59420", "CVE-2026-32597", "python-jose #413")
@pytest.mark.parametrize(
    "crit",
    [["exp"], ["x"], [], "exp", None, [None], {}, ["alg"], ["b64"], [""], 1, True, ["kid", "kid"]],
    ids=str,
)
def test_crit_is_refused_whatever_it_holds(gates: Gates, crit: object) -> None:
    gate = gates.open()
    assert gate.send(GOOD).status == 200
    text = token(header={"x": 1}).compact()
    header = {"alg": "ES256", "kid": "p256", "crit": crit, "exp": 1, "x": 1}
    made = make({**header}, text.split(".")[1])
    assert gate.send(made).status == 401


def make(header: dict[str, object], payload: str, key: str = "p256") -> str:
    """A token with exactly this header, well signed by ES256."""
    from conformance.keys import algorithm

    text = f"{segment(text_of(header))}.{payload}"
    return f"{text}.{segment(algorithm('ES256').sign(text.encode(), private_key(key)))}"


@pytest.mark.rule("S9", "S24")
@pytest.mark.advisory("CVE-2018-0114", "CVE-2026-27962", "CVE-2026-48522")
@pytest.mark.parametrize("kid", ["p256", "mine", None])
def test_a_token_brings_no_key_along(gates: Gates, kid: str | None) -> None:
    gate = gates.open()
    mine = Jwk("p256-forged").as_json()
    for member in (
        {"jwk": mine},
        {"jwk": {**mine, "kid": "p256"}},
        {"jku": gate.places["$IDP"] + "/evil"},
        {"jku": "file:///etc/passwd"},
        {"x5u": gate.places["$IDP"] + "/evil"},
        {"x5c": ["MIIB"]},
        {"x5t": "abc", "x5t#S256": "abc"},
        {"jwks": {"keys": [mine]}},
        {"iss": gate.places["$IDP"]},
    ):
        assert gate.send(token(key="p256-forged", header={"kid": kid, **member})).status == 401
    assert set(gate.site.counts()) <= {"/jwks"}


JWE = {
    "direct": {"alg": "dir", "enc": "A128GCM", "zip": "DEF"},
    "PBES2": {"alg": "PBES2-HS512+A256KW", "enc": "A256CBC-HS512", "p2c": 2**31 - 1, "p2s": "AAAAAAAAAAA"},
    "RSA1_5": {"alg": "RSA1_5", "enc": "A128CBC-HS256", "kid": "rsa1"},
    "ECDH": {"alg": "ECDH-ES", "enc": "A128GCM", "epk": {"kty": "EC"}},
}


@pytest.mark.rule("S4", "S33")
@pytest.mark.advisory("CVE-2023-6681", "CVE-2022-36083", "CVE-2023-52428", "CVE-2024-33664", "CVE-2026-49230")
@pytest.mark.advisory("python-jose #398", "python-jose #421")
@pytest.mark.parametrize("header", JWE.values(), ids=JWE)
def test_encrypted_tokens_stay_closed(gates: Gates, header: dict[str, object]) -> None:
    """Five parts are opaque (decision 8), three with such a header are a JWT of a foreign algorithm."""
    gate = gates.open()
    for parts in (5, 3):
        text = ".".join([segment(text_of(header)), *["AAAA"] * (parts - 1)])
        assert gate.send(text).status == 401


SERIALISED: dict[str, object] = {
    "flattened": {"payload": "e30", "protected": "e30", "signature": "AAAA"},
    "general": {"payload": "e30", "signatures": [{"protected": "e30", "signature": "AAAA"}]},
    "no signatures": {"payload": "e30", "signatures": []},
    "unprotected alg": {"payload": "e30", "header": {"alg": "none"}, "signature": ""},
    "mixed": {GOOD.compact().rpartition(".")[0] + ".": "", "payload": "e30", "signature": "AAAA"},
}


@pytest.mark.rule("S4")
@pytest.mark.advisory("CVE-2022-39227", "CVE-2026-102946", "GHSA-5739-39v2-5754")
@pytest.mark.parametrize("value", SERIALISED.values(), ids=SERIALISED)
@pytest.mark.parametrize("wrap", [str, lambda text: segment(text.encode()), lambda text: f"{text}.e30.AAAA"])
def test_json_serialisations_are_refused(gates: Gates, value: object, wrap: Callable[[str], str]) -> None:
    gate = gates.open()
    assert gate.send(wrap(json.dumps(value, separators=(",", ":")))).status == 401


@pytest.mark.rule("S13")
@pytest.mark.advisory("CVE-2024-53861")
@pytest.mark.parametrize(
    "issuer",
    [
        "https://issuer.exampl",
        "https://issuer.example/",
        "issuer.example",
        "https://issuer.example.evil",
        "h",
        "",
        "HTTPS://issuer.example",
        " https://issuer.example",
        "https://issuer.example\x00",
        "https://issuer.example,x",
    ],
)
def test_an_issuer_is_compared_whole(gates: Gates, issuer: str) -> None:
    assert gates.open().send(token({"iss": issuer})).status == 401


@pytest.mark.rule("S8")
@pytest.mark.advisory("CVE-2025-45768", "CVE-2026-102274", "CVE-2026-102275")
def test_weak_and_broken_keys_fall_out_alone() -> None:
    good, members = Jwk("p256").as_json(), Jwk("rsa1").as_json()
    broken: list[dict[str, Any]] = [
        Jwk("weak1").as_json(),
        {"kty": "oct", "kid": "short", "k": segment(b"x" * 16)},
        {**members, "kid": "n", "n": "!!"},
        {**members, "kid": "n0", "n": ""},
        {**members, "kid": "e", "e": 65537},
        {**members, "kid": "no n", "n": None},
        {**Jwk("ed1", private=True).as_json(), "kid": "other half", "x": Jwk("ed2").as_json()["x"]},
    ]
    keys = load_keyset({"keys": [*broken, good]}, symmetric=True)
    assert [key.kid for key in keys.keys] == ["p256"]
    assert len(keys.unusable) == len(broken)


@pytest.mark.rule("S5")
@pytest.mark.advisory("CVE-2026-48523")
def test_both_the_list_and_the_key_have_to_allow_an_algorithm() -> None:
    text = GOOD.compact()
    keys = load_keyset({"keys": [Jwk("p256").as_json()]})
    assert verify_compact(text, keys, algorithms=["ES256"])
    for allowed in (["RS256"], [], ["ES384", "EdDSA"], "ES2", "HS256 ES256"):
        with pytest.raises(Exception, match="alg"):
            verify_compact(text, keys, algorithms=allowed)
    other = load_keyset({"keys": [{**Jwk("rsa1").as_json(), "alg": "RS512"}]})
    with pytest.raises(Exception, match="no key"):
        verify_compact(token(key="rsa1", alg="RS256").compact(), other, algorithms=ASYMMETRIC)


@pytest.mark.rule("S7", "S25")
@pytest.mark.advisory("CVE-2025-22149")
def test_a_reload_replaces_and_does_not_merge(gates: Gates) -> None:
    gate = gates.open(provider=Provider({"/jwks": Answer(jwks("rsa1", "p256"))}))
    old = token(key="rsa1", alg="RS256")
    assert gate.send(old).status == 200
    gate.answer("/jwks", Answer(jwks("p256", "p384")))
    assert gate.send(token(key="p384", alg="ES384")).status == 200
    assert gate.send(old).status == 401


@pytest.mark.rule("S1", "S33")
@pytest.mark.advisory("CVE-2019-12995", "CVE-2022-29226", "CVE-2024-45809")
def test_any_text_is_survived(gates: Gates) -> None:
    """Cold and warm; the provider is down, then up."""
    texts = [
        "",
        ".",
        "..",
        "a.b.c",
        "e30.e30.e30",
        "eyJhbGciOiJFUzI1NiJ9..",
        OPAQUE,
        "eyJhbGciOiJFUzI1NiJ9.e30.AA",
    ]
    gate = gates.open(provider=Provider({"/jwks": Answer(status=500)}))
    assert {gate.send(text).status for text in texts} <= {401, 503}
    gate.answer("/jwks", MAIN)
    gate.clock.now += 31
    assert gate.send(GOOD).status == 200
    assert {gate.send(text).status for text in texts} == {401}


@pytest.mark.rule("S18")
@pytest.mark.advisory("CVE-2026-73552", "Kong jwt #9946")
def test_what_is_checked_is_what_goes_on(gates: Gates) -> None:
    """A second token elsewhere is no input, and the one that was checked is not what the application sees."""
    gate = gates.open({"access_token_upstream_header": "Authorization:Bearer"})
    evil = signed({"sub": "mallory"}, alg="ES256", key="p256-forged")
    seen = gate.seen(GOOD, ("Cookie", f"jwt={evil}"), target=f"/orders?jwt={evil}")
    values = dict(seen.headers)
    assert values["cookie"] == f"jwt={evil}"
    assert str(GOOD) not in values["authorization"]
    obs_text = gate.ask_for(Plain("GET", "/", "x", (("Authorization", f"Bearer {GOOD}\x80"),)))
    assert obs_text.status == 401


@pytest.mark.rule("S24")
@pytest.mark.advisory("CVE-2018-25091", "CVE-2023-43804", "CVE-2023-32681", "CVE-2026-102267")
def test_credentials_go_to_nobody_else(gates: Gates) -> None:
    gate = gates.open(
        {
            "access_token_jwks_uri_client_username": "gateway",
            "access_token_jwks_uri_client_password": "secret",
        }
    )
    gate.answer("/jwks", Answer(b"", 302, {"Location": gate.places["$IDP"] + "/elsewhere"}))
    assert gate.send(GOOD).status == 503
    (call,) = gate.site.calls["/jwks"]
    assert call.headers["authorization"] == "Basic Z2F0ZXdheTpzZWNyZXQ="
    assert set(gate.site.counts()) == {"/jwks"}


@pytest.mark.rule("S19")
@pytest.mark.advisory("CVE-2021-32813", "CVE-2024-45410", "CVE-2026-29054")
@pytest.mark.parametrize("name", ["Connection", "connection", "Keep-Alive", "Proxy-Connection", "TE"])
def test_hop_by_hop_names_take_nothing_away(gates: Gates, name: str) -> None:
    consumers = {"access_token_consumer_claim": ["sub"], "consumers": [{"id": "1", "username": "alice"}]}
    seen = gates.open(consumers).seen(GOOD, (name, "X-Consumer-ID, x-consumer-username, authorization"))
    assert {"x-consumer-id", "x-consumer-username", "authorization"} <= {found for found, _ in seen.headers}


@pytest.mark.rule("S30")
@pytest.mark.advisory("CVE-2020-11710")
def test_nothing_is_administered_on_the_applications_paths(gates: Gates) -> None:
    gate = gates.open({"admin_token": "s" * 20})
    for target in ("/jwt-signer/jwks", "/jwt-signer/jwks/kong/rotate"):
        assert gate.send(target=target, method="POST").status == 401
        assert gate.send(GOOD, target=target).status == 200  # the application's own, whatever it makes of it
