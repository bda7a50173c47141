"""An identity provider: signs JWTs, hands out opaque tokens, publishes its keys and introspects.

It is built on PyJWT and knows nothing of the suite. Whoever reaches it gets tokens: it listens on
loopback only.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from jwt.utils import base64url_encode
from werkzeug.wrappers import Request, Response

from jwt_signer_mw.demo.serving import ANY_PORT, serving

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LIFETIME = 300  # seconds
MAX_CALLS = 100  # remembered until somebody takes them
CLIENT = "gateway"  # the client that may introspect
PROTOCOL = ("/jwks", "/introspect")  # what the gateway asks for; the other paths are for whoever tries


class SigningKey(NamedTuple):
    """A private key and the identifier under which its public half is published."""

    kid: str
    private: rsa.RSAPrivateKey

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(secrets.token_hex(4), rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def public_jwk(self) -> dict[str, Any]:
        members = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**members, "kid": self.kid, "alg": "RS256", "use": "sig", "key_ops": ["verify"]}


class Call(NamedTuple):
    """One request that the provider got from the gateway."""

    method: str
    path: str
    status: int


class IdentityProvider:
    """A WSGI application; `origin`, which is also its issuer, is known once it is served."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.origin = ""
        self.client_secret = secrets.token_urlsafe(24)
        self.down = False
        self._key = SigningKey.generate()
        self._active: dict[str, dict[str, Any]] = {}
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)

    @contextmanager
    def served(self, port: int = ANY_PORT) -> Iterator[IdentityProvider]:
        """Serve it while the context is open. Raises `OSError` for a port that is taken."""
        with serving(self, port) as self.origin:
            yield self

    @property
    def jwks_uri(self) -> str:
        return f"{self.origin}/jwks"

    @property
    def introspection_endpoint(self) -> str:
        return f"{self.origin}/introspect"

    @property
    def kid(self) -> str:
        return self._key.kid

    def claims(self, /, **changes: Any) -> dict[str, Any]:
        """The claims of a new token for `alice`, with these changes."""
        now = int(time.time())
        usual = {"iss": self.origin, "sub": "alice", "aud": "orders", "scope": "read"}
        return {**usual, "iat": now, "exp": now + LIFETIME, "jti": secrets.token_hex(4), **changes}

    def mint(self, key: SigningKey | None = None, **changes: Any) -> str:
        """A JWT with these claims; `key` signs in place of the provider's own, under its `kid`."""
        signer = self._key if key is None else key
        return jwt.encode(self.claims(**changes), signer.private, "RS256", headers={"kid": self.kid})

    def forge(self, **changes: Any) -> str:
        """A JWT that names the provider's key, signed with somebody else's."""
        return self.mint(SigningKey.generate(), **changes)

    def unsigned(self, **changes: Any) -> str:
        """A JWT whose header says `alg: none`."""
        return jwt.encode(self.claims(**changes), "", "none")

    def compose(
        self, header: Mapping[str, Any], claims: Mapping[str, Any], key: SigningKey | None = None
    ) -> str:
        """A compact token with exactly this header and these claims, whatever they say, and an RS256
        signature."""
        signer = self._key if key is None else key
        message = b".".join(base64url_encode(json.dumps(part).encode()) for part in (header, claims))
        signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(message, signer.private)
        return (message + b"." + base64url_encode(signature)).decode()

    def issue(self, /, **changes: Any) -> str:
        """An opaque token: its claims stay here and are told by introspection."""
        self._active = {token: claims for token, claims in self._active.items() if _is_live(claims)}
        token = secrets.token_urlsafe(24)
        self._active[token] = self.claims(**changes)
        return token

    def introspection(self, token: str) -> dict[str, Any]:
        """What the introspection endpoint says about an opaque token."""
        claims = self._active.get(token)
        if claims is None or not _is_live(claims):
            return {"active": False}
        return {"active": True, "client_id": "shop", "token_type": "Bearer", **claims}

    def metadata(self) -> dict[str, str]:
        """OpenID Connect Discovery 1.0 section 3, as much of it as there is."""
        endpoints = {"jwks_uri": self.jwks_uri, "introspection_endpoint": self.introspection_endpoint}
        return {"issuer": self.origin, **endpoints}

    def revoke(self, token: str) -> bool:
        """Whether it is an opaque token that was active, and is no longer."""
        return self._active.pop(token, None) is not None

    def expire(self, token: str) -> bool:
        """Whether it is an opaque token that was active; it expired a second ago now."""
        claims = self._active.get(token)
        if claims is None:
            return False
        claims["exp"] = int(time.time()) - 1
        return True

    def rotate(self) -> None:
        """Take a new key; the old one is published no longer."""
        self._key = SigningKey.generate()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """While the context is open, it answers neither for its keys nor for tokens."""
        self.down = True
        try:
            yield
        finally:
            self.down = False

    def take_calls(self) -> tuple[Call, ...]:
        """What the gateway asked since this was asked last."""
        calls = tuple(self._calls)
        self._calls.clear()
        return calls

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        response = self._answer(request)
        if request.path in PROTOCOL:
            self._calls.append(Call(request.method, request.path, response.status_code))
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if self.down and request.path in PROTOCOL:
            return Response("down for maintenance\n", 503)
        match request.method, request.path:
            case "GET", "/jwks":
                return _json({"keys": [self._key.public_jwk()]}, "application/jwk-set+json")
            case "GET", "/.well-known/openid-configuration":
                return _json(self.metadata())
            case "POST", "/introspect":
                return self._introspect(request)
            case "GET", "/token":
                return self._token(request)
            case "POST", "/rotate":
                self.rotate()
                return Response(f"{self.name}: new key {self.kid}\n")
            case "POST", ("/stop" | "/start") as path:
                self.down = path == "/stop"
                return Response(f"{self.name}: {'down' if self.down else 'up'}\n")
        return Response("not found\n", 404)

    def _introspect(self, request: Request) -> Response:
        """RFC 7662, with HTTP Basic as client authentication."""
        given = request.authorization
        if given is None or (given.username, given.password) != (CLIENT, self.client_secret):
            return Response(status=401, headers={"WWW-Authenticate": f'Basic realm="{self.name}"'})
        return _json(self.introspection(request.form.get("token", "")))

    def _token(self, request: Request) -> Response:
        """For trying by hand: `kind` says what to make, everything else is a claim."""
        wanted = request.args.to_dict()
        kinds = {"jwt": self.mint, "opaque": self.issue, "forged": self.forge, "unsigned": self.unsigned}
        make = kinds.get(wanted.pop("kind", "jwt"))
        if make is None:
            return Response(f"kind is one of {', '.join(kinds)}\n", 400)
        try:
            return Response(make(**{name: _decoded(text) for name, text in wanted.items()}))
        except TypeError as problem:  # PyJWT: iss is a number
            return Response(f"{problem}\n", 400)


def _json(document: Mapping[str, Any], media_type: str = "application/json") -> Response:
    return Response(json.dumps(document), content_type=media_type)


def _is_live(claims: Mapping[str, Any]) -> bool:
    return isinstance(claims["exp"], (int, float)) and claims["exp"] > time.time()


def _decoded(text: str) -> Any:
    """A claim in a query: JSON where it is some (`exp=0`), else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
