"""`manage.py jwt_signer_keys`: our own key sets, in the store of a policy. Public parts only."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from django_jwt_signer import conf, services
from django_jwt_signer.keysets import Keysets
from django_jwt_signer.management.output import printed_to
from django_jwt_signer.marks import DEFAULT
from jwt_signer_mw.command import keys as commands
from jwt_signer_mw.errors import JWTSignerError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from jwt_signer_mw.keysets.store import KeysetStore


def revoke_key(store: KeysetStore, arguments: Namespace) -> int:
    """For a key that leaked: what it signed can't be verified any more."""
    Keysets(store).revoke(arguments.name, arguments.kid)
    return commands.show_set(store, Namespace(name=arguments.name, json=False))


ACTIONS: dict[str, tuple[Callable[[KeysetStore, Namespace], int], str]] = {
    "revoke": (revoke_key, "drop one key at once, whatever that breaks"),
    **commands.ACTIONS,
}


class Command(BaseCommand):
    help = "List, show, rotate and delete key sets, and revoke single keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--policy", default=DEFAULT, help="whose store is meant (default: %(default)s)")
        actions = parser.add_subparsers(metavar="ACTION", required=True)
        for name, (action, summary) in ACTIONS.items():
            one = actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
            if name != "list":
                one.add_argument("name", metavar="NAME", help="of the key set, such as kong")
            if name == "revoke":
                one.add_argument("kid", metavar="KID", help="of the key")
            if name in ("list", "show"):
                one.add_argument("--json", action="store_true", help="for machines")
            one.set_defaults(action=action)

    def handle(self, *_: Any, **options: Any) -> None:
        policies = conf.load_policies()
        if options["policy"] not in policies:
            raise CommandError(f"There is no policy {options['policy']!r}, but {', '.join(policies)}.")
        try:
            store = services.open_keyset_store(policies[options["policy"]].settings)
            with printed_to(self.stdout):
                options["action"](store, Namespace(**options))
        except (LookupError, JWTSignerError) as problem:
            raise CommandError(str(problem.args[0])) from None
