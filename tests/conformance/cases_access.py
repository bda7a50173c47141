"""Passwords, client certificates and trust for documents and endpoints, of both tokens."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from conformance.case import Answer, Provider, case
from conformance.cases_keys import OWN, serves
from conformance.outcomes import PROVIDER_UNAVAILABLE
from conformance.provider import CLIENT_NAME
from conformance.tokens import good, token
from conformance.ways import ALL_KEYS, OPAQUE, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.case import Case, Decision
    from conformance.ways import Side

LOGIN: Final = {"client_username": "gateway", "client_password": "pass word:1"}
BASIC: Final = "Basic " + base64.b64encode(b"gateway:pass word:1").decode()


def _places(side: Side) -> Iterator[tuple[str, dict[str, object], Decision]]:
    """The two documents of a token: its field, the settings that use it, and what is seen then."""
    label = side.token.replace("_", " ")
    yield f"{label}: jwks_uri", side.settings(jwks_uri="$IDP/doc"), side.passed(side.new())
    own = side.settings(jwks_uri="file://$DIR/public.json", keyset="$IDP/doc")
    yield f"{label}: keyset", own, side.passed(side.new(kid="rsa2", key="rsa2"))


def _document(field: str, answer: Mapping[str, object]) -> Answer:
    return Answer(ALL_KEYS if field == "jwks_uri" else OWN, **answer)  # type: ignore[arg-type]


def _access() -> Iterator[Case]:
    """Passwords and certificates for both documents of both tokens."""
    files = {"public.json": ALL_KEYS}
    for side in SIDES:
        for label, settings, passed in _places(side):
            field = label.rpartition(" ")[2]
            login = {side.name(f"{field}_{name}"): value for name, value in LOGIN.items()}
            certificate, verify = side.name(f"{field}_client_certificate"), side.name("endpoints_ssl_verify")
            overt = settings | {side.name(field): "$TLS/doc"}
            closed = serves(_document(field, {"certificate": CLIENT_NAME}), "/doc")
            yield case(
                f"{label} behind a password",
                settings | login,
                side.send(token()),
                passed,
                provider=serves(_document(field, {"basic": BASIC}), "/doc"),
                files=files,
                proves=frozenset(login),
            )
            yield case(
                f"{label} behind a password that we lack",
                settings,
                side.send(token()),
                PROVIDER_UNAVAILABLE,
                provider=serves(_document(field, {"basic": BASIC}), "/doc"),
                files=files,
            )
            yield case(
                f"{label} under a certificate that nobody trusts",
                overt,
                side.send(token()),
                PROVIDER_UNAVAILABLE,
                provider=serves(_document(field, {}), "/doc"),
                files=files,
            )
            yield case(
                f"{label} under any certificate",
                overt | {verify: False},
                side.send(token()),
                passed,
                provider=serves(_document(field, {}), "/doc"),
                files=files,
                proves={verify},
            )
            for name, value in {
                "a path": "$DIR/client.pem",
                "two paths": {"cert": "$DIR/client.pem", "key": "$DIR/client.pem"},
                "a name": {"id": "mine"},
            }.items():
                named = {"certificates": {"mine": {"cert": "$DIR/client.pem", "key": "$DIR/client.pem"}}}
                yield case(
                    f"{label} behind a client certificate given as {name}",
                    overt | {verify: False, certificate: value} | (named if name == "a name" else {}),
                    side.send(token()),
                    passed,
                    provider=closed,
                    files=files,
                    proves={certificate, *(named if name == "a name" else ())},
                )
        introspected = side.settings(introspection_endpoint="$TLS/introspect")
        says = Provider(tokens={OPAQUE: Answer({"active": True, **good()})})
        for name, more, expect in (
            ("nobody trusts", {}, PROVIDER_UNAVAILABLE),
            (
                "any",
                {side.name("endpoints_ssl_verify"): False},
                side.passed(side.new(), source="introspection"),
            ),
        ):
            yield case(
                f"{side.token.replace('_', ' ')}: introspection under a certificate: {name}",
                introspected | more,
                side.send(OPAQUE),
                expect,
                provider=says,
                proves=frozenset(more),
            )


CASES: Final = (*_access(),)
