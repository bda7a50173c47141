"""Token text: the header of a request, the compact form, the claims, and the whole pipeline behind them."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["jwt_signer_mw"]):
    from jwt_signer_mw.errors import Refusal, TransportError
    from jwt_signer_mw.jose import generate_key, sign_compact
    from jwt_signer_mw.keysets.memory import MemoryStore
    from jwt_signer_mw.tokens.compact import looks_like_jwt, read_compact
    from jwt_signer_mw.wsgi import JWTSignerMiddleware

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness import fuzz, segment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.flows.commands import Exchange, Reply

CLAIMS = b'{"iss":"https://issuer.example","sub":"alice","exp":4102444800,"scope":"read","aud":["a","b"]}'
KEY = generate_key("ES256")
GOOD = sign_compact(CLAIMS, KEY, "ES256")
SEEDS = [
    b"Bearer " + GOOD.encode(),
    b"Basic eDp5",
    b"bearer opaque-token",
    f"Bearer {segment({'alg': 'none'})}.{segment({})}.".encode(),
    f"Bearer {segment({'alg': 'ES256', 'crit': ['b64'], 'b64': False})}.e30.{segment(b'0' * 64)}".encode(),
    f"Bearer {segment({'alg': 'HS256', 'kid': '../../dev/null', 'jku': 'https://x.example'})}.e30.AAAA".encode(),
]


class Silent:
    """A provider that nobody may ask because of what a token says."""

    def send(self, exchange: Exchange) -> Reply:
        if exchange.url != "https://idp.example/introspect":
            raise AssertionError(f"asked {exchange.url}")
        raise TransportError("down")


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")]


logging.getLogger("jwt_signer_mw").setLevel(logging.CRITICAL)
MIDDLEWARE = JWTSignerMiddleware(
    application,
    {
        # signatures are not checked, so that mutated claims come as far as the new token
        "verify_access_token_signature": False,
        "access_token_introspection_endpoint": "https://idp.example/introspect",
        "access_token_scopes_required": ["read"],
        "access_token_audiences_allowed": ["a"],
        "access_token_consumer_claim": ["sub"],
        "consumers": [{"id": "1", "username": "alice"}],
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        "keyset_store": "memory://",
    },
    keyset_store=MemoryStore(),
    transport=Silent(),
)


def one(data: bytes) -> None:
    text = data.decode("latin-1")
    looks_like_jwt(text)
    with suppress(Refusal):
        read_compact(text)
    _through(text)
    if data.startswith(b"{"):  # claims of a signed token
        _through(f"Bearer {segment({'alg': 'ES256'})}.{segment(data)}.{segment(b'0' * 64)}")


def _through(value: str) -> None:
    answers: list[tuple[str, list[tuple[str, str]]]] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "HTTP_HOST": value[:40],
        "HTTP_AUTHORIZATION": value,
    }
    body = MIDDLEWARE(environ, lambda status, headers: answers.append((status, headers)))  # type: ignore[arg-type, return-value]
    ((status, headers),) = answers
    if status.startswith("200"):
        assert b"".join(body) not in (b"", value.encode("latin-1")), "the client's own token came through"
    else:
        assert status[:3] in {"401", "403", "503"}, status
        assert all(value.isascii() and value.isprintable() for _, value in headers)


if __name__ == "__main__":
    fuzz(one, [*SEEDS, CLAIMS])
