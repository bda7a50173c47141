"""The 153 parameters of the plugin, each declared once: 53 fields, of which the tokens share most."""

# ruff: noqa: RUF009  (the functions that are called here declare fields)
from __future__ import annotations

from dataclasses import dataclass

from jwt_signer_mw.algorithms import SIGNING_ALGORITHMS
from jwt_signer_mw.settings.bindings import TokenBindings
from jwt_signer_mw.settings.declaring import Part, parameter, part, switch, text
from jwt_signer_mw.settings.discovering import Discovering
from jwt_signer_mw.settings.explicit_typing import ExplicitTyping
from jwt_signer_mw.settings.families import ONE_YEAR, ClaimRules, KeysetSource
from jwt_signer_mw.settings.introspecting import (
    INTROSPECT_JWT,
    NEVER,
    IntrospectionClient,
    SignedIntrospection,
)
from jwt_signer_mw.settings.issuers import IssuerMap, TrustedIssuer, options_per_issuer
from jwt_signer_mw.settings.kinds import CLAIM_PATH, Number, Text, TextList, TextMap
from jwt_signer_mw.settings.observation import ObservedOptions
from jwt_signer_mw.settings.options import SINCE
from jwt_signer_mw.settings.outages import Outages
from jwt_signer_mw.settings.reporting import Reporting
from jwt_signer_mw.settings.reporting import Shadow as ShadowKind
from jwt_signer_mw.settings.shape import Shape

__all__ = ["ClaimRules", "KeysetSource", "Parameters", "TokenSettings"]

