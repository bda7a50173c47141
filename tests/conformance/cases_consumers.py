"""From a claim to a consumer and its headers (section 6, decisions 20, 21 and 38)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from conformance.case import Answer, Case, Passed, Provider, Refused, Send, Verified, case
from conformance.cases_writing import forged_headers
from conformance.outcomes import CONSUMER_CLAIM_UNUSABLE, CONSUMER_NOT_FOUND
from conformance.tokens import good, token
from conformance.ways import ACCESS, ALL_KEYS, OPAQUE, SIDES, WAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.ways import Way

ANN: Final = {"id": "1", "username": "ann", "custom_id": "c-1"}
BEN: Final = {"id": "2", "username": "c-1", "custom_id": "ann"}  # other people's names, crosswise
CEM: Final = {"id": "3", "username": "7", "custom_id": "cem"}
LISTED: Final[dict[str, object]] = {"consumers": [ANN, BEN, CEM, {"id": "4"}]}
FORGED: Final = forged_headers("X-Consumer-ID", "X-Consumer-Username", "X-Consumer-Custom-ID")


def written(consumer: Mapping[str, str | None]) -> dict[str, object]:
    """The headers of a consumer; what it lacks is not written."""
    names = {"id": "X-Consumer-ID", "username": "X-Consumer-Username", "custom_id": "X-Consumer-Custom-ID"}
    return {header: consumer[field] for field, header in names.items() if consumer.get(field) is not None}


def whole(consumer: Mapping[str, str | None]) -> dict[str, str | None]:
    return {field: consumer.get(field) for field in ("id", "username", "custom_id")}


def _mapped(
    way: Way,
    name: str,
    claim: object,
    found: Mapping[str, str | None] | Refused,
    *,
    proves: tuple[str, ...] = (),
    options: dict[str, object] = LISTED,
    **rules: object,
) -> Case:
    """A token whose claim `who` holds this; mapped to a consumer, or refused."""
    claims = good({"who": claim})
    expect = found if isinstance(found, Refused) else way.accepted(whole(found), **written(found))
    request = way.request(claims)
    proven = () if isinstance(found, Refused) else options
    return Case(
        f"{way.label}: {name}",
        way.settings({"consumer_claim": ["who"], **rules}) | options,
        (Send(replace(request, headers=(*request.headers, *FORGED)), expect),),
        way.provider(claims),
        frozenset((*(way.name(field) for field in proves), *proven)),
    )


def _everywhere() -> Iterator[Case]:
    """The same for tokens and introspection results."""
    for way in WAYS:
        yield _mapped(way, "mapped by user name, before custom id", "ann", ANN, proves=("consumer_claim",))
        yield _mapped(way, "mapped by custom id", "cem", CEM, proves=("consumer_claim",))
        by_id: dict[str, Any] = {"consumer_by": ["custom_id", "username"]}
        yield _mapped(way, "mapped by custom id first", "ann", BEN, proves=("consumer_by",), **by_id)
        yield _mapped(way, "mapped by id", "4", {"id": "4"}, proves=("consumer_by",), consumer_by=["id"])
        yield _mapped(way, "an integer is its decimal text", 7, CEM)
        yield _mapped(way, "nobody of this name", "eve", CONSUMER_NOT_FOUND)
        yield _mapped(way, "an id where ids are not compared", "1", CONSUMER_NOT_FOUND)
        yield _mapped(way, "a name in other letters", "Ann", CONSUMER_NOT_FOUND)
        unusable = {
            "null": None,
            "true": True,
            "a fraction": 7.5,
            "a list": ["ann"],
            "an object": {"a": 1},
            "empty": "",
        }
        for name, value in unusable.items():
            yield _mapped(way, f"a consumer claim that is {name}", value, CONSUMER_CLAIM_UNUSABLE)
        yield _mapped(way, "a consumer claim with NUL", "ann\u0000", CONSUMER_CLAIM_UNUSABLE)
        yield _mapped(way, "a wildcard", "%", CONSUMER_NOT_FOUND)


def _absent() -> Iterator[Case]:
    for way in WAYS:
        claims = good()
        yield Case(
            f"{way.label}: the consumer claim is absent",
            way.settings({"consumer_claim": ["who"]}) | LISTED,
            (Send(way.request(claims), CONSUMER_CLAIM_UNUSABLE),),
            way.provider(claims),
            frozenset({way.name("consumer_claim")}),
        )


def _found_by_function(field: str, value: str) -> Mapping[str, str] | None:
    return {"id": "9", "username": f"{field}={value}"} if field == "custom_id" else None


def _unwritable(_field: str, _value: str) -> Mapping[str, str]:
    return {"id": "9", "username": "ann\r\nX-Admin: 1"}


def _sources() -> Iterator[Case]:
    """Which of the four sources wins (section 6.1 to 6.6)."""
    for side in SIDES:
        label = side.token.replace("_", " ")
        claims = good({"who": "ann", "whom": "cem"})
        result = Provider(tokens={OPAQUE: Answer({"active": True, **claims})})
        settings = side.settings(introspection_endpoint="$IDP/introspect", consumer_claim=["whom"])
        base: dict[str, Any] = {"source": "introspection"}
        yield case(
            f"{label}: the token's consumer claim applies to a plain introspection result",
            settings | LISTED,
            side.send(OPAQUE),
            side.passed(side.new() | written(CEM), consumer=whole(CEM), **base),
            provider=result,
            proves=side.names("consumer_claim"),
        )
        yield case(
            f"{label}: the introspection's consumer comes first",
            settings | {side.name("introspection_consumer_claim"): ["who"]} | LISTED,
            side.send(OPAQUE),
            side.passed(side.new() | written(ANN), consumer=whole(ANN), **base),
            provider=result,
            proves=side.names("introspection_consumer_claim"),
        )
        embedded = Answer({"active": True, "ext": token({"whom": "cem"})})
        yield case(
            f"{label}: the token's consumer claim applies to the JWT in the result",
            settings | {side.name("introspection_jwt_claim"): ["ext"]} | LISTED,
            side.send(OPAQUE),
            side.passed(side.new() | written(CEM), consumer=whole(CEM), **base),
            provider=Provider(tokens={OPAQUE: embedded}),
            proves=side.names("consumer_claim", "introspection_jwt_claim"),
        )
    both = {
        "access_token_jwks_uri": "$IDP/jwks",
        "channel_token_jwks_uri": "$IDP/jwks",
        "channel_token_request_header": "X-Channel",
        "channel_token_consumer_claim": ["who"],
    }
    signed, unsigned = Verified(), Verified(signed=False)
    for name, claim, found in (("wins", "who", ANN), ("without one", None, CEM)):
        yield case(
            f"two tokens: the access token's consumer {name}",
            both | LISTED | ({} if claim is None else {"access_token_consumer_claim": [claim]}),
            ACCESS.send(
                token({"who": "ann"}), ("X-Channel", token({"who": "cem" if found is CEM else "eve"}))
            ),
            Passed(ACCESS.new() | written(found), signed, unsigned, whole(found)),
            provider=Provider({"/jwks": Answer(ALL_KEYS)}),
            proves={"access_token_consumer_claim" if claim else "channel_token_consumer_claim"},
        )


def _services() -> Iterator[Case]:
    way = WAYS[0]
    found = {"id": "9", "username": "custom_id=ann"}
    one = _mapped(way, "consumers from a function", "ann", found, options={})
    yield Case(one.name, one.settings, one.steps, one.provider, services={"consumers": _found_by_function})
    two = _mapped(way, "a consumer whose name breaks a header", "ann", CONSUMER_CLAIM_UNUSABLE, options={})
    yield Case(two.name, two.settings, two.steps, two.provider, services={"consumers": _unwritable})
    dotted: dict[str, object] = {"consumers": f"{__name__}._found_by_function"}
    yield _mapped(way, "consumers from a dotted path", "ann", found, options=dotted)
    yield _mapped(way, "no consumers at all", "ann", CONSUMER_NOT_FOUND, options={})
    odd = {"id": "5", "username": "zoë 100%"}
    encoded = {"X-Consumer-ID": "5", "X-Consumer-Username": "zo%C3%AB 100%25"}
    claims = good({"who": "zoë 100%"})
    yield Case(
        "a name that is not ASCII is percent-encoded",
        way.settings({"consumer_claim": ["who"]}) | {"consumers": [odd]},
        (Send(way.request(claims), way.accepted(whole(odd), **encoded)),),
        way.provider(claims),
    )


CASES: Final = (*_everywhere(), *_absent(), *_sources(), *_services())
