"""What it costs to grow: larger tokens, more keys, more sets, fuller caches, more threads and processes."""

from __future__ import annotations

import multiprocessing
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.floor import VERIFY, floor_cases
from benchmarks.goals import FORGETFUL, forgetful, new_requests
from benchmarks.measuring import Case, each, measure
from benchmarks.setups import wsgi
from benchmarks.tokens import supply, token

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measuring import Figure

SIZES = (0, 1_000, 3_000, 6_000, 11_000)  # bytes of padding: the last is close to the limit of a token
KEYS = (1, 10, 100, 1_000, 10_000)
SETS = (1, 4, 16, 64)
FILLS = (1, 10, 100, 1_000, 10_000)
THREADS = (1, 2, 4, 8, 16)
PROCESSES = (1, 2)
THREADED = 1.0  # seconds that threads or processes run for one figure


class Row(NamedTuple):
    """What one step of a growth costs, in units of one raw RS256 verification."""

    step: int
    known: Figure
    new: Figure


def measure_growth(rounds: int, tick: Callable[[], None]) -> dict[str, Any]:
    """By what grows: rows of step, known token, new token (signed with ES256)."""
    return {
        "token": _rows(SIZES, _of_token, rounds, tick, shown=lambda padding: len(token(0, padding=padding))),
        "keys": _rows(KEYS, _of_keys, rounds, tick),
        "sets": _rows(SETS, _of_sets, rounds, tick),
        "cache": _rows(FILLS, _of_cache, rounds, tick),
        "threads": [(count, *_with_threads(count)) for count in THREADS],
        "processes": [(count, *_with_processes(count)) for count in PROCESSES],
    }


Pair = tuple["Callable[[int], None]", "Callable[[int], None]"]  # passes of a known token, and of new ones


def _rows(
    steps: tuple[int, ...],
    setup: Callable[[int], Pair],
    rounds: int,
    tick: Callable[[], None],
    shown: Callable[[int], int] = lambda step: step,
) -> list[Row]:
    environ = wsgi.environ(token(0))
    bare = Case("bare", wsgi.passes(wsgi.application, lambda: environ))
    cases = [*floor_cases()[:1], bare]
    for step in steps:
        known, new = setup(step)
        cases += [Case(f"known {step}", known), Case(f"new {step}", new)]
    measured = measure(cases, rounds, tick)
    return [
        Row(
            shown(step),
            measured.ratio(f"known {step}", VERIFY, less="bare"),
            measured.ratio(f"new {step}", VERIFY, less="bare"),
        )
        for step in steps
    ]


def _of_token(padding: int) -> Pair:
    environ = wsgi.environ(token(0, padding=padding))
    environs = supply(100, lambda i: wsgi.environ(token(i, padding=padding)))
    known = wsgi.wrapped(access_token_signing_algorithm="ES256")
    return wsgi.passes(known, lambda: environ), wsgi.passes(forgetful("ES256"), environs)


def _of_keys(count: int) -> Pair:
    environ, middleware = wsgi.environ(token(0)), forgetful("ES256", keys=count)
    return wsgi.passes(middleware, lambda: environ), wsgi.passes(
        forgetful("ES256", keys=count), new_requests()
    )


def _of_sets(count: int) -> Pair:
    """As many middlewares, each with a key set and keys of its own, asked in turn."""
    apps = [forgetful("ES256") for _ in range(count)]
    environ = wsgi.environ(token(0))
    turns = supply(count, apps.__getitem__)
    for app in apps:
        app(environ, wsgi.start_response)
    others = supply(count, [forgetful("ES256") for _ in range(count)].__getitem__)
    environs = new_requests()
    return (
        each(lambda: turns()(environ, wsgi.start_response)),
        each(lambda: others()(environs(), wsgi.start_response)),
    )


def _of_cache(fill: int) -> Pair:
    """`fill` known tokens, asked in turn; and new ones, each of which pushes another one out."""
    known = wsgi.wrapped(access_token_signing_algorithm="ES256", verdict_cache_size=fill)
    environs = supply(fill, lambda i: wsgi.environ(token(i)))
    passes = wsgi.passes(known, environs)
    passes(fill)
    full = wsgi.wrapped(access_token_signing_algorithm="ES256", verdict_cache_size=max(FORGETFUL, fill // 2))
    others = supply(max(4 * FORGETFUL, fill), lambda i: wsgi.environ(token(i)))
    full_passes = wsgi.passes(full, others)
    full_passes(max(4 * FORGETFUL, fill))
    return passes, full_passes


def _with_threads(count: int) -> tuple[float, float]:
    """Passes per second of all threads together: of a known token, and of new ones."""
    environ = wsgi.environ(token(0))
    middleware, signer = wsgi.wrapped(), forgetful("RS256")
    return (
        _throughput(count, lambda _: wsgi.passes(middleware, lambda: environ)),
        _throughput(count, lambda i: wsgi.passes(signer, new_requests(1_000 * i))),
    )


def _throughput(count: int, passes: Callable[[int], Callable[[int], None]]) -> float:
    works = [passes(i) for i in range(count)]
    done = [0] * count
    stop = threading.Event()

    def work(number: int) -> None:
        while not stop.is_set():
            works[number](20)
            done[number] += 20

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(THREADED)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - start)


def _with_processes(count: int) -> tuple[float, float]:
    with multiprocessing.get_context("fork").Pool(count) as pool:
        results = pool.map(_alone, range(count), chunksize=1)
    return sum(known for known, _ in results), sum(new for _, new in results)


def _alone(_number: int) -> tuple[float, float]:
    return _with_threads(1)
