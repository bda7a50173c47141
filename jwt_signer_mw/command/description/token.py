"""What will happen to one of the two tokens, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.command.description.binding import describe_bonds, describe_new
from jwt_signer_mw.command.description.checks import describe_checks, spell, spell_path
from jwt_signer_mw.command.description.sentence import Sentence
from jwt_signer_mw.request.rewrite import Output
from jwt_signer_mw.settings.addresses import is_url
from jwt_signer_mw.settings.introspecting import ALLOWED, NEVER
from jwt_signer_mw.settings.issuers import by_issuer, endpoint_of
from jwt_signer_mw.settings.shape import sector_of
from jwt_signer_mw.settings.vault_addresses import is_vault
from jwt_signer_mw.tokens.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.settings import KeysetSource, Settings, TokenSettings


def describe_token(token: TokenSettings, settings: Settings) -> Iterator[Sentence]:
    """From reading the request to writing the new one."""
    if not token.request_header:
        yield Sentence(_absence(token))
        return
    yield Sentence(_reading(token))
    yield from _jwt(token, settings)
    yield from _opaque(by_issuer(token).get(endpoint_of(token) or "", token), settings)
    yield from map(Sentence, describe_bonds(token, settings))
    yield from map(Sentence, _consumer(token))
    yield from map(Sentence, _signing(token, settings))


def _absence(token: TokenSettings) -> str:
    option = token.option("request_header")
    if token.optional:
        return f"Not in use: {option} is not set."
    return f"{option} is not set, and the token is not optional: every request gets 500."


def _reading(token: TokenSettings) -> str:
    ways = {
        "authorization": "Authorization, as Bearer or Basic",
        "authorization:bearer": "Authorization, as Bearer",
        "authorization:basic": "Authorization, as Basic",
    }
    header = token.request_header or ""
    absent = "goes on" if token.optional else "gets 401"
    way = ways.get(header.lower(), header) + ("" if token.binding.dpop == "never" else ", or as DPoP")
    return f"Read from the header {way}. A request that lacks it {absent}."


def _jwt(token: TokenSettings, settings: Settings) -> Iterator[Sentence]:
    if not token.trusted_issuers:
        yield from _jwt_by(token, settings, "A JWT")
        return
    path = spell_path(token.claims.issuer_claim)
    yield Sentence(f"A JWT: `{path}` says whose keys and rules it has to meet; any but these issuers: 401.")
    for issuer, one in by_issuer(token).items():
        yield from _jwt_by(one, settings, f"A JWT of {issuer}")


def _jwt_by(token: TokenSettings, settings: Settings, what: str) -> Iterator[Sentence]:
    if not token.verify_signature:
        yield Sentence(f"{what}: its signature is NOT verified; anybody can make one up.")
    elif not token.has_keys:
        yield Sentence(f"{what}: refused with 401, as {token.jwks.option('uri')} is not set.")
        return
    else:
        symmetric = "accepted" if settings.enable_hs_signatures else "refused with 401"
        yield Sentence(
            f"{what}: its signature is verified with the keys of {_source(token.jwks, token)}; "
            f"HMAC signatures are {symmetric}. The keys are loaded when first needed, "
            f"{_reloads(token.jwks, settings)}.{_old_keys(token)}"
        )
    yield from _types(token)
    yield _checked("its claims", describe_checks(token.claims))
    yield from _confirmed(token)


def _types(token: TokenSettings) -> Iterator[Sentence]:
    typing = token.typing
    if typing.typ_allowed is not None:
        yield Sentence(f"Its `typ` is one of {spell(map(repr, typing.typ_allowed))}, else 401.")
    if typing.profile is not None:
        profile = PROFILES[typing.profile]
        yield Sentence(
            f"It is an access token by {profile.source}: `typ` is {profile.typ!r}, and "
            f"{', '.join(profile.required)} are there, else 401."
        )


def _old_keys(token: TokenSettings) -> str:
    limit = token.outages.jwks_max_stale
    if limit is None:
        return ""
    return f" Keys that can't be reloaded serve for {limit:g} seconds more; then every token gets 503."


def _outages(token: TokenSettings) -> Iterator[Sentence]:
    outages = token.outages
    if outages.introspection_max_stale is not None:
        limit = f"{outages.introspection_max_stale:g} seconds"
        yield Sentence(
            f"While it can't be asked, a good answer serves for {limit} more, not past the expiry."
        )
    if outages.introspection_breaker is not None:
        yield Sentence(
            f"After {outages.introspection_breaker} failures in a row it is left alone for "
            f"{outages.introspection_breaker_cooldown:g} seconds; who needs it meanwhile gets 503 at once."
        )


def _reloads(source: KeysetSource, settings: Settings) -> str:
    forced = f"again when none fits a token (every {settings.jwks_reload_interval:g} seconds at most)"
    if not source.rotate_period:
        return f"and {forced}"
    return f"every {source.rotate_period:g} seconds after that, and {forced}"


def _opaque(token: TokenSettings, settings: Settings) -> Iterator[Sentence]:
    if not token.introspects:
        field = "introspection_endpoint" if token.enable_introspection else "enable_introspection"
        state = "not set" if token.enable_introspection else "off"
        yield Sentence(f"Any other token: refused with 401, as {token.option(field)} is {state}.")
        return
    milliseconds = token.introspection_timeout or settings.http_timeout
    yield Sentence(
        f"Any other token: {_asked(token)} is asked about it, "
        f"{_credentials(token)}, within {milliseconds:g} milliseconds, and once more if it fails. "
        "It has to say that the token is active, else 401."
    )
    yield from _outages(token)
    if token.introspection_signed.mode != NEVER:
        yield Sentence(_signed_answer(token))
    yield _checked("its answer", describe_checks(token.introspection, expiry_may_be_absent=True))
    if token.introspection_jwt_claim:
        path = spell_path(token.introspection_jwt_claim)
        yield Sentence(f"The JWT in `{path}` of the answer takes its place; without one: 401.")
    if not token.trust_introspection:
        yield from _distrust(token)


def _asked(token: TokenSettings) -> str:
    if token.introspection_endpoint is None:
        return f"the endpoint in the metadata of {token.discovery.issuer}"
    return _url(token.introspection_endpoint, token)


def _credentials(token: TokenSettings) -> str:
    method = token.introspection_client.method
    if method is not None:
        return f"with {method} as {token.introspection_client.id!r}"
    return f"{'with' if token.introspection_authorization else 'WITHOUT'} an Authorization header"


def _signed_answer(token: TokenSettings) -> str:
    signed = token.introspection_signed
    issuers = [signed.issuer] if signed.issuer is not None else token.claims.issuers_allowed or ()
    unsigned = "taken too" if signed.mode == ALLOWED else "refused with 401"
    return f"Its answer is a JWT signed by {spell(issuers)} (RFC 9701); one that is not signed is {unsigned}."


def _confirmed(token: TokenSettings) -> Iterator[Sentence]:
    """`{token}_introspect_jwt`"""
    limit = token.introspect_jwt
    if limit == NEVER:
        return
    when = "Then" if isinstance(limit, str) else f"When it is older than {limit:g} seconds, or has no `iat`,"
    yield Sentence(f"{when} {_asked(token)} has to say that it is active, else 401.")


def _distrust(token: TokenSettings) -> Iterator[Sentence]:
    """Decision 11: the JWT in an answer is verified, if there are keys to do it with."""
    if token.introspection_jwt_claim and token.verify_signature and token.has_keys:
        yield Sentence(f"Its signature is verified with the keys of {_source(token.jwks, token)}.")
    may_be_absent = token.introspection_jwt_claim is None
    yield _checked("what it says", describe_checks(token.claims, expiry_may_be_absent=may_be_absent))


def _checked(what: str, checks: Iterator[str]) -> Sentence:
    found = tuple(checks)
    return Sentence(f"Of {what} is checked:" if found else f"Of {what} nothing is checked.", found)


def _consumer(token: TokenSettings) -> Iterator[str]:
    answer = (token.introspection, "an introspection result")
    for rules, what in ((answer,) if token.introspects else ()) + ((token.claims, "a token"),):
        if rules.consumer_claim:
            yield (
                f"The claim `{spell_path(rules.consumer_claim)}` of {what} names the consumer, "
                f"looked for by {spell(rules.consumer_by)}; none found: 403."
            )


def _signing(token: TokenSettings, settings: Settings) -> Iterator[str]:
    if token.signs:
        yield (
            f"A new token is signed with {token.signing_algorithm} by {_keyset(token)}, with the issuer "
            f"{token.issuer!r}; the former one becomes `original_iss`. {_expiry(token)}"
        )
        yield from _edits(token, settings)
        yield from describe_new(token)
        yield f"It goes on as `{_output(token.upstream_header)}`."
    else:
        yield "No new token is signed."
    if token.original_upstream_header:
        yield f"The token as the client sent it goes on as `{_output(token.original_upstream_header)}`."


def _keyset(token: TokenSettings) -> str:
    source = token.keyset
    if is_vault(source.uri or ""):
        return f"a key that never leaves {source.uri}"
    if is_url(source.uri or ""):
        return f"the private key in {_source(source, token)}"
    turning = f", rotated every {source.rotate_period:g} seconds" if source.rotate_period else ""
    return f"our key set {source.uri!r}{turning}"


def _expiry(token: TokenSettings) -> str:
    longest = token.shape.upstream_max_lifetime
    limit = "" if longest is None else f", and {longest:g} seconds after it was signed at the latest"
    if not token.upstream_leeway:
        return f"It expires when the old one does{limit}."
    when = "later" if token.upstream_leeway > 0 else "earlier"
    return f"It expires {abs(token.upstream_leeway):g} seconds {when} than the old one{limit}."


def _edits(token: TokenSettings, settings: Settings) -> Iterator[str]:
    """Names only: a value may be meant for the services behind alone."""
    shape = token.shape
    if shape.keep_claims is not None:
        but = f" but {spell(shape.keep_claims)}" if shape.keep_claims else ""
        yield f"Of the old claims it has none{but}."
    if shape.subject_pairwise_secret is not None:
        yield f"Its subject is hidden by a pseudonym for {sector_of(token)}."
    added = dict(settings.add_claims) | dict(token.add_claims)
    changed = dict(settings.set_claims) | dict(token.set_claims)
    if added:
        yield f"Claims added where absent: {spell(added)}."
    if changed:
        yield f"Claims set: {spell(changed)}."
    for name, template in shape.claim_templates:
        yield f"Claim {name} is {template}, and left out where that has no value."
    if token.remove_claims:
        yield f"Claims left out: {spell(token.remove_claims)}."


def _output(header: str | None) -> str:
    output = Output.of(header or "")
    return f"{output.name}: {output.value('<token>')}"


def _source(source: KeysetSource, token: TokenSettings) -> str:
    means = [
        *(["HTTP Basic"] if source.client_username is not None else []),
        *(["a client certificate"] if source.client_certificate is not None else []),
    ]
    if source.uri is None and token.discovery.issuer is not None:
        return f"{_url(token.discovery.issuer, token)}, wherever its metadata say that they are"
    return _url(source.uri or "", token) + (f" (with {' and '.join(means)})" if means else "")


def _url(url: str, token: TokenSettings) -> str:
    if url.lower().startswith("https://") and not token.endpoints_ssl_verify:
        return f"{url} (its certificate is NOT checked)"
    return url
