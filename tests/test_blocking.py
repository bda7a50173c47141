"""The blocking driver: values and errors through nested flows, and merging across threads."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.errors import StoreError, TransportError
from jwt_signer_mw.flows.commands import Exchange, Flow, Reply, call, fetch, once


class Echo:
    """A transport that answers with the URL, or fails for one that says so."""

    def send(self, exchange: Exchange) -> Reply:
        if "down" in exchange.url:
            raise TransportError("down")
        return Reply(200, {}, exchange.url.encode())


@pytest.fixture
def driver() -> BlockingDriver:
    return BlockingDriver(Echo())


def test_values_go_through_nested_flows(driver: BlockingDriver) -> None:
    def inner() -> Flow[bytes]:
        return (yield from fetch(Exchange("a"))).body

    def outer() -> Flow[bytes]:
        first = yield from inner()
        return first + (yield from call(bytes.upper, first))

    assert driver.run(outer()) == b"aA"


def test_an_error_is_thrown_in_where_it_was_asked_for(driver: BlockingDriver) -> None:
    def flow() -> Flow[str]:
        try:
            yield from fetch(Exchange("down"))
        except TransportError as error:
            return f"caught {error.detail}"
        return "not thrown"

    assert driver.run(flow()) == "caught down"


def test_an_error_that_nobody_catches_comes_out_and_closes_the_flow(driver: BlockingDriver) -> None:
    closed = []

    def flow() -> Flow[None]:
        try:
            yield from fetch(Exchange("down"))
        finally:
            closed.append(True)

    with pytest.raises(TransportError):
        driver.run(flow())
    assert closed == [True]


def run_together(driver: BlockingDriver, threads: int, flow_of: object) -> list[object]:
    barrier = threading.Barrier(threads)

    def enter(_: int) -> object:
        barrier.wait()
        try:
            return driver.run(once("key", flow_of))  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001  the outcome is what is compared
            return type(error)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(enter, range(threads)))


def test_equal_flows_in_flight_are_run_once(driver: BlockingDriver) -> None:
    runs = []

    def slow() -> Flow[str]:
        runs.append(1)
        yield from call(time.sleep, 0.2)
        return "shared"

    assert run_together(driver, 16, slow) == ["shared"] * 16
    assert len(runs) == 1
    assert driver.run(once("key", slow)) == "shared"
    assert len(runs) == 2, "what has landed is not remembered"


def test_who_waits_shares_the_error(driver: BlockingDriver) -> None:
    def failing() -> Flow[str]:
        yield from call(time.sleep, 0.2)
        raise StoreError("down")

    assert run_together(driver, 8, failing) == [StoreError] * 8


def test_an_interrupted_leader_leaves_nobody_waiting(driver: BlockingDriver) -> None:
    entered = threading.Event()

    def interrupted() -> Flow[str]:
        entered.set()
        yield from call(time.sleep, 0.2)
        raise KeyboardInterrupt

    def lead() -> None:
        with pytest.raises(KeyboardInterrupt):
            driver.run(once("key", interrupted))

    leader = threading.Thread(target=lead)
    leader.start()
    entered.wait()
    with pytest.raises(StoreError):
        driver.run(once("key", interrupted))
    leader.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_fork_in_the_middle_of_a_flight_blocks_no_worker(driver: BlockingDriver) -> None:
    """KEY-13: the thread that leads the flight does not exist in the child."""

    def slow() -> Flow[str]:
        yield from call(time.sleep, 0.5)
        return "done"

    def quick() -> Flow[str]:
        yield from call(time.sleep, 0)
        return "child"

    leader = threading.Thread(target=lambda: driver.run(once("key", slow)))
    leader.start()
    time.sleep(0.1)
    child = os.fork()
    if child == 0:  # pragma: no cover  the child's coverage is not collected
        os._exit(0 if driver.run(once("key", quick)) == "child" else 1)
    assert os.waitpid(child, 0)[1] == 0
    leader.join()
