"""The suite's own options, next to the plugin's parameters."""

# ruff: noqa: RUF009  (the functions that are called here declare fields)
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwt_signer_mw.settings.bindings import BindingOptions
from jwt_signer_mw.settings.declaring import parameter, part, text
from jwt_signer_mw.settings.kinds import Number, TextList
from jwt_signer_mw.settings.resource import ResourceOptions
from jwt_signer_mw.settings.services import CertificateMap, Consumers, Service

if TYPE_CHECKING:
    from jwt_signer_mw.messages import Consumer
    from jwt_signer_mw.settings.services import ClientCertificate

SINCE = "suite 1.0"  # where a parameter of the plugin names a release of Kong Gateway

_COUNT = Number(0, 10_000_000, integer=True)
_LIFE = Number(0, 86_400)  # seconds; a day without a second look at a token is long enough


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteOptions(BindingOptions):
    """Options that Kong's plugin does not have. Objects may stand in for URLs of services."""

    keyset_store: object = parameter(
        "keyset_store",
        Service(),
        None,
        "URL of the store of key sets; null means the adapter's own.",
        since=SINCE,
        secret=True,
        referenceable=True,
    )
    keyset_encryption_keys: tuple[str, ...] | None = parameter(
        "keyset_encryption_keys",
        TextList(unique=True),
        None,
        "Fernet keys, newest first: private keys are encrypted at rest.",
        since=SINCE,
        secret=True,
        referenceable=True,
    )
    cache: object = parameter(
        "cache",
        Service(),
        "memory://",
        "URL of the shared introspection cache.",
        since=SINCE,
        secret=True,
        referenceable=True,
    )
    consumers: tuple[Consumer, ...] | object = parameter(
        "consumers",
        Consumers(),
        None,
        "List of `{id, username, custom_id}`, dotted path of a callable, or `django://auth`.",
        since=SINCE,
    )
    verdict_cache_size: int = parameter(
        "verdict_cache_size", _COUNT, 10_000, "Accepted requests to remember; 0 for none.", since=SINCE
    )
    verdict_cache_ttl: float = parameter(
        "verdict_cache_ttl", _LIFE, 60, "How long to remember them.", since=SINCE, unit="seconds"
    )
    introspection_cache_size: int = parameter(
        "introspection_cache_size", _COUNT, 10_000, "Introspection results to remember.", since=SINCE
    )
    introspection_cache_ttl: float = parameter(
        "introspection_cache_ttl",
        _LIFE,
        300,
        "How long to remember one at most; never past the token's expiry.",
        since=SINCE,
        unit="seconds",
    )
    max_token_bytes: int = parameter(
        "max_token_bytes",
        Number(1, 16_777_216, integer=True),
        16_384,
        "Longer tokens are refused unread.",
        since=SINCE,
        unit="bytes",
    )
    max_response_bytes: int = parameter(
        "max_response_bytes",
        Number(1, 268_435_456, integer=True),
        1_048_576,
        "Cap on a key set or an introspection result, after decompression.",
        since=SINCE,
        unit="bytes",
    )
    jwks_reload_interval: float = parameter(
        "jwks_reload_interval",
        Number(0, 86_400),
        30,
        "Least time between two forced reloads of one URL.",
        since=SINCE,
        unit="seconds",
    )
    http_timeout: float = parameter(
        "http_timeout",
        Number(0, 3_600_000, above=True),
        5_000,
        "Time limit of fetches that have none of their own.",
        since=SINCE,
        unit="milliseconds",
    )
    exempt_paths: tuple[str, ...] = parameter(
        "exempt_paths",
        TextList(may_be_empty=True),
        (),
        "Exact paths, or `/prefix/*`, that pass unchecked.",
        since=SINCE,
        null="default",
    )
    admin_path: str | None = text(
        "admin_path",
        "/jwt-signer",
        "Where an adapter with routes serves the key set endpoints; null: nowhere.",
        since=SINCE,
        null="none",
        blank=True,
    )
    admin_token: str | None = text(
        "admin_token",
        None,
        "Bearer secret for listing, deleting and rotating key sets; null: none of these.",
        since=SINCE,
        secret=True,
        referenceable=True,
    )
    purge_token: str | None = text(
        "purge_token",
        None,
        "Bearer secret for purges alone, to hand to a provider; null: `admin_token` only.",
        since=SINCE,
        secret=True,
        referenceable=True,
    )
    certificates: tuple[tuple[str, ClientCertificate], ...] = parameter(
        "certificates",
        CertificateMap(),
        (),
        'Client certificates by name, each `{"cert": path, "key": path}`.',
        since=SINCE,
        null="default",
    )
    resource: ResourceOptions = part(ResourceOptions, "")
