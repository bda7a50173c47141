"""Our own key sets: generations, endpoints and stores (section 5, decisions 15, 16, 32, 35 and 39)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import (
    Answer,
    Answered,
    Ask,
    BadSettings,
    Case,
    Keys,
    Provide,
    Provider,
    Publish,
    Reopen,
    Request,
    Send,
    Verifies,
    Wait,
)
from conformance.keys import signing
from conformance.tokens import bearer, token
from conformance.ways import ACCESS, ALL_KEYS, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Step

KEYS: Final = Provider({"/jwks": Answer(ALL_KEYS)})
SECRET: Final = "an-admin-secret-of-some-length"
SETTINGS: Final = ACCESS.settings(jwks_uri="$IDP/jwks", signing_algorithm="ES256") | {"verdict_cache_size": 0}
ADMIN: Final = SETTINGS | {"admin_token": SECRET}
ALICE: Final = Send(ACCESS.send(token()), ACCESS.passed(ACCESS.new(alg="ES256")))
LIST: Final = "/jwt-signer/jwks"
KONG: Final = f"{LIST}/kong"


def ask(method: str, target: str, expect: Answered, secret: str | None = SECRET) -> Ask:
    headers = () if secret is None else (("Authorization", bearer(secret)),)
    return Ask(Request(headers, target, method), expect)


ROTATED: Final = ask("POST", f"{KONG}/rotate", Answered(200, counts={"keys": 3, "previous": 1}))
FRESH: Final = Answered(200, "application/jwk-set+json", {"keys": 2, "previous": 0})


def _story(
    name: str, settings: dict[str, object], *steps: Step, proves: set[str] | frozenset[str] = frozenset()
) -> Case:
    return Case(name, settings, steps, KEYS, frozenset(proves), own_store=True)


def _generations() -> Iterator[Case]:
    yield _story(
        "keys are there before the first request, public to all",
        SETTINGS,
        ask("GET", KONG, FRESH, secret=None),
    )
    yield _story(
        "our keys rotate: tokens made before and after verify, and the next key was published before",
        ADMIN,
        ALICE,
        Publish(),
        ROTATED,
        ALICE,
        Keys(0, 1, same=False),
        Verifies(0),
        Verifies(1),
        Verifies(1, cached=True),
    )
    yield _story(
        "two rotations forget a key",
        ADMIN,
        ALICE,
        ROTATED,
        Wait(400),
        ROTATED,
        Verifies(0, expect=False),
    )
    for side in SIDES:
        label = side.token.replace("_", " ")
        settings = side.settings(jwks_uri="$IDP/jwks", signing_algorithm="ES256") | {"verdict_cache_size": 0}
        passed = side.passed(side.new(alg="ES256"))
        lasting = token({"exp": 4102444800})
        yield _story(
            f"{label}: a named set rotates on schedule",
            settings | {side.name("keyset_rotate_period"): 100},
            Send(side.send(lasting), passed),
            Wait(99),
            Send(side.send(lasting), passed),
            Keys(0, 1, same=True),
            Wait(1),
            Send(side.send(lasting), passed),
            Keys(0, 2, same=False),
            Verifies(0),
            proves=side.names("keyset_rotate_period"),
        )
        yield _story(
            f"{label}: a named set of its own",
            settings | {side.name("keyset"): "mine"},
            Send(side.send(lasting), side.passed(side.new(alg="ES256", keyset="mine"))),
            proves=side.names("keyset"),
        )
        yield _story(
            f"{label}: a null set is kong",
            settings | {side.name("keyset"): None},
            Send(side.send(lasting), passed),
        )


def _endpoints() -> Iterator[Case]:
    denied = Answered(401, challenged=True)
    yield _story(
        "the endpoints with the secret",
        ADMIN,
        ask("GET", LIST, Answered(200)),
        ROTATED,
        ask("DELETE", KONG, Answered(204)),
        ask("DELETE", f"{LIST}/nobody", Answered(404)),
        ask("POST", f"{LIST}/nobody/rotate", Answered(404)),
        ask("GET", f"{LIST}/nobody", Answered(404)),
        proves={"admin_token"},
    )
    for name, secret in (("without the secret", None), ("with another secret", SECRET + "x")):
        yield _story(
            f"the endpoints {name}",
            ADMIN,
            ask("GET", LIST, denied, secret),
            ask("POST", f"{KONG}/rotate", denied, secret),
            ask("DELETE", KONG, denied, secret),
            ask("GET", KONG, FRESH, secret),
            proves={"admin_token"},
        )
    missing = Answered(404)
    yield _story(
        "the endpoints where no secret is configured",
        SETTINGS,
        ask("GET", LIST, missing),
        ask("POST", f"{KONG}/rotate", missing),
        ask("DELETE", KONG, missing),
        ask("GET", KONG, FRESH),
    )
    url = {"access_token_keyset": "$IDP/own", "access_token_signing_algorithm": "RS256"}
    before, after = (ACCESS.passed(ACCESS.new(kid=kid, keyset="$IDP/own")) for kid in ("rsa2", "rsa3"))
    yield Case(
        "a set at a URL is reloaded by its name, percent-encoded",
        ADMIN | url,
        (
            Send(ALICE.request, before),
            Provide(Provider({"/own": Answer({"keys": [signing("rsa3", "RS256")]})})),
            Send(ALICE.request, before),
            ask("POST", f"{LIST}/%$IDP%2Fown/rotate", Answered(200)),
            Send(ALICE.request, after),
            ask("POST", f"{LIST}/http%3A%2F%2F169.254.169.254%2F/rotate", Answered(404)),
        ),
        Provider({**KEYS.routes, "/own": Answer({"keys": [signing("rsa2", "RS256")]})}),
    )
    yield _story(
        "a deleted set is made again",
        ADMIN,
        ALICE,
        ask("DELETE", KONG, Answered(204)),
        ALICE,
        Keys(0, 1, same=False),
    )
    hmac = SETTINGS | {"access_token_signing_algorithm": "HS256"}
    yield _story(
        "a secret key is never published", hmac, ask("GET", KONG, Answered(200, counts={"keys": 0}), None)
    )


def _stores() -> Iterator[Case]:
    file = {"keyset_store": "sqlite:///$DIR/keys.db"}
    yield _story("a memory store forgets", SETTINGS, ALICE, Reopen(), ALICE, Keys(0, 1, same=False))
    yield _story(
        "a file remembers",
        SETTINGS | file,
        ALICE,
        Reopen(),
        ALICE,
        Keys(0, 1, same=True),
        proves={"keyset_store"},
    )
    old, new = "b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZC0=", "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0="
    yield _story(
        "keys that were encrypted need the key that they were encrypted with",
        SETTINGS | file | {"keyset_encryption_keys": [old]},
        ALICE,
        Reopen({"keyset_encryption_keys": [new]}, BadSettings(frozenset({"keyset_encryption_keys"}))),
        Reopen({"keyset_encryption_keys": [new, old]}),
        ALICE,
        Keys(0, 1, same=True),
        proves={"keyset_encryption_keys"},
    )


CASES: Final = (*_generations(), *_endpoints(), *_stores())
