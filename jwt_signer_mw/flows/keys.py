"""All key sets of one middleware: the way from its settings to the keys that verify and sign."""

from __future__ import annotations

import itertools
import logging
from math import inf
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from jwt_signer_mw.errors import (
    ConfigurationError,
    Problem,
    ProviderUnavailable,
    StoredKeysUnreadable,
    StoreError,
)
from jwt_signer_mw.flows.breaker import Breakers
from jwt_signer_mw.flows.discovery import Discovery, Issuer
from jwt_signer_mw.flows.documents import Source
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.flows.remote import Remote
from jwt_signer_mw.flows.signers import NamedSigner, RemoteSigner
from jwt_signer_mw.settings import KeysetSource
from jwt_signer_mw.settings.addresses import is_url
from jwt_signer_mw.settings.issuers import with_issuers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jwt_signer_mw.clock import Clock
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.keysets.store import KeysetStore
    from jwt_signer_mw.settings import Settings, TokenSettings


__all__ = ["Keyring", "Named", "Remote"]

log = logging.getLogger("jwt_signer_mw.keys")

Signer: TypeAlias = NamedSigner | RemoteSigner
T = TypeVar("T")


class Signing(NamedTuple):
    """What one token signs: new tokens, or assertions of who we are."""

    keyset: KeysetSource
    algorithm: str

    @property
    def is_fetched(self) -> bool:
        return self.keyset.uri is not None and is_url(self.keyset.uri)


