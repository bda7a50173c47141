"""The policies of a gateway at work: one driver, one store per URL, and what survives a reload."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.asgi import with_body
from jwt_signer_mw.assembly import Assembly, link_shadows
from jwt_signer_mw.flows.administration import Administration
from jwt_signer_mw.flows.published import SetsOfPolicies
from jwt_signer_mw.flows.purge import purge_all
from jwt_signer_mw.gateway.options import DEFAULT
from jwt_signer_mw.gateway.routing import Router
from jwt_signer_mw.keysets.store import open_store
from jwt_signer_mw.messages import Forward, Incoming
from jwt_signer_mw.observability import open_observer
from jwt_signer_mw.observing import NO_OBSERVERS, Observers
from jwt_signer_mw.request.metadata import Directory
from jwt_signer_mw.request.names import MAX_REMEMBERED_NAMES, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import TypeAlias

    from jwt_signer_mw.asgi import Receive, Scope
    from jwt_signer_mw.drivers.asynchronous import AsynchronousDriver
    from jwt_signer_mw.gateway.configuration import Configuration
    from jwt_signer_mw.keysets.store import KeysetStore
    from jwt_signer_mw.messages import Decision, Delivery
    from jwt_signer_mw.settings import Settings

    Titled: TypeAlias = tuple[str, Settings]
    Track: TypeAlias = Callable[[Collection[Titled]], Iterable[Titled]]


class Asked(NamedTuple):
    """The head of a request, before it is known which policy decides. `headers`: see `Managed.read`."""

    method: str
    path: str
    host: str
    headers: Mapping[str, tuple[str, ...]]
    delivery: Delivery | None  # None: nobody tells how it came in


class Policy:
    """Decides requests by one set of settings."""

    def __init__(self, name: str, assembly: Assembly, driver: AsynchronousDriver) -> None:
        self.name = name
        self.assembly = assembly
        self.pipeline = assembly.pipeline
        self._driver = driver

    async def decide_with_body(
        self, asked: Asked, scope: Scope, receive: Receive
    ) -> tuple[Decision, Receive]:
        """`decide` that may read the body: the `receive` that is given back gives it once more."""
        incoming = self._incoming(asked)
        if self.pipeline.binds_body and incoming.path not in self.pipeline.exempt:
            incoming, receive = await with_body(incoming, scope, receive, self.pipeline.settings)
        return await self._decide(incoming), receive

    async def decide(self, asked: Asked) -> Decision:
        return await self._decide(self._incoming(asked))

    async def _decide(self, incoming: Incoming) -> Decision:
        pipeline = self.pipeline
        if not incoming.repeated and (not pipeline.exempt or incoming.path not in pipeline.exempt):
            forward = pipeline.recall(incoming.values)
            if forward is not None:
                if pipeline.observers:
                    pipeline.accepted(incoming.method, incoming.path, forward, incoming.request_id)
                return forward
        return await self._driver.run(pipeline.decide(incoming))

    def _incoming(self, asked: Asked) -> Incoming:
        reads, headers = self.pipeline.reads, asked.headers
        values = tuple([headers[name][0] if name in headers else None for name in reads])
        repeated = frozenset(place for place, name in enumerate(reads) if len(headers.get(name, ())) > 1)
        ids = self.pipeline.request_ids
        told = "" if ids is None else ids.read(",".join(headers.get(fold(ids.header), ())) or None)
        return Incoming(asked.method, asked.path, asked.host, values, repeated, asked.delivery, told)


class Managed:
    """Tells of any header name whether some policy reads or writes it: no client's copy goes on."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._sets = tuple(policy.pipeline.managed for policy in policies.values())
        self.reads = frozenset(name for policy in policies.values() for name in policy.pipeline.reads)
        written = [name for policy in policies.values() for name in policy.pipeline.writes]
        self.names = tuple(dict.fromkeys(name.lower() for name in (*self.reads, *written)))
        ids = (policy.pipeline.request_ids for policy in policies.values())
        self._ids = {one.header.lower().encode("latin-1"): fold(one.header) for one in ids if one is not None}
        self._known: dict[bytes, bool] = {}

    def __contains__(self, name: bytes) -> bool:
        known = self._known.get(name)
        if known is None:
            text = name.decode("latin-1")
            known = any(text in managed for managed in self._sets)
            if len(self._known) < MAX_REMEMBERED_NAMES and len(name) <= 64:
                self._known[name] = known
        return known

    def read(self, headers: list[tuple[bytes, bytes]]) -> dict[str, tuple[str, ...]]:
        """The values of the headers that some policy reads, by folded name; of request ids, too."""
        found: dict[str, tuple[str, ...]] = {}
        for name, value in headers:
            folded = self._ids.get(name)
            if folded is None and name in self:
                folded = fold(name.decode("latin-1"))
            if folded is not None and (folded in self.reads or name in self._ids):
                found[folded] = (*found.get(folded, ()), value.decode("latin-1"))
        return found


