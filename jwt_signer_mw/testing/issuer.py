"""An identity provider in memory: gives tokens, and answers for its keys and for opaque tokens."""

from __future__ import annotations

import base64
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.jose import generate_key
from jwt_signer_mw.settings import Settings, unlogged
from jwt_signer_mw.settings.addresses import is_url
from jwt_signer_mw.settings.explicit_typing import ExplicitTyping
from jwt_signer_mw.settings.introspecting import NEVER
from jwt_signer_mw.settings.issuers import by_issuer, endpoint_of
from jwt_signer_mw.settings.weaknesses import accepts_jwt
from jwt_signer_mw.testing.demanded import LIFE, fill, fill_profile, filled
from jwt_signer_mw.testing.flaws import OF_JWTS, compact, spoil
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.assembly import Services
    from jwt_signer_mw.jose import Key
    from jwt_signer_mw.settings import ClaimRules, TokenSettings
    from jwt_signer_mw.testing.flaws import Flaw

    Claims = Mapping[str, Any]

__all__ = ["ALGORITHM", "INTROSPECTION", "JWKS", "KEYSETS", "LIFE", "URL", "Issuer"]

ALGORITHM = "ES256"
ANY_TYPE = ExplicitTyping()
DEFAULT = "default"  # the name of a policy where there is one
URL = "https://issuer.invalid"  # RFC 6761: nobody can be asked there by mistake
JWKS, INTROSPECTION, KEYSETS = f"{URL}/jwks", f"{URL}/introspect", f"{URL}/keysets/"


