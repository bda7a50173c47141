"""The extension object: it protects applications, and decorates their views."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from flask import current_app

from flask_jwt_signer.configuration import TENANTS, load_policies
from flask_jwt_signer.endpoints import serve_keysets
from flask_jwt_signer.gate import NAME, Gate, gate_of
from flask_jwt_signer.marks import DEFAULT, EXEMPT, mark
from flask_jwt_signer.policy import Policy
from flask_jwt_signer.scopes import ScopeRule
from flask_jwt_signer.services import LoadedConsumers, Stores, found_services
from flask_jwt_signer.signals import Teller
from jwt_signer_mw.assembly import link_shadows
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.flows.purge import Purge
from jwt_signer_mw.tenants.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flask import Flask

    from flask_jwt_signer.marks import Markable
    from flask_jwt_signer.services import ConsumerLoader
    from jwt_signer_mw.drivers.transport import Transport
    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.flows.purge import Purged
    from jwt_signer_mw.observing import Observer
    from jwt_signer_mw.settings import Settings
    from jwt_signer_mw.tokens.demands import TokenName

P = ParamSpec("P")
T = TypeVar("T")
L = TypeVar("L", bound="ConsumerLoader")


class JWTSigner:
    """Checks the tokens of every request and re-signs them before any view runs.

    `settings` are defaults for every application that this object is given; `app.config` wins over them.
    `transport`, `clock` and `observers` replace real parts, as in the middlewares of `jwt_signer_mw`.
    `allow_preflight` lets CORS preflights through that Flask answers without a view.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float] | None = None,
        observers: Sequence[Observer] = (),
        allow_preflight: bool = False,
        **settings: Any,
    ) -> None:
        self._transport, self._clock, self._observers = transport, clock, tuple(observers)
        self._allow_preflight = allow_preflight
        self._settings = settings
        self._loaded_consumers = LoadedConsumers()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Protects the application by the settings in its `config`, which are read now and never again.

        Raises `ConfigurationError` with all problems at once, and `RuntimeError` for an application that
        is protected already.
        """
        if NAME in app.extensions:
            raise RuntimeError("This application has a JWTSigner already; use that one.")
        settings = load_policies(app.config, {**found_services(app), **self._settings})
        tenants = app.config.get(TENANTS)
        hosts = None if tenants is None else Hosts(tenants, settings, TENANTS)
        names = frozenset() if hosts is None else hosts.names
        policies = self._open_policies(app, settings, names)
        gate = Gate(app, policies, allow_preflight=self._allow_preflight, hosts=hosts)
        gate.attach()
        serve_keysets(app, gate)

    def _open_policies(
        self, app: Flask, settings: Mapping[str, Settings], tenants: frozenset[str]
    ) -> dict[str, Policy]:
        stores, tell = Stores(app), Teller(app)
        policies: dict[str, Policy] = {}
        problems: list[Problem] = []
        for name, one in settings.items():
            try:
                policies[name] = Policy(
                    one,
                    keyset_store=stores.open(one),
                    consumers=self._loaded_consumers if one.consumers is None else None,
                    transport=self._transport,
                    clock=self._clock,
                    observers=(*self._observers, tell),
                    policy=name,
                    tenant=name if name in tenants else "",
                )
            except ConfigurationError as error:
                problems += (problem for problem in error.problems if problem not in problems)
        if problems:
            raise ConfigurationError(problems)
        link_shadows({name: policy.assembly for name, policy in policies.items()})
        return policies

    # What views and blueprints are decorated with

    def exempt(self, target: Markable) -> Markable:
        """Lets requests for a view function or a blueprint through unchecked, without any token headers."""
        return mark(target, EXEMPT)

    def policy(self, name: str) -> Callable[[Markable], Markable]:
        """Has a view function or a blueprint checked by the policy of that name."""
        if not name:
            raise ValueError("a policy has a name")
        return functools.partial(mark, policy=name)

    def require(
        self,
        *,
        scopes: Sequence[str],
        token: TokenName = "access_token",  # noqa: S107  one of the two, no secret
    ) -> Callable[[Callable[P, T]], Callable[P, T]]:
        """Demands scopes for one view, on top of what its policy demands: 403 `insufficient_scope`.

        `scopes` mean what `access_token_scopes_required` means: any element will do, and of an element all
        the words must be there.
        """
        rule = ScopeRule(token, scopes)

        def decorate(view: Callable[P, T]) -> Callable[P, T]:
            @functools.wraps(view)
            def guarded(*arguments: P.args, **keywords: P.kwargs) -> T:
                rule.enforce(gate_of(current_app))
                return current_app.ensure_sync(view)(*arguments, **keywords)  # type: ignore[no-any-return]

            return guarded

        return decorate

    def purge(
        self,
        *,
        jti: str | None = None,
        subject: str | None = None,
        token: str | None = None,
        everything: bool = False,
    ) -> Purged:
        """Forgets what was decided and answered about a token, a subject or all, in the current application:
        the next request is judged anew. Raises `ValueError` unless one of them is given, `StoreError`."""
        gate = gate_of(current_app)
        purge = Purge.of(jti=jti, subject=subject, token=token, everything=everything)
        return gate.policies[DEFAULT].driver.run(gate.purge(purge))

    def consumer_loader(self, loader: L) -> L:
        """Names the function that finds a consumer by a field and its value, where `consumers` is not set.

        It returns a `Consumer`, a mapping with `id`, `username` and `custom_id`, or None.
        """
        self._loaded_consumers.loader = loader
        return loader