class Keyring:
    """Holds every key set that the settings name; equal sources are shared.

    `epoch` takes a value it never had when any key that verifies or signs changes. `due` is the tick
    at which `maintain` has work. Both are for comparisons on the fast road.
    """

    def __init__(
        self,
        settings: Settings,
        store: KeysetStore,
        clock: Clock,
        *,
        remote: Callable[..., Remote] = Remote,
        named: Callable[..., Named] = Named,
    ) -> None:
        """`remote` and `named` put sets that are observed in the place of the plain ones."""
        self.epoch = 0
        self.due = inf
        self._epochs = itertools.count(1)
        self._settings = settings
        self._clock = clock
        self._remote, self._own = remote, named
        tokens = (settings.access_token, settings.channel_token)
        judged = [one for token in tokens for one in with_issuers(token)]
        self._remotes = self._open_remotes(judged)
        self.breakers = Breakers(clock)
        self._discoveries = self._open_discoveries(judged)
        self._named = self._open_named([one for token in judged for one in _signings(token)], store)

    def verification(self, token: TokenSettings) -> Remote | None:
        """The set behind `{token}_jwks_uri`, or the one that the metadata of `{token}_discovery` name."""
        return self._remotes[self._source(token, token.jwks)] if token.has_keys else None

    def discovery(self, token: TokenSettings) -> Discovery:
        """The metadata that name the introspection endpoint, where they do (see `finds_endpoint`)."""
        return self._discoveries[self._issuer(token)]

    def signing(self, token: TokenSettings) -> Signer:
        """Where the key for `{token}_signing_algorithm` is, for a token that is signed (see `signs`)."""
        return self._signer(token, Signing(token.keyset, token.signing_algorithm))

    def assertions(self, token: TokenSettings) -> Signer | None:
        """Where the key is that says who we are to the introspection endpoint, if one does."""
        return self._signer(token, _assertion(token)) if token.introspection_client.signs else None

    def _signer(self, token: TokenSettings, signing: Signing) -> Signer:
        if signing.is_fetched:
            source = self._source(token, signing.keyset, signing=True)
            return RemoteSigner(self._remotes[source], signing.algorithm)
        return NamedSigner(self._named[signing.keyset.uri or ""], signing.algorithm, self._clock)

    def sets(self) -> tuple[Named | Remote, ...]:
        return (*self._named.values(), *self._remotes.values())

    def prepare(self) -> Flow[None]:
        """Decision 32: makes and loads our own keys, and reads key files; asks no provider.

        A store that is down is logged, and asked again by the first request that needs it. Raises
        `ConfigurationError` for stored keys that can't be read: they must not be replaced.
        """
        for named in self._named.values():
            yield from self._prepare_named(named)
        for remote in self._remotes.values():
            if remote.source.signing and (remote.source.is_file or remote.source.is_vault):
                yield from self._prepare_file(remote)
        self._schedule()

    def _prepare_named(self, named: Named) -> Flow[None]:
        try:
            yield from named.prepare()
        except StoredKeysUnreadable as error:
            hint = "Set the key they were encrypted with, or delete the set: then new keys are made."
            problem = Problem("keysets.E004", "error", "keyset_encryption_keys", error.detail, hint)
            raise ConfigurationError([problem]) from None
        except StoreError as error:
            log.error("key set %r is not ready: %s", named.name, error.detail)

    def _prepare_file(self, remote: Remote) -> Flow[None]:
        try:
            yield from remote.load()
        except ProviderUnavailable:  # it is in the log already
            remote.forget()

    def maintain(self) -> Flow[None]:
        """Does what is due: looks for changes by other workers, reloads and rotates. Never raises."""
        ticks = self._clock.ticks()
        due = [keys for keys in self.sets() if keys.due <= ticks]
        for keys in due:
            keys.postpone()
        self._schedule()
        for keys in due:
            yield from keys.maintain()
        self._schedule()

    def _schedule(self) -> None:
        self.due = min((keys.due for keys in self.sets()), default=inf)

    def _keys_changed(self, replaced: bool = True) -> None:
        """Called after the change, so whoever sees the new epoch sees the new keys; no value comes twice.

        A first load takes nothing away: what was decided meanwhile still holds.
        """
        if replaced:
            self.epoch = next(self._epochs)
        self._schedule()

    def _open_remotes(self, tokens: list[TokenSettings]) -> dict[Source, Remote]:
        limits = self._limits(tokens)
        found = [
            (self._source(token, keyset, signing=signing), keyset.rotate_period)
            for token in tokens
            for keyset, signing in _fetched(token)
        ]
        return {
            source: self._remote(
                source,
                self._clock,
                interval=self._settings.jwks_reload_interval,
                period=period,
                changed=self._keys_changed,
                max_stale=limits.get(source),
            )
            for source, period in _shortest_periods(found).items()
        }

    def _limits(self, tokens: Iterable[TokenSettings]) -> dict[Source, float]:
        """How long fetched sets serve while their provider is down: of several rules the strictest."""
        limits: dict[Source, float] = {}
        for token in tokens:
            limit = token.outages.jwks_max_stale
            if token.has_keys and limit is not None:
                source = self._source(token, token.jwks)
                limits[source] = min(limit, limits.get(source, limit))
        return limits

    def _open_named(self, signings: Iterable[Signing], store: KeysetStore) -> dict[str, Named]:
        ours = [(one.keyset.uri or "", one) for one in signings if not one.is_fetched]
        periods = _shortest_periods((name, one.keyset.rotate_period) for name, one in ours)
        return {
            name: self._own(
                name,
                store,
                self._clock,
                algorithms=[one.algorithm for owner, one in ours if owner == name],
                period=period,
                changed=self._keys_changed,
            )
            for name, period in periods.items()
        }

    def _source(self, token: TokenSettings, keyset: KeysetSource, *, signing: bool = False) -> Source:
        """How to fetch the set."""
        named = keyset.client_username is not None and keyset.client_password is not None
        issuer = token.discovery.issuer if keyset.uri is None and not signing else None
        return Source(
            issuer or keyset.uri or "",
            basic=(keyset.client_username or "", keyset.client_password or "") if named else None,
            certificate=keyset.client_certificate,
            verify=token.endpoints_ssl_verify,
            signing=signing,
            timeout=self._settings.http_timeout / 1000,
            max_bytes=self._settings.max_response_bytes,
            discovers=issuer is not None,
        )

    def _issuer(self, token: TokenSettings) -> Issuer:
        timeout, max_bytes = self._settings.http_timeout / 1000, self._settings.max_response_bytes
        return Issuer(token.discovery.issuer or "", token.endpoints_ssl_verify, timeout, max_bytes)

    def _open_discoveries(self, tokens: Iterable[TokenSettings]) -> dict[Issuer, Discovery]:
        found = [(self._issuer(token), token.jwks.rotate_period) for token in tokens if token.finds_endpoint]
        interval = self._settings.jwks_reload_interval
        return {
            issuer: Discovery(issuer, self._clock, interval=interval, period=period)
            for issuer, period in _shortest_periods(found).items()
        }


def _signings(token: TokenSettings) -> list[Signing]:
    """Everything that the token's settings sign."""
    new = [Signing(token.keyset, token.signing_algorithm)] if token.signs and token.keyset.uri else []
    return [*new, _assertion(token)] if token.introspection_client.signs else new


def _assertion(token: TokenSettings) -> Signing:
    client = token.introspection_client
    return Signing(KeysetSource(name=client.option("keyset"), uri=client.keyset), client.algorithm)


def _fetched(token: TokenSettings) -> Iterator[tuple[KeysetSource, bool]]:
    """The sets of others; and whether they sign."""
    if token.has_keys:
        yield token.jwks, False
    for one in _signings(token):
        if one.is_fetched:
            yield one.keyset, True


def _shortest_periods(periods: Iterable[tuple[T, float]]) -> dict[T, float]:
    """One period for each; 0 means never."""
    shortest: dict[T, float] = {}
    for key, period in periods:
        shortest[key] = min(filter(None, (shortest.get(key), period)), default=0)
    return shortest