class Issuer:
    """Gives tokens, and answers for its keys and for opaque tokens: use it as the service `transport`.

    `now` gives seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.origin = URL
        self._now = now
        self._keys = [generate_key(ALGORITHM)]  # that are published; the last one signs
        self._signing: dict[str, Key] = {}  # in place of key sets of ours that are at a URL, by algorithm
        self._opaque: dict[str, dict[str, Any]] = {}
        self._trusting: dict[str, Settings] = {}  # by the name of the policy

    @property
    def jwks_uri(self) -> str:
        return f"{self.origin}/jwks"

    @property
    def introspection_endpoint(self) -> str:
        return f"{self.origin}/introspect"

    def services(self) -> Services:
        """What an application is built with to ask nobody but this provider."""
        return {"transport": self}

    def trusted_by(self, settings: Settings, policy: str = DEFAULT) -> Settings:
        """The settings, with this issuer wherever they name a provider; its tokens are for them from now on.

        Where they name none (the environment does, in production), it is the one of the access token.
        """
        changes: dict[str, Any] = {}
        for token in (settings.access_token, settings.channel_token):
            nobody = not (token.has_keys or token.introspects or token.trusted_issuers)
            if token.has_keys or (nobody and token is settings.access_token):
                changes[token.jwks.option("uri")] = self.jwks_uri
            if token.introspection_endpoint is not None or token.finds_endpoint:
                changes[token.option("introspection_endpoint")] = self.introspection_endpoint
            changes[token.discovery.option("issuer")] = None
            changes[token.option("trusted_issuers")] = self._in_place_of(token, settings)
            if token.keyset.uri is not None and is_url(token.keyset.uri):
                changes[token.keyset.option("uri")] = f"{self.origin}/keysets/{token.signing_algorithm}"
        with unlogged():  # they were told when the application loaded its settings
            self._trusting[policy] = Settings.load({**settings.flat(), **changes})
        return self._trusting[policy]

    def _in_place_of(self, token: TokenSettings, settings: Settings) -> dict[str, Any]:
        """The token's trusted issuers, each at this one's addresses."""
        option = token.option("trusted_issuers")
        given: dict[str, dict[str, Any]] = settings.flat()[option]
        for issuer, one in by_issuer(token).items():
            given[issuer] |= {"jwks_uri": self.jwks_uri, "discovery": None}
            if one.introspects:
                given[issuer]["introspection_endpoint"] = self.introspection_endpoint
        return given

    def settings(self, policy: str) -> Settings:
        """Those that trust it, by the name of the policy. Raises `LookupError`."""
        if policy not in self._trusting:
            names = ", ".join(map(repr, self._trusting)) or "none yet"
            raise LookupError(f"no policy {policy!r} trusts this provider; those that do: {names}")
        return self._trusting[policy]

    def make_token(
        self,
        claims: Claims | None = None,
        *,
        flaw: Flaw | None = None,
        opaque: bool | None = None,
        token: str = "access_token",  # noqa: S107  one of the two
        policy: str = DEFAULT,
    ) -> str:
        """A token that the policy accepts, or one with a flaw. Raises `LookupError` before it is trusted."""
        settings: TokenSettings = getattr(self.settings(policy), token)
        return self.make(settings, claims or {}, flaw=flaw, opaque=opaque)

    def headers(
        self,
        claims: Claims | None = None,
        channel_claims: Claims | None = None,
        *,
        flaw: Flaw | None = None,
        policy: str = DEFAULT,
    ) -> dict[str, str]:
        """Request headers with one token or both, for any client; see `make_token`."""
        return self.headers_by(self.settings(policy), claims, channel_claims, flaw=flaw)

    def headers_by(
        self,
        settings: Settings,
        claims: Claims | None,
        channel_claims: Claims | None,
        *,
        flaw: Flaw | None = None,
    ) -> dict[str, str]:
        """`headers` by these settings. The flaw is the access token's, if there is one."""
        made: dict[str, str] = {}
        if claims is not None:
            made.update([self.header(settings.access_token, claims, flaw=flaw)])
            flaw = None
        if channel_claims is not None:
            made.update([self.header(settings.channel_token, channel_claims, flaw=flaw)])
        return made

    def header(self, token: TokenSettings, claims: Claims, *, flaw: Flaw | None = None) -> tuple[str, str]:
        """Name and value of the header that carries a token with these claims, JWT or opaque as it is taken.

        Claims that the settings demand are filled in where they are not given; null is given, too.
        Raises `ValueError` for a token that is switched off.
        """
        if not token.request_header:
            raise ValueError(f"{token.option('request_header')} is not set")
        text = self.make(token, claims, flaw=flaw)
        name, _, scheme = token.request_header.partition(":")
        if name.lower() != "authorization":
            return name, text
        if scheme.lower() == "basic":
            return name, "Basic " + base64.b64encode(f"{text}:".encode()).decode()
        return name, f"Bearer {text}"

    def make(
        self, token: TokenSettings, claims: Claims, *, flaw: Flaw | None = None, opaque: bool | None = None
    ) -> str:
        """A token by these settings, a JWT where they take one and nothing else is asked for."""
        introspected = token.introspect_jwt != NEVER
        if opaque is None:
            revoked = flaw == "revoked" and not introspected
            opaque = revoked or not (accepts_jwt(token) or token.trusted_issuers)
        if token.trusted_issuers:
            issuers = by_issuer(token)
            name = endpoint_of(token) if opaque else claims.get("iss", next(iter(issuers)))
            token = issuers.get(str(name), token)
        if not opaque:
            kept = None if flaw == "revoked" and introspected else flaw
            text = self.sign(token.claims, claims, kept, token.typing)
            if introspected and kept == flaw:
                self._opaque[text] = {"active": True, **filled(token.introspection, claims, int(self._now()))}
            return text
        if token.introspection_endpoint is None:
            raise ValueError(f"{token.option('introspection_endpoint')} is not set: no opaque token is taken")
        return self.issue(token, claims, flaw)

    def sign(
        self,
        rules: ClaimRules,
        claims: Claims,
        flaw: Flaw | None = None,
        typing: ExplicitTyping = ANY_TYPE,
    ) -> str:
        """A JWT that passes the rules, or one with a flaw."""
        full = filled(rules, claims, int(self._now()))
        typ = fill_profile(full, typing, int(self._now()))
        spoil(full, rules, flaw, int(self._now()))
        return compact(full, self._keys[-1], ALGORITHM, flaw, typ)

    def issue(self, token: TokenSettings, claims: Claims, flaw: Flaw | None = None) -> str:
        """An opaque token whose introspection passes the rules, or one with a flaw.

        Raises `ValueError` for a flaw that only a JWT has.
        """
        if flaw in OF_JWTS:
            raise ValueError(f"an opaque token can't be {flaw}")
        result = {"active": True, **filled(token.introspection, claims, int(self._now()))}
        spoil(result, token.introspection, flaw, int(self._now()))
        if token.introspection_jwt_claim is not None:
            fill(result, token.introspection_jwt_claim, self.sign(token.claims, claims, None, token.typing))
        text = secrets.token_urlsafe()
        if flaw not in ("forged", "revoked"):
            self._opaque[text] = result
        return text

    def revoke(self, token: str) -> None:
        """Introspection says from now on that the token is not active."""
        self._opaque.pop(token, None)

    def rotate(self, *, keep_old: bool = True) -> None:
        """A new key signs. The old ones stay published, unless they are dropped."""
        self._keys = [*(self._keys if keep_old else ()), generate_key(ALGORITHM)]

    def send(self, exchange: Exchange) -> Reply:
        """Whatever is asked of a provider, and nothing of anybody else."""
        if not exchange.url.startswith(f"{self.origin}/"):
            return Reply(404, {}, b"")
        return self.answer(exchange.url.removeprefix(f"{self.origin}/"), exchange.body)

    def answer(self, path: str, body: bytes) -> Reply:
        """The reply to a request for a path: `jwks`, `introspect` or `keysets/<algorithm>`."""
        if path == "jwks":
            return _reply(self._published())
        if path == "introspect":
            return _reply(self._introspect(parse_qs(body.decode("latin-1")).get("token", [""])[0]))
        if path.startswith("keysets/"):
            return _reply({"keys": [self._signing_key(path.removeprefix("keysets/")).private_jwk()]})
        return Reply(404, {}, b"")

    def _published(self) -> dict[str, Any]:
        return {"keys": [key.public_jwk() for key in self._keys]}

    def _introspect(self, text: str) -> dict[str, Any]:
        """RFC 7662 section 2.2: of a token that is not good (any more) nothing else is said."""
        result = self._opaque.get(text, {"active": False})
        expiry = result.get("exp")
        over = isinstance(expiry, int | float) and expiry <= self._now()
        return {"active": False} if over else result

    def _signing_key(self, algorithm: str) -> Key:
        if algorithm not in self._signing:
            self._signing[algorithm] = generate_key(algorithm)
        return self._signing[algorithm]


def _reply(document: dict[str, Any]) -> Reply:
    return Reply(200, {"content-type": "application/json"}, dump_json(document))
