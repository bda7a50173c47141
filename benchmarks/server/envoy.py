"""Envoy with its filter jwt_authn, which verifies only, in front of an answer of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.tokens import AUDIENCE, ISSUER

if TYPE_CHECKING:
    from pathlib import Path

_TYPE = "type.googleapis.com/envoy.extensions.filters"


def write_configuration(folder: Path, name: str, port: int, jwks: Path | None, *, cache: bool) -> Path:
    """`jwks` None: nothing is verified. `cache`: verified tokens are remembered."""
    filters = [] if jwks is None else [_jwt_authn(jwks, cache=cache)]
    configuration = {
        "static_resources": {"listeners": [_listener(port, [*filters, _router()])]},
        "admin": {"address": {"pipe": {"path": str(folder / f"{name}.sock")}}},
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(configuration))
    return path


def _listener(port: int, filters: list[dict[str, Any]]) -> dict[str, Any]:
    answer = {"status": 200, "body": {"inline_string": "hello"}}
    manager = {
        "@type": f"{_TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "benchmark",
        "http_filters": filters,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": answer}],
                }
            ]
        },
    }
    return {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }


def _jwt_authn(jwks: Path, *, cache: bool) -> dict[str, Any]:
    provider: dict[str, Any] = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"filename": str(jwks)},
    }
    if cache:
        provider["jwt_cache_config"] = {"jwt_cache_size": 10_000}
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": f"{_TYPE}.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"idp": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}],
        },
    }


def _router() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{_TYPE}.http.router.v3.Router"},
    }
