"""The application behind the gateway: believes nothing but tokens that it verified itself, with PyJWT.

It knows one thing about the gateway: the URL of its public keys.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import jwt
import requests
from werkzeug.wrappers import Request, Response

from jwt_signer_mw.demo.shortened import described

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ALGORITHMS = ("RS256",)  # what it accepts, whatever a token says
HTTP_SECONDS = 5.0
MAX_REMEMBERED = 1000  # tokens


class UpstreamApplication:
    """A WSGI application that echoes what it saw. `GET /again` verifies all earlier tokens once more."""

    def __init__(self, algorithms: Sequence[str] = ALGORITHMS) -> None:
        self.jwks_uri = ""
        self.loads = 0  # of the gateway's keys
        self._algorithms = algorithms
        self._keys: dict[str, jwt.PyJWK] = {}
        self._accepted: list[str] = []
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between two ports of loopback
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        document = self._check_again() if request.path == "/again" else self._echo(request)
        response = Response(
            json.dumps(document, indent=2, ensure_ascii=False) + "\n", content_type="application/json"
        )
        return response(environ, start_response)

    def close(self) -> None:
        self._session.close()

    def _echo(self, request: Request) -> dict[str, Any]:
        """Every header that holds a token, and what is in it; the other headers of a gateway by value."""
        tokens = {}
        for name, value in request.headers.items():
            token = value.rpartition(" ")[2]
            if token.count(".") == 2 and token.startswith("ey"):
                tokens[name] = {"sent": described(value), **self._verdict(token)}
        others = {name: value for name, value in request.headers.items() if name.startswith("X-")}
        shown = {name: value for name, value in others.items() if name not in tokens}
        return {"path": request.path, "tokens": tokens, "headers": shown}

    def _verdict(self, token: str) -> dict[str, Any]:
        try:
            header, claims = jwt.get_unverified_header(token), self._verify(token)
        except jwt.PyJWTError as problem:
            return {"verified": False, "problem": str(problem)}
        except requests.RequestException:
            return {"verified": False, "problem": "the gateway publishes no keys"}
        if token not in self._accepted:
            self._accepted = [*self._accepted[-MAX_REMEMBERED:], token]
        return {"verified": True, "header": header, "claims": claims}

    def _verify(self, token: str) -> dict[str, Any]:
        """The claims. Raises `jwt.PyJWTError`."""
        kid = jwt.get_unverified_header(token).get("kid", "")
        key = self._keys.get(kid) or self._load().get(kid)
        if key is None:
            raise jwt.InvalidKeyError(f"no key {kid!r}")
        decoded: dict[str, Any] = jwt.decode(token, key, self._algorithms, options={"verify_aud": False})
        return decoded

    def _load(self) -> dict[str, jwt.PyJWK]:
        """The gateway's keys as they are now."""
        with self._lock:
            answer = self._session.get(self.jwks_uri, timeout=HTTP_SECONDS)
            answer.raise_for_status()
            self._keys = {key.key_id or "": key for key in jwt.PyJWKSet.from_dict(answer.json()).keys}
            self.loads += 1
            return self._keys

    def _check_again(self) -> dict[str, Any]:
        """With freshly loaded keys: a token that was signed before a rotation has to verify still."""
        self._load()
        kids = [jwt.get_unverified_header(token).get("kid", "") for token in self._accepted]
        verified = all(map(self._is_good, self._accepted))
        return {"again": len(kids), "kids": list(dict.fromkeys(kids)), "verified": verified}

    def _is_good(self, token: str) -> bool:
        try:
            self._verify(token)
        except jwt.PyJWTError:
            return False
        return True
