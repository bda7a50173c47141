"""Metrics: what events do to them, in one process and in many."""

# ruff: noqa: E402  (prometheus_client is an extra)
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parts import ROOT, require_module

require_module("prometheus_client")

from prometheus_client import CollectorRegistry

from jwt_signer_mw.errors import Refusal
from jwt_signer_mw.events import EVENTS
from jwt_signer_mw.observability.metrics import MEASURED, METRICS, table
from jwt_signer_mw.observability.prometheus import PrometheusObserver, scrape
from observed import NOW, WAYS, House, token
from scraped import Scraped

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture(params=WAYS)
def house(request: pytest.FixtureRequest, registry: CollectorRegistry) -> Iterator[House]:
    opened = House(request.param, [PrometheusObserver(registry)], policy="orders")
    yield opened
    opened.close()


def test_every_event_is_measured() -> None:
    assert set(EVENTS) == MEASURED


def test_a_day_in_numbers(house: House, registry: CollectorRegistry) -> None:
    good = token()
    statuses = [house.get(one) for one in (good, good, good, None, token(exp=1), "opaque", "opaque")]
    assert statuses == [200, 200, 200, 401, 401, 200, 200]
    body, content_type = scrape(registry)
    assert content_type.startswith("text/plain")
    found = Scraped.of(body.decode())
    decisions = "jwt_signer_decisions_total"
    assert found.value(decisions, policy="orders", outcome="forwarded", token="access_token") == 5
    assert found.value(decisions, outcome="refused", reason="token_missing", status="401") == 1
    assert found.value(decisions, outcome="refused", reason="token_expired", token="access_token") == 1
    assert found.value("jwt_signer_cache_lookups_total", cache="verdicts", result="hit") == 3
    assert found.value("jwt_signer_cache_lookups_total", cache="verdicts", result="miss") == 4
    assert found.value("jwt_signer_cache_lookups_total", cache="introspection", result="miss") == 1
    assert found.value("jwt_signer_decision_duration_seconds_count", outcome="refused") == 2
    exchanges = "jwt_signer_exchange_duration_seconds_count"
    assert found.value(exchanges, purpose="jwks", server="idp.example:8443", outcome="success") == 1
    assert found.value(exchanges, purpose="introspection", server="idp.example") == 1
    assert found.value("jwt_signer_signature_duration_seconds_count", algorithm="ES256") == 2
    jwks = {"keyset": "https://idp.example:8443/jwks"}
    assert found.value("jwt_signer_jwks_fetches_total", outcome="loaded", **jwks) == 1
    assert found.value("jwt_signer_jwks_keys", **jwks) == 1
    assert found.value("jwt_signer_jwks_last_success_timestamp_seconds", **jwks) == NOW
    assert found.value("jwt_signer_jwks_due_timestamp_seconds", **jwks) == NOW + 600
    assert found.value("jwt_signer_keyset_version", keyset="kong") == 1
    assert found.value("jwt_signer_keyset_rotated_timestamp_seconds", keyset="kong") == NOW
    assert found.value("jwt_signer_keyset_rotation_due_timestamp_seconds", keyset="kong") == NOW + 3600


def test_an_outage_leaves_the_last_success(house: House, registry: CollectorRegistry) -> None:
    assert house.get(token()) == 200
    house.is_down = True
    house.clock.now += 601
    assert house.get(token()) == 200
    found = Scraped.of(scrape(registry)[0].decode())
    jwks = {"keyset": "https://idp.example:8443/jwks"}
    assert found.value("jwt_signer_jwks_fetches_total", outcome="failed", **jwks) == 1
    assert found.value("jwt_signer_jwks_last_success_timestamp_seconds", **jwks) == NOW
    assert found.value("jwt_signer_jwks_due_timestamp_seconds", **jwks) == NOW + 600
    assert found.value("jwt_signer_exchange_duration_seconds_count", outcome="no_answer") == 1


@pytest.mark.rule("S31")
def test_no_label_is_a_clients_to_choose(house: House, registry: CollectorRegistry) -> None:
    """Paths, claims, kids, methods and tokens leave no trace in any label."""
    for number in range(20):
        house.get(token(iss=f"https://mark-{number}", sub=f"mark-{number}"))
        house.get(f"mark-{number}")
        house.get(token(exp=f"mark-{number}"))
        house.get(f"{token()}mark-{number}", **{"X-Request-ID": f"mark-{number}", "Host": f"mark-{number}"})
    body = scrape(registry)[0].decode()
    assert "mark-" not in body
    assert len({line for line in body.splitlines() if line.startswith("jwt_signer_decisions_total")}) < 6


def test_observers_of_one_registry_share_metrics(registry: CollectorRegistry) -> None:
    houses = [House("wsgi", [PrometheusObserver(registry)], policy=name) for name in ("one", "two")]
    for house in houses:
        house.get()
    found = Scraped.of(scrape(registry)[0].decode())
    assert [found.value("jwt_signer_decisions_total", policy=name) for name in ("one", "two")] == [1, 1]


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in METRICS:
        assert metric.name.startswith("jwt_signer_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert (
            bool(metric.buckets) == (metric.kind == "histogram") == metric.name.endswith("duration_seconds")
        )
        assert metric.help.endswith(".")
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_reasons_are_few() -> None:
    """`reason` is a refusal's code: as many values as there are classes."""

    def codes(kind: type[Refusal]) -> set[str]:
        return {kind.code}.union(*map(codes, kind.__subclasses__()))

    assert len(codes(Refusal)) < 100


def test_the_page_has_the_table() -> None:
    page = (ROOT / "docs" / "how-to" / "observe.md").read_text()
    assert page.split("<!-- metrics -->")[1].split("<!-- /metrics -->")[0].strip() == table().strip()
