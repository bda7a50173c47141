"""Every parameter and every option is proven by a case that ends otherwise when it has no effect."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from conformance.case import Case, Reopen
from conformance.play import Stage
from conformance.table import TABLE
from conformance.wsgi import WSGIAdapter
from jwt_signer_mw import ConfigurationError, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CLAIM_RULES: Final = _words("""
    verify_{}_expiry {}_expiry_claim {}_leeway verify_{}_notbefore {}_notbefore_claim
    verify_{}_scopes {}_scopes_claim {}_scopes_required verify_{}_issuer {}_issuer_claim {}_issuers_allowed
    verify_{}_subject {}_subject_claim {}_subjects_allowed
    verify_{}_audience {}_audience_claim {}_audiences_allowed {}_required_claims {}_optional_claims
    {}_consumer_claim {}_consumer_by
""")
DOCUMENTS: Final = _words("{} {}_client_username {}_client_password {}_client_certificate {}_rotate_period")
TOKEN: Final = _words("""
    {}_request_header {}_optional verify_{}_signature {}_endpoints_ssl_verify
    enable_{}_introspection {}_introspection_endpoint {}_introspection_authorization
    {}_introspection_body_args {}_introspection_hint {}_introspection_timeout cache_{}_introspection
    trust_{}_introspection {}_introspection_jwt_claim {}_signing {}_signing_algorithm {}_issuer
    {}_upstream_leeway {}_upstream_header original_{}_upstream_header
    add_{}_claims set_{}_claims remove_{}_claims
""")
SHARED: Final = _words("realm enable_hs_signatures enable_instrumentation add_claims set_claims")
SUITE: Final = _words("""
    keyset_store keyset_encryption_keys cache consumers verdict_cache_size verdict_cache_ttl
    introspection_cache_size introspection_cache_ttl max_token_bytes max_response_bytes
    jwks_reload_interval http_timeout exempt_paths admin_path admin_token purge_token certificates
    resource resource_metadata shadow
    public_origins dpop_nonce_secret dpop_replay_size max_bound_body_bytes
    client_certificate_header client_certificate_format observers request_id_header
""")


OWN_OF_CLAIMS: Final = _words("{}_max_lifetime {}_max_age")
OWN_OF_TOKENS: Final = _words("""
    {}_upstream_max_lifetime {}_typ_allowed {}_profile
    {}_introspection_client_auth {}_introspection_client_id {}_introspection_client_secret
    {}_introspection_client_keyset {}_introspection_client_algorithm {}_introspection_client_audience
    {}_introspection_client_certificate
    {}_introspection_signed {}_introspection_signed_issuer {}_introspect_jwt
    {}_upstream_request {}_upstream_audience
    {}_dpop {}_dpop_algorithms {}_dpop_max_age {}_dpop_nonces
    {}_upstream_confirmation {}_mtls {}_trusted_issuers {}_discovery
    {}_jwks_uri_max_stale {}_introspection_max_stale
    {}_introspection_breaker {}_introspection_breaker_cooldown
    keep_{}_claims {}_claim_templates {}_subject_pairwise_secret {}_subject_pairwise_sector {}_report_only
""")


def _parameters_of(token: str) -> Iterator[str]:
    yield from (name.format(token) for name in TOKEN)
    for family in (token, f"{token}_introspection"):
        yield from (name.format(family) for name in CLAIM_RULES)
    for document in (f"{token}_jwks_uri", f"{token}_keyset"):
        yield from (name.format(document) for name in DOCUMENTS)


def _own_options_of(token: str) -> Iterator[str]:
    yield from (name.format(token) for name in OWN_OF_TOKENS)
    for family in (token, f"{token}_introspection"):
        yield from (name.format(family) for name in OWN_OF_CLAIMS)


OWN: Final = (*SUITE, *_own_options_of("access_token"), *_own_options_of("channel_token"))
PLUGIN: Final = (*_parameters_of("access_token"), *_parameters_of("channel_token"), *SHARED)


def _proofs() -> dict[str, list[Case]]:
    proofs = defaultdict(list)
    for case in TABLE:
        for option in case.proves:
            proofs[option].append(case)
    return proofs


PROOFS: Final = _proofs()
ROUTED: Final = {"admin_path"}  # speaks to adapters that have routes of their own


def test_the_plugin_has_153_parameters() -> None:
    assert len(set(PLUGIN)) == len(PLUGIN) == 153
    assert set(Settings.load({}).flat()) == {*PLUGIN, *OWN}


@pytest.mark.parametrize("option", [*PLUGIN, *(option for option in OWN if option not in ROUTED)])
def test_an_option_has_a_case(option: str) -> None:
    assert PROOFS[option], f"no case proves {option}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("mutants")) as opened:
        yield opened


WRONG: Final = {"certificates": {"mine": {"cert": "$DIR/server.pem", "key": "$DIR/server.pem"}}}


def _without(case: Case, option: str) -> Case:
    """The same case, the option left at its default."""
    kept = {name: value for name, value in case.settings.items() if name != option}
    services = {name: value for name, value in case.services.items() if name != option}
    steps = (_reopen_without(step, option) if isinstance(step, Reopen) else step for step in case.steps)
    return replace(case, settings=kept, services=services, steps=tuple(steps))


def _reopen_without(step: Reopen, option: str) -> Reopen:
    return replace(step, settings={name: value for name, value in step.settings.items() if name != option})


@pytest.mark.parametrize("option", sorted(PROOFS))
def test_the_cases_of_an_option_fail_without_it(option: str, stage: Stage) -> None:
    for case in PROOFS[option]:
        try:
            stage.play(_without(case, option), WSGIAdapter())
        except AssertionError:
            continue
        except ConfigurationError:  # half a password, or a certificate's name alone: take a wrong one
            wrong = WRONG.get(option, "another password, of 32 characters")
            other = replace(case, settings={**case.settings, option: wrong})
            with pytest.raises(AssertionError):
                stage.play(other, WSGIAdapter())
        else:
            pytest.fail(f"{case.name!r} says that it proves {option}, and ends the same without it")
