"""The goals G1 to G7, as ratios of one run."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.contenders.pyjwt import verifying
from benchmarks.floor import VERIFY, floor_cases, sign_name
from benchmarks.measuring import Case, each, measure
from benchmarks.setups import asgi, wsgi
from benchmarks.tokens import MEGABYTE, PROVIDER_KEY, junk_in_signature, supply, token, unknown_kid
from jwt_signer_mw.jose import generate_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.measuring import Rounds
    from jwt_signer_mw.wsgi import JWTSignerMiddleware

# Each comes again only after it was forgotten. A prime, so that middlewares asked in turn see them all.
NEW_TOKENS = 401
FORGETFUL = 64  # verdicts kept where every token has to be a new one
FULL = 10_000  # keys of a set, entries of a cache


class Goal(NamedTuple):
    """`limit`: at most so much, or at least so much where it is a `floor`."""

    id: str
    what: str
    limit: float
    is_floor: bool = False

    def is_reached(self, value: float) -> bool:
        return value >= self.limit if self.is_floor else value <= self.limit


GOALS = (
    Goal("G1", "a new token, RS256 to RS256, over raw verify + raw sign", 1.30),
    Goal("G2", "a new token, RS256 to ES256, over the same floor", 3.00),
    Goal("G2c", "a new token, RS256 to EdDSA, over the same floor", 2.70),
    Goal("G3", "a known token through WSGI, without the application, over one raw RS256 verify", 0.22),
    Goal("G3b", "a known token through ASGI, likewise", 0.33),
    Goal("G4", "PyJWT + PyJWKClient that only verify, over our known token", 25, is_floor=True),
    Goal("G5a", "refusing a token of 1 MB, answer included, over one raw verify", 0.25),
    Goal("G5b", "refusing an unknown `kid`, likewise", 1.40),
    Goal("G5c", "refusing junk in a signature, likewise", 0.90),
    Goal("G6a", "a new token with 10,000 keys in the set, over one with 1 key", 1.15),
    Goal("G6b", "a known token in a full cache of 10,000, over one in a cache of 1", 1.25),
    Goal("G7", "bytes per remembered token, over the new token's own", 1.60),
)


def measure_goals(rounds: int, tick: Callable[[], None]) -> dict[str, float]:
    """The median of each goal."""
    loop = asgi.Loop()
    try:
        measured = measure([*floor_cases(), *_cases(loop)], rounds, tick)
    finally:
        loop.close()
    return {**_ratios(measured), "G7": bytes_per_token()}


def _cases(loop: asgi.Loop) -> Iterator[Case]:
    known = token(0)
    environ, scope = wsgi.environ(known), asgi.scope(known)
    middleware, asynchronous = wsgi.wrapped(), asgi.wrapped()
    yield Case("WSGI application", wsgi.passes(wsgi.application, lambda: environ))
    yield Case("WSGI known", wsgi.passes(middleware, lambda: environ))
    yield Case("ASGI application", loop.passes(asgi.application, lambda: scope))
    yield Case("ASGI known", loop.passes(asynchronous, lambda: scope))
    yield Case("PyJWT", each(lambda: verifying(environ)))
    for alg in ("RS256", "ES256", "EdDSA"):
        yield Case(f"new {alg}", wsgi.passes(forgetful(alg), new_requests()))
    large = wsgi.environ("a" * MEGABYTE)
    yield Case("1 MB", wsgi.passes(middleware, lambda: large))
    yield Case("unknown kid", wsgi.passes(middleware, supply(200, lambda i: wsgi.environ(unknown_kid(i)))))
    yield Case("junk", wsgi.passes(middleware, supply(200, lambda i: wsgi.environ(junk_in_signature(i)))))
    yield Case("10,000 keys", wsgi.passes(forgetful("ES256", keys=FULL), new_requests()))
    yield Case("cache of 1", wsgi.passes(_filled(1), lambda: environ))
    yield Case("cache of 10,000", wsgi.passes(_filled(FULL), lambda: environ))


def _ratios(measured: Rounds) -> dict[str, float]:
    def ratio(name: str, *floor: str, less: str | None = None) -> float:
        return measured.ratio(name, *floor, less=less).middle

    def new(alg: str) -> float:
        return ratio(f"new {alg}", VERIFY, sign_name(alg), less="WSGI application")

    return {
        "G1": new("RS256"),
        "G2": new("ES256"),
        "G2c": new("EdDSA"),
        "G3": ratio("WSGI known", VERIFY, less="WSGI application"),
        "G3b": ratio("ASGI known", VERIFY, less="ASGI application"),
        "G4": ratio("PyJWT", "WSGI known"),
        "G5a": ratio("1 MB", VERIFY),
        "G5b": ratio("unknown kid", VERIFY),
        "G5c": ratio("junk", VERIFY),
        "G6a": ratio("10,000 keys", "new ES256"),
        "G6b": ratio("cache of 10,000", "cache of 1"),
    }


def forgetful(alg: str, *, keys: int = 1) -> JWTSignerMiddleware:
    """A middleware for which `new_requests` are new each time."""
    others = [generate_key("ES256") for _ in range(keys - 1)]
    return wsgi.wrapped(
        PROVIDER_KEY, *others, access_token_signing_algorithm=alg, verdict_cache_size=FORGETFUL
    )


def new_requests(start: int = 0) -> Callable[[], dict[str, Any]]:
    return supply(NEW_TOKENS, lambda i: wsgi.environ(token(i)), start)


def _filled(entries: int) -> JWTSignerMiddleware:
    """A middleware whose memory is full of accepted tokens, the first one among them."""
    middleware = wsgi.wrapped(access_token_signing_algorithm="ES256", verdict_cache_size=entries)
    wsgi.passes(middleware, supply(entries, lambda i: wsgi.environ(token(entries - 1 - i))))(entries)
    return middleware


def bytes_per_token(entries: int = 1000) -> float:
    """What a middleware holds for each token that it remembers, over the length of the new token."""
    middleware = wsgi.wrapped()
    seen: list[int] = []

    def look(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(len(environ["HTTP_AUTHORIZATION"]) - len("Bearer "))
        return wsgi.application(environ, start_response)

    middleware.app = look
    numbers = range(entries + 100)
    for number in numbers[:100]:  # what grows once
        middleware(wsgi.environ(token(number)), wsgi.start_response)
    seen.clear()
    gc.collect()
    tracemalloc.start()
    for number in numbers[100:]:
        middleware(wsgi.environ(token(number)), wsgi.start_response)
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (grown - sys.getsizeof(seen)) / sum(seen)