ONE_HOUR = 3_600_000  # milliseconds; no request waits longer


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings(Part):
    """All about one of the two tokens; `name` is `access_token` or `channel_token`."""

    request_header: str | None = text(
        "{}_request_header",
        "Authorization",
        "Header that carries the token; null or empty switches the token off.",
        since="<=3.4",
        null="none",
        blank=True,
    )
    optional: bool = switch("{}_optional", False, "Let a request without this token pass.", since="<=3.4")
    verify_signature: bool = switch(
        "verify_{}_signature", True, "Check the signature of a JWT.", since="<=3.4"
    )
    jwks: KeysetSource = part(KeysetSource, "{}_jwks_uri")
    trusted_issuers: tuple[TrustedIssuer, ...] = parameter(
        "{}_trusted_issuers",
        IssuerMap(lambda: options_per_issuer(TokenSettings)),
        (),
        "Map from each accepted issuer of JWTs to its `jwks_uri`, `audiences_allowed` and the like.",
        since=SINCE,
        null="default",
    )
    discovery: Discovering = part(Discovering, "{}")
    endpoints_ssl_verify: bool = switch(
        "{}_endpoints_ssl_verify", True, "Check the TLS certificates of endpoints.", since="3.13"
    )
    claims: ClaimRules = part(ClaimRules, "{}")
    enable_introspection: bool = switch(
        "enable_{}_introspection", True, "Introspect opaque tokens.", since="<=3.4"
    )
    introspection_endpoint: str | None = text(
        "{}_introspection_endpoint", None, "URL of the introspection endpoint (RFC 7662).", since="<=3.4"
    )
    introspection_authorization: str | None = text(
        "{}_introspection_authorization",
        None,
        "Value of the Authorization header of introspection requests.",
        since="<=3.4",
        secret=True,
        referenceable=True,
    )
    introspection_body_args: str | None = text(
        "{}_introspection_body_args",
        None,
        "More form arguments of introspection requests, URL-encoded.",
        since="<=3.4",
        secret=True,
        referenceable=True,
    )
    introspection_hint: str | None = text(
        "{}_introspection_hint",
        "access_token",
        "Value of `token_type_hint`; null or empty sends none.",
        since="<=3.4",
        null="none",
        blank=True,
    )
    introspection_timeout: float | None = parameter(
        "{}_introspection_timeout",
        Number(0, ONE_HOUR, above=True),
        None,
        "Time limit of one introspection request; null means `http_timeout`.",
        since="<=3.4",
        unit="milliseconds",
    )
    cache_introspection: bool = switch(
        "cache_{}_introspection", True, "Remember introspection results.", since="<=3.4"
    )
    trust_introspection: bool = switch(
        "trust_{}_introspection",
        True,
        "Spare an introspected payload the checks of a JWT's claims.",
        since="<=3.4",
    )
    introspection_jwt_claim: tuple[str, ...] | None = parameter(
        "{}_introspection_jwt_claim",
        CLAIM_PATH,
        None,
        "Path of a JWT inside the introspection result that takes its place.",
        since="<=3.4",
    )
    introspection: ClaimRules = part(ClaimRules, "{}_introspection")
    introspection_client: IntrospectionClient = part(IntrospectionClient, "{}_introspection_client")
    introspection_signed: SignedIntrospection = part(SignedIntrospection, "{}_introspection_signed")
    introspect_jwt: str | float = parameter(
        "{}_introspect_jwt",
        INTROSPECT_JWT,
        NEVER,
        "Whether to introspect good JWTs as well: `never`, `always`, or when they are older than so long.",
        since=SINCE,
        unit="seconds",
    )
    signing: bool = switch("{}_signing", True, "Sign a new token.", since="3.12")
    signing_algorithm: str = parameter(
        "{}_signing_algorithm",
        Text(SIGNING_ALGORITHMS),
        "RS256",
        "Algorithm of the new token.",
        since="<=3.4",
    )
    issuer: str = text("{}_issuer", "kong", "Issuer (`iss`) of the new token.", since="<=3.4")
    keyset: KeysetSource = part(KeysetSource, "{}_keyset", uri="kong")
    upstream_leeway: float = parameter(
        "{}_upstream_leeway",
        Number(-ONE_YEAR, ONE_YEAR),
        0,
        "Added to the expiry of the new token; may be negative.",
        since="<=3.4",
        unit="seconds",
    )
    upstream_header: str | None = text(
        "{}_upstream_header",
        "Authorization:Bearer",
        "Header for the new token, as `Name` or `Name:Type`; null or empty signs none.",
        since="<=3.4",
        null="none",
        blank=True,
    )
    original_upstream_header: str | None = text(
        "original_{}_upstream_header",
        None,
        "Header for the token as it came in, as `Name` or `Name:Type`.",
        since="3.7",
        blank=True,
    )
    add_claims: tuple[tuple[str, str], ...] = parameter(
        "add_{}_claims",
        TextMap(),
        (),
        "Claims to add where absent; JSON text is decoded.",
        since="3.7",
        null="default",
    )
    set_claims: tuple[tuple[str, str], ...] = parameter(
        "set_{}_claims", TextMap(), (), "Claims to set; JSON text is decoded.", since="3.7", null="default"
    )
    remove_claims: tuple[str, ...] = parameter(
        "remove_{}_claims",
        TextList(may_be_empty=True),
        (),
        "Names of claims to leave out of the new token.",
        since="3.7",
        null="default",
    )
    outages: Outages = part(Outages, "{}")
    typing: ExplicitTyping = part(ExplicitTyping, "{}")
    shape: Shape = part(Shape, "{}")
    reporting: Reporting = part(Reporting, "{}")
    binding: TokenBindings = part(TokenBindings, "{}")

    @property
    def has_keys(self) -> bool:
        """Whether there are keys to verify with, wherever they are."""
        return self.jwks.uri is not None or self.discovery.issuer is not None

    @property
    def keys_option(self) -> str:
        """The option that says where these keys are."""
        is_found = self.jwks.uri is None and self.discovery.issuer is not None
        return self.discovery.option("issuer") if is_found else self.jwks.option("uri")

    @property
    def finds_endpoint(self) -> bool:
        """Whether the provider's metadata say whom to ask about opaque tokens. Nobody is asked who would not
        know us: an endpoint that takes everybody's questions is named by its URL."""
        client = (
            self.introspection_authorization,
            self.introspection_body_args,
            self.introspection_client.method,
        )
        knows_us = any(one is not None for one in client)
        return self.discovery.issuer is not None and self.introspection_endpoint is None and knows_us

    @property
    def introspects(self) -> bool:
        """Whether somebody can be asked about an opaque token."""
        return self.enable_introspection and (self.introspection_endpoint is not None or self.finds_endpoint)

    @property
    def signs(self) -> bool:
        """Whether a new token is made; without one, no key is needed."""
        return self.signing and self.upstream_header is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters(ObservedOptions):
    """Everything that can be set: the plugin's parameters here, the suite's own options above."""

    shadow: str | None = parameter(
        "shadow",
        ShadowKind(),
        None,
        "Settings laid over these, or the name of another policy: what it would refuse is reported.",
        since=SINCE,
    )
    realm: str | None = text(
        "realm", None, "Realm of challenges; null means the request's host.", since="<=3.4", blank=True
    )
    enable_hs_signatures: bool = switch(
        "enable_hs_signatures", False, "Accept HS256, HS384 and HS512 on incoming tokens.", since="<=3.4"
    )
    enable_instrumentation: bool = switch(
        "enable_instrumentation", False, "Log one record per decision, at level CRITICAL.", since="<=3.4"
    )
    add_claims: tuple[tuple[str, str], ...] = parameter(
        "add_claims",
        TextMap(),
        (),
        "Claims to add to both new tokens where absent; JSON text is decoded.",
        since="<=3.4",
        null="default",
    )
    set_claims: tuple[tuple[str, str], ...] = parameter(
        "set_claims",
        TextMap(),
        (),
        "Claims to set in both new tokens; JSON text is decoded.",
        since="<=3.4",
        null="default",
    )
    access_token: TokenSettings = part(TokenSettings, "access_token")
    channel_token: TokenSettings = part(
        TokenSettings, "channel_token", request_header=None, upstream_header=None, introspection_hint=None
    )
