"""The asynchronous driver: values, errors, merging across tasks, cancellation, threads, event loops."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from anyio.to_thread import run_sync

from jwt_signer_mw.drivers.asynchronous import BURNING_THREADS, AsynchronousDriver
from jwt_signer_mw.errors import StoreError, TransportError, Unavailable
from jwt_signer_mw.flows.commands import Exchange, Flow, Reply, call, compute, fetch, once

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


@pytest.fixture(
    params=[
        "asyncio",
        pytest.param("trio", marks=pytest.mark.skipif(not find_spec("trio"), reason="no trio here")),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class Echo:
    """A transport that answers with the URL, fails for `down`, and takes its time for `slow`."""

    def __init__(self) -> None:
        self.sent = 0
        self.given_up = 0
        self.closed = 0

    async def send(self, exchange: Exchange) -> Reply:
        self.sent += 1
        if exchange.url == "down":
            raise TransportError("down")
        if exchange.url == "slow":
            try:
                await anyio.sleep(0.2)
            except BaseException:
                self.given_up += 1
                raise
        return Reply(200, {}, exchange.url.encode())

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def driver(echo: Echo) -> AsynchronousDriver:
    return AsynchronousDriver(echo)


def get(url: str) -> Flow[bytes]:
    return (yield from fetch(Exchange(url))).body


async def test_values_go_through_nested_flows(driver: AsynchronousDriver) -> None:
    def outer() -> Flow[bytes]:
        first = yield from get("a")
        return first + (yield from call(bytes.upper, first)) + (yield from compute(bytes.title, first))

    assert await driver.run(outer()) == b"aAA"


async def test_an_error_is_thrown_in_where_it_was_asked_for(driver: AsynchronousDriver) -> None:
    def flow() -> Flow[str]:
        try:
            yield from fetch(Exchange("down"))
        except TransportError as error:
            return f"caught {error.detail}"
        return "not thrown"

    assert await driver.run(flow()) == "caught down"


async def test_an_error_that_nobody_catches_comes_out_and_closes_the_flow(driver: AsynchronousDriver) -> None:
    closed = []

    def flow() -> Flow[None]:
        try:
            yield from fetch(Exchange("down"))
        finally:
            closed.append(True)

    with pytest.raises(TransportError):
        await driver.run(flow())
    assert closed == [True]


async def test_an_unknown_command_is_an_error(driver: AsynchronousDriver) -> None:
    def flow() -> Flow[None]:
        yield "sleep"  # type: ignore[misc]

    with pytest.raises(TypeError, match="unknown command str"):
        await driver.run(flow())


# Merging ------------------------------------------------------------------------------------------


async def together(driver: AsynchronousDriver, tasks: int, flow: Callable[[], Flow[Any]]) -> list[object]:
    outcomes: list[object] = []

    async def enter() -> None:
        try:
            outcomes.append(await driver.run(once("key", flow)))
        except Exception as error:  # noqa: BLE001  the outcome is what is compared
            outcomes.append(type(error))

    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(enter)
    return outcomes


async def test_equal_flows_in_flight_are_run_once(driver: AsynchronousDriver, echo: Echo) -> None:
    assert await together(driver, 16, lambda: get("slow")) == [b"slow"] * 16
    assert echo.sent == 1
    assert await driver.run(once("key", lambda: get("slow"))) == b"slow"
    assert echo.sent == 2, "what has landed is not remembered"


async def test_different_flows_do_not_wait_for_each_other(driver: AsynchronousDriver) -> None:
    start = time.monotonic()
    async with anyio.create_task_group() as group:
        for key in range(20):
            group.start_soon(driver.run, once(key, lambda: get("slow")))
    assert time.monotonic() - start < 1


async def test_who_waits_shares_the_error(driver: AsynchronousDriver) -> None:
    def failing() -> Flow[str]:
        yield from get("slow")
        raise StoreError("down")

    assert await together(driver, 8, failing) == [StoreError] * 8


async def test_what_needs_no_waiting_starts_no_task(driver: AsynchronousDriver) -> None:
    def quick(outcome: int) -> Flow[int]:
        if outcome < 0:
            raise StoreError
        yield from ()
        return outcome

    coroutine = driver.run(once("key", lambda: quick(1)))
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)  # it never gives way to the loop
    assert stop.value.value == 1
    with pytest.raises(StoreError):
        await driver.run(once("key", lambda: quick(-1)))


# Cancellation -------------------------------------------------------------------------------------


async def start_and_cancel(driver: AsynchronousDriver, flow: Flow[Any]) -> None:
    """Run it until it waits, then cancel the task."""
    async with anyio.create_task_group() as group:
        group.start_soon(driver.run, flow)
        await anyio.sleep(0.05)
        group.cancel_scope.cancel()


async def test_a_cancelled_task_closes_its_flow(driver: AsynchronousDriver, echo: Echo) -> None:
    closed = []

    def flow() -> Flow[None]:
        try:
            yield from get("slow")
        finally:
            closed.append(True)

    await start_and_cancel(driver, flow())
    assert (closed, echo.given_up) == ([True], 1)


async def test_the_last_one_who_leaves_ends_the_flight(driver: AsynchronousDriver, echo: Echo) -> None:
    """NET-22: nothing is left behind when every client is gone."""
    closed = []

    def flow() -> Flow[None]:
        try:
            yield from get("slow")
        finally:
            closed.append(True)

    await start_and_cancel(driver, once("key", flow))
    for _ in range(10):
        await checkpoint()
    assert (closed, echo.given_up) == ([True], 1)
    assert driver._home.get().flights == {}


async def test_a_leader_that_leaves_does_not_stop_the_others(driver: AsynchronousDriver, echo: Echo) -> None:
    """NET-22"""
    values = []

    async def follow() -> None:
        await anyio.sleep(0.02)
        values.append(await driver.run(once("key", lambda: get("slow"))))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(follow)
        await start_and_cancel(driver, once("key", lambda: get("slow")))
    assert (values, echo.sent, echo.given_up) == ([b"slow"] * 3, 1, 0)


async def test_who_comes_right_after_the_last_one_left_starts_anew(
    driver: AsynchronousDriver, echo: Echo
) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await driver.run(once("key", lambda: get("slow")))
    assert await driver.run(once("key", lambda: get("slow"))) == b"slow"
    assert (echo.sent, echo.given_up) == (2, 1)


# Threads ------------------------------------------------------------------------------------------


async def test_blocking_calls_do_not_block_the_loop(driver: AsynchronousDriver) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await anyio.sleep(0.01)
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(turn)
        await driver.run(call(time.sleep, 0.3))
        group.cancel_scope.cancel()
    assert turns > 5


async def test_signatures_do_not_wait_for_a_store_that_hangs(driver: AsynchronousDriver) -> None:
    release = threading.Event()
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(driver.run, call(release.wait))
        await anyio.sleep(0.05)
        with anyio.fail_after(5):
            assert await driver.run(compute(int, "7")) == 7
        release.set()


async def test_few_signatures_are_made_at_once(driver: AsynchronousDriver) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def sign() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(driver.run, compute(sign))
    assert most == BURNING_THREADS


async def test_blocking_calls_may_be_run_in_another_way(echo: Echo) -> None:
    """As Django wants it: its connections belong to one thread."""
    ways = []

    async def run(function: Callable[..., Any], *arguments: Any) -> Any:
        ways.append(function)
        return await run_sync(function, *arguments)

    driver = AsynchronousDriver(echo, blocking=run)
    assert await driver.run(call(int, "1")) == 1
    assert await driver.run(compute(int, "2")) == 2
    assert ways == [int]


# Event loops --------------------------------------------------------------------------------------


def test_one_driver_serves_several_loops_one_after_the_other(driver: AsynchronousDriver, echo: Echo) -> None:
    for turn in (1, 2, 3):
        assert anyio.run(together, driver, 4, lambda: get("slow")) == [b"slow"] * 4
        assert echo.sent == turn


def test_one_driver_serves_several_loops_at_once(driver: AsynchronousDriver, echo: Echo) -> None:
    threads = [
        threading.Thread(target=anyio.run, args=(together, driver, 4, lambda: get("slow"))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert echo.sent == 2


def test_a_loop_that_ends_in_the_middle_leaves_nothing(driver: AsynchronousDriver, echo: Echo) -> None:
    async def leave() -> None:
        task = asyncio.create_task(driver.run(once("key", lambda: get("slow"))))
        await asyncio.sleep(0.05)
        del task

    asyncio.run(leave())
    gc.collect()
    assert echo.given_up == 1
    with pytest.raises(Unavailable):
        asyncio.run(join_what_is_cancelled(driver))


async def join_what_is_cancelled(driver: AsynchronousDriver) -> None:
    """A flight whose task is killed by somebody else lands with an error."""
    waiter = asyncio.create_task(driver.run(once("key", lambda: get("slow"))))
    await asyncio.sleep(0.05)
    (flight,) = asyncio.all_tasks() - {waiter, asyncio.current_task()}
    flight.cancel()
    await waiter
