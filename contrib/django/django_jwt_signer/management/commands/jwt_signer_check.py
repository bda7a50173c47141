"""`manage.py jwt_signer_check`: what is wrong with `JWT_SIGNER`, and what it will do to a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from django_jwt_signer import checks
from django_jwt_signer.management.output import printed_to
from jwt_signer_mw.command.check import show_text

if TYPE_CHECKING:
    from jwt_signer_mw.errors import Problem


class Command(BaseCommand):
    help = "Find everything that is wrong with JWT_SIGNER, or say in plain words what it will do."
    requires_system_checks = ()  # the same problems would stop the command that explains them

    def handle(self, *_: Any, **__: Any) -> None:
        policies, problems = checks.examine()
        problems = [problem._replace(id=checks.check_id(problem)) for problem in problems]
        with printed_to(self.stdout):
            for name, configured in policies.items():
                show_text(f"Policy {name}", configured.settings, _of_policy(name, problems))
            if not policies:
                show_text("JWT_SIGNER", None, problems)
        if any(problem.level == "error" for problem in problems):
            raise CommandError("JWT_SIGNER can't be used.")


def _of_policy(name: str, problems: list[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.option.rpartition(".")[0] in ("", name)]
