"""What happens while a provider does not answer: closed, unless these say for how long old answers serve."""

from __future__ import annotations

from dataclasses import dataclass

from jwt_signer_mw.settings.declaring import Part, parameter
from jwt_signer_mw.settings.kinds import Number
from jwt_signer_mw.settings.options import SINCE

ONE_DAY = 86_400  # seconds
ONE_YEAR = 31_536_000  # seconds

_FAILURES = Number(1, 1_000, integer=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outages(Part):
    """The outage policy of one token's providers. Times in seconds."""

    jwks_max_stale: float | None = parameter(
        "{}_jwks_uri_max_stale",
        Number(0, ONE_YEAR),
        None,
        "How long keys serve after their rotate period if they can't be reloaded; null: without limit.",
        since=SINCE,
        unit="seconds",
    )
    introspection_max_stale: float | None = parameter(
        "{}_introspection_max_stale",
        Number(0, ONE_DAY, above=True),
        None,
        "How long a good result serves after its time while the endpoint is down; null: not at all.",
        since=SINCE,
        unit="seconds",
    )
    introspection_breaker: int | None = parameter(
        "{}_introspection_breaker",
        _FAILURES,
        None,
        "Failures in a row after which the endpoint is left alone for a while; null: it never is.",
        since=SINCE,
    )
    introspection_breaker_cooldown: float = parameter(
        "{}_introspection_breaker_cooldown",
        Number(0, ONE_DAY, above=True),
        30,
        "For how long; then one request tries.",
        since=SINCE,
        unit="seconds",
    )
