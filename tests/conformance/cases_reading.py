"""Where a token is read from, what counts as one, and which branch it takes (decisions 7 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import Answer, Passed, Provider, Request, Send, case
from conformance.outcomes import (
    HEADER_NOT_CONFIGURED,
    NO_ENDPOINT,
    SUBJECT_NOT_ALLOWED,
    TOKEN_EXPIRED,
    TOKEN_MALFORMED,
    TOKEN_MISSING,
    TOKEN_REPEATED,
    TOKEN_TOO_LARGE,
)
from conformance.tokens import Basic, Joined, bearer, good, segment, token
from conformance.ways import ACCESS, ALL_KEYS, CHANNEL, OPAQUE, SIDES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.case import Case, Decision

JWE: Final = ".".join([segment(b'{"alg":"dir","enc":"A128GCM"}'), "", "aXY", "dGV4dA", "dGFn"])
TWO_DOTS: Final = "mF_9.B5f-4.1JqM"  # RFC 7662 section 2.1: an opaque token with two dots
BASIC_USER: Final = "opaque-user-name-0123456789"
BOTH: Final = Provider(
    {"/jwks": Answer(ALL_KEYS)},
    {text: Answer({"active": True, **good()}) for text in (OPAQUE, JWE, TWO_DOTS, BASIC_USER)},
)
SOURCES: Final = {"jwks_uri": "$IDP/jwks", "introspection_endpoint": "$IDP/introspect"}
SETTINGS: Final = ACCESS.settings(**SOURCES)
JWT: Final = ACCESS.passed(ACCESS.new())
INTROSPECTED: Final = ACCESS.passed(ACCESS.new(), source="introspection")
ANONYMOUS: Final = Passed()


def _authorization(*values: object) -> Request:
    return Request(tuple(("Authorization", value) for value in values))


def _one(name: str, value: object, expect: Decision, header: object = None) -> Case:
    """One `Authorization` value, read through `header`."""
    settings = SETTINGS if header is None else SETTINGS | {"access_token_request_header": header}
    proves = {"access_token_request_header"} if expect is TOKEN_MISSING else set[str]()
    return case(name, settings, _authorization(value), expect, provider=BOTH, proves=proves)


def _schemes() -> Iterator[Case]:
    for scheme in ("Bearer ", "bearer ", "BEARER "):
        yield _one(f"scheme {scheme.strip()}", Joined((scheme, token())), JWT)
    yield _one("a JWT as it is after Basic", Joined(("Basic ", token())), JWT)
    yield _one("a JWT as the user name of Basic", Basic(token(), "anything:at:all"), JWT)
    yield _one("an opaque token as the user name of Basic", Basic(BASIC_USER), INTROSPECTED)
    yield _one("Basic that is not base64", "Basic !!!!", TOKEN_MALFORMED)
    yield _one("Basic without a colon", "Basic " + segment(b"no colon at all"), TOKEN_MALFORMED)
    yield _one("Basic with an empty user name", Basic(""), TOKEN_MALFORMED)
    yield _one("Basic that is not UTF-8", "Basic //79OnB3", TOKEN_MALFORMED)
    yield _one(
        "only Bearer: a Basic value is no token", Basic(BASIC_USER), TOKEN_MISSING, "authorization:bearer"
    )
    yield _one("only Bearer, written in capitals", bearer(token()), JWT, "AUTHORIZATION:BEARER")
    yield _one(
        "only Basic: a Bearer value is no token", bearer(token()), TOKEN_MISSING, "authorization:basic"
    )
    yield _one("only Basic", Basic(token()), JWT, "authorization:basic")


def _malformed() -> Iterator[Case]:
    values: dict[str, object] = {
        "a tab after the scheme": Joined(("Bearer\t", token())),
        "a colon after the scheme": Joined(("Bearer:", token())),
        "nothing between scheme and token": Joined(("Bearer", token())),
        "no scheme": token(),
        "another scheme": Joined(("Digest ", token())),
        "nothing after the scheme": "Bearer ",
        "a scheme alone": "Bearer",
        "two blanks after the scheme": Joined(("Bearer  ", token())),
        "a blank behind the token": Joined(("Bearer ", token(), " ")),
        "a comma between two tokens": Joined(("Bearer ", token(), ",", token())),
        "a comma between two credentials": Joined(("Bearer ", token(), ",Bearer ", token())),
        "a non-ASCII octet": Joined(("Bearer ", OPAQUE, "\u00e9")),
        "percent encoding": Joined(("Bearer ", OPAQUE, "%20")),
        "an ampersand": Joined(("Bearer ", OPAQUE, "&client_id=admin")),
        "a quote": Joined(("Bearer ", '"', OPAQUE, '"')),
        "a padding sign inside": Joined(("Bearer ", "abc=def")),
    }
    for name, value in values.items():
        # None of them may reach a provider, and none may pass as "no token" where that is optional.
        yield case(
            f"malformed: {name}",
            SETTINGS | {"access_token_optional": True},
            _authorization(value),
            TOKEN_MALFORMED,
            provider=BOTH,
            then=(Send(_authorization(bearer(token())), JWT, calls={"/jwks": 1}),),
        )


def _repeated() -> Iterator[Case]:
    yield case(
        "two Authorization headers",
        SETTINGS,
        _authorization(bearer(token()), bearer(token())),
        TOKEN_REPEATED,
        provider=BOTH,
    )
    yield case(
        "two headers of the channel token",
        CHANNEL.settings(**SOURCES),
        Request((("X-Channel", token()), ("X-Channel", token()))),
        TOKEN_REPEATED,
        provider=BOTH,
    )


def _elsewhere() -> Iterator[Case]:
    requests = {
        "the query": Request(target="/orders?access_token=abc"),
        "a cookie": Request((("Cookie", Joined(("access_token=", token()))),)),
        "another header": Request((("X-Access-Token", token()),)),
        "Proxy-Authorization": Request((("Proxy-Authorization", bearer(token())),)),
        "an alias of Authorization": Request((("X_Authorization", bearer(token())),)),
        "Authorization with a separator": Request((("Authorization_", bearer(token())),)),
        "the CGI name of Authorization": Request((("HTTP-AUTHORIZATION", bearer(token())),)),
    }
    for name, request in requests.items():
        yield case(f"a token is not looked for in {name}", SETTINGS, request, TOKEN_MISSING, provider=BOTH)


def _branches() -> Iterator[Case]:
    yield _one("an opaque token is introspected", bearer(OPAQUE), INTROSPECTED)
    yield _one("a JWE is opaque", bearer(JWE), INTROSPECTED)
    yield _one("two dots alone make no JWT", bearer(TWO_DOTS), INTROSPECTED)
    for name, value in {
        "a JWE": JWE,
        "two dots": TWO_DOTS,
        "four parts": "a.b.c.d",
        "one word": "abc",
    }.items():
        yield case(
            f"{name}, without an introspection endpoint",
            ACCESS.settings(jwks_uri="$IDP/jwks"),
            _authorization(bearer(value)),
            NO_ENDPOINT,
            provider=BOTH,
        )


def _sides() -> Iterator[Case]:
    for side in SIDES:
        label = side.token.replace("_", " ")
        settings = side.settings(**SOURCES)
        custom = settings | {side.name("request_header"): "X-Token"}
        there = Request((("X-Token", token()),))
        passed = side.passed(side.new())
        yield case(
            f"{label}: from a header of any name",
            custom,
            there,
            passed,
            provider=BOTH,
            proves=side.names("request_header"),
        )
        yield case(
            f"{label}: a scheme before it is stripped",
            custom,
            Request((("x-token", bearer(token())),)),
            passed,
            provider=BOTH,
        )
        yield case(f"{label}: missing", settings, Request(), TOKEN_MISSING, provider=BOTH)
        yield case(
            f"{label}: missing, but optional",
            settings | {side.name("optional"): True},
            Request(),
            ANONYMOUS,
            proves=side.names("optional"),
        )
        yield case(
            f"{label}: optional, but expired",
            settings | {side.name("optional"): True},
            side.send(token({"exp": 1})),
            TOKEN_EXPIRED,
            provider=BOTH,
        )
        for nothing in (None, ""):
            off = settings | {side.name("request_header"): nothing}
            yield case(
                f"{label}: switched off by {nothing!r}, but not optional",
                off,
                Request(),
                HEADER_NOT_CONFIGURED,
            )
            yield case(
                f"{label}: switched off by {nothing!r} and optional",
                off | {side.name("optional"): True},
                Request(),
                ANONYMOUS,
                proves=side.names("optional"),
            )
        yield case(
            f"{label}: longer than allowed",
            settings | {"max_token_bytes": 100},
            side.send(token()),
            TOKEN_TOO_LARGE,
            provider=BOTH,
            proves={"max_token_bytes"},
            then=(
                Send(
                    side.send(OPAQUE),
                    side.passed(side.new(), source="introspection"),
                    calls={"/introspect": 1},
                ),
            ),
        )


def _together() -> Iterator[Case]:
    """The untouched defaults, and what happens first when both tokens fail."""
    jwks = {"access_token_jwks_uri": "$IDP/jwks", "channel_token_jwks_uri": "$IDP/jwks"}
    both = jwks | {"channel_token_request_header": "X-Channel", "access_token_subjects_allowed": ["bob"]}
    yield case("the defaults let nothing pass: no token", {}, Request(), TOKEN_MISSING)
    yield case(
        "the defaults let nothing pass: an access token alone",
        jwks,
        ACCESS.send(token()),
        HEADER_NOT_CONFIGURED,
        provider=BOTH,
    )
    yield case(
        "the access token is judged before a missing channel token",
        both,
        ACCESS.send(token()),
        SUBJECT_NOT_ALLOWED,
        provider=BOTH,
    )
    yield case(
        "the channel token is judged after the access token",
        both,
        ACCESS.send(token({"sub": "bob"}), ("X-Channel", token({"exp": 1}))),
        TOKEN_EXPIRED,
        provider=BOTH,
    )


def _limits() -> Iterator[Case]:
    longest = "a" * 16384
    yield case(
        "a token of 16 KiB",
        SETTINGS,
        _authorization(bearer(longest)),
        INTROSPECTED,
        provider=Provider(tokens={longest: Answer({"active": True, **good()})}),
    )
    yield _one("a token of more than 16 KiB", bearer(longest + "a"), TOKEN_TOO_LARGE)
    yield _one("Basic credentials of 100 KB", "Basic " + "QUFB" * 25_000, TOKEN_TOO_LARGE)
    yield _one("many dots", bearer("." * 50_000), TOKEN_TOO_LARGE)


CASES: Final = (
    *_schemes(),
    *_malformed(),
    *_repeated(),
    *_elsewhere(),
    *_branches(),
    *_sides(),
    *_together(),
    *_limits(),
)
