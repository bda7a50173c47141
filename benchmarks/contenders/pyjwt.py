"""PyJWT with its PyJWKClient, as its documentation shows it: verify only, and verify and sign anew."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import jwt

from benchmarks.measuring import Case, each
from benchmarks.provider import JWKS, Provider
from benchmarks.setups import wsgi
from benchmarks.tokens import AUDIENCE, ISSUER, supply, token
from jwt_signer_mw.jose import generate_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Client(jwt.PyJWKClient):
    """Fetches from nowhere; everything else is the library's."""

    def fetch_data(self) -> Any:
        data = json.loads(Provider().jwks)
        if self.jwk_set_cache is not None:
            self.jwk_set_cache.put(data)
        return data


_client = Client(JWKS)
_own = {alg: jwt.PyJWK(generate_key(alg).private_jwk()) for alg in ("RS256", "ES256")}


def verifying(environ: dict[str, Any]) -> dict[str, Any]:
    """The claims of the token in an environ."""
    text = environ["HTTP_AUTHORIZATION"].partition(" ")[2]
    key = _client.get_signing_key_from_jwt(text)
    claims: dict[str, Any] = jwt.decode(text, key, algorithms=["RS256"], audience=AUDIENCE, issuer=ISSUER)
    return claims


def signing(environ: dict[str, Any], alg: str) -> str:
    claims = verifying(environ)
    claims |= {"original_iss": claims["iss"], "iss": "kong"}
    return jwt.encode(claims, _own[alg], algorithm=alg, headers={"kid": _own[alg].key_id})


def cases() -> Iterator[Case]:
    environs = supply(200, lambda i: wsgi.environ(token(i)))
    yield Case("PyJWT + PyJWKClient, verify", each(lambda: verifying(environs())))
    for alg in _own:
        name = f"PyJWT + PyJWKClient, verify and sign {alg}"
        yield Case(name, each(partial(_sign_next, environs, alg)))


def _sign_next(environs: Callable[[], dict[str, Any]], alg: str) -> str:
    return signing(environs(), alg)
