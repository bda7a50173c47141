"""Several issuers for one token: a map from each to parameters of its own.

Inside the map a parameter has its flat name without the token's: `jwks_uri`, `audiences_allowed`,
`verify_introspection_expiry`. What an issuer leaves out is as the token's own parameters say, but for
where keys and answers come from: these are the issuer's own, or there are none.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from jwt_signer_mw.settings.declaring import Declared, Option, Part, walk
from jwt_signer_mw.settings.families import KeysetSource
from jwt_signer_mw.settings.kinds import (
    MAX_ELEMENTS,
    Boolean,
    Plain,
    Schema,
    SeveralUnreadable,
    Text,
    Unreadable,
    describe,
    read_json,
    wrong_type,
)
from jwt_signer_mw.settings.options import SINCE
from jwt_signer_mw.tokens.claims import read_claim

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from jwt_signer_mw.settings.declared import TokenSettings
    from jwt_signer_mw.settings.families import ClaimRules
    from jwt_signer_mw.tokens.claims import Path

WANTED = "a map from an issuer to a map of its parameters"

# Fields of `TokenSettings` that an issuer may have for itself.
OWN: Final = (
    *("jwks", "introspection_endpoint", "introspection_authorization", "introspection_body_args"),
    *("introspection_client", "introspection_signed", "discovery"),
)
PER_ISSUER: Final = (
    *OWN,
    *("verify_signature", "endpoints_ssl_verify", "claims", "enable_introspection", "introspection_hint"),
    *("introspection_timeout", "cache_introspection", "trust_introspection", "introspection_jwt_claim"),
    *("introspection", "introspect_jwt", "typing", "outages"),
)
DECIDED: Final = ("verify_issuer", "issuer_claim", "issuers_allowed")  # by the map itself


DISCOVERY: Final = Declared(
    template="{}_discovery",
    kind=Boolean(),
    default=None,
    help="Whether its metadata name what is not set; by default where it has no address at all.",
    since=SINCE,
    null="none",
)


class TrustedIssuer(NamedTuple):
    """One issuer, and the parameters that are given for it, by their names inside the map."""

    issuer: str
    given: tuple[tuple[str, Any], ...]

    def __repr__(self) -> str:
        return f"<TrustedIssuer {self.issuer!r}>"  # what is given may be secret


def short_name(flat: str, token: str) -> str:
    """`verify_access_token_audience` is `verify_audience` in the map."""
    return flat.replace(token, "", 1).replace("__", "_").strip("_")


@cache
def options_per_issuer(kind: Callable[..., Part]) -> Mapping[str, Option]:
    """What the map may hold for an issuer, by short name. `kind` is `TokenSettings`."""
    options = {
        short_name(option.name, ""): option
        for option in walk(cast("type[Part]", kind))
        if option.path[0] in PER_ISSUER and option.path[-1] not in DECIDED
    }
    # Whose metadata they are is no question here; only whether they are read.
    return options | {"discovery": options["discovery"]._replace(declared=DISCOVERY)}


@dataclass(frozen=True)
class IssuerMap(Plain):
    """A map from issuers to parameters; as text it is JSON. `options`: what it may hold, by short name."""

    options: Callable[[], Mapping[str, Option]]

    def read(self, value: object) -> tuple[TrustedIssuer, ...]:
        return self.read_by(value, Option.read)

    def read_by(self, value: object, read: Callable[[Option, object], Any]) -> tuple[TrustedIssuer, ...]:
        """`read`, where each value is read by that function. Raises `Unreadable` with all that is wrong."""
        value = read_json(value) if isinstance(value, str) else value
        if not isinstance(value, Mapping) or len(value) > MAX_ELEMENTS:
            raise wrong_type(WANTED, value)
        found: list[tuple[str, Unreadable]] = []
        trusted = []
        for issuer, given in value.items():
            if not isinstance(given, Mapping):
                raise wrong_type(WANTED, given)
            name = Text().read(issuer)
            trusted.append(TrustedIssuer(name, tuple(self._read_one(name, given, read, found))))
        if found:
            raise SeveralUnreadable(found)
        return tuple(trusted)

    def _read_one(
        self,
        issuer: str,
        given: Mapping[Any, object],
        read: Callable[[Option, object], Any],
        found: list[tuple[str, Unreadable]],
    ) -> Iterator[tuple[str, Any]]:
        for name, value in given.items():
            try:
                yield name, read(self._option(name), value)
            except Unreadable as unreadable:
                found.append((f"{issuer}.{name if isinstance(name, str) else ''}", unreadable))

    def _option(self, name: object) -> Option:
        if not isinstance(name, str):
            raise Unreadable("settings.E001", f"A name must be text, not {describe(name)}.")
        options = self.options()
        if name not in options:
            near = difflib.get_close_matches(name[:100].lower(), options, n=1)
            more = f" Did you mean {near[0]}?" if near else ""
            raise Unreadable("settings.E001", f"There is no such option for one issuer.{more}")
        return options[name]

    def plain(self, value: Any) -> object:
        options = self.options()
        return {issuer: {name: options[name].plain(one) for name, one in given} for issuer, given in value}

    def schema(self) -> Schema:
        properties = {name: _schema(option) for name, option in self.options().items()}
        one = {"type": "object", "properties": properties, "additionalProperties": False}
        return {"type": "object", "additionalProperties": one}


def _schema(option: Option) -> Schema:
    declared = option.declared
    schema = declared.kind.schema()
    if declared.null != "refused":
        schema = {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}
    return {"description": declared.help} | schema | ({"writeOnly": True} if declared.secret else {})


def by_issuer(token: TokenSettings) -> Mapping[str, TokenSettings]:
    """The settings that a JWT of each trusted issuer is judged by."""
    return _by_issuer(cast("Hashable", token)) if token.trusted_issuers else {}


@lru_cache(maxsize=64)  # of some policies two tokens each: many rules ask
def _by_issuer(judged: Hashable) -> Mapping[str, TokenSettings]:
    token = cast("TokenSettings", judged)
    settings = {trusted.issuer: _settings_of(token, trusted) for trusted in token.trusted_issuers}
    return MappingProxyType(settings)


def with_issuers(token: TokenSettings) -> tuple[TokenSettings, ...]:
    """All that a token may be judged by: its own settings, and those of each trusted issuer."""
    return (token, *by_issuer(token).values())


def subject_paths(token: TokenSettings) -> tuple[Path, ...]:
    """Wherever the subject of a token may stand, `sub` first."""
    judged = with_issuers(token)
    paths = (rules.subject_claim for one in judged for rules in (one.claims, one.introspection))
    return tuple(dict.fromkeys((("sub",), *paths)))


def endpoint_of(token: TokenSettings) -> str | None:
    """The issuer whose endpoint is asked about opaque tokens; None for the token's own endpoint, if any.

    An opaque token doesn't say who issued it, and no other issuer shall see it. So an issuer is asked
    only where nobody else could be.
    """
    asked = [issuer for issuer, one in by_issuer(token).items() if one.introspects]
    return asked[0] if len(asked) == 1 and token.introspection_endpoint is None else None


def rules_for(token: TokenSettings, claims: Mapping[str, Any], *, introspected: bool) -> ClaimRules:
    """The rules of the document that accepted claims are from: an embedded JWT is none of introspection's.

    `introspected`: they came with an opaque token.
    """
    judged = token
    if token.trusted_issuers:
        chosen = endpoint_of(token) if introspected else read_claim(claims, token.claims.issuer_claim)
        judged = by_issuer(token).get(str(chosen), token)
    is_result = introspected and judged.introspection_jwt_claim is None
    return judged.introspection if is_result else judged.claims


def _settings_of(token: TokenSettings, trusted: TrustedIssuer) -> TokenSettings:
    """A copy of the token's settings in which the issuer has the last word; it signs nothing."""
    options, issuer = options_per_issuer(cast("Callable[..., Part]", type(token))), trusted.issuer
    given: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in trusted.given:
        *outer, field = options[name].path
        given["".join(outer)][field] = value
    names = _names(token, trusted)
    given["discovery"] = {"issuer": issuer} if _is_discovered(dict(trusted.given)) else {}
    claims = given["claims"] | {"verify_issuer": True, "issuers_allowed": (issuer,)}
    answers = given["introspection"] | {"verify_issuer": True, "issuers_allowed": (issuer,)}
    optional = answers.get("optional_claims", token.introspection.optional_claims) or ()
    answers["optional_claims"] = (*optional, token.introspection.issuer_claim)  # RFC 7662: it may be absent
    bare = dict.fromkeys(OWN) | given[""]
    changes: dict[str, Any] = {
        **{
            field: type(part)(name=part.name, elsewhere=names, **given[field])
            for field in OWN
            if isinstance(part := getattr(token, field), Part)
        },
        "claims": dataclasses.replace(token.claims, elsewhere=names, **claims),
        "typing": dataclasses.replace(token.typing, elsewhere=names, **given["typing"]),
        "outages": dataclasses.replace(token.outages, elsewhere=names, **given["outages"]),
        "introspection": dataclasses.replace(token.introspection, elsewhere=names, **answers),
        "trusted_issuers": (),
        "signing": False,
        "keyset": KeysetSource(name=token.keyset.name),
        "elsewhere": names,
    }
    return _changed(token, bare | changes)


def _is_discovered(given: Mapping[str, Any]) -> bool:
    """As it says; else where it has no address of its own."""
    says = given.get("discovery")
    has_none = given.get("jwks_uri") is None and given.get("introspection_endpoint") is None
    return has_none and given.get("verify_signature") is not False if says is None else bool(says)


def _changed(token: TokenSettings, changes: Mapping[str, Any]) -> TokenSettings:
    return dataclasses.replace(token, **changes)


def _names(token: TokenSettings, trusted: TrustedIssuer) -> tuple[tuple[str, str], ...]:
    """How users write what is not as the token's own parameters say."""
    option, given = token.option("trusted_issuers"), {name for name, _ in trusted.given}
    names = {}
    for flat, short, path in _flat_names(cast("Callable[..., Part]", type(token)), token.name):
        if path[0] in OWN or short in given:
            names[flat] = f"{option}.{trusted.issuer}.{short}"
        elif path[-1] in DECIDED:
            names[flat] = option
    return tuple(names.items())


@cache
def _flat_names(kind: Callable[..., Part], token: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Every option of a token: its flat name, its name in the map, and where it is held."""
    options = walk(cast("type[Part]", kind), token)
    return tuple((one.name, short_name(one.name, token), one.path) for one in options)
