"""`manage.py jwt_signer_explain`: what a policy makes of one request, step by step."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.http import HttpRequest

from django_jwt_signer import conf, services
from django_jwt_signer.management.output import printed_to
from django_jwt_signer.marks import UNCHECKED, policy_for
from jwt_signer_mw.assembly import Assembly
from jwt_signer_mw.caches.memory import MemoryCache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.command import explain as explain_command
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.keysets.memory import MemoryStore

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django_jwt_signer.conf import Configured
    from jwt_signer_mw.explain import Asked, Explanation


class Command(BaseCommand):
    help = "Say why a request passes or not, by the policy of the view that its path leads to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        explain_command.add_question(parser)

    def handle(self, *_: Any, **options: Any) -> None:
        arguments = Namespace(**options)
        policies = conf.load_policies()
        policy = arguments.policy or _policy_at(arguments.path)
        if policy in UNCHECKED:
            self.stdout.write(f"{arguments.path} leads to a view that no token is asked for: it passes.")
            return
        if policy not in policies:
            raise CommandError(f"There is no policy {policy!r}, but {', '.join(policies)}.")
        configured = policies[policy]
        try:
            asked = explain_command.read_asked(arguments, configured.settings)
        except explain_command.WrongUse as wrong:
            raise CommandError(str(wrong)) from None
        with printed_to(self.stdout):
            status = explain_command.tell(_explain(configured, asked), asked, policy, as_json=arguments.json)
        if status:
            sys.exit(status)


def _policy_at(path: str) -> str:
    request = HttpRequest()
    request.path_info = path
    return policy_for(request)


def _explain(configured: Configured, asked: Asked) -> Explanation:
    """With the consumers and providers of the project, but with keys and a cache for this once."""
    opened = services.open_services(configured)
    opened["keyset_store"], opened["cache"] = MemoryStore(), MemoryCache(100, Clock())
    assembly = Assembly(configured.settings, **opened)
    driver = BlockingDriver(assembly.transport or RequestsTransport())
    return driver.run(assembly.explainer.explain(asked))
