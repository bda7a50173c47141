"""What happened in a trial, told line by line: client, provider, gateway, answer, upstream."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.demo.shortened import described, peek, shorten
from jwt_signer_mw.tokens.checks import compile_checks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jwt_signer_mw.demo.trial import Trial
    from jwt_signer_mw.messages import Source, TokenIdentity
    from jwt_signer_mw.settings import Settings, TokenSettings

TELLING = ("iss", "original_iss", "sub", "scope", "employee", "active")  # claims worth their place


class Line(NamedTuple):
    """`who` says where it happened; a side note explains the line before it."""

    who: str
    text: str
    aside: bool = False


def narrate(trial: Trial, settings: Settings) -> Iterator[Line]:
    """In the order in which it happened. No token is whole in it, and no secret."""
    yield Line("client", f"{trial.method} {trial.path}")
    for name, value in trial.sent:
        yield Line("client", f"{name}: {described(value)}")
        token = value.rpartition(" ")[2]
        if claims := peek(token):
            yield Line("client", _told(peek(token, 0), claims), aside=True)
    for provider, call in trial.calls:
        yield Line("provider", f"{provider}: {call.method} {call.path} answered {call.status}")
    yield from _decision(trial, settings)
    yield from _upstream(trial)
    yield from _answer(trial)


def _decision(trial: Trial, settings: Settings) -> Iterator[Line]:
    event = trial.decision
    if event is None:
        return
    if event.status:
        yield Line("gateway", f"refused: {event.detail or event.reason}")
        if event.option:
            yield Line("gateway", f"by {event.option}", aside=True)
    elif event.remembered:
        yield Line("gateway", "remembered from before: nothing is checked anew")
    elif event.identity is not None:
        yield from _checked(settings.access_token, event.identity.access_token)
        yield from _checked(settings.channel_token, event.identity.channel_token)


def _checked(token: TokenSettings, identity: TokenIdentity | None) -> Iterator[Line]:
    if identity is not None:
        yield Line("gateway", f"{token.name.replace('_', ' ')}: {', '.join(checks(token, identity.source))}")


def checks(token: TokenSettings, source: Source) -> list[str]:
    """Names of what an accepted token passed."""
    if source == "introspection":
        rules = compile_checks(token.introspection, expiry_may_be_absent=True)
        return ["introspected", *(check.name for check in rules)]
    signature = "signature" if token.verify_signature else "signature NOT checked"
    return [signature, *(check.name for check in compile_checks(token.claims))]


def _upstream(trial: Trial) -> Iterator[Line]:
    for name, token in trial.seen.items():
        yield Line("upstream", f"{name}: {token['sent']}")
        if token["verified"]:
            yield Line("upstream", _told(token["header"], token["claims"]), aside=True)
            key = shorten(token["header"]["kid"])
            yield Line("upstream", f"verified by PyJWT with our published key {key}", aside=True)
        else:
            yield Line("upstream", f"refused by PyJWT: {token['problem']}", aside=True)


def _answer(trial: Trial) -> Iterator[Line]:
    """What the client got where the upstream application was not asked, or asked for something else."""
    document = trial.document if isinstance(trial.document, dict) else {}
    for name in ("WWW-Authenticate", "Retry-After"):
        if name.lower() in trial.answered:
            yield Line("answer", f"{name}: {trial.answered[name.lower()]}")
    if "message" in document:
        yield Line("answer", json.dumps(document))
    if "previous" in document:
        kids = ", ".join(shorten(key["kid"]) for key in document["keys"])
        yield Line("answer", f"published keys, the one that signs first: {kids}")
    if "again" in document:
        verdict = "all verify" if document["verified"] else "NOT all verify"
        yield Line(
            "upstream", f"{document['again']} tokens, signed with {len(document['kids'])} keys: {verdict}"
        )


def _told(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """What tells one token from another."""
    told = [f"{name} {_plain(claims[name])}" for name in TELLING if name in claims]
    expiry = claims.get("exp")
    if isinstance(expiry, (int, float)):
        left = round(expiry - time.time())
        told.append(f"{left} s left" if left > 0 else "expired")
    return ", ".join((str(header.get("alg")), *told))


def _plain(value: Any) -> str:
    """A nested claim as a path: `favourites.beverage.coffee`."""
    path: list[str] = []
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        path.append(str(name))
    return ".".join((*path, str(value)))
