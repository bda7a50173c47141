"""One key: what makes it usable, what it may be used for, and what it shows of itself (S5, S6, S8)."""

from __future__ import annotations

import dataclasses
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, rsa

from jwt_signer_mw.errors import SigningFailed
from jwt_signer_mw.jose import ASYMMETRIC, SIGNING_ALGORITHMS, SYMMETRIC, Key, generate_key, load_key
from jwt_signer_mw.jose.export import to_jwk
from jwt_signer_mw.wire import Malformed, decode_base64url, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE = b"eyJhbGciOiJub25lIn0.e30"
ALL = sorted(ASYMMETRIC | SYMMETRIC)
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

# RFC 7638 section 3.1
RFC7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK"
    "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic"
    "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3"
    "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


@pytest.fixture(scope="module")
def keys() -> dict[str, Key]:
    """One key per algorithm."""
    return {alg: generate_key(alg) for alg in ALL}


@pytest.fixture(scope="module")
def jwk(keys: dict[str, Key]) -> Callable[[str], dict[str, Any]]:
    """A fresh copy of the private JWK for an algorithm."""
    return lambda alg: dict(keys[alg].private_jwk())


# Signing and verifying ------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ALL)
def test_what_it_signs_it_verifies(alg: str, keys: dict[str, Key]) -> None:
    key = keys[alg]
    signature = key.sign(alg, MESSAGE)
    assert key.verify(alg, MESSAGE, signature)
    assert not key.verify(alg, MESSAGE + b"x", signature)
    assert not key.verify(alg, MESSAGE, bytes(len(signature)))
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    assert not key.verify(alg, MESSAGE, flipped)


