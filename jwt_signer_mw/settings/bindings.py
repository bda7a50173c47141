"""Options about tokens that are bound to their client."""

from __future__ import annotations

from dataclasses import dataclass

from jwt_signer_mw.algorithms import ASYMMETRIC
from jwt_signer_mw.settings.declaring import Part, parameter, switch, text
from jwt_signer_mw.settings.kinds import Number, Text, TextList

SINCE = "suite 1.0"
DEMANDS = ("never", "allowed", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBindings(Part):
    """What is asked of a token that is bound to its client, and how the new token tells of it."""

    dpop: str = parameter(
        "{}_dpop",
        Text(DEMANDS),
        "never",
        "Tokens that are bound to a key (RFC 9449): ignored, checked if they come, or demanded.",
        since=SINCE,
    )
    dpop_algorithms: tuple[str, ...] = parameter(
        "{}_dpop_algorithms",
        TextList(Text(tuple(sorted(ASYMMETRIC))), unique=True),
        ("ES256", "ES384", "EdDSA", "PS256", "RS256"),
        "Algorithms of DPoP proofs that are accepted.",
        since=SINCE,
    )
    dpop_max_age: float = parameter(
        "{}_dpop_max_age",
        Number(1, 3600),
        60,
        "How old a DPoP proof may be, by its `iat`.",
        since=SINCE,
        unit="seconds",
    )
    dpop_nonces: bool = switch(
        "{}_dpop_nonces", False, "Demand that DPoP proofs hold a nonce of ours.", since=SINCE
    )
    mtls: str = parameter(
        "{}_mtls",
        Text(DEMANDS),
        "never",
        "Tokens that are bound to a certificate (RFC 8705): ignored, checked if they come, or demanded.",
        since=SINCE,
    )
    upstream_confirmation: str = parameter(
        "{}_upstream_confirmation",
        Text(("original_cnf", "cnf")),
        "original_cnf",
        "Claim of the new token that tells which `cnf` was verified: it moves there, or stays.",
        since=SINCE,
    )

    upstream_request: tuple[str, ...] = parameter(
        "{}_upstream_request",
        TextList(Text(("method", "path", "query", "body")), may_be_empty=True, unique=True),
        (),
        "Parts of the request that the new token is good for, and for no other.",
        since=SINCE,
        null="default",
    )
    upstream_audience: tuple[str, ...] | None = parameter(
        "{}_upstream_audience",
        TextList(unique=True),
        None,
        "Audience (`aud`) of the new token; null: that of the old one.",
        since=SINCE,
    )

    @property
    def is_on(self) -> bool:
        """Whether requests are looked at one by one."""
        return self.dpop != "never" or self.mtls != "never" or bool(self.upstream_request)


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingOptions(Part):
    """What bound tokens need to know about the whole service."""

    public_origins: tuple[str, ...] | None = parameter(
        "public_origins",
        TextList(unique=True),
        None,
        "Where clients reach the service, as `https://api.example.com`; null: what the request says.",
        since=SINCE,
    )
    dpop_nonce_secret: str | None = text(
        "dpop_nonce_secret",
        None,
        "Seals the nonces, the same for all processes; null: each process takes its own only.",
        since=SINCE,
        secret=True,
        referenceable=True,
    )
    dpop_replay_size: int = parameter(
        "dpop_replay_size",
        Number(1, 10_000_000, integer=True),
        100_000,
        "Proofs that a process remembers; when it is full and no cache is shared, no more are accepted.",
        since=SINCE,
    )
    max_bound_body_bytes: int = parameter(
        "max_bound_body_bytes",
        Number(0, 268_435_456, integer=True),
        1_048_576,
        "Longer bodies are refused where the new token is bound to the body.",
        since=SINCE,
        unit="bytes",
    )
    client_certificate_header: str | None = text(
        "client_certificate_header",
        None,
        "Header in which a trusted proxy tells of the client's certificate; null: the server tells.",
        since=SINCE,
    )
    client_certificate_format: str = parameter(
        "client_certificate_format",
        Text(("rfc9440", "pem", "xfcc")),
        "rfc9440",
        "What that header holds: `:base64:`, PEM (percent-encoded or not), or Envoy's elements.",
        since=SINCE,
    )
