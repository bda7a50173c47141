"""Where a parameter works otherwise here than in Kong, for those that are set, or left to a default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TOKENS = ("access_token", "channel_token")
DEFAULT_KEYSET = "kong"


def differences(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Parameter and sentence, only for what this policy has to do with."""
    for token in TOKENS:
        yield from _of_token(token, policy)
    if policy.get("enable_hs_signatures"):
        text = (
            "only with `oct` keys of a file or of our own set, of at least the hash's size; never from a URL"
        )
        yield "enable_hs_signatures", text


def _of_token(token: str, policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    endpoints = [policy.get(f"{token}_{name}") for name in ("jwks_uri", "introspection_endpoint", "keyset")]
    tls = any(isinstance(url, str) and url.startswith("https:") for url in endpoints)
    if tls and f"{token}_endpoints_ssl_verify" not in policy:
        yield f"{token}_endpoints_ssl_verify", "certificates are verified, as Kong does since 3.14 only"
    if policy.get(f"{token}_introspection_endpoint"):
        yield (
            f"{token}_introspection_hint",
            "is sent as `token_type_hint` (RFC 7662); for a server that wants `hint`, use the body arguments",
        )
    signs = policy.get(f"{token}_signing", True) and token in _signed(policy)
    keyset = policy.get(f"{token}_keyset", DEFAULT_KEYSET)
    if signs and isinstance(keyset, str) and "://" not in keyset:
        yield (
            f"{token}_keyset",
            f"the keys of {keyset!r} are made anew: services behind need our /jwt-signer/jwks/{keyset}",
        )
    for name in ("issuers", "audiences", "subjects"):
        if policy.get(f"{token}_{name}_allowed"):
            yield f"{token}_{name}_allowed", "a token without the claim is refused"


def _signed(policy: Mapping[str, Any]) -> list[str]:
    """Tokens that are in use and get a new one; the channel token has no header to start with."""
    used = ["access_token"] if policy.get("access_token_upstream_header", "Authorization") else []
    return [*used, *(["channel_token"] if policy.get("channel_token_upstream_header") else [])]
