"""A client for ASGI applications that signs: Starlette's, which is FastAPI's and must be installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.testclient import TestClient

from jwt_signer_mw.testing.provider import Provider
from jwt_signer_mw.testing.signing import sign_request
from jwt_signer_mw.testing.trust import trusting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.testclient import WebSocketTestSession

    from jwt_signer_mw.testing.issuer import Issuer


def _sending(method: str) -> Callable[..., Any]:
    def send(self: SigningClient, url: str, **options: Any) -> Any:
        return self.request(method, url, **options)

    return send


class SigningClient(TestClient):
    """Signs every request and websocket: `client.get("/orders", claims={"scope": "orders:read"})`."""

    def __init__(self, app: Any, *, issuer: Issuer, claims: Mapping[str, Any], **options: Any) -> None:
        super().__init__(app, **options)
        self.issuer, self.claims = issuer, claims

    def request(self, method: str, url: Any, **options: Any) -> Any:
        """`claims`, `channel_claims`, `flaw` and `policy`: see `sign_request`. Headers of one's own win."""
        self._sign(options)
        return super().request(method, url, **options)

    def websocket_connect(self, url: str, subprotocols: Any = None, **options: Any) -> WebSocketTestSession:
        self._sign(options)
        return super().websocket_connect(url, subprotocols, **options)

    def _sign(self, options: dict[str, Any]) -> None:
        signed = sign_request(self.issuer.headers, self.claims, options)
        own = dict(options.pop("headers", None) or {})
        taken = {name.lower() for name in own}
        options["headers"] = {**{k: v for k, v in signed.items() if k.lower() not in taken}, **own}

    get = _sending("GET")
    options = _sending("OPTIONS")
    head = _sending("HEAD")
    post = _sending("POST")
    put = _sending("PUT")
    patch = _sending("PATCH")
    delete = _sending("DELETE")


@contextmanager
def signing_client(app: Any, issuer: Issuer | None = None, **claims: Any) -> Iterator[SigningClient]:
    """A test client whose tokens the application trusts; the lifespan runs meanwhile.

    Raises `NotProtected`.
    """
    issuer = issuer or Provider()
    with trusting(app, issuer), SigningClient(app, issuer=issuer, claims=claims) as client:
        yield client
