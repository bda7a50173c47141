"""The policies of this process: built from `JWT_SIGNER` when first needed, and anew when it changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.signals import setting_changed

from django_jwt_signer import conf, services
from django_jwt_signer.headers import ManagedHeaders
from django_jwt_signer.hosts import open_hosts
from django_jwt_signer.policy import Policy
from jwt_signer_mw.assembly import link_shadows
from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.flows.purge import purge_all
from jwt_signer_mw.request.metadata import Directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.flows.purge import Purge, Purged
    from jwt_signer_mw.tenants.hosts import Hosts


class Gate:
    """Policies by name, and the headers that they guard together."""

    def __init__(self, policies: Mapping[str, Policy], hosts: Hosts | None = None) -> None:
        """`hosts` choose among the policies where a view names none."""
        self.policies = policies
        self.hosts = hosts
        self.managed = ManagedHeaders(policy.pipeline for policy in policies.values())
        self.metadata = Directory((one.pipeline.metadata, one) for one in policies.values())

    def purge(self, purge: Purge) -> Flow[Purged]:
        """Forgets in all policies what was decided and answered about some tokens. Raises `StoreError`."""
        return purge_all([policy.pipeline for policy in self.policies.values()], purge)


_building = threading.Lock()
_gate: Gate | None = None


def current_gate() -> Gate:
    """The gate for the settings as they are. Raises `ConfigurationError`."""
    global _gate  # noqa: PLW0603  one per process, as the settings are
    gate = _gate
    if gate is None:
        with _building:
            gate = _gate
            if gate is None:
                gate = _gate = _build()
    return gate


def _build() -> Gate:
    policies: dict[str, Policy] = {}
    problems: list[Problem] = []
    loaded = conf.load_policies()
    hosts = open_hosts(getattr(settings, conf.TENANTS, None), loaded)
    for name, configured in loaded.items():
        try:
            opened = services.open_services(configured)
            if hosts is not None and name in hosts.names:
                opened["tenant"] = name
            policies[name] = Policy(name, configured.settings, **opened)
        except ConfigurationError as error:
            problems += (conf.named(name, problem) for problem in error.problems)
    if problems:
        raise ConfigurationError(problems)
    link_shadows({name: policy.assembly for name, policy in policies.items()})
    return Gate(policies, hosts)


def _forget(*, setting: str, **_: Any) -> None:
    """`override_settings` takes effect for handlers and clients that are there already, too."""
    global _gate  # noqa: PLW0603
    if setting in conf.SETTINGS:
        _gate = None


setting_changed.connect(_forget, dispatch_uid="django_jwt_signer.gate")
