"""Flask: bare, with our extension, with Flask-JWT-Extended, and with Authlib's ResourceProtector."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import jwt
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask_jwt_extended import JWTManager, jwt_required

from benchmarks.measuring import Case
from benchmarks.provider import Provider, services, settings
from benchmarks.setups import wsgi
from benchmarks.tokens import AUDIENCE, ISSUER, PROVIDER_KEY, access_token_of_rfc_9068, supply, token
from flask_jwt_signer import JWTSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # it shows one with every request

BARE = "Flask, bare"


def _view() -> str:
    return "hello"


def bare() -> Flask:
    app = Flask("bare")
    app.add_url_rule("/", view_func=_view)
    return app


def ours(**more: Any) -> Flask:
    app = bare()
    app.config["JWT_SIGNER"] = settings(keyset_store="memory://", **more)
    JWTSigner(app, transport=services()["transport"])
    return app


def flask_jwt_extended() -> Flask:
    app = Flask("extended")
    public = jwt.PyJWK(PROVIDER_KEY.public_jwk()).key
    key = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    app.config |= {
        "JWT_ALGORITHM": "RS256",
        "JWT_PUBLIC_KEY": key.decode(),
        "JWT_PRIVATE_KEY": "not used",
        "JWT_DECODE_AUDIENCE": AUDIENCE,
        "JWT_DECODE_ISSUER": ISSUER,
    }
    JWTManager(app)
    app.add_url_rule("/", view_func=jwt_required()(_view))
    return app


class _Validator(JWTBearerTokenValidator):  # type: ignore[misc]
    """As Authlib's documentation has it: the document is fetched once and kept."""

    document = json.loads(Provider().jwks)

    def get_jwks(self) -> Any:
        return self.document


def authlib() -> Flask:
    app = Flask("authlib")
    protector = ResourceProtector()
    protector.register_token_validator(_Validator(ISSUER, AUDIENCE))
    app.add_url_rule("/", view_func=protector()(_view))
    return app


def cases() -> Iterator[Case]:
    known = wsgi.environ(token(0))
    yield _case(BARE, bare(), lambda: known)
    yield _case("ours in Flask, a known token", ours(), lambda: known)
    forgetful = ours(verdict_cache_size=64)
    yield _case("ours in Flask, a new token, RS256", forgetful, _requests())
    swift = ours(verdict_cache_size=64, access_token_signing_algorithm="ES256")
    yield _case("ours in Flask, a new token, ES256", swift, _requests())
    yield _case("Flask-JWT-Extended, verify", flask_jwt_extended(), _requests())
    yield _case("Authlib ResourceProtector, verify", authlib(), _requests(access_token_of_rfc_9068))


def _requests(make: Callable[[int], str] = token) -> Callable[[], dict[str, Any]]:
    return supply(200, lambda i: wsgi.environ(make(i)))


def _case(name: str, app: Flask, environs: Callable[[], dict[str, Any]]) -> Case:
    """An environ is copied: Flask writes into it."""
    if not wsgi.accepts(app, environs().copy()):
        raise RuntimeError(f"{name}: refused")
    return Case(name, wsgi.passes(app, lambda: environs().copy()), None if name == BARE else BARE)
