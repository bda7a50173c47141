"""python-jose as its documentation shows it, and with a key that is built once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jose import jwk, jwt

from benchmarks.measuring import Case, each
from benchmarks.provider import Provider
from benchmarks.tokens import AUDIENCE, ISSUER, supply, token
from jwt_signer_mw.jose import generate_key

if TYPE_CHECKING:
    from collections.abc import Iterator


def cases() -> Iterator[Case]:
    tokens = supply(200, token)
    document = json.loads(Provider().jwks)
    prebuilt = jwk.construct(document["keys"][0], "RS256")
    own = jwk.construct(generate_key("RS256").private_jwk(), "RS256")

    def verify(key: object) -> dict[str, object]:
        return jwt.decode(tokens(), key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)  # type: ignore[arg-type]

    def sign_anew() -> str:
        claims = verify(prebuilt)
        return jwt.encode(claims | {"original_iss": claims["iss"], "iss": "kong"}, own, "RS256")

    yield Case("python-jose, verify by the JWKS document", each(lambda: verify(document)))
    yield Case("python-jose, verify by a key that is built once", each(lambda: verify(prebuilt)))
    yield Case("python-jose, verify and sign RS256, keys built once", each(sign_anew))
