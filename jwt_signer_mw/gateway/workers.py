"""Several processes that accept from one listening socket."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

log = logging.getLogger("jwt_signer_mw.gateway")

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
REST = 1.0  # second, before a worker that ended is replaced


class Workers:
    """Forks before any thread is there, replaces workers that end, and passes signals on."""

    def __init__(self, number: int, work: Callable[[], None]) -> None:
        self._number = number
        self._work = work
        self._children: set[int] = set()
        self._stopping = False

    def run(self) -> int:
        for number in PASSED_ON:
            signal.signal(number, self._pass_on)
        for _ in range(self._number):
            self._start()
        while self._children:
            child, status = os.wait()
            self._children.discard(child)
            if not self._stopping:
                log.error("worker %d ended with status %d", child, os.waitstatus_to_exitcode(status))
                time.sleep(REST)
                if not self._stopping:
                    self._start()
        return 0

    def _start(self) -> None:
        child = os.fork()
        if child:
            self._children.add(child)
            return
        status = 1
        try:
            for number in PASSED_ON:
                signal.signal(number, signal.SIG_DFL)
            self._work()
            status = 0
        except KeyboardInterrupt:
            status = 0
        except Exception as problem:  # noqa: BLE001  a child must not go on as its parent
            log.error("a worker failed: %s %s", type(problem).__name__, problem)
        finally:
            os._exit(status)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._stopping = self._stopping or number != signal.SIGHUP
        for child in self._children:
            os.kill(child, number)


def serve_with(number: int, work: Callable[[], None]) -> int:
    return Workers(number, work).run()
