"""Plays the cases of the table through an adapter."""

from __future__ import annotations

import itertools
import json
import logging
import socket
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import jwt

from conformance.adapter import Plain
from conformance.case import (
    NOW,
    Ask,
    Case,
    Heard,
    Keys,
    Logged,
    LoggedField,
    Passed,
    Provide,
    Publish,
    Refused,
    Reopen,
    Reported,
    Request,
    Send,
    Verifies,
    Wait,
)
from conformance.judge import judge, verifies
from conformance.provider import Providers
from conformance.tokens import render_bytes
from jwt_signer_mw import ConfigurationError
from jwt_signer_mw.keysets.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from conformance.adapter import Adapter, Outcome, Runner
    from conformance.case import Answered, Step
    from conformance.judge import Made
    from jwt_signer_mw.errors import Problem


class Stage:
    """Where cases are played: the providers, a directory for files, and the shared signing keys."""

    def __init__(self, folder: Path) -> None:
        self.providers = Providers(folder)
        self.folder = folder
        self.store = MemoryStore()
        self._numbers = itertools.count()
        self._closed = socket.socket()  # bound, never listening: connections are refused
        self._closed.bind(("127.0.0.1", 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.providers.__exit__(kind, error, trace)
        self._closed.close()

    def play(self, case: Case, adapter: Adapter) -> None:
        """Fails with an `AssertionError` where the case ends otherwise than it says."""
        site, places = self.providers.open_site(case.provider)
        folder = self.folder / f"case{next(self._numbers)}"
        folder.mkdir()
        places |= {"$DIR": str(folder), "$DEAD": f"127.0.0.1:{self._closed.getsockname()[1]}"}
        for certificate in ("client.pem", "server.pem"):
            (folder / certificate).write_bytes((self.folder / certificate).read_bytes())
        for name, content in case.files.items():
            (folder / name).write_bytes(render_bytes(content))
        scene = _Scene(case, adapter, places, site, self.store)
        try:
            scene.run()
        finally:
            scene.close()


class _Recorder(logging.Handler):
    """Every record under `jwt_signer_mw`."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def reported(self) -> list[tuple[str, str]]:
        return [found for record in self.records if (found := _would_refuse(record))]

    def instrumented(self) -> list[logging.LogRecord]:
        return [record for record in self.records if record.name == "jwt_signer_mw.instrumentation"]


def _would_refuse(record: logging.LogRecord) -> tuple[str, str] | None:
    fields: dict[str, str] = getattr(record, "jwt_signer", {})
    return (fields["by"], fields["reason"]) if fields.get("outcome") == "would_refuse" else None


def reason_of(record: logging.LogRecord) -> object:
    """The stable reason in a record of a decision; None for other records."""
    fields: dict[str, object] = getattr(record, "jwt_signer", {})
    return fields.get("reason")


class _Scene:
    """One case while it is played."""

    def __init__(
        self, case: Case, adapter: Adapter, places: Mapping[str, str], site: Any, shared_store: MemoryStore
    ) -> None:
        self.case, self.adapter, self.places, self.site = case, adapter, places, site
        self.now: float = NOW
        self.settings = dict(case.settings)
        self.services: dict[str, object] = {"clock": lambda: self.now, **case.services}
        self.shared_store = shared_store
        self.made: list[list[Made]] = []
        self.cached: list[dict[str, Any]] = []
        self.secrets: set[str] = set()
        self.runner: Runner | None = None
        self.recorder = _Recorder()
        self.logger = logging.getLogger("jwt_signer_mw")
        self.level = self.logger.level
        self.logger.addHandler(self.recorder)
        self.logger.setLevel(logging.DEBUG)

    def close(self) -> None:
        self.logger.removeHandler(self.recorder)
        self.logger.setLevel(self.level)
        if self.runner is not None:
            self.runner.close()

    def run(self) -> None:
        if self.case.bad is not None:
            self._expect_problems(self.case.bad.options)
            return
        self._open()
        for step in self._script():
            self._take(step)
        for record in self.recorder.records:
            text = f"{record.getMessage()} {record.__dict__}"
            assert not any(secret in text for secret in self.secrets), "a token in the log"

    def _script(self) -> tuple[Step, ...]:
        """A request that is the whole case is sent three times: keys come, a verdict is kept, it is used."""
        match self.case.steps:
            case (Send(calls=None) as only,):
                return (only, only, only)
        return self.case.steps

    def _expect_problems(self, options: frozenset[str]) -> None:
        problems = self._problems()
        assert {problem.option for problem in problems if problem.level == "error"} == options, problems

    def _problems(self) -> tuple[Problem, ...]:
        try:
            self._open()
        except ConfigurationError as error:
            return error.problems
        return ()

    def _open(self) -> None:
        services = dict(self.services)
        if "keyset_store" not in self.settings:
            services["keyset_store"] = MemoryStore() if self.case.own_store else self.shared_store
        self.runner = self.adapter.open(self._fill(self.settings), services)

    def _fill(self, value: Any) -> Any:
        """The value with places filled in and tokens made, mappings and sequences all the way down."""
        if isinstance(value, dict):
            return {self._fill(name): self._fill(member) for name, member in value.items()}
        if isinstance(value, list | tuple):
            return [self._fill(member) for member in value]
        if not isinstance(value, str):
            return value
        for place, real in self.places.items():
            value = value.replace(f"%{place}", quote(real, safe="")).replace(place, real)
        return value

    def _take(self, step: Step) -> None:
        match step:
            case Send():
                self._send(step)
            case Wait(seconds):
                self.now += seconds
            case Provide(provider):
                self.site.provide(provider)
            case Publish(keyset):
                self.cached = self._published(keyset)
            case Reopen(settings, bad):
                self._running().close()
                self.settings |= settings
                self._open() if bad is None else self._expect_problems(bad.options)
            case _:
                self._look(step)

    def _look(self, step: Step) -> None:
        """The steps that ask for something, and compare."""
        match step:
            case Ask(request, expect):
                self._judge_answer(self._running().ask(self._plain(request)), expect)
            case Heard():
                self._judge_call(step)
            case Verifies(nth, expect, cached):
                keys = self.cached if cached else self._published("kong")
                assert verifies(self.made[nth][0].text, keys) is expect
            case Keys(first, second, same):
                one, other = (jwt.get_unverified_header(self.made[n][0].text)["kid"] for n in (first, second))
                assert (one == other) is same
            case Logged():
                self._judge_log(step)
            case LoggedField(name, values, logger):
                records = (one for one in self.recorder.records if one.name == logger)
                fields: list[dict[str, object]] = [getattr(one, "jwt_signer", {}) for one in records]
                assert [one.get(name) for one in fields] == list(values)
            case Reported(reasons):
                assert self.recorder.reported() == list(reasons)

    def _running(self) -> Runner:
        assert self.runner is not None
        return self.runner

    def _plain(self, request: Request) -> Plain:
        headers = tuple((name, self._fill(str(value))) for name, value in request.headers)
        self.secrets |= {word for _, value in headers for word in value.split() if len(word) > 24}
        return Plain(request.method, self._fill(request.target), request.host, headers, request.body)

    def _send(self, step: Send) -> None:
        seen = len(self.recorder.records)
        outcome = self._running().send(self._plain(step.request))
        made = judge(outcome, step.expect, self._published)
        assert not any(secret in f"{outcome.headers}{outcome.body!r}" for secret in self.secrets)
        if isinstance(step.expect, Refused):
            reasons = [reason_of(record) for record in self.recorder.records[seen:]]
            assert set(step.expect.code.split("|")) & set(reasons), f"logged: {reasons}"
        if step.calls is not None:
            assert self.site.counts() == step.calls
        if step.again is not None:
            assert (made[0].text == self.made[-1][0].text) is step.again
        if isinstance(step.expect, Passed):
            self.made.append(made)

    def _published(self, keyset: str) -> list[dict[str, Any]]:
        name = quote(self._fill(keyset), safe="")
        outcome = self._running().ask(Plain("GET", f"/jwt-signer/jwks/{name}", "admin.example", ()))
        assert outcome.status == 200, f"{name}: {outcome.status} {outcome.body!r}"
        keys: list[dict[str, Any]] = json.loads(outcome.body)["keys"]
        return keys

    def _judge_answer(self, outcome: Outcome, expect: Answered) -> None:
        assert outcome.status == expect.status, outcome.body
        headers = {name.lower(): value for name, value in outcome.headers}
        if expect.media_type is not None:
            assert headers["content-type"].split(";")[0] == expect.media_type
        assert ("www-authenticate" in headers) is expect.challenged
        document = json.loads(outcome.body) if expect.counts else {}
        assert {name: len(document[name]) for name in expect.counts} == dict(expect.counts)

    def _judge_call(self, step: Heard) -> None:
        call = self.site.calls[step.path][-1]
        if step.form is not None:
            assert sorted(call.form) == sorted((name, str(value)) for name, value in step.form.items())
        for name, value in step.headers.items():
            assert call.headers.get(name) == value, name

    def _judge_log(self, step: Logged) -> None:
        records = self.recorder.instrumented()
        assert all(record.levelno == logging.CRITICAL for record in records)
        assert [reason_of(record) for record in records] == list(step.reasons)
