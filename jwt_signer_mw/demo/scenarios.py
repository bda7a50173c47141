"""The five scenarios: what is set, what clients send, and what has to come of it.

Each is a generator of trials, and every trial really goes over sockets. Their order matters where one
changes the world (a rotation, an outage); each scenario leaves the world as it found it.
"""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.demo.provider import CLIENT
from jwt_signer_mw.demo.shortened import peek
from jwt_signer_mw.demo.trial import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jwt_signer_mw.demo.stage import Providers, Stage
    from jwt_signer_mw.demo.trial import Trial

ISSUER = "kong"  # the default of {token}_issuer
CHANNEL_CLIENT = "X-JWT-channel-client"
CHANNEL_UPSTREAM = "X-JWT-channel-upstream"


class Scenario(NamedTuple):
    """`name` is the first segment of its paths."""

    name: str
    title: str
    settings: Callable[[Providers], dict[str, Any]]
    play: Callable[[Stage], Iterator[Trial]]


# 1 ----------------------------------------------------------------------------------------------------


def jwt_settings(providers: Providers) -> dict[str, Any]:
    return {"access_token_jwks_uri": providers.access.jwks_uri, "channel_token_optional": True}


def play_jwt(stage: Stage) -> Iterator[Trial]:
    visitor, provider = Visitor(stage, "jwt"), stage.providers.access
    token = provider.mint()
    yield visitor.visit("a JWT of the provider", bearer(token), claims=resigned(peek(token)), calls=1)
    yield visitor.visit("the same token again", bearer(token), claims=resigned(peek(token)), calls=0)
    smuggled = {**bearer(token), "X-Consumer-ID": "admin"}
    yield visitor.visit("a client that claims to be somebody", smuggled, absent=("X-Consumer-Id",))
    yield visitor.visit("no token", {}, "token_missing", status=401)
    expired = provider.mint(exp=int(time.time()) - 1)
    yield visitor.visit("an expired token", bearer(expired), "token_expired", status=401)
    unsigned = provider.unsigned()
    yield visitor.visit("an unsigned token", bearer(unsigned), "algorithm_not_allowed", status=401)
    provider.rotate()
    token = provider.mint()
    yield visitor.visit(
        "the provider's keys rotated: one reload", bearer(token), claims=resigned(peek(token)), calls=1
    )
    yield visitor.visit("a forged signature", bearer(provider.forge()), "signature_invalid", status=401)
    with provider.outage():
        yield visitor.visit("the provider is down, its keys are known", bearer(provider.mint()), calls=0)
    yield from rotate_our_keys(stage, visitor, provider.mint())


def rotate_our_keys(stage: Stage, visitor: Visitor, token: str) -> Iterator[Trial]:
    """Tokens signed before and after verify, and the service behind need not even load the keys anew."""
    before = visitor.visit("before our keys rotate", bearer(token), claims=resigned(peek(token)))
    loads = stage.upstream.loads
    yield before
    yield visitor.rotate_our_keys("our keys rotate")
    after = visitor.visit("after our keys rotated", bearer(token), claims=resigned(peek(token)))
    faults = ["still signed with the old key"] if after.kid() == before.kid() else []
    faults += ["the new key was not published before it was used"] if stage.upstream.loads != loads else []
    yield replace(after, faults=(*after.faults, *faults))
    yield visitor.verify_again("tokens of both keys, verified once more", {before.kid(), after.kid()})


# 2 ----------------------------------------------------------------------------------------------------


def opaque_settings(providers: Providers) -> dict[str, Any]:
    provider = providers.access
    credentials = base64.b64encode(f"{CLIENT}:{provider.client_secret}".encode()).decode()
    return {
        "access_token_introspection_endpoint": provider.introspection_endpoint,
        "access_token_introspection_authorization": f"Basic {credentials}",
        "channel_token_optional": True,
    }


def play_opaque(stage: Stage) -> Iterator[Trial]:
    visitor, provider = Visitor(stage, "opaque"), stage.providers.access
    token = provider.issue()
    told = resigned(provider.introspection(token))
    yield visitor.visit("an opaque token", bearer(token), claims=told, calls=1)
    yield visitor.visit("the same token again", bearer(token), claims=told, calls=0)
    yield visitor.visit("no token", {}, "token_missing", status=401)
    yield visitor.visit("a token nobody issued", bearer("made-up-token"), "token_inactive", status=401)
    expired = provider.issue(exp=int(time.time()) - 1)
    yield visitor.visit("an expired token", bearer(expired), "token_inactive", status=401)
    yield visitor.visit(
        "a JWT, where only introspection is set up", bearer(provider.mint()), "jwks_uri_missing", status=401
    )
    with provider.outage():
        fresh = provider.issue()
        yield visitor.visit(
            "the provider is down, asked twice", bearer(fresh), "provider_unavailable", status=503, calls=2
        )
        yield visitor.visit("the provider is down, the token is known", bearer(token), claims=told, calls=0)


