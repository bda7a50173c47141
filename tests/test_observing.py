"""Events: who hears of what, when, and that nothing depends on it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from jwt_signer_mw.drivers.observed import observed
from jwt_signer_mw.events import EVENTS, Decided, Exchanged, Judged, KeysFetched, KeysHeld, Recalled, Signed
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.flows.observed import ObservedPipeline
from jwt_signer_mw.observing import (
    NO_OBSERVERS,
    Deciding,
    Exchanging,
    Introspecting,
    Observers,
    Signing,
    Watcher,
)
from observed import NOW, WAYS, House, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.events import Event
    from jwt_signer_mw.observing import Work

    Open = Callable[..., House]


SECRET = "".join(["a text ", "that may quote a token"])


class Ear:
    """Hears everything, in order; begins and ends too if it watches."""

    hears = frozenset(EVENTS)

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if type(event) is kind]


class Eye(Ear):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[Work] = []
        self.seen: list[tuple[Work, int]] = []  # with the number of those around it

    @contextmanager
    def around(self, work: Work) -> Iterator[None]:
        self.seen.append((work, len(self.open)))
        self.open.append(work)
        yield
        self.open.remove(work)


@pytest.fixture(params=WAYS)
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    houses: list[House] = []

    def build(*observers: Callable[[Any], object], **settings: Any) -> House:
        houses.append(House(request.param, observers, **settings))
        return houses[-1]

    yield build
    for house in houses:
        house.close()


def test_a_plain_callable_hears_decisions_only(opened: Open) -> None:
    heard: list[Any] = []
    house = opened(heard.append)
    assert house.get(token()) == 200
    assert [type(event) for event in heard] == [Decided]
    assert type((house.wsgi or house.asgi).assembly.pipeline) is not ObservedPipeline  # type: ignore[union-attr]


def test_all_that_a_new_token_does_is_told(opened: Open) -> None:
    ear = Ear()
    house = opened(ear, policy="orders")
    (held,) = ear.of(KeysHeld)
    assert held == KeysHeld("kong", 1, NOW, NOW + 3600)
    text = token()
    assert [house.get(text), house.get(text)] == [200, 200]
    (exchanged,) = ear.of(Exchanged)
    assert (exchanged.purpose, exchanged.server, exchanged.status) == ("jwks", "idp.example:8443", 200)
    assert (exchanged.outcome, exchanged.failure) == ("success", "")
    assert 0 < exchanged.seconds < 5
    assert ear.of(KeysFetched) == [KeysFetched("https://idp.example:8443/jwks", True, 1, NOW, NOW + 600)]
    assert ear.of(Signed) == [Signed("orders", "access_token", "ES256", 0.0)]
    assert ear.of(Judged) == [Judged("orders", "forwarded", 0.0)]
    assert [(one.policy, one.outcome, one.remembered) for one in ear.of(Decided)] == [
        ("orders", "forwarded", False),
        ("orders", "forwarded", True),
    ]
    assert ear.of(Decided)[0].identity.present == ("access_token",)


def test_an_opaque_token_is_asked_for_once_and_then_recalled(opened: Open) -> None:
    ear = Ear()
    house = opened(ear, verdict_cache_size=0)
    assert [house.get("opaque"), house.get("opaque")] == [200, 200]
    assert [one.found for one in ear.of(Recalled)] == [False, True]
    assert [one.purpose for one in ear.of(Exchanged)] == ["introspection"]


def test_refusals_name_the_token_and_how_long_it_took(opened: Open) -> None:
    ear = Ear()
    house = opened(ear, channel_token_request_header="X-Channel")
    house.get()
    house.get(token(exp=1))
    house.get(token(), **{"X-Channel": "a.b.c"})
    assert [(one.reason, one.token) for one in ear.of(Decided)] == [
        ("token_missing", "access_token"),
        ("token_expired", "access_token"),
        ("introspection_endpoint_missing", "channel_token"),
    ]
    assert ear.of(Judged) == [Judged("default", "refused", 0.0)] * 3


def test_a_provider_that_is_down(opened: Open) -> None:
    ear = Ear()
    house = opened(ear)
    house.is_down = True
    assert house.get(token()) == 503
    assert house.get("opaque") == 503
    told = [(one.purpose, one.outcome, one.failure) for one in ear.of(Exchanged)]
    down = "idp.example: it is down"
    assert told == [("jwks", "no_answer", down), *[("introspection", "no_answer", down)] * 2]
    assert ear.of(KeysFetched) == [KeysFetched("https://idp.example:8443/jwks", False, 0, NOW, None)]


def test_rotations_are_told(opened: Open) -> None:
    ear = Ear()
    house = opened(ear)
    house.clock.now += 3601
    house.get(token())
    assert [(one.version, one.rotated_at, one.rotation_due_at) for one in ear.of(KeysHeld)] == [
        (1, NOW, NOW + 3600),
        (2, NOW + 3601, NOW + 7201),
    ]


def test_what_begins_is_watched_inside_out(opened: Open) -> None:
    eye = Eye()
    house = opened(eye, access_token_signing_algorithm="RS256")
    assert house.get(token()) == 200
    assert house.get("opaque") == 200
    deciding = Deciding("default", "GET")
    signing = Signing("default", "access_token", "RS256")
    jwks, introspection = (one for one, _ in eye.seen if isinstance(one, Exchanging))
    assert eye.seen == [
        (deciding, 0),
        (jwks, 1),
        (signing, 1),
        (deciding, 0),
        (Introspecting("default", "access_token"), 1),
        (introspection, 2),
        (signing, 1),
    ]
    assert jwks.url == "https://idp.example:8443/jwks"
    assert eye.open == []


def test_a_watcher_may_send_headers_along(opened: Open) -> None:
    class Sender(Eye):
        @contextmanager
        def around(self, work: Work) -> Iterator[None]:
            if isinstance(work, Exchanging):
                work.headers.append(("traceparent", "00-abc"))
            yield

    house = opened(Sender())
    house.get(token())
    assert ("traceparent", "00-abc") in house.exchanges[0].headers


def test_observers_that_fail_change_no_decision(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Ear):
        def __call__(self, event: Event) -> None:
            raise ZeroDivisionError(SECRET)

        def around(self, work: Work) -> Any:
            raise ZeroDivisionError(SECRET)

    ear = Ear()
    house = opened(Broken(), ear)
    with caplog.at_level(logging.ERROR):
        text = token()
        assert [house.get(text), house.get(text), house.get()] == [200, 200, 401]
    assert len(ear.of(Decided)) == 3
    assert "an observer failed with ZeroDivisionError" in caplog.text
    assert SECRET not in caplog.text


def test_a_watcher_that_fails_at_the_end_swallows_nothing() -> None:
    class Late(Eye):
        @contextmanager
        def around(self, work: Work) -> Iterator[None]:
            yield
            raise ZeroDivisionError

    with Observers([Late()]).around(Deciding("default", "GET")):
        pass
    with pytest.raises(KeyError), Observers([Late(), Eye()]).around(Deciding("default", "GET")):
        raise KeyError


def test_an_exchange_that_is_given_up_is_told_too() -> None:
    class GivenUp(BaseException):
        """As a cancelled task sees it."""

    class Transport:
        def send(self, exchange: Exchange) -> Reply:
            raise GivenUp

    class AsyncTransport:
        async def send(self, exchange: Exchange) -> Reply:
            raise GivenUp

    ear = Ear()
    exchange = Exchange("https://idp.example/jwks")
    with pytest.raises(GivenUp):
        observed(Transport(), Observers([ear])).send(exchange)
    with pytest.raises(GivenUp):
        anyio.run(observed(AsyncTransport(), Observers([ear])).send, exchange)
    told = [(one.purpose, one.outcome, one.failure) for one in ear.of(Exchanged)]
    assert told == [("other", "no_answer", "interrupted")] * 2


def test_what_a_server_answers_has_a_class() -> None:
    outcomes = {status: Exchanged("jwks", "idp", 0.1, status).outcome for status in (200, 304, 404, 503, 999)}
    assert outcomes == {
        200: "success",
        304: "redirect",
        404: "client_error",
        503: "server_error",
        999: "server_error",
    }


def test_nobody_wants_more_by_default() -> None:
    transport: Any = object()
    assert observed(transport, NO_OBSERVERS) is transport
    assert not NO_OBSERVERS.want_more
    assert not Observers([print]).want_more
    assert Observers([Ear()]).want_more
    assert not Observers([Ear()]).watch
    assert isinstance(Eye(), Watcher)


def test_an_observer_given_twice_hears_once() -> None:
    ear = Ear()
    Observers([ear, ear]).tell(Judged("default", "refused", 1.0))
    assert len(ear.events) == 1
