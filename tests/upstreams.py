"""A gateway with real sockets, for the services behind it: signs tokens and publishes its keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client

from jwt_signer_mw.jose import generate_key, load_key, sign_compact
from jwt_signer_mw.keysets.store import open_store
from jwt_signer_mw.testing import JWKS, Issuer
from jwt_signer_mw.wire import dump_json
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from wsgi_serving import Waitress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.test import TestResponse

    from jwt_signer_mw.flows.named import Named
    from stepping import FrozenClock

ALGORITHM = "ES256"
TOKEN = "a-secret-of-thirty-two-characters"


class Gateway:
    """`jwks` is the URL of its public keys; `fetches` counts how often they were asked for."""

    def __init__(self, folder: Path, clock: FrozenClock | None = None, **settings: Any) -> None:
        self.store: Any = settings.pop("keyset_store", f"sqlite:///{folder / 'state' / 'keysets.sqlite3'}")
        self.fetches = 0
        self.down = False
        self.now = clock
        self._issuer = Issuer(*([clock] if clock else []))
        self._middleware = JWTSignerMiddleware(
            _echo,
            {
                "access_token_jwks_uri": JWKS,
                "access_token_signing_algorithm": ALGORITHM,
                "channel_token_optional": True,
                "admin_token": TOKEN,
                **settings,
            },
            keyset_store=self.store,
            transport=self._issuer,
            clock=clock,
        )
        self._server = Waitress(self._serve)
        self.url = self._server.url
        self.jwks = f"{self.url}/jwt-signer/jwks/kong"

    def _serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.fetches += 1
        if self.down:
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        return self._middleware.admin(environ, start_response)

    @property
    def kong(self) -> Named:
        return self._middleware.assembly.keyring.sets()[0]  # type: ignore[return-value]

    def ask(self, **claims: Any) -> TestResponse:
        """The answer to a request with a token with these claims."""
        header = self._issuer.header(self._middleware.assembly.settings.access_token, claims)
        return Client(self._middleware).get("/", headers=[header])

    def token(self, **claims: Any) -> str:
        """What a service gets for such a request."""
        return str(self.ask(**claims).get_json()["Authorization"]).removeprefix("Bearer ")

    def admin(self, method: str, path: str = "/jwt-signer/jwks/kong") -> TestResponse:
        headers = [("Authorization", f"Bearer {TOKEN}")]
        return Client(self._middleware.admin).open(path, method=method, headers=headers)

    def forged(self, kid: str | None = None, **claims: Any) -> str:
        """Signed with a key of somebody else."""
        key = generate_key(ALGORITHM)
        if kid is not None:
            key = load_key({**key.private_jwk(), "kid": kid})
        return sign_compact(dump_json(claims), key, ALGORITHM)

    def signed(self, payload: bytes | Mapping[str, Any]) -> str:
        """By our key, whatever the payload is."""
        body = payload if isinstance(payload, bytes) else dump_json(dict(payload))
        return sign_compact(body, self.kong.signers[ALGORITHM], ALGORITHM)

    def rotate(self) -> None:
        self._middleware.driver.run(self.kong.rotate())

    def revoke(self, kid: str) -> None:
        self._middleware.driver.run(self.kong.revoke(kid))

    def stored_kids(self) -> list[str]:
        stored = open_store(self.store).load("kong")
        return [] if stored is None else [key.kid for key in stored.keys]

    def close(self) -> None:
        self._server.close()


def _echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"Authorization": environ.get("HTTP_AUTHORIZATION", "")}).encode()]