@pytest.mark.parametrize("alg", ALL)
def test_signatures_have_one_length(alg: str, keys: dict[str, Key]) -> None:
    """S11: RSA the modulus, ECDSA r and s, Ed25519 64, HMAC the whole hash."""
    key = keys[alg]
    signature = key.sign(alg, MESSAGE)
    sizes = {"ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64, "HS256": 32, "HS384": 48, "HS512": 64}
    assert len(signature) == sizes.get(alg, 256)
    for wrong in (b"", signature[:-1], signature + b"\0", b"\0" + signature, signature[:16], signature * 2):
        assert not key.verify(alg, MESSAGE, wrong)


@pytest.mark.parametrize("alg", ALL)
def test_a_key_with_alg_serves_that_one_only(alg: str, keys: dict[str, Key]) -> None:
    key = keys[alg]
    assert list(key.algorithms) == [alg]
    for other in [*ALL, "none", "ES256K", "", "RS1"]:
        assert key.fits(other) is (other == alg)
        assert key.can_sign(other) is (other == alg)
        if other != alg:
            assert not key.verify(other, MESSAGE, key.sign(alg, MESSAGE))
            with pytest.raises(SigningFailed):
                key.sign(other, MESSAGE)


def test_an_ecdsa_signature_in_asn1_form_is_refused(keys: dict[str, Key]) -> None:
    raw = keys["ES256"].sign("ES256", MESSAGE)
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    parts = b"".join(b"\x02%c%b" % (33, b"\0" + number.to_bytes(32)) for number in (r, s))
    assert not keys["ES256"].verify("ES256", MESSAGE, b"\x30%c%b" % (len(parts), parts))


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_zero_is_no_ecdsa_signature(alg: str, keys: dict[str, Key]) -> None:
    half = len(keys[alg].sign(alg, MESSAGE)) // 2
    for r, s in ((0, 0), (0, 1), (1, 0)):
        assert not keys[alg].verify(alg, MESSAGE, r.to_bytes(half) + s.to_bytes(half))


def test_ecdsa_never_uses_a_nonce_twice(keys: dict[str, Key]) -> None:
    signatures = {keys["ES256"].sign("ES256", b"%d" % number)[:32] for number in range(50)}
    assert len(signatures) == 50


def test_an_ed25519_signature_has_one_form(keys: dict[str, Key]) -> None:
    """RFC 8032 section 5.1.7: S plus the order would be a second signature of the same message."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = keys["EdDSA"].sign("EdDSA", MESSAGE)
    second = int.from_bytes(signature[32:], "little") + order
    assert not keys["EdDSA"].verify("EdDSA", MESSAGE, signature[:32] + second.to_bytes(32, "little"))


def test_ed448() -> None:
    key = load_key(to_jwk(ed448.Ed448PrivateKey.generate()))
    signature = key.sign("EdDSA", MESSAGE)
    assert (key.crv, len(signature)) == ("Ed448", 114)
    assert key.verify("EdDSA", MESSAGE, signature)
    order = 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885
    second = int.from_bytes(signature[57:], "little") + order
    assert not key.verify("EdDSA", MESSAGE, signature[:57] + second.to_bytes(57, "little"))
    assert load_key(key.private_jwk()).thumbprint == key.thumbprint


def test_pss_asks_for_a_salt_as_long_as_the_hash(jwk: Callable[[str], dict[str, Any]]) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    members = {
        name: int.from_bytes(decode_base64url(value))
        for name, value in jwk("PS256").items()
        if name in "n e d p q"
    }
    own = rsa.RSAPrivateNumbers(
        members["p"],
        members["q"],
        members["d"],
        rsa.rsa_crt_dmp1(members["d"], members["p"]),
        rsa.rsa_crt_dmq1(members["d"], members["q"]),
        rsa.rsa_crt_iqmp(members["p"], members["q"]),
        rsa.RSAPublicNumbers(members["e"], members["n"]),
    ).private_key()
    key = load_key(jwk("PS256"))
    for salt, good in ((32, True), (20, False), (0, False), (222, False)):
        mask = padding.MGF1(hashes.SHA256())
        assert (
            key.verify("PS256", MESSAGE, own.sign(MESSAGE, padding.PSS(mask, salt), hashes.SHA256())) is good
        )
    other_mask = padding.PSS(padding.MGF1(hashes.SHA512()), 32)
    assert not key.verify("PS256", MESSAGE, own.sign(MESSAGE, other_mask, hashes.SHA256()))


class Broken:
    """A primitive whose backend fails in a way that nobody foresaw."""

    def sign(self, _message: bytes) -> bytes:
        raise RuntimeError("d is 12345")

    verify = sign


def test_a_failing_backend_is_an_error_of_ours(keys: dict[str, Key]) -> None:
    broken: Any = Broken()
    key = dataclasses.replace(keys["RS256"], _verifiers={"RS256": (broken, 4)}, _signers={"RS256": broken})
    assert not key.verify("RS256", MESSAGE, b"four")
    with pytest.raises(SigningFailed) as caught:
        key.sign("RS256", MESSAGE)
    assert "12345" not in caught.value.detail
    assert caught.value.__suppress_context__


def test_one_key_serves_many_threads(keys: dict[str, Key]) -> None:
    def use(number: int) -> bool:
        message = b"%d" % number
        return all(key.verify(alg, message, key.sign(alg, message)) for alg, key in keys.items())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(32)))


# What a JWK may declare -----------------------------------------------------------------------------


def test_an_rsa_key_without_alg_fits_all_six(jwk: Callable[[str], dict[str, Any]]) -> None:
    bare = jwk("RS256")
    del bare["alg"]
    key = load_key(bare)
    assert set(key.algorithms) == {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
    for alg in key.algorithms:
        assert key.verify(alg, MESSAGE, key.sign(alg, MESSAGE))
    assert not key.verify("PS256", MESSAGE, key.sign("RS256", MESSAGE))


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "EdDSA"])
def test_a_curve_fits_its_algorithm_only(alg: str, jwk: Callable[[str], dict[str, Any]]) -> None:
    bare = jwk(alg)
    del bare["alg"]
    assert list(load_key(bare).algorithms) == [alg]


@pytest.mark.parametrize("size, algorithms", [(32, 1), (47, 1), (48, 2), (63, 2), (64, 3), (200, 3)])
def test_a_secret_serves_the_hashes_that_it_is_long_enough_for(size: int, algorithms: int) -> None:
    key = load_key({"kty": "oct", "k": encode_base64url(b"s" * size)}, symmetric=True)
    assert list(key.algorithms) == ["HS256", "HS384", "HS512"][:algorithms]


@pytest.mark.parametrize("alg", ALL)
def test_an_alg_of_another_type_or_curve(alg: str, jwk: Callable[[str], dict[str, Any]]) -> None:
    kty_and_curve = {name: load_key(jwk(name), symmetric=True) for name in ALL}
    for other in ALL:
        own, foreign = kty_and_curve[alg], kty_and_curve[other]
        if (own.kty, own.crv) != (foreign.kty, foreign.crv):
            with pytest.raises(Malformed):
                load_key(jwk(alg) | {"alg": other}, symmetric=True)


@pytest.mark.parametrize(
    "alg", ["RSA-OAEP", "RS1", "none", "", "rs256", "HS256", "ES256K", "Ed25519", "RS256 "]
)
def test_an_alg_that_is_none_of_ours(alg: str, jwk: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        load_key(jwk("RS256") | {"alg": alg})


@pytest.mark.parametrize("member", ["kid", "alg", "kty", "use"])
@pytest.mark.parametrize("value", [None, 1, True, [], {}, ["sig"], 1.5, "\ud800"])
def test_members_of_the_wrong_type(member: str, value: object, jwk: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        load_key(jwk("ES256") | {member: value})


@pytest.mark.parametrize("use", ["enc", "", "SIG", "sig "])
def test_a_key_for_another_use(use: str, jwk: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(Malformed, match="use"):
        load_key(jwk("RS256") | {"use": use})


@pytest.mark.parametrize(
    "operations, verifies, signs",
    [
        (["verify"], True, False),
        (["sign"], False, True),
        (["verify", "sign"], True, True),
        (["verify", "encrypt", "something"], True, False),
    ],
)
def test_key_ops(
    operations: list[str], verifies: bool, signs: bool, jwk: Callable[[str], dict[str, Any]]
) -> None:
    key = load_key(jwk("RS256") | {"key_ops": operations})
    assert (key.fits("RS256"), key.can_sign("RS256")) == (verifies, signs)


@pytest.mark.parametrize(
    "operations", [[], ["encrypt"], "verify", None, {}, [1], ["verify", "verify"], [["verify"]], ["Verify"]]
)
def test_key_ops_that_allow_nothing(operations: object, jwk: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(Malformed, match="key_ops"):
        load_key(jwk("RS256") | {"key_ops": operations})


def test_a_public_key_whose_only_operation_is_sign(keys: dict[str, Key]) -> None:
    with pytest.raises(Malformed, match="key_ops"):
        load_key(keys["RS256"].public_jwk() | {"key_ops": ["sign"]})


def test_oct_keys_are_taken_only_where_they_are_asked_for(jwk: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(Malformed, match="oct"):
        load_key(jwk("HS256"))


@pytest.mark.parametrize("size", [0, 1, 5, 16, 31])
def test_a_short_secret(size: int) -> None:
    with pytest.raises(Malformed):
        load_key({"kty": "oct", "k": encode_base64url(b"s" * size)}, symmetric=True)


def test_a_secret_shorter_than_its_hash() -> None:
    with pytest.raises(Malformed):
        load_key({"kty": "oct", "alg": "HS512", "k": encode_base64url(b"s" * 63)}, symmetric=True)


def test_any_value_of_any_member_is_malformed_at_worst(jwk: Callable[[str], dict[str, Any]]) -> None:
    values: list[Any] = [
        None,
        0,
        1.5,
        True,
        "",
        "A",
        "AA",
        "~}}",
        "====",
        "é",
        "\ud800",
        [],
        {},
        [1],
        "A" * 5000,
    ]
    for alg in ("RS256", "ES256", "EdDSA", "HS256"):
        for member in jwk(alg):
            for value in values:
                try:
                    load_key(jwk(alg) | {member: value}, symmetric=True)
                except Malformed as reason:
                    assert "\ud800" not in str(reason)  # noqa: PT017
            rest = {name: value for name, value in jwk(alg).items() if name != member}
            try:
                load_key(rest, symmetric=True)
            except Malformed:
                continue


@pytest.mark.parametrize("value", [None, [], "text", 7, b"{}"])
def test_no_mapping(value: Any) -> None:
    with pytest.raises(Malformed):
        load_key(value)


# RSA --------------------------------------------------------------------------------------------------


def number(value: int) -> str:
    return encode_base64url(value.to_bytes((value.bit_length() + 7) // 8))


@pytest.mark.parametrize("bits", [512, 1024, 2047, 8193, 16384])
def test_rsa_sizes_out_of_range(bits: int) -> None:
    with pytest.raises(Malformed, match=f"{bits} bits"):
        load_key({"kty": "RSA", "n": number((1 << (bits - 1)) + 1), "e": "AQAB"})


def test_a_real_rsa_key_of_1024_bits() -> None:
    with pytest.raises(Malformed, match="1024 bits"):
        load_key(to_jwk(rsa.generate_private_key(65537, 1024)))


@pytest.mark.parametrize("bits", [2048, 3072, 8192])
def test_rsa_sizes_in_range(bits: int) -> None:
    modulus = (1 << (bits - 1)) + 15
    key = load_key({"kty": "RSA", "n": number(modulus), "e": "AQAB"})
    assert not key.verify("RS256", MESSAGE, bytes(bits // 8))


@pytest.mark.parametrize("exponent", [0, 1, 2, 4, 65536, (1 << 32) + 1, 1 << 2048])
def test_rsa_exponents_out_of_range(exponent: int) -> None:
    with pytest.raises(Malformed):
        load_key(RFC7638 | {"e": number(exponent) or "AA"})


def test_an_even_rsa_modulus() -> None:
    modulus = int.from_bytes(decode_base64url(RFC7638["n"])) + 1
    with pytest.raises(Malformed):
        load_key(RFC7638 | {"n": number(modulus)})


def test_a_leading_zero_octet_does_not_change_the_number() -> None:
    """Some libraries write one (RFC 7518 section 6.3.1.1); the thumbprint is that of the number."""
    padded = encode_base64url(b"\0" + decode_base64url(RFC7638["n"]))
    key = load_key(RFC7638 | {"n": padded})
    assert key.thumbprint == load_key(RFC7638).thumbprint
    assert key.public_jwk()["n"] == RFC7638["n"]


@pytest.mark.parametrize(
    "members",
    [
        {"n": RFC7638["n"].replace("_", "/")},
        {"n": RFC7638["n"] + "=="},
        {"n": 7},
        {"e": 65537},
        {"e": ""},
        {"n": ""},
    ],
)
def test_rsa_members_that_are_no_base64url(members: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        load_key(RFC7638 | members)


# EC and OKP -------------------------------------------------------------------------------------------


def test_a_point_off_its_curve(jwk: Callable[[str], dict[str, Any]]) -> None:
    for alg in ("ES256", "ES384", "ES512"):
        public = jwk(alg)
        public["x"], public["y"] = public["y"], public["x"]
        with pytest.raises(Malformed):
            load_key(public)
        with pytest.raises(Malformed):
            load_key(public | {"x": "AA", "y": "AA"})


@pytest.mark.parametrize("crv", ["P-384", "P-521", "secp256k1", "P-1024", "Ed25519", "", None, 1])
def test_a_point_of_another_curve(crv: object, jwk: Callable[[str], dict[str, Any]]) -> None:
    public = jwk("ES256") | {"crv": crv}
    del public["alg"]
    with pytest.raises(Malformed):
        load_key(public)


def test_a_coordinate_may_lack_its_leading_zeros_but_not_have_more(keys: dict[str, Key]) -> None:
    while True:
        public = generate_key("ES256").public_jwk()
        x = decode_base64url(public["x"])
        if x[0] == 0:
            break
    short = load_key(public | {"x": encode_base64url(x[1:])})
    assert short.public_jwk() == public
    with pytest.raises(Malformed, match="long"):
        load_key(public | {"x": encode_base64url(b"\0" + x)})


def test_without_crv_the_alg_tells_the_curve(keys: dict[str, Key]) -> None:
    for alg in ("ES256", "ES384", "ES512"):
        public = {name: value for name, value in keys[alg].public_jwk().items() if name != "crv"}
        assert load_key(public).crv == keys[alg].crv
        del public["alg"]
        if alg == "ES256":
            assert load_key(public).crv == "P-256"
        else:
            with pytest.raises(Malformed):
                load_key(public)


@pytest.mark.parametrize("crv", ["X25519", "X448", "Ed448", "P-256", "ed25519", None, 0])
def test_an_edwards_key_of_another_curve(crv: object, jwk: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        load_key(jwk("EdDSA") | {"crv": crv})


@pytest.mark.parametrize("size", [0, 5, 31, 33])
def test_an_edwards_point_of_another_size(size: int) -> None:
    with pytest.raises(Malformed):
        load_key({"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(b"x" * size)})


# Private halves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_halves_that_do_not_match(alg: str, jwk: Callable[[str], dict[str, Any]]) -> None:
    stranger = generate_key(alg).private_jwk()
    private = {name: value for name, value in stranger.items() if name in PRIVATE_MEMBERS}
    with pytest.raises(Malformed, match="half"):
        load_key(jwk(alg) | private)
    if alg == "RS256":
        with pytest.raises(Malformed, match="half"):
            load_key(jwk(alg) | {"d": stranger["d"]})


@pytest.mark.parametrize("member", ["p", "q", "dp", "dq", "qi"])
def test_rsa_private_members_are_complete_and_consistent(
    member: str, jwk: Callable[[str], dict[str, Any]]
) -> None:
    private = jwk("RS256")
    changed = int.from_bytes(decode_base64url(private[member])) ^ 2
    with pytest.raises(Malformed):
        load_key(private | {member: number(changed)})
    with pytest.raises(Malformed):
        load_key({name: value for name, value in private.items() if name != member})
    with pytest.raises(Malformed):
        load_key(private | {member: "AQ"})


def test_rsa_primes_are_computed_where_they_are_missing(jwk: Callable[[str], dict[str, Any]]) -> None:
    private = jwk("RS256")
    bare = {name: private[name] for name in ("kty", "n", "e", "d", "alg")}
    key = load_key(bare)
    assert key.verify("RS256", MESSAGE, key.sign("RS256", MESSAGE))
    assert {key.private_jwk()["p"], key.private_jwk()["q"]} == {private["p"], private["q"]}
    for wrong in ("AQ", number(12345), number(1 << 2100)):
        with pytest.raises(Malformed, match="half"):
            load_key(bare | {"d": wrong})


def test_multi_prime_rsa_is_refused(jwk: Callable[[str], dict[str, Any]]) -> None:
    """RFC 7518 section 6.3.2.7: who does not support `oth` must not use the key."""
    with pytest.raises(Malformed, match="primes"):
        load_key(jwk("RS256") | {"oth": []})


@pytest.mark.parametrize("d", ["AA", "AQ", encode_base64url(b"\xff" * 32), encode_base64url(b"\1" * 33), ""])
def test_an_impossible_ec_scalar(d: str, jwk: Callable[[str], dict[str, Any]]) -> None:
    with pytest.raises(Malformed):
        load_key(jwk("ES256") | {"d": d})


def test_a_private_half_can_be_left_behind(jwk: Callable[[str], dict[str, Any]]) -> None:
    for alg in ("RS256", "ES256", "EdDSA"):
        key = load_key(jwk(alg), private=False)
        assert not key.is_private
        assert not key.can_sign(alg)
        assert key.fits(alg)
        with pytest.raises(ValueError, match="private"):
            key.private_jwk()
        assert load_key(jwk(alg) | {"d": "nonsense"}, private=False).fits(alg)  # not even looked at


# What a key shows of itself ---------------------------------------------------------------------------


def test_thumbprint_of_rfc_7638() -> None:
    assert load_key(RFC7638).thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_thumbprint_of_rfc_8037() -> None:
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    key = load_key({"kty": "OKP", "crv": "Ed25519", "x": x})
    assert key.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_thumbprint_of_a_secret() -> None:
    k = encode_base64url(b"s" * 32)
    digest = hashlib.sha256(f'{{"k":"{k}","kty":"oct"}}'.encode()).digest()
    assert load_key({"kty": "oct", "k": k}, symmetric=True).thumbprint == encode_base64url(digest)


@pytest.mark.parametrize("alg", ALL)
def test_jwks_round_trip(alg: str, keys: dict[str, Key]) -> None:
    key = keys[alg]
    again = load_key(key.private_jwk(), symmetric=True)
    assert again.private_jwk() == key.private_jwk()
    assert (again.kid, again.alg, again.thumbprint) == (key.kid, key.alg, key.thumbprint)
    assert again.verify(alg, MESSAGE, key.sign(alg, MESSAGE))


@pytest.mark.parametrize("alg", sorted(ASYMMETRIC))
def test_the_public_jwk_has_no_private_member(alg: str, keys: dict[str, Key]) -> None:
    public = keys[alg].public_jwk()
    assert not PRIVATE_MEMBERS & public.keys()
    assert public["use"] == "sig"
    assert load_key(public).verify(alg, MESSAGE, keys[alg].sign(alg, MESSAGE))
    assert not load_key(public).is_private


def test_a_secret_has_no_public_half(keys: dict[str, Key]) -> None:
    for alg in sorted(SYMMETRIC):
        with pytest.raises(ValueError, match="public"):
            keys[alg].public_jwk()


def test_a_key_without_kid_is_published_under_its_thumbprint() -> None:
    nameless = {name: value for name, value in RFC7638.items() if name != "kid"}
    key = load_key(nameless)
    assert key.kid is None
    assert key.published_kid == key.public_jwk()["kid"] == key.thumbprint
    assert load_key(RFC7638).public_jwk()["kid"] == "2011-04-29"


@pytest.mark.parametrize("alg", ALL)
def test_no_secret_in_the_repr(alg: str, keys: dict[str, Key]) -> None:
    shown = repr(keys[alg]) + str(keys[alg])
    for member, value in keys[alg].private_jwk().items():
        if member in PRIVATE_MEMBERS:
            assert value not in shown


def test_a_key_does_not_change(keys: dict[str, Key]) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        keys["RS256"].alg = "none"  # type: ignore[misc]
    keys["RS256"].public_jwk()["n"] = "AQAB"
    assert keys["RS256"].public_jwk()["n"] != "AQAB"


# New keys ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ALL)
def test_generated_keys(alg: str, keys: dict[str, Key]) -> None:
    key = keys[alg]
    assert (key.alg, key.kid, key.is_private) == (alg, key.thumbprint, True)
    assert key.can_sign(alg)
    private = key.private_jwk()
    assert private["use"] == "sig"
    if key.kty == "oct":
        assert len(decode_base64url(private["k"])) == int(alg[2:]) // 8
    if key.kty == "RSA":
        assert int.from_bytes(decode_base64url(private["n"])).bit_length() == 2048
    assert generate_key("EdDSA").thumbprint != generate_key("EdDSA").thumbprint


@pytest.mark.parametrize("alg", ["none", "", "RS1", "rs256", "ES256K"])
def test_no_key_for_a_foreign_algorithm(alg: str) -> None:
    with pytest.raises(ValueError, match="algorithm"):
        generate_key(alg)


def test_the_choices_of_signing_algorithm() -> None:
    assert len(SIGNING_ALGORITHMS) == len(set(SIGNING_ALGORITHMS)) == 12
    assert set(SIGNING_ALGORITHMS) == (ASYMMETRIC | SYMMETRIC) - {"RS384"}
    assert not ASYMMETRIC & SYMMETRIC


def test_no_kid_of_ours_looks_like_an_option() -> None:
    """On a command line, `-abc` is an option and no name."""
    assert not any(generate_key("ES256").published_kid.startswith("-") for _ in range(300))
