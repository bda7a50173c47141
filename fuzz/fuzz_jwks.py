"""Key sets: JSON documents, single JWKs and PEM files, public and private, with and without secrets."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["jwt_signer_mw"]):
    from jwt_signer_mw.jose import generate_key, load_keyset, sign_compact, verify_compact
    from jwt_signer_mw.wire import Malformed

import json

from harness import fuzz

from jwt_signer_mw.errors import Refusal

KEYS = [generate_key(alg) for alg in ("RS256", "ES256", "ES384", "ES512", "EdDSA", "HS256")]
TOKEN = sign_compact(b"{}", generate_key("ES256"), "ES256")
PEM = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""


def one(data: bytes) -> None:
    for private in (False, True):
        try:
            keys = load_keyset(data, symmetric=True, private=private)
        except Malformed as error:
            assert len(str(error)) < 200
            continue
        for key in keys.keys:
            if key.kty != "oct":
                assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key.public_jwk())
            for alg in key.algorithms:
                assert not key.verify(alg, b"message", b"\0" * 64)
                if private and key.can_sign(alg):
                    assert key.verify(alg, b"message", key.sign(alg, b"message"))
        assert len(repr(keys.unusable)) < 10_000_000
    try:
        verify_compact(TOKEN, data, algorithms={"ES256", "HS256"})
    except Refusal:
        return
    raise AssertionError("a key that nobody has")


if __name__ == "__main__":
    documents = [json.dumps({"keys": [key.private_jwk() for key in KEYS]})]
    documents += [json.dumps({"keys": [key.private_jwk()]}) for key in KEYS]
    documents += [json.dumps(key.public_jwk()) for key in KEYS if key.kty != "oct"]
    fuzz(one, [*(text.encode() for text in documents), PEM])