# 3 ----------------------------------------------------------------------------------------------------


def two_tokens_settings(providers: Providers) -> dict[str, Any]:
    access = {name: value for name, value in opaque_settings(providers).items() if name.startswith("access_")}
    return {
        **access,
        "channel_token_jwks_uri": providers.channel.jwks_uri,
        "channel_token_request_header": CHANNEL_CLIENT,
        "channel_token_upstream_header": CHANNEL_UPSTREAM,
    }


def play_two_tokens(stage: Stage) -> Iterator[Trial]:
    visitor, (access, channel) = Visitor(stage, "two-tokens"), stage.providers
    opaque, jwt = access.issue(), channel.mint(sub="branch-office", scope="channel")
    told = resigned(access.introspection(opaque)) | resigned(peek(jwt), CHANNEL_UPSTREAM.title())
    yield visitor.visit(
        "an opaque access token and a channel token",
        {**bearer(opaque), CHANNEL_CLIENT: jwt},
        claims=told,
        absent=(CHANNEL_CLIENT.title(),),
        calls=2,
    )
    yield visitor.visit("no channel token", bearer(opaque), "token_missing", status=401)
    yield visitor.visit("no access token", {CHANNEL_CLIENT: jwt}, "token_missing", status=401)
    yield visitor.visit(
        "a forged channel token",
        {**bearer(opaque), CHANNEL_CLIENT: channel.forge()},
        "signature_invalid",
        status=401,
    )
    yield visitor.visit(
        "a channel token of the wrong provider",
        {**bearer(opaque), CHANNEL_CLIENT: access.mint()},
        "key_unknown",
        status=401,
    )


# 4 ----------------------------------------------------------------------------------------------------


def resign_only_settings(_: Providers) -> dict[str, Any]:
    return {
        "channel_token_optional": True,
        "verify_access_token_signature": False,
        "verify_access_token_expiry": False,
    }


def play_resign_only(stage: Stage) -> Iterator[Trial]:
    visitor, provider = Visitor(stage, "resign-only"), stage.providers.access
    token = provider.mint()
    yield visitor.visit("a JWT of the provider", bearer(token), claims=resigned(peek(token)), calls=0)
    forged = provider.forge(sub="mallory")
    yield visitor.visit(
        "a forged token passes, and is ours now", bearer(forged), claims=resigned(peek(forged)), calls=0
    )
    expired = provider.mint(exp=int(time.time()) - 1)
    trial = visitor.visit("an expired token passes; the service behind refuses it", bearer(expired))
    refused = trial.seen.get("Authorization", {}).get("verified") is False
    yield trial if refused else replace(trial, faults=(*trial.faults, "the upstream application took it"))
    yield visitor.visit("no token", {}, "token_missing", status=401)


# 5 ----------------------------------------------------------------------------------------------------


def claim_settings(providers: Providers) -> dict[str, Any]:
    return {
        **jwt_settings(providers),
        "access_token_scopes_claim": ["employee", "favourites", "beverage"],
        "access_token_scopes_required": ["coffee"],
    }


def play_claim(stage: Stage) -> Iterator[Trial]:
    visitor, provider = Visitor(stage, "claim"), stage.providers.access
    coffee = provider.mint(**drinking("coffee"))
    yield visitor.visit("a coffee drinker", bearer(coffee), claims=resigned(peek(coffee)))
    for title, changes in (
        ("a tea drinker", drinking("tea")),
        ("a drinker of Coffee: the case counts", drinking("Coffee")),
        ("nobody knows what they drink", {}),
    ):
        yield visitor.visit(title, bearer(provider.mint(**changes)), "scopes_insufficient", status=403)
    forged = provider.forge(**drinking("coffee"))
    yield visitor.visit("a forged coffee drinker", bearer(forged), "signature_invalid", status=401)
    yield visitor.visit("no token", {}, "token_missing", status=401)


SCENARIOS = (
    Scenario("jwt", "One JWT, verified by its signature and signed anew", jwt_settings, play_jwt),
    Scenario("opaque", "One opaque token, introspected and turned into a JWT", opaque_settings, play_opaque),
    Scenario("two-tokens", "Two tokens of two providers at once", two_tokens_settings, play_two_tokens),
    Scenario(
        "resign-only",
        "No validation, only a new signature (discouraged)",
        resign_only_settings,
        play_resign_only,
    ),
    Scenario("claim", "A claim must have a certain value", claim_settings, play_claim),
)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def drinking(beverage: str) -> dict[str, Any]:
    return {"employee": {"favourites": {"beverage": beverage}}}


def resigned(claims: Mapping[str, Any], header: str = "Authorization") -> dict[str, dict[str, Any]]:
    """By header, the claims that the new token has to hold: ours is the issuer, nothing else changes."""
    return {header: {**claims, "iss": ISSUER, "original_iss": claims["iss"]}}
