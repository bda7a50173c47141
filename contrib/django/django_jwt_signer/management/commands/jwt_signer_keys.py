"""`manage.py jwt_signer_keys`: our own key sets, in the store of a policy. Public parts only."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from django_jwt_signer import conf, services
from django_jwt_signer.management.output import printed_to
from django_jwt_signer.marks import DEFAULT
from jwt_signer_mw.command.keys import ACTIONS, add_action
from jwt_signer_mw.errors import JWTSignerError

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "What `jwt-signer keys` does, on the store of a policy in place of a URL."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--policy", default=DEFAULT, help="whose store is meant (default: %(default)s)")
        actions = parser.add_subparsers(metavar="ACTION", required=True)
        for name, action in ACTIONS.items():
            summary = action.summary
            one = actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
            add_action(one, action)

    def handle(self, *_: Any, **options: Any) -> None:
        policies = conf.load_policies()
        if options["policy"] not in policies:
            raise CommandError(f"There is no policy {options['policy']!r}, but {', '.join(policies)}.")
        settings = policies[options["policy"]].settings
        arguments = Namespace(**{**options, "settings": settings})
        try:
            store = services.open_keyset_store(settings)
            with printed_to(self.stdout):
                arguments.action.run(store, arguments)
        except (LookupError, JWTSignerError) as problem:
            raise CommandError(str(problem.args[0])) from None
