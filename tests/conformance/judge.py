"""Compares what happened with what a case expects. Every function fails with an `AssertionError`."""

from __future__ import annotations

import base64
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import jwt

from conformance.adapter import BODY, fold_name
from conformance.case import NewToken, Passed, Refused, Shown
from conformance.keys import algorithm, private_key
from conformance.tokens import render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.adapter import Outcome, Seen
    from conformance.case import Decision, Verified

    PublishedKeys: TypeAlias = Callable[[str], list[dict[str, Any]]]  # by the name of a set

MESSAGES: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    413: HTTPStatus(413).phrase,  # which newer Pythons call otherwise
    500: "An unexpected error occurred",
    503: "Service Unavailable",
}
_PARAMETER: Final = r'([a-z_]+)="((?:[^"\\]|\\.)*)"'
_CHALLENGE: Final = re.compile(rf"(?:Bearer|DPoP) {_PARAMETER}(?:, {_PARAMETER})*")
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class Made(NamedTuple):
    """A new token that the application saw."""

    text: str
    claims: dict[str, Any]


def judge(outcome: Outcome, expect: Decision, published: PublishedKeys) -> list[Made]:
    """Checks one outcome; returns the new tokens in it, in the order of the expectation."""
    if isinstance(expect, Refused):
        _judge_refusal(outcome, expect)
        return []
    if isinstance(expect, Shown):
        _judge_shown(outcome, expect)
        return []
    assert outcome.status == 200, f"refused with {outcome.status} {outcome.body!r}"
    assert outcome.body in (BODY, b"")  # nothing where the method was HEAD
    assert [
        name for name, _ in outcome.headers if fold_name(name) not in {"content-type", "content-length"}
    ] == []
    assert len(outcome.seen) == 1, "the application is called once"
    made = _judge_headers(outcome.seen[0], expect, published)
    _judge_identity(outcome.seen[0], expect, made)
    return made


def _judge_refusal(outcome: Outcome, expect: Refused) -> None:
    assert outcome.seen == (), "the application was called"
    assert outcome.status == expect.status, f"{outcome.status} {outcome.body!r}"
    headers = {fold_name(name): value for name, value in outcome.headers}
    assert headers["content-type"].split(";")[0] == "application/json"
    assert json.loads(outcome.body) == {"message": MESSAGES[expect.status]}
    challenge = read_challenge(headers["www-authenticate"])
    assert challenge["realm"] == expect.realm
    assert challenge.get("error") == expect.error
    assert set(challenge) <= {"realm", "error", "error_description", "scope", "resource_metadata", "algs"}
    assert challenge.get("resource_metadata") == expect.metadata
    assert expect.scope is None or challenge.get("scope", "") == expect.scope
    assert ("retry-after" in headers) == (expect.status == 503)


def _judge_shown(outcome: Outcome, expect: Shown) -> None:
    assert outcome.seen == (), "the application was called"
    assert outcome.status == expect.status, f"{outcome.status} {outcome.body!r}"
    headers = {fold_name(name): value for name, value in outcome.headers}
    assert {name: headers.get(name) for name in expect.headers} == dict(expect.headers)
    assert not {"www-authenticate", "set-cookie", "vary"} & set(headers)
    if expect.document is None:
        assert outcome.body == b""
    else:
        assert headers["content-type"] == "application/json"
        assert int(headers["content-length"]) == len(outcome.body)
        assert json.loads(outcome.body) == expect.document


def read_challenge(value: str) -> dict[str, str]:
    """The parameters of the first challenge of a `WWW-Authenticate` value (RFC 6750 section 3)."""
    value = value.partition(", DPoP ")[0]
    assert _CHALLENGE.fullmatch(value), value
    found = re.findall(_PARAMETER, value)
    assert len(dict(found)) == len(found), f"repeated parameter: {value}"
    return {name: re.sub(r"\\(.)", r"\1", text) for name, text in found}


