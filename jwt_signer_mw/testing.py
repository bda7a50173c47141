"""For the tests of applications: an identity provider in memory, and settings that trust it.

Nothing is replaced but the transport: signatures, claims and introspection results are checked as ever.
"""

from __future__ import annotations

import base64
import secrets
import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.jose import generate_key, sign_compact
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.settings.addresses import is_url
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.settings import ClaimRules, TokenSettings
    from jwt_signer_mw.tokens.claims import Path

ALGORITHM = "ES256"
LIFE = 300  # seconds that a token is good for
URL = "https://issuer.invalid"  # RFC 6761: nobody can be asked there by mistake
JWKS, INTROSPECTION, KEYSETS = f"{URL}/jwks", f"{URL}/introspect", f"{URL}/keysets/"


class Issuer:
    """Gives tokens, and answers for its keys and for opaque tokens: use it as the service `transport`.

    `now` gives seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._key = generate_key(ALGORITHM)
        self._signing: dict[str, Key] = {}  # in place of key sets of ours that are at a URL, by algorithm
        self._opaque: dict[str, bytes] = {}

    def trusted_by(self, settings: Settings) -> Settings:
        """The settings, with this issuer wherever they name a provider."""
        changes: dict[str, str] = {}
        for token in (settings.access_token, settings.channel_token):
            if token.jwks.uri is not None:
                changes[token.jwks.option("uri")] = JWKS
            if token.introspection_endpoint is not None:
                changes[token.option("introspection_endpoint")] = INTROSPECTION
            if token.keyset.uri is not None and is_url(token.keyset.uri):
                changes[token.keyset.option("uri")] = KEYSETS + token.signing_algorithm
        return Settings.load({**settings.flat(), **changes})

    def header(self, token: TokenSettings, claims: Mapping[str, Any]) -> tuple[str, str]:
        """Name and value of the header that carries a token with these claims, JWT or opaque as it is taken.

        Claims that the settings demand are filled in where they are not given; null is given, too.
        Raises `ValueError` for a token that is switched off.
        """
        if not token.request_header:
            raise ValueError(f"{token.option('request_header')} is not set")
        takes_jwt = token.jwks.uri is not None or not token.verify_signature
        text = self.sign(token.claims, claims) if takes_jwt else self.issue(token, claims)
        name, _, scheme = token.request_header.partition(":")
        if name.lower() != "authorization":
            return name, text
        if scheme.lower() == "basic":
            return name, "Basic " + base64.b64encode(f"{text}:".encode()).decode()
        return name, f"Bearer {text}"

    def sign(self, rules: ClaimRules, claims: Mapping[str, Any]) -> str:
        """A JWT that passes the rules."""
        return sign_compact(dump_json(self._filled(rules, claims)), self._key, ALGORITHM)

    def issue(self, token: TokenSettings, claims: Mapping[str, Any]) -> str:
        """An opaque token whose introspection passes the rules."""
        result = {"active": True, **self._filled(token.introspection, claims)}
        if token.introspection_jwt_claim is not None:
            _fill(result, token.introspection_jwt_claim, self.sign(token.claims, claims))
        text = secrets.token_urlsafe()
        self._opaque[text] = dump_json(result)
        return text

    def send(self, exchange: Exchange) -> Reply:
        """Whatever is asked of a provider, and nothing of anybody else."""
        if exchange.url == JWKS:
            return _reply(dump_json({"keys": [self._key.public_jwk()]}))
        if exchange.url == INTROSPECTION:
            text = parse_qs(exchange.body.decode())["token"][0]
            return _reply(self._opaque.get(text, b'{"active":false}'))
        if exchange.url.startswith(KEYSETS):
            key = self._signing_key(exchange.url.removeprefix(KEYSETS))
            return _reply(dump_json({"keys": [key.private_jwk()]}))
        return Reply(404, {}, b"")

    def _signing_key(self, algorithm: str) -> Key:
        if algorithm not in self._signing:
            self._signing[algorithm] = generate_key(algorithm)
        return self._signing[algorithm]

    def _filled(self, rules: ClaimRules, claims: Mapping[str, Any]) -> dict[str, Any]:
        filled = deepcopy(dict(claims))
        for path, value in _demanded(rules, int(self._now())):
            _fill(filled, path, value)
        return filled


def _demanded(rules: ClaimRules, now: int) -> Iterator[tuple[Path, Any]]:
    if rules.max_lifetime is not None or rules.max_age is not None:
        yield ("iat",), now
    if rules.verify_expiry or rules.max_lifetime is not None:
        yield rules.expiry_claim, now + min(LIFE, rules.max_lifetime or LIFE)
    if rules.verify_notbefore:
        yield rules.notbefore_claim, now
    for switch, path, values in (
        (rules.verify_issuer, rules.issuer_claim, rules.issuers_allowed),
        (rules.verify_audience, rules.audience_claim, rules.audiences_allowed),
        (rules.verify_subject, rules.subject_claim, rules.subjects_allowed),
        (rules.verify_scopes, rules.scopes_claim, rules.scopes_required),
    ):
        if switch and values:
            yield path, values[0]
    for path in rules.required_claims or ():
        yield path, "required"


def _fill(claims: dict[str, Any], path: Path, value: Any) -> None:
    """Sets a claim that is not there; what is there, null included, stays as it is."""
    *parents, name = path
    place: Any = claims
    for parent in parents:
        place = place.setdefault(parent, {}) if isinstance(place, dict) else None
    if isinstance(place, dict):
        place.setdefault(name, value)


def _reply(body: bytes) -> Reply:
    return Reply(200, {"content-type": "application/json"}, body)
