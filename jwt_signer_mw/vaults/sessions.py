"""Sessions with the tokens of PKCS#11 devices.

Rules of this file:
1. One thread at a time: python-pkcs11 initialises a device's library without locks, so that two calls at
   once are undefined there. Who needs more signatures per second takes more processes.
2. A login is the token's and the process's, whoever asks; one session does it, and serves all.
3. A forked process loads the library anew: its parent's sessions are not its own.
4. After a failure the session is dropped, and the call is tried once more: devices restart.
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pkcs11

from jwt_signer_mw.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

ATTEMPTS = 2
HELD = 64  # tokens that a process has open


class Session:
    """That with one token. What a device says of failures may hold anything: only their names are told."""

    def __init__(self, module: str, label: str, pin_source: str | None) -> None:
        self._module = module
        self._label = label
        self._pin_source = pin_source
        self._turn = _turn(module)
        self._process = 0
        self._session: Any = None
        self._handles: dict[bytes, Any] = {}

    def use(self, work: Callable[[Any, dict[bytes, Any]], T]) -> T:
        """`work` with the session, and a place for handles that live as long. Raises `StoreError`."""
        failure = ""
        with self._turn:
            for _ in range(ATTEMPTS):
                try:
                    return work(self._open(), self._handles)
                except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
                    failure = type(error).__name__
                    self._drop()
        raise StoreError(f"the device with the token {self._label!r}: {failure}")

    def _open(self) -> Any:
        if self._process == os.getpid() and self._session is not None:
            return self._session
        library = pkcs11.lib(self._module)
        if self._process not in (0, os.getpid()):
            library.reinitialize()
        token, pin = library.get_token(token_label=self._label), _read_pin(self._pin_source)
        try:
            self._session = token.open(user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:  # by somebody else in this process
            self._session = token.open()
        self._process = os.getpid()
        self._handles = {}
        return self._session

    def _drop(self) -> None:
        session, self._session = self._session, None
        try:
            if session is not None:
                session.close()
        except pkcs11.PKCS11Error:
            return  # it was gone already


@lru_cache(maxsize=HELD)
def open_session(module: str, label: str, pin_source: str | None) -> Session:
    """The one that everybody in the process shares. Asks the device for nothing yet."""
    return Session(module, label, pin_source)


@lru_cache(maxsize=HELD)
def _turn(_module: str) -> threading.Lock:
    """One lock for each library, in a forked process as well: nobody forks while a device signs."""
    return threading.Lock()


def _read_pin(source: str | None) -> str | None:
    """Raises `StoreError`; its text holds no PIN."""
    if source is None:
        return None
    scheme, _, rest = source.partition(":")
    if scheme == "env":
        pin = os.environ.get(rest, "")
    else:
        try:
            pin = Path(rest).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise StoreError(f"the PIN can't be read: {type(error).__name__}") from None
    if not pin:
        raise StoreError("the PIN is empty, or not set")
    return pin
