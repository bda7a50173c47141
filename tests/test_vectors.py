"""Test vectors that others wrote. Some of the RFCs stand here; the rest lies beside a checkout."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw.errors import (
    AlgorithmNotAllowed,
    KeyUnknown,
    Refusal,
    SignatureInvalid,
    TokenMalformed,
)
from jwt_signer_mw.jose import (
    ASYMMETRIC,
    SYMMETRIC,
    generate_key,
    load_key,
    load_keyset,
    load_pem,
    sign_compact,
    verify_compact,
)
from jwt_signer_mw.jose.pem import is_pem
from jwt_signer_mw.tokens.compact import looks_like_jwt, read_compact, split_compact
from jwt_signer_mw.wire import Malformed, decode_base64url, dump_json, encode_base64url, parse_json
from parts import CORPORA

if TYPE_CHECKING:
    from pathlib import Path

ALL = ASYMMETRIC | SYMMETRIC

# RFC 7515 appendices A.1, A.3 and A.5; RFC 8037 appendix A.4; RFC 7797 section 4.2
SECRET = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
EC = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
}
JOE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
HS256 = f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
ES256 = (
    f"eyJhbGciOiJFUzI1NiJ9.{JOE}."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
EDDSA = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
UNSIGNED = f"eyJhbGciOiJub25lIn0.{JOE}."
UNENCODED = (
    "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
)


def rows(file: str, name: str) -> list[dict[str, Any]]:
    """The rows of a table of the corpora; none where they are missing."""
    path = CORPORA / file
    found: list[dict[str, Any]] = json.loads(path.read_bytes())[name] if path.is_file() else []
    return found


def table(file: str) -> dict[str, Any]:
    path = CORPORA / file
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
    return found


def with_signature(token: str, signature: bytes) -> str:
    return f"{token.rpartition('.')[0]}.{encode_base64url(signature)}"


def test_the_corpora_are_here(corpora: Path) -> None:
    """Else this test says why the tables below are empty."""
    assert rows("jwt_verify_lib/verify.json", "cases")


# RFCs -------------------------------------------------------------------------------------------------


def test_rfc_7515() -> None:
    payload = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    assert verify_compact(HS256, SECRET, algorithms=["HS256"]) == payload
    assert verify_compact(ES256, EC, algorithms=["ES256"]) == payload
    with pytest.raises(AlgorithmNotAllowed):
        verify_compact(HS256, SECRET, algorithms=ASYMMETRIC)
    with pytest.raises(AlgorithmNotAllowed):
        verify_compact(UNSIGNED, EC, algorithms=[*ALL, "none"])
    octets = decode_base64url(HS256.rpartition(".")[2])
    assert load_key(SECRET, symmetric=True).sign("HS256", HS256.rpartition(".")[0].encode()) == octets


def test_rfc_8037() -> None:
    assert verify_compact(EDDSA, ED25519, algorithms=["EdDSA"]) == b"Example of Ed25519 signing"
    octets = decode_base64url(EDDSA.rpartition(".")[2])
    assert load_key(ED25519).sign("EdDSA", EDDSA.rpartition(".")[0].encode()) == octets


def test_rfc_7797() -> None:
    """Section 7: `b64` is not for JWTs."""
    with pytest.raises(TokenMalformed):
        verify_compact(UNENCODED, SECRET, algorithms=["HS256"])


@pytest.mark.parametrize("typ", ["at+JWT", "at+jwt", "application/at+jwt", "APPLICATION/AT+JWT"])
def test_rfc_9068(typ: str) -> None:
    claims = {"iss": "https://authorization-server.example.com/", "sub": "5ba552d67", "exp": 1639528912}
    key = generate_key("ES256")
    token = sign_compact(dump_json(claims), key, "ES256", typ=typ)
    assert verify_compact(token, key.public_jwk(), algorithms=["ES256"]) == dump_json(claims)


def test_rfc_7662() -> None:
    """Section 2.2: its sample token has two dots and is opaque all the same."""
    assert not looks_like_jwt("mF_9.B5f-4.1JqM")


@pytest.mark.parametrize("example", rows("rfc_examples.json", "examples"), ids=lambda row: row["id"])
def test_rfc_examples(example: dict[str, Any]) -> None:
    token: str = example.get("token", "")
    jwk: dict[str, Any] = example.get("jwk") or SECRET
    if not token:  # only claims: other rooms test them
        assert parse_json(dump_json(example))
    elif "reject" in example["expect"].split(";")[0]:
        with pytest.raises(Refusal):
            verify_compact(token, jwk, algorithms=ALL)
    else:
        assert verify_compact(token, jwk, algorithms=[example["alg"]])
        for index in (0, len(decode_base64url(token.rpartition(".")[2])) - 1):
            with pytest.raises(SignatureInvalid):
                verify_compact(_flip(token, index), jwk, algorithms=[example["alg"]])
        if "private_jwk" in example:
            key = load_key(example["private_jwk"])
            again = sign_compact(b"x", key, example["alg"])
            assert verify_compact(again, jwk, algorithms=[example["alg"]]) == b"x"


COOKBOOK = CORPORA / "ietf-jose-cookbook"


@pytest.mark.parametrize("number", ["4_1", "4_2", "4_3", "4_4"])
def test_rfc_7520_signatures(corpora: Path, number: str) -> None:
    (path,) = COOKBOOK.glob(f"jws/{number}.*.json")
    example = json.loads(path.read_bytes())
    payload = verify_compact(
        example["output"]["compact"], example["input"]["key"], algorithms=[example["input"]["alg"]]
    )
    assert payload.decode() == example["input"]["payload"]


@pytest.mark.parametrize("number", ["4_5", "4_6", "4_7", "4_8"])
def test_rfc_7520_other_forms(corpora: Path, number: str) -> None:
    (path,) = COOKBOOK.glob(f"jws/{number}.*.json")
    example = json.loads(path.read_bytes())
    keys = {"keys": [example["input"]["key"]]} if isinstance(example["input"]["key"], dict) else SECRET
    for form in example["output"].values():
        text = form if isinstance(form, str) else json.dumps(form)
        with pytest.raises((TokenMalformed, SignatureInvalid)):  # a detached payload reads as an empty one
            verify_compact(text, keys, algorithms=ALL)


@pytest.mark.parametrize("path", sorted(COOKBOOK.glob("jwe/*.json")), ids=lambda path: path.stem)
def test_rfc_7520_encryption(path: Path) -> None:
    """An encrypted token is opaque here."""
    output = json.loads(path.read_bytes())["output"]
    for form in output.values():
        assert read_compact(form if isinstance(form, str) else json.dumps(form)) is None


@pytest.mark.parametrize("path", sorted(COOKBOOK.glob("jwk/*.json")), ids=lambda path: path.stem)
def test_rfc_7520_keys(path: Path) -> None:
    jwk = json.loads(path.read_bytes())
    if jwk.get("use", "sig") == "enc":
        with pytest.raises(Malformed):
            load_key(jwk, symmetric=True)
        return
    key = load_key(jwk, symmetric=True)
    shown = key.private_jwk() if key.is_private else key.public_jwk()
    assert jwk.items() <= shown.items()


# jwt_verify_lib ---------------------------------------------------------------------------------------

VERIFY = table("jwt_verify_lib/verify.json")


@pytest.mark.parametrize("row", VERIFY.get("cases", []), ids=lambda row: f"{row['file']}-{row['test']}")
def test_jwt_verify_lib_signatures(row: dict[str, Any]) -> None:
    keys = load_keyset(_verify_lib_keys(row), symmetric=True)
    token = _verify_lib_token(row)
    algorithms = ALL if row["file"] == "verify_jwk_hmac" else ASYMMETRIC
    if row["status"] == "Ok":
        assert verify_compact(token, keys, algorithms=algorithms)
    elif not row["mutated_signature"]:
        with pytest.raises(Refusal):
            verify_compact(token, keys, algorithms=algorithms)
    else:
        signature = decode_base64url(token.rpartition(".")[2])
        changed = [_flip(token, index) for index in range(len(signature))]
        for text in (
            *changed,
            with_signature(token, signature[:-1]),
            with_signature(token, signature + b"\0"),
        ):
            with pytest.raises(Refusal):
                verify_compact(text, keys, algorithms=algorithms)


def _flip(token: str, index: int) -> str:
    octets = bytearray(decode_base64url(token.rpartition(".")[2]))
    octets[index] ^= 0xFF
    return with_signature(token, bytes(octets))


def _verify_lib_token(row: dict[str, Any]) -> str:
    """We want no padding (RFC 7515 section 2); one of their tokens has it."""
    token: str = row["token"]
    if token.endswith("="):
        with pytest.raises(TokenMalformed):
            split_compact(token)
    return token.rstrip("=")


def _verify_lib_keys(row: dict[str, Any]) -> bytes:
    """The set of a row as the original test makes it."""
    sets: dict[str, str] = VERIFY["keys"][row["file"]]
    name: str = row["key_var"]
    if row["test"] in {"Ps512CorrectKidOK", "JwtTextWithNoKidOk"}:  # the table has these two exchanged
        (name,) = sets.keys() - {name}
    text = sets.get(name) or next(iter(sets.values()))
    if row["test"] == "jwksIncorrectAlgSpecifiedFail":
        return dump_json(load_pem(text.encode()).keys[0].public_jwk() | {"alg": "RS256"})
    if is_pem(text.encode()):
        return text.encode()
    document = json.loads(re.sub(r",\s*\]", "]", text))  # one set has a comma too many
    for member in ("alg", "kid"):
        if name.endswith(f"no_{member}"):
            document["keys"] = [{k: v for k, v in key.items() if k != member} for key in document["keys"]]
    return dump_json(document)


@pytest.mark.parametrize("row", rows("jwt_verify_lib/jwt_parse.json", "cases"), ids=lambda row: row["test"])
def test_jwt_verify_lib_tokens(row: dict[str, Any]) -> None:
    """`Ok` is well-formed; what is wrong with claims alone is found later than here."""
    if row["status"] == "Ok" or re.match(r"JwtPayloadParseError(?!BadBase64)", row["status"]):
        # a non-canonical header or no known algorithm is found first: we are stricter
        verdict: type[Refusal] | tuple[type[Refusal], ...] = (KeyUnknown, TokenMalformed, AlgorithmNotAllowed)
    elif row["status"] == "JwtHeaderNotImplementedAlg":
        verdict = AlgorithmNotAllowed
    else:
        verdict = TokenMalformed
    with pytest.raises(verdict):
        verify_compact(row["jwt"], {"keys": []}, algorithms=ALL)


@pytest.mark.parametrize("row", rows("jwt_verify_lib/jwks_parse.json", "cases"), ids=lambda row: row["test"])
def test_jwt_verify_lib_key_sets(row: dict[str, Any]) -> None:
    """`Ok` gives usable keys; anything else is no set, or one without a usable key."""
    try:
        keys = load_keyset(row["text"].encode())
    except Malformed:
        usable = 0
    else:
        usable = len(keys.keys)
        assert usable + len(keys.unusable) > 0
    assert (usable > 0) is (row["status"] == "Ok")


@pytest.mark.parametrize(
    "path", sorted(CORPORA.glob("jwt_verify_lib/fuzz_corpus/*")), ids=lambda path: path.stem
)
def test_jwt_verify_lib_fuzz_corpus(path: Path) -> None:
    """Each file seeds a fuzzer with a token and its set; cut and changed in many places, all is refused."""
    token, jwks = re.findall(r'^jwt: "(.*)"$|^jwks: (?:\'(.*)\'|"(.*)")$', path.read_text(), re.MULTILINE)
    text, keys = token[0], (jwks[1] or json.loads(f'"{jwks[2]}"')).replace("\\n", "\n" if jwks[2] else "\\n")
    assert verify_compact(text, keys, algorithms=ALL)
    for index in range(0, len(keys), max(1, len(keys) // 200)):
        for changed in (keys[:index], keys[:index] + "\0" + keys[index + 1 :]):
            try:
                verify_compact(text, changed, algorithms=ALL)
            except Refusal:
                continue


# Envoy, Istio, Spring Security --------------------------------------------------------------------------


@pytest.mark.parametrize("row", rows("envoy_jwt_authn/tokens.json", "tokens"), ids=lambda row: row["name"])
def test_envoy_tokens(row: dict[str, Any]) -> None:
    document = table("envoy_jwt_authn/tokens.json")
    keys = [*document["jwks"]["keys"], *document["es256_jwks"]["keys"]]
    for index, key in enumerate(keys):
        if index in row["verifies_with_key_index"]:
            assert verify_compact(row["token"], {"keys": [key]}, algorithms=ASYMMETRIC)
        else:
            with pytest.raises((SignatureInvalid, KeyUnknown)):
                verify_compact(row["token"], {"keys": [key]}, algorithms=ASYMMETRIC)


@pytest.mark.parametrize("row", rows("istio/tokens.json", "tokens"), ids=lambda row: row["name"])
def test_istio_tokens(row: dict[str, Any]) -> None:
    """Their keys declare neither alg nor use: the list of algorithms decides."""
    keys = table("istio/tokens.json")[row["keyset"]]
    if not row["signature_ok"]:
        with pytest.raises(TokenMalformed):
            verify_compact(row["token"], keys, algorithms=ASYMMETRIC)
        return
    assert parse_json(verify_compact(row["token"], keys, algorithms=ASYMMETRIC)) == row["claims"]
    with pytest.raises(AlgorithmNotAllowed):
        verify_compact(row["token"], keys, algorithms=["PS256", "ES256"])


@pytest.mark.parametrize("name", ["key.pem", "samples_key.pem"])
def test_istio_keys(corpora: Path, name: str) -> None:
    key = load_pem((corpora / "istio" / name).read_bytes()).signer("RS256")
    assert key is not None
    published = table("istio/tokens.json")["samples_jwks" if name.startswith("samples") else "jwks"]
    token = sign_compact(b"{}", key, "RS256")
    assert verify_compact(token, key.public_jwk(), algorithms=["RS256"]) == b"{}"
    assert key.public_jwk()["n"] == published["keys"][0]["n"]


@pytest.mark.parametrize("row", rows("spring_security/tokens.json", "tokens"), ids=lambda row: row["name"])
def test_spring_security_tokens(row: dict[str, Any]) -> None:
    document = table("spring_security/tokens.json")
    for name in ("jwk", "verify_key"):
        key = document["jwk"] if name == "jwk" else document["verify_key_jwk"]
        if name in row["verifies_with"]:
            alg = split_compact(row["token"]).alg
            assert verify_compact(row["token"], key, algorithms=[alg])
            with pytest.raises(AlgorithmNotAllowed):
                verify_compact(row["token"], key, algorithms=ASYMMETRIC - {alg})
        else:
            with pytest.raises(Refusal):
                verify_compact(row["token"], key, algorithms=ASYMMETRIC)


# JSONTestSuite ------------------------------------------------------------------------------------------

# JSON that two readers may read differently: each name once, every character a character.
AMBIGUOUS = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


@pytest.mark.parametrize("kind", ["y", "n", "i"])
def test_json_test_suite(corpora: Path, kind: str) -> None:
    paths = sorted(corpora.glob(f"JSONTestSuite/test_parsing/{kind}_*.json"))
    assert paths
    for path in paths:
        try:
            parse_json(path.read_bytes())
        except Malformed:
            accepted = False
        else:
            accepted = True
        if kind != "i":
            assert accepted is (kind == "y" and path.name not in AMBIGUOUS), path.name


def test_json_test_suite_as_header_and_key_set(corpora: Path) -> None:
    key = generate_key("ES256")
    good = sign_compact(b"{}", key, "ES256")
    for path in sorted(corpora.glob("JSONTestSuite/test_*/*.json")):
        data = path.read_bytes()
        with pytest.raises(TokenMalformed):
            verify_compact(f"{encode_base64url(data)}.e30.c2ln", key.public_jwk(), algorithms=ALL)
        with pytest.raises(KeyUnknown):
            verify_compact(good, data, algorithms=ALL)
        if data:
            token = sign_compact(data, key, "ES256")
            assert verify_compact(token, key.public_jwk(), algorithms=["ES256"]) == data


# Our own open attack cases --------------------------------------------------------------------------------

ATTACKS = table("attacks.tokens.public.json")
# Rooms behind this one refuse these: they are well signed, and what they say is wrong.
SIGNED_WELL = re.compile(r"CLM|JSN|FMT-(23|25|26|28|29|31|40)|HDR-(08|32)")


@pytest.mark.parametrize("case", rows("attacks.public.json", "cases"), ids=lambda case: case["id"])
def test_attacks(case: dict[str, Any]) -> None:
    token, document = ATTACKS["tokens"][case["id"]], ATTACKS["jwks"][case["env"].get("jwks", "main")]
    local = "oct1" in case["env"].get("jwks", "")
    keys = load_keyset(document, symmetric=True) if local else document
    algorithms = ALL if case["env"].get("enable_hs_signatures") else ASYMMETRIC
    if case["expect"]["outcome"] == "accept":
        assert verify_compact(token, keys, algorithms=algorithms)
    elif not SIGNED_WELL.match(case["id"]):
        with pytest.raises(Refusal):
            verify_compact(token, keys, algorithms=algorithms)
    else:
        try:
            verify_compact(token, keys, algorithms=algorithms)
        except Refusal as refusal:
            assert refusal.status == 401  # noqa: PT017