class Ruling(NamedTuple):
    """Everything that one configuration rules; a reload puts another in its place."""

    configuration: Configuration
    policies: Mapping[str, Policy]
    router: Router
    managed: Managed
    administration: Administration
    metadata: Directory[Policy]


class Known(NamedTuple):
    """What an assembly was built for; a reload that wants the same finds it."""

    policy: str
    fingerprint: str  # of its settings
    measured: bool


class Workshop:
    """Builds rulings. Policies that a reload leaves as they are keep their keys and caches."""

    def __init__(self, driver: AsynchronousDriver) -> None:
        self.driver = driver
        self.observers = NO_OBSERVERS  # of all policies: they share their connections to providers
        self._stores: dict[object, KeysetStore] = {}
        self._assemblies: dict[Known, Assembly] = {}

    async def build(self, configuration: Configuration, track: Track = tuple) -> Ruling:
        """Raises `ConfigurationError`; what runs is not touched before all is built.

        `track` gives the policies one by one, and may tell somebody: new keys take their time.
        """
        wanted = {
            name: Known(name, settings.fingerprint, configuration.gateway.metrics)
            for name, settings in configuration.policies.items()
        }
        assemblies = {
            wanted[name]: await self._assemble(wanted[name], settings)
            for name, settings in track(configuration.policies.items())
        }
        policies = {name: Policy(name, assemblies[known], self.driver) for name, known in wanted.items()}
        link_shadows({name: policy.assembly for name, policy in policies.items()})
        default = policies[DEFAULT].assembly
        self._assemblies = assemblies
        self.observers = Observers(one for known in assemblies.values() for one in known.observers.all)
        administration = Administration(
            SetsOfPolicies(
                (id(one.assembly.keyset_store), one.assembly.keyring) for one in policies.values()
            ),
            default.settings,
            default.clock,
            explain=default.explainer.explain,
            purge=partial(purge_all, [policy.pipeline for policy in policies.values()]),
        )
        return Ruling(
            configuration,
            policies,
            Router(configuration.routes, configuration.gateway.upstream),
            Managed(policies),
            administration,
            Directory((policy.pipeline.metadata, policy) for policy in policies.values()),
        )

    async def _assemble(self, wanted: Known, settings: Settings) -> Assembly:
        known = self._assemblies.get(wanted)
        if known is not None:
            return known
        observers = (open_observer("prometheus"),) if wanted.measured else ()
        store = self._store(settings)
        assembly = Assembly(settings, keyset_store=store, observers=observers, policy=wanted.policy)
        await self.driver.run(assembly.keyring.prepare())
        return assembly

    def _store(self, settings: Settings) -> KeysetStore | None:
        """One store per URL, or two policies that name one key set would have two; None for an object."""
        url, keys = settings.keyset_store, settings.keyset_encryption_keys or ()
        if url is not None and not (isinstance(url, str) and "://" in url):
            return None
        if (url, keys) not in self._stores:
            self._stores[url, keys] = open_store(url, encryption_keys=keys)
        return self._stores[url, keys]


NOT_LOOKED_AT = Forward()  # for routes that are exempt
