"""The metrics, declared once: what is measured, and which event changes what. Knows no library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from jwt_signer_mw.events import (
    EXEMPT,
    METADATA,
    Decided,
    Exchanged,
    Judged,
    KeysFetched,
    KeysHeld,
    Recalled,
    Signed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]


class Metric(NamedTuple):
    """One metric. Every label takes few values, none of which a client can choose."""

    name: str  # as Prometheus writes it
    kind: Kind
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()  # upper bounds in seconds


class Measurement(NamedTuple):
    """What one event does to one metric: `value` is added, observed or set. Labels in the metric's order."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


OURS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
THEIRS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

DECISIONS: Final = Metric(
    "jwt_signer_decisions_total",
    "counter",
    "Decisions. `outcome` is forwarded, refused, or answered (metadata of the resource), `reason` as in the "
    "log, `status` that of a refusal; `token` is the one that was refused, or those that were accepted: "
    "access_token, channel_token, both.",
    ("policy", "outcome", "reason", "status", "token"),
)
DECISION_DURATION: Final = Metric(
    "jwt_signer_decision_duration_seconds",
    "histogram",
    "How long decisions took that were not remembered, with all that they waited for.",
    ("policy", "outcome"),
    OURS,
)
WOULD_REFUSE: Final = Metric(
    "jwt_signer_would_be_refusals_total",
    "counter",
    "Accepted requests that a check which only reports, or a policy in the shadow (`by`), would have "
    "refused; `reason` as in the log, undecided or shadow_failed.",
    ("policy", "by", "reason", "token"),
)
CACHE_LOOKUPS: Final = Metric(
    "jwt_signer_cache_lookups_total",
    "counter",
    "`cache` is verdicts (accepted requests; refusals count as a miss) or introspection; "
    "`result` is hit or miss.",
    ("policy", "cache", "result"),
)
EXCHANGE_DURATION: Final = Metric(
    "jwt_signer_exchange_duration_seconds",
    "histogram",
    "HTTP exchanges with providers. `purpose` is jwks, introspection or metadata, `server` a host and "
    "port that settings or metadata name; `outcome` is success, redirect, client_error, "
    "server_error or no_answer.",
    ("purpose", "server", "outcome"),
    THEIRS,
)
SIGNATURE_DURATION: Final = Metric(
    "jwt_signer_signature_duration_seconds",
    "histogram",
    "Signatures made.",
    ("policy", "token", "algorithm"),
    OURS,
)
JWKS_FETCHES: Final = Metric(
    "jwt_signer_jwks_fetches_total",
    "counter",
    "Fetches of key sets of others, from a URL or a file. `outcome` is loaded or failed: no answer, or one "
    "that is no key set.",
    ("keyset", "outcome"),
)
JWKS_KEYS: Final = Metric(
    "jwt_signer_jwks_keys", "gauge", "Keys in memory of a set that is fetched.", ("keyset",)
)
JWKS_SUCCESS: Final = Metric(
    "jwt_signer_jwks_last_success_timestamp_seconds",
    "gauge",
    "When a set was fetched last. Its age is `time()` less this.",
    ("keyset",),
)
JWKS_DUE: Final = Metric(
    "jwt_signer_jwks_due_timestamp_seconds",
    "gauge",
    "When a set has to be fetched again (`..._rotate_period`); absent where it has no period.",
    ("keyset",),
)
KEYSET_VERSION: Final = Metric(
    "jwt_signer_keyset_version",
    "gauge",
    "The generation of a key set of our own: it counts all changes of the set, rotations among them.",
    ("keyset",),
)
KEYSET_ROTATED: Final = Metric(
    "jwt_signer_keyset_rotated_timestamp_seconds",
    "gauge",
    "When a key set of our own was rotated last, or made.",
    ("keyset",),
)
KEYSET_DUE: Final = Metric(
    "jwt_signer_keyset_rotation_due_timestamp_seconds",
    "gauge",
    "When a key set of our own rotates next (`..._keyset_rotate_period`); absent where it has no period.",
    ("keyset",),
)

METRICS: Final = (
    DECISIONS,
    DECISION_DURATION,
    WOULD_REFUSE,
    CACHE_LOOKUPS,
    EXCHANGE_DURATION,
    SIGNATURE_DURATION,
    JWKS_FETCHES,
    JWKS_KEYS,
    JWKS_SUCCESS,
    JWKS_DUE,
    KEYSET_VERSION,
    KEYSET_ROTATED,
    KEYSET_DUE,
)


def measure(event: Any) -> Iterator[Measurement]:
    """What an event does to the metrics."""
    return _MEASURES[type(event)](event)


def _decided(event: Decided) -> Iterator[Measurement]:
    status = str(event.status) if event.status else ""
    labels = (event.policy, event.outcome, event.reason, status, event.token or _accepted_tokens(event))
    yield Measurement(DECISIONS, labels, 1)
    for found in event.would_refuse:
        yield Measurement(WOULD_REFUSE, (event.policy, found.by, found.reason, found.token), 1)
    if event.reason not in (EXEMPT, METADATA):
        result = "hit" if event.remembered else "miss"
        yield Measurement(CACHE_LOOKUPS, (event.policy, "verdicts", result), 1)


def _accepted_tokens(event: Decided) -> str:
    present = event.identity.present if event.identity is not None else ()
    return "both" if len(present) > 1 else "".join(present)


def _judged(event: Judged) -> Iterator[Measurement]:
    yield Measurement(DECISION_DURATION, (event.policy, event.outcome), event.seconds)


def _exchanged(event: Exchanged) -> Iterator[Measurement]:
    yield Measurement(EXCHANGE_DURATION, (event.purpose, event.server, event.outcome), event.seconds)


def _recalled(event: Recalled) -> Iterator[Measurement]:
    result = "hit" if event.found else "miss"
    yield Measurement(CACHE_LOOKUPS, (event.policy, "introspection", result), 1)


def _signed(event: Signed) -> Iterator[Measurement]:
    yield Measurement(SIGNATURE_DURATION, (event.policy, event.token, event.algorithm), event.seconds)


def _keys_fetched(event: KeysFetched) -> Iterator[Measurement]:
    keyset = (event.keyset,)
    yield Measurement(JWKS_FETCHES, (event.keyset, "loaded" if event.loaded else "failed"), 1)
    yield Measurement(JWKS_KEYS, keyset, event.keys)
    if event.loaded:
        yield Measurement(JWKS_SUCCESS, keyset, event.at)
        if event.due_at is not None:
            yield Measurement(JWKS_DUE, keyset, event.due_at)


def _keys_held(event: KeysHeld) -> Iterator[Measurement]:
    keyset = (event.keyset,)
    yield Measurement(KEYSET_VERSION, keyset, event.version)
    yield Measurement(KEYSET_ROTATED, keyset, event.rotated_at)
    if event.rotation_due_at is not None:
        yield Measurement(KEYSET_DUE, keyset, event.rotation_due_at)


_MEASURES: Final[dict[type, Callable[[Any], Iterator[Measurement]]]] = {
    Decided: _decided,
    Judged: _judged,
    Exchanged: _exchanged,
    Recalled: _recalled,
    Signed: _signed,
    KeysFetched: _keys_fetched,
    KeysHeld: _keys_held,
}
MEASURED: Final = frozenset(_MEASURES)


def table() -> str:
    """All metrics as a table in Markdown, for `docs/how-to/observe.md`."""
    rows = ("| Metric | Kind | Labels | What it says |", "|---|---|---|---|")
    return "\n".join([*rows, *(_row(metric) for metric in METRICS)]) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |"
