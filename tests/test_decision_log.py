"""The log of refusals: one structured line each, for the standard library and for structlog."""

# ruff: noqa: E402  (structlog is there for tests only)
from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any, Self

import pytest

from parts import require_module

require_module("structlog")

import structlog

from observed import WAYS, House, token

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGER = "jwt_signer_mw.decisions"
HEADER = {"request_id_header": "X-Request-ID"}


@pytest.fixture(params=WAYS)
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    opened = House(request.param, [], policy="orders", **HEADER)
    yield opened
    opened.close()


class Lines:
    """What a handler of the root logger writes, line by line, as JSON."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self._stream = io.StringIO()
        self._handler = logging.StreamHandler(self._stream)
        self._handler.setFormatter(formatter)

    def __enter__(self) -> Self:
        self._level = logging.getLogger(LOGGER).level
        logging.getLogger(LOGGER).setLevel(logging.INFO)
        logging.getLogger(LOGGER).addHandler(self._handler)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(LOGGER).removeHandler(self._handler)
        logging.getLogger(LOGGER).setLevel(self._level)

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


def test_one_line_per_refusal(house: House) -> None:
    with Lines(logging.Formatter("%(message)s")) as lines:
        house.get(token())
        house.get(**{"X-Request-ID": "r-1"})
        house.get(token(exp=1), **{"X-Request-ID": "r-2"})
        house.is_down = True
        house.get("opaque")
    missing, expired, down = lines.read()
    assert missing == {
        "outcome": "refused",
        "status": 401,
        "reason": "token_missing",
        "policy": "orders",
        "token": "access_token",
        "request_id": "r-1",
        "method": "GET",
        "path": missing["path"],
        "option": "access_token_request_header",
        "detail": "no token in the header authorization",
    }
    assert (expired["reason"], expired["request_id"]) == ("token_expired", "r-2")
    assert expired["option"] == "verify_access_token_expiry"
    assert (down["reason"], down["status"], "request_id" in down) == ("provider_unavailable", 503, False)


def test_the_fields_are_attached_to_the_record(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """For formatters that make JSON of `extra`."""
    with caplog.at_level(logging.INFO, LOGGER):
        house.get()
    (record,) = [one for one in caplog.records if one.name == LOGGER]
    assert record.levelno == logging.INFO
    assert json.loads(record.getMessage()) == record.jwt_signer  # type: ignore[attr-defined]


def lift(_logger: Any, _method: str, event: Any) -> Any:
    """The processor of `docs/how-to/observe.md`: our fields beside the others, in place of the message."""
    fields = event.pop("jwt_signer", None)
    return event if fields is None else {**event, **fields, "event": fields["reason"]}


def structured(*processors: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            *processors,
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )


def test_structlog(house: House) -> None:
    with Lines(structured()) as lines:
        house.get(token(exp=1), **{"X-Request-ID": "r-1"})
    (line,) = lines.read()
    assert (line["level"], line["logger"]) == ("info", LOGGER)
    assert line["jwt_signer"]["reason"] == "token_expired"
    assert line["jwt_signer"]["request_id"] == "r-1"
    assert json.loads(line["event"]) == line["jwt_signer"]


def test_structlog_with_our_fields_beside_the_others(house: House) -> None:
    with Lines(structured(lift)) as lines:
        house.get()
    (line,) = lines.read()
    assert (line["event"], line["policy"], line["logger"]) == ("token_missing", "orders", LOGGER)
    assert "jwt_signer" not in line


def test_what_is_bound_to_the_request_is_in_the_line(house: House) -> None:
    """The line is written on the thread or task of the request, so the context of its logger is there."""
    with structlog.contextvars.bound_contextvars(tenant="acme"), Lines(structured(lift)) as lines:
        house.get()
    assert lines.read()[0]["tenant"] == "acme"


@pytest.mark.rule("S31")
def test_an_id_that_is_none_forges_no_line(house: House) -> None:
    with Lines(logging.Formatter("%(message)s")) as lines:
        for value in ('r-1","outcome":"forwarded', "r 1", "r" * 129, "r\x7f"):
            house.get(**{"X-Request-ID": value})
    assert [line.get("request_id") for line in lines.read()] == [None] * 4
