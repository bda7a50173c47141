"""What headers the application sees: new tokens, originals, and nothing the client made up (decision 22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import Answer, BadSettings, Case, NewToken, Passed, Provider, Request, Verified, case
from conformance.outcomes import TOKEN_MISSING
from conformance.tokens import bearer, token
from conformance.ways import ACCESS, ALL_KEYS, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDER: Final = Provider({"/jwks": Answer(ALL_KEYS)})
ONE: Final = ACCESS.settings(jwks_uri="$IDP/jwks")
TWO: Final = {
    "access_token_jwks_uri": "$IDP/jwks",
    "channel_token_jwks_uri": "$IDP/jwks",
    "channel_token_request_header": "X-Channel",
}
FIRST: Final = token({"sub": "alice"})
SECOND: Final = token({"sub": "branch-7"})
SIGNED: Final = Verified()
UNSIGNED: Final = Verified(signed=False)


def _outputs() -> Iterator[Case]:
    for side in SIDES:
        label = side.token.replace("_", " ")
        settings = side.settings(jwks_uri="$IDP/jwks")
        own = side.name("upstream_header")
        yield case(
            f"{label}: written to a header of any name, without a scheme",
            settings | {own: "X-Upstream-JWT"},
            side.send(FIRST),
            side.passed({"X-Upstream-JWT": NewToken({"sub": "alice"})}),
            provider=PROVIDER,
            proves={own},
        )
        yield case(
            f"{label}: written with the type behind the colon",
            settings | {own: "X-Upstream-JWT:Token"},
            side.send(FIRST),
            side.passed({"X-Upstream-JWT": NewToken(scheme="Token ")}),
            provider=PROVIDER,
            proves={own},
        )
        for nothing in (None, ""):
            yield case(
                f"{label}: with the output {nothing!r} nothing is signed, and the token is gone",
                settings | {own: nothing},
                side.send(FIRST),
                side.passed({}, signed=False),
                provider=PROVIDER,
                proves={own} if side is ACCESS else frozenset(),  # the channel token's default is null
            )
        yield case(
            f"{label}: signing is off, and the token is gone",
            settings | {side.name("signing"): False},
            side.send(FIRST),
            side.passed({}, signed=False),
            provider=PROVIDER,
            proves=side.names("signing"),
        )
        yield case(
            f"{label}: signing is off, and the original goes on",
            settings
            | {side.name("signing"): False, side.name("original_upstream_header"): "X-Original:Bearer"},
            side.send(FIRST),
            side.passed({"X-Original": bearer(FIRST)}, signed=False),
            provider=PROVIDER,
            proves=side.names("original_upstream_header", "signing"),
        )
        yield case(
            f"{label}: the original goes on beside the new one",
            settings | {side.name("original_upstream_header"): "X-Original"},
            side.send(FIRST),
            side.passed({**side.new(), "X-Original": FIRST}),
            provider=PROVIDER,
            proves=side.names("original_upstream_header"),
        )
    yield case(
        "the access token's output is written in any case",
        ONE | {"access_token_upstream_header": "authorization:bearer"},
        ACCESS.send(FIRST),
        ACCESS.passed({"Authorization": NewToken(scheme="Bearer ")}),
        provider=PROVIDER,
    )
    yield case(
        "a client's Authorization header that nobody reads or writes stays",
        ONE | {"access_token_request_header": "X-Token", "access_token_upstream_header": "X-New"},
        Request((("X-Token", FIRST), ("Authorization", "Basic dXNlcjpwYXNz"))),
        ACCESS.passed({"X-New": NewToken(), "Authorization": "Basic dXNlcjpwYXNz"}),
        provider=PROVIDER,
    )


def _exchanged() -> Iterator[Case]:
    """Outputs of one token under the name of the other's input: both are read before anything is written."""
    request = ACCESS.send(FIRST, ("X-Channel", SECOND))
    for name in ("access_token_upstream_header", "original_access_token_upstream_header"):
        first: object = NewToken({"sub": "alice"}) if name.startswith("access") else FIRST
        headers = {} if name.startswith("access") else {"Authorization": NewToken(scheme="Bearer ")}
        yield case(
            f"{name} is the channel token's request header",
            TWO | {name: "X-Channel", "channel_token_upstream_header": "X-Second"},
            request,
            Passed(
                {**headers, "X-Channel": first, "X-Second": NewToken({"sub": "branch-7"})}, SIGNED, SIGNED
            ),
            provider=PROVIDER,
        )
    yield case(
        "the new access token is no channel token",
        TWO | {"access_token_upstream_header": "X-Channel"},
        ACCESS.send(FIRST),
        TOKEN_MISSING,
        provider=PROVIDER,
    )
    yield case(
        "the two tokens change places",
        TWO
        | {
            "access_token_upstream_header": "X-Channel",
            "channel_token_upstream_header": "Authorization:Bearer",
        },
        request,
        Passed(
            {
                "X-Channel": NewToken({"sub": "alice"}),
                "Authorization": NewToken({"sub": "branch-7"}, scheme="Bearer "),
            },
            SIGNED,
            SIGNED,
        ),
        provider=PROVIDER,
    )