def _judge_headers(seen: Seen, expect: Passed, published: PublishedKeys) -> list[Made]:
    wanted = {fold_name(name): value for name, value in expect.headers.items()}
    assert sorted(name for name, _ in seen.headers) == sorted(wanted), (
        "names of the headers the application sees"
    )
    values, made = dict(seen.headers), []
    for name, value in wanted.items():
        if isinstance(value, NewToken):
            made.append(_judge_token(values[name], value, published))
        else:
            assert values[name] == str(value), name
    return made


def _judge_token(value: str, expect: NewToken, published: PublishedKeys) -> Made:
    assert value.startswith(expect.scheme)
    text = value.removeprefix(expect.scheme)
    header = jwt.get_unverified_header(text)
    assert set(header) == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == (expect.alg, "JWT")
    assert header["kid"] == expect.kid if expect.kid else _THUMBPRINT.fullmatch(header["kid"])
    key = private_key(expect.key) if expect.key else _find_key(published(expect.keyset), header["kid"])
    claims = open_token(text, key, expect.alg)
    _judge_claims(claims, expect.claims)
    assert not set(expect.without) & set(claims), f"claims that should not be there: {claims}"
    if expect.exactly is not None:
        assert claims == render(dict(expect.exactly))
    return Made(text, claims)


def open_token(text: str, key: Any, alg: str) -> dict[str, Any]:
    """The claims of a token whose signature is good, for PyJWT."""
    if not isinstance(key, jwt.PyJWK | bytes):
        key = key.public_key()
    claims: dict[str, Any] = json.loads(jwt.PyJWS(algorithms=[alg]).decode(text, key, algorithms=[alg]))
    return claims


def _find_key(keys: list[dict[str, Any]], kid: str) -> jwt.PyJWK:
    found = [key for key in keys if key["kid"] == kid]
    assert len(found) == 1, f"the published set holds the key {len(found)} times"
    assert not {"d", "p", "q", "k"} & set(found[0]), "a private member is published"
    return jwt.PyJWK(found[0])


def verifies(text: str, keys: list[dict[str, Any]]) -> bool:
    """Whether the set holds the token's key and its signature is good."""
    header = jwt.get_unverified_header(text)
    for jwk in keys:
        if jwk["kid"] == header["kid"]:
            prepared, (signed, _, signature) = jwt.PyJWK(jwk), text.rpartition(".")
            raw = base64.urlsafe_b64decode(signature + "==")
            return bool(algorithm(header["alg"]).verify(signed.encode(), prepared.key, raw))
    return False


def _judge_claims(claims: Mapping[str, Any], expect: Mapping[str, object]) -> None:
    for name, value in expect.items():
        assert name in claims, f"the claim {name} is missing from {sorted(claims)}"
        rendered = render(value)
        assert claims[name] == rendered, name
        assert type(claims[name]) is type(rendered), name  # True == 1 == 1.0


def _judge_identity(seen: Seen, expect: Passed, made: list[Made]) -> None:
    identity = seen.identity
    assert identity is not None
    signed = [*_judge_verified(identity.access_token, expect.access)]
    signed += _judge_verified(identity.channel_token, expect.channel)
    assert [claims for _, claims in made] == signed, "`upstream_claims` are what the new tokens say"
    consumer = identity.consumer
    if expect.consumer is None:
        assert consumer is None
    else:
        assert consumer is not None
        assert {name: getattr(consumer, name) for name in ("id", "username", "custom_id")} == expect.consumer


def _judge_verified(found: Any, expect: Verified | None) -> list[dict[str, Any]]:
    if expect is None:
        assert found is None, "a token that was not sent"
        return []
    assert found is not None, "the identity lacks the token"
    assert found.source == expect.source
    _judge_claims(found.claims, expect.claims)
    if not expect.signed:
        assert found.upstream_claims is None
        return []
    return [dict(found.upstream_claims)]
