"""The playground's world: the demo's providers, and a gateway and an upstream application of its own."""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import requests

from jwt_signer_mw.demo.playground import tokens
from jwt_signer_mw.demo.playground.fence import FencedTransport
from jwt_signer_mw.demo.playground.gateway import ADMIN, FollowedGateway
from jwt_signer_mw.demo.playground.links import read_link
from jwt_signer_mw.demo.playground.policies import load_policy
from jwt_signer_mw.demo.playground.requesting import HTTP_SECONDS, Wanted
from jwt_signer_mw.demo.playground.story import tell
from jwt_signer_mw.demo.serving import serving
from jwt_signer_mw.demo.shortened import shorten
from jwt_signer_mw.demo.trial import Trial
from jwt_signer_mw.demo.upstream import UpstreamApplication
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.settings.addresses import is_url
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.demo.provider import IdentityProvider
    from jwt_signer_mw.demo.stage import Providers
    from jwt_signer_mw.settings import Settings

# What the upstream application accepts: whatever the gateway can sign with but a shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

Json = dict[str, Any]


class Bench:
    """What the page can do. One request is under way at a time."""

    def __init__(
        self,
        providers: Providers,
        gateway: FollowedGateway,
        gateway_origin: str,
        upstream: UpstreamApplication,
        transport: FencedTransport,
        admin_token: str,
    ) -> None:
        self.providers = providers
        self._gateway = gateway
        self._origin = gateway_origin
        self._upstream = upstream
        self._transport = transport
        self._admin_token = admin_token
        self._turn = threading.Lock()

    def open(self, fragment: str) -> Json:
        """A scenario as a link wants it, with tokens that were made for it now."""
        opening = read_link(fragment, self.providers)
        cards = []
        for recipe, expired in opening.tokens:
            provider = self.provider(recipe.provider)
            made = tokens.make(provider, recipe.kind, tokens.claims_of(provider, recipe))
            if expired:
                made = tokens.expire(provider, recipe.kind, made["token"], made["claims"])
            carrier = tokens.CARRIERS[recipe.slot]
            cards.append({"slot": recipe.slot, "provider": recipe.provider, "carrier": carrier, **made})
        return {**opening._asdict(), "tokens": cards}

    def load(self, text: str) -> Settings:
        """Raises `ConfigurationError`."""
        return load_policy(text, self.providers, {"admin_token": self._admin_token})

    def send(self, text: str, wanted: Wanted) -> Json:
        """Sends the request through a gateway with these settings, and tells what became of it.

        Raises `ConfigurationError`, `Malformed`.
        """
        settings = self.load(text)
        with self._turn:
            self._use(settings)
            self._transport.take()
            self._gateway.take_passage()
            try:
                answer = wanted.send(self._origin)
            except requests.RequestException as problem:
                raise Malformed(f"The request could not be sent ({type(problem).__name__}).") from None
            passage = self._gateway.take_passage()
            fetched = self._transport.take()
        if passage is None:
            raise Malformed("The gateway did not look at this request.")
        trial = Trial.of(wanted.method, wanted.path, wanted.headers, answer, passage.decision)
        return tell(trial, passage, fetched, settings)

    def _use(self, settings: Settings) -> None:
        self._gateway.use(settings)
        keyset = settings.access_token.keyset.uri or ""
        name = "access_token_keyset" if is_url(keyset) else keyset
        self._upstream.jwks_uri = f"{self._origin}{ADMIN}jwks/{name}"

    def provider(self, name: object) -> IdentityProvider:
        """Raises `Malformed`."""
        found = next((one for one in self.providers if one.name == name), None)
        if found is None:
            raise Malformed("There is no such provider.")
        return found

    def rotate_our_keys(self, text: str) -> str:
        """As an operator does it: `POST .../rotate`. Raises `ConfigurationError`."""
        settings = self.load(text)
        with self._turn, requests.Session() as session:
            self._use(settings)
            session.trust_env = False
            secret = {"Authorization": f"Bearer {self._admin_token}"}
            answer = session.post(f"{self._upstream.jwks_uri}/rotate", headers=secret, timeout=HTTP_SECONDS)
        if answer.status_code != requests.codes.ok:
            raise Malformed("These settings have no key set of ours that can be rotated.")
        kid = answer.json()["keys"][0]["kid"]
        return f"Our keys rotated. The key {shorten(kid)} signs now; the one before stays published."

    def forget(self, text: str) -> str:
        """What the gateway with these settings remembers. Raises `ConfigurationError`."""
        settings = self.load(text)
        with self._turn:
            self._use(settings)
            number = self._gateway.forget()
        return f"Purged: {number} remembered decisions and answers. The next request is judged anew."

    def describe(self) -> Mapping[str, Any]:
        """The providers as they are now."""
        told = [
            {"name": one.name, "origin": one.origin, "down": one.down, "kid": one.kid}
            for one in self.providers
        ]
        return {"providers": told}


@contextmanager
def open_bench(providers: Providers) -> Iterator[Bench]:
    """A gateway and an upstream application on ports of their own. Nothing is written to a disk."""
    with ExitStack() as stack:
        upstream = UpstreamApplication(ALGORITHMS)
        stack.callback(upstream.close)
        upstream_origin = stack.enter_context(serving(upstream))
        inner = RequestsTransport()
        stack.callback(inner.close)
        transport = FencedTransport(inner, providers)
        gateway = FollowedGateway(upstream_origin, MemoryStore(), transport)
        origin = stack.enter_context(serving(gateway))
        yield Bench(providers, gateway, origin, upstream, transport, secrets.token_urlsafe(24))
