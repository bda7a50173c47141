"""Passwords, client certificates and trust for documents and endpoints, of both tokens."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final, NamedTuple

from conformance.case import Answer, Provider, case
from conformance.cases_keys import OWN, serves
from conformance.outcomes import PROVIDER_UNAVAILABLE
from conformance.provider import CLIENT_NAME
from conformance.tokens import good, token
from conformance.ways import ALL_KEYS, OPAQUE, SIDES, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Case

LOGIN: Final = {"client_username": "gateway", "client_password": "pass word:1"}
BASIC: Final = "Basic " + base64.b64encode(b"gateway:pass word:1").decode()
PAIR: Final = {"cert": "$DIR/client.pem", "key": "$DIR/client.pem"}


class Place(NamedTuple):
    """One of the two documents of a token: `jwks_uri` or `keyset`."""

    side: Side
    field: str

    def name(self, suffix: str) -> str:
        return self.side.name(f"{self.field}_{suffix}")

    def case(
        self, name: str, more: dict[str, object], answer: Answer, *, passes: bool, tls: bool = True
    ) -> Case:
        """The document is at `/doc`; the settings beyond its place are what a case that passes proves."""
        at = "$TLS/doc" if tls else "$IDP/doc"
        if self.field == "jwks_uri":
            settings, passed = self.side.settings(jwks_uri=at), self.side.passed(self.side.new())
        else:
            settings = self.side.settings(jwks_uri="file://$DIR/public.json", keyset=at)
            passed = self.side.passed(self.side.new(kid="rsa2", key="rsa2"))
        return case(
            f"{self.side.token.replace('_', ' ')}: {self.field} {name}",
            settings | more,
            self.side.send(token()),
            passed if passes else PROVIDER_UNAVAILABLE,
            provider=serves(answer, "/doc"),
            files={"public.json": ALL_KEYS},
            proves=set(more) if passes else set(),
        )


PLACES: Final = tuple(Place(side, field) for side in SIDES for field in ("jwks_uri", "keyset"))


def _documents() -> Iterator[Case]:
    for place in PLACES:
        body = ALL_KEYS if place.field == "jwks_uri" else OWN
        login: dict[str, object] = {place.name(suffix): value for suffix, value in LOGIN.items()}
        private, open_to_all = Answer(body, basic=BASIC), Answer(body)
        yield place.case("behind a password", login, private, passes=True, tls=False)
        yield place.case("behind a password that we lack", {}, private, passes=False, tls=False)

        unchecked: dict[str, object] = {place.side.name("endpoints_ssl_verify"): False}
        yield place.case("under a certificate that nobody trusts", {}, open_to_all, passes=False)
        yield place.case("under any certificate", unchecked, open_to_all, passes=True)

        closed, certificate = Answer(body, certificate=CLIENT_NAME), place.name("client_certificate")
        path = "$DIR/client.pem"
        named: dict[str, object] = {"certificates": {"mine": PAIR}, certificate: {"id": "mine"}}
        forms: dict[str, dict[str, object]] = {
            "as one path": {certificate: path},
            "as two paths": {certificate: PAIR},
            "by its name": named,
        }
        for form, settings in forms.items():
            yield place.case(
                f"behind a client certificate, {form}", unchecked | settings, closed, passes=True
            )


def _endpoints() -> Iterator[Case]:
    for side in SIDES:
        unchecked = {side.name("endpoints_ssl_verify"): False}
        passed = side.passed(side.new(), source="introspection")
        for name, more, expect in (
            ("that nobody trusts", {}, PROVIDER_UNAVAILABLE),
            ("of any kind", unchecked, passed),
        ):
            yield case(
                f"{side.token.replace('_', ' ')}: introspection under a certificate {name}",
                side.settings(introspection_endpoint="$TLS/introspect") | more,
                side.send(OPAQUE),
                expect,
                provider=Provider(tokens={OPAQUE: Answer({"active": True, **good()})}),
                proves=set(more),
            )


CASES: Final = (*_documents(), *_endpoints())
