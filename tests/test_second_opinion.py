"""Three other libraries on the same tokens: what we sign they verify, and what we accept they accept.

python-jose is asked through its own front door, for the algorithms that it has itself.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from jose import jws as python_jose
from joserfc import jws as joserfc
from joserfc.jwk import import_key

from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.jose import (
    ASYMMETRIC,
    SIGNING_ALGORITHMS,
    SYMMETRIC,
    Key,
    generate_key,
    load_key,
    load_keyset,
    sign_compact,
    verify_compact,
)
from parts import CORPORA

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 9864 wants EdDSA to be called by its curve; the plugin's parameter has the older name.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")

ALL = sorted(ASYMMETRIC | SYMMETRIC)
PAYLOAD = b'{"sub":"alice","n":9007199254740993,"name":"\xc3\xa9"}'
KEYS: dict[str, Key] = {alg: generate_key(alg) for alg in ALL}


def public(key: Key) -> dict[str, str]:
    return key.private_jwk() if key.kty == "oct" else key.public_jwk()


def by_pyjwt(token: str, jwk: dict[str, Any], alg: str) -> bytes:
    payload: bytes = jwt.PyJWS().decode(token, jwt.PyJWK(jwk, algorithm=alg), algorithms=[alg])
    return payload


def by_joserfc(token: str, jwk: dict[str, Any], alg: str) -> bytes:
    return joserfc.deserialize_compact(token, import_key(jwk), algorithms=[alg]).payload


def by_python_jose(token: str, jwk: dict[str, Any], alg: str) -> bytes:
    payload: bytes = python_jose.verify(token, jwk, [alg])
    return payload


OPINIONS: dict[str, Callable[[str, dict[str, Any], str], bytes]] = {
    "PyJWT": by_pyjwt,
    "joserfc": by_joserfc,
    "python-jose": by_python_jose,
}
PAIRS = [
    (name, alg)
    for name in OPINIONS
    for alg in ALL
    if name != "python-jose" or alg.startswith(("RS", "ES", "HS"))
]


@pytest.mark.parametrize("name, alg", PAIRS)
def test_what_we_sign_they_verify(name: str, alg: str) -> None:
    token = sign_compact(PAYLOAD, KEYS[alg], alg)
    assert OPINIONS[name](token, public(KEYS[alg]), alg) == PAYLOAD
    with pytest.raises(Exception, match=r".*"):
        OPINIONS[name](token, public(generate_key(alg)), alg)


def test_every_signing_algorithm_has_two_opinions_at_least() -> None:
    for alg in SIGNING_ALGORITHMS:
        assert len([name for name, paired in PAIRS if paired == alg]) >= 2


@pytest.mark.parametrize("alg", ALL)
def test_what_pyjwt_signs_we_verify(alg: str) -> None:
    key = KEYS[alg]
    token = jwt.PyJWS().encode(PAYLOAD, jwt.PyJWK(dict(key.private_jwk()), alg), alg, {"kid": key.kid})
    assert verify_compact(token, {"keys": [public(key)]}, algorithms=[alg]) == PAYLOAD


@pytest.mark.parametrize("alg", ALL)
def test_what_joserfc_signs_we_verify(alg: str) -> None:
    key = KEYS[alg]
    header = {"alg": alg, "kid": key.published_kid}
    token = joserfc.serialize_compact(header, PAYLOAD, import_key(dict(key.private_jwk())), algorithms=[alg])
    assert verify_compact(token, {"keys": [public(key)]}, algorithms=[alg]) == PAYLOAD


@pytest.mark.parametrize("alg", [alg for name, alg in PAIRS if name == "python-jose"])
def test_what_python_jose_signs_we_verify(alg: str) -> None:
    token = python_jose.sign(PAYLOAD, dict(KEYS[alg].private_jwk()), {"kid": KEYS[alg].kid}, alg)
    assert verify_compact(token, {"keys": [public(KEYS[alg])]}, algorithms=[alg]) == PAYLOAD


@pytest.mark.parametrize("alg", ALL)
def test_thumbprints_and_keys_of_joserfc(alg: str) -> None:
    theirs = import_key(dict(KEYS[alg].private_jwk()))
    assert theirs.thumbprint() == KEYS[alg].thumbprint
    ours = load_key(theirs.as_dict(private=True), symmetric=True)
    assert ours.private_jwk() == KEYS[alg].private_jwk()


@pytest.mark.parametrize("alg", ALL)
def test_what_we_accept_they_accept(alg: str) -> None:
    """Hundreds of damaged tokens: one that we accept and another library refuses would be our mistake."""
    key, accepted = KEYS[alg], 0
    token = sign_compact(PAYLOAD, key, alg)
    keys = load_keyset({"keys": [public(key)]}, symmetric=True)
    dice = random.Random(alg)
    for text in (token, *(_damaged(token, dice) for _ in range(300))):
        try:
            payload = verify_compact(text, keys, algorithms=[alg])
        except Refusal:
            continue
        accepted += 1
        assert by_pyjwt(text, public(key), alg) == by_joserfc(text, public(key), alg) == payload
    assert accepted >= 1


def _damaged(token: str, dice: random.Random) -> str:
    position = dice.randrange(len(token))
    other = dice.choice("ABCabc019-_=.+/ ")
    return dice.choice(
        [
            token[:position] + other + token[position + 1 :],
            token[:position] + token[position + 1 :],
            token[:position] + other + token[position:],
            token[:-1] + other,
            token + other,
        ]
    )


def test_attack_tokens_that_we_accept_they_accept() -> None:
    path = CORPORA / "attacks.tokens.public.json"
    if not path.is_file():
        pytest.skip("no ../shared/corpora beside the checkout")
    document = json.loads(path.read_bytes())
    main = {key["kid"]: key for key in document["jwks"]["main"]["keys"]}
    accepted = 0
    for token in document["tokens"].values():
        try:
            payload = verify_compact(token, document["jwks"]["main"], algorithms=ASYMMETRIC)
        except Refusal:
            continue
        header = jwt.get_unverified_header(token)
        assert by_pyjwt(token, main[header["kid"]], header["alg"]) == payload
        accepted += 1
    assert accepted > 50