_FAMILY: Final = (
    "X-Consumer-ID",
    "X-Consumer-Username",
    "X-Consumer-Custom-ID",
    "X-Consumer-Groups",
    "X-Credential-Identifier",
    "X-Anonymous-Consumer",
)


def spellings(name: str) -> tuple[str, ...]:
    """Ways to write one header that some server or language takes for the same."""
    return (
        name,
        name.lower(),
        name.upper(),
        name.replace("-", "_"),
        name.replace("-", "."),
        name.replace("-", "_", 1),
    )


def forged_headers(*names: str) -> tuple[tuple[str, object], ...]:
    return tuple((spelling, "forged") for name in names for spelling in dict.fromkeys(spellings(name)))


_OUTPUTS: Final = {
    "access_token_upstream_header": "X-New",
    "original_access_token_upstream_header": "X-Original",
    "channel_token_upstream_header": "X-Channel-New",
    "original_channel_token_upstream_header": "X-Channel-Original",
}
_FORGED: Final = forged_headers(*_FAMILY, *_OUTPUTS.values())


def _spoofed() -> Iterator[Case]:
    settings = TWO | _OUTPUTS | {"channel_token_optional": True, "access_token_optional": True}
    yield case(
        "forged outputs and identity headers are gone, in every spelling",
        settings,
        ACCESS.send(FIRST, *_FORGED),
        Passed({"X-New": NewToken({"sub": "alice"}), "X-Original": FIRST}, SIGNED),
        provider=PROVIDER,
    )
    yield case(
        "forged outputs and identity headers are gone where no token was sent",
        settings,
        Request(_FORGED),
        Passed(),
        provider=PROVIDER,
    )
    yield case(
        "forged outputs and identity headers are gone from a preflight",
        settings,
        Request(
            (*_FORGED, ("Origin", "https://app.example"), ("Access-Control-Request-Method", "PUT")),
            method="OPTIONS",
        ),
        Passed({"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}),
        provider=PROVIDER,
    )
    yield case(
        "other headers stay as they are",
        settings,
        ACCESS.send(
            FIRST, ("X-Consumers", "stays"), ("X-Newer", "stays"), ("Connection", "X-Consumer-ID, X-New")
        ),
        Passed(
            {
                "X-New": NewToken(),
                "X-Original": FIRST,
                "X-Consumers": "stays",
                "X-Newer": "stays",
                "Connection": "X-Consumer-ID, X-New",
            },
            SIGNED,
        ),
        provider=PROVIDER,
    )


def _unique() -> Iterator[Case]:
    """The four output headers differ by name; an output that is off does not count."""
    clashes = {
        "both new tokens": {"channel_token_upstream_header": "Authorization"},
        "a new token and the other's original": {
            "original_channel_token_upstream_header": "AUTHORIZATION:Basic"
        },
        "a new token and its original": {"original_access_token_upstream_header": "authorization:bearer"},
        "both originals": {
            "original_access_token_upstream_header": "X-Original",
            "original_channel_token_upstream_header": "x-original:Bearer",
        },
    }
    for name, outputs in clashes.items():
        last = max(outputs)
        yield Case(f"one header for {name}", ONE | outputs, bad=BadSettings(frozenset({last})))
    yield case(
        "the original under the name of a new token that is not signed",
        ONE
        | {"access_token_signing": False, "original_access_token_upstream_header": "Authorization:Bearer"},
        ACCESS.send(FIRST),
        ACCESS.passed({"Authorization": bearer(FIRST)}, signed=False),
        provider=PROVIDER,
    )
    yield case(
        "the channel token under the name of an access token that is not signed",
        TWO | {"access_token_signing": False, "channel_token_upstream_header": "Authorization:Bearer"},
        ACCESS.send(FIRST, ("X-Channel", SECOND)),
        Passed({"Authorization": NewToken({"sub": "branch-7"}, scheme="Bearer ")}, UNSIGNED, SIGNED),
        provider=PROVIDER,
    )


CASES: Final = (*_outputs(), *_exchanged(), *_spoofed(), *_unique())
