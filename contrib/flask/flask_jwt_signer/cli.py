"""The commands `flask jwt-signer`: they show what `jwt-signer` shows, for the settings of an application."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

import click
from flask import current_app
from flask.cli import ScriptInfo, pass_script_info, with_appcontext

from flask_jwt_signer.explaining import Explainer
from flask_jwt_signer.gate import gate_of
from flask_jwt_signer.marks import DEFAULT, EXEMPT, marked_policies
from jwt_signer_mw.command import check as settings_command
from jwt_signer_mw.command import explain as explain_command
from jwt_signer_mw.command import keys as keys_command
from jwt_signer_mw.errors import ConfigurationError, JWTSignerError, Problem
from jwt_signer_mw.explain import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from flask_jwt_signer.gate import Gate

group = click.Group("jwt-signer", help="Settings and key sets of the JWT signer.")


@group.command()
@pass_script_info
def check(info: ScriptInfo) -> None:
    """Find everything that is wrong with the settings, or say what they will do."""
    try:
        app = info.load_app()
    except ConfigurationError as error:
        settings_command.show_text("These settings", None, error.problems)
        raise SystemExit(1) from None
    gate = gate_of(app)
    problems = list(_misfits(app, gate))
    for name, policy in gate.policies.items():
        found = (*policy.settings.warnings, *(problems if name == DEFAULT else ()))
        usable = policy.settings if all(problem.level == "warning" for problem in found) else None
        settings_command.show_text(f"Policy {name}", usable, found)
    raise SystemExit(any(problem.level == "error" for problem in problems))


@group.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("question", nargs=-1, type=click.UNPROCESSED)
@with_appcontext
def explain(question: tuple[str, ...]) -> None:
    """Say why a request would pass or not: flask jwt-signer explain --path /orders --token -"""
    gate = gate_of(current_app)
    arguments = _question_parser().parse_args(question)
    try:
        policy, asked = _judge_and_asked(gate, arguments)
    except explain_command.WrongUse as wrong:
        raise click.UsageError(str(wrong)) from None
    explanation = gate.policies[DEFAULT].driver.run(Explainer(gate).explain_by(policy, asked))
    raise SystemExit(explain_command.tell(explanation, asked, policy or "none", as_json=arguments.json))


def _question_parser() -> ArgumentParser:
    """The options of `jwt-signer explain`, without a file."""
    parser = ArgumentParser("flask jwt-signer explain", description="Why a request would pass or not.")
    explain_command.add_question(parser)
    return parser


def _judge_and_asked(gate: Gate, arguments: Namespace) -> tuple[str, Asked]:
    """A request that none of the policies judges is read as the default would read it."""
    bare = Asked((), arguments.method, arguments.path, arguments.host)
    policy = arguments.policy or Explainer(gate).judge(bare)
    if arguments.policy not in (None, *gate.policies):
        raise explain_command.WrongUse(f"there are {', '.join(gate.policies)}")
    reading = gate.policies.get(policy, gate.policies[DEFAULT])
    return policy, explain_command.read_asked(arguments, reading.settings)


def _misfits(app: Flask, gate: Gate) -> Iterator[Problem]:
    """What can only be seen when the application is complete."""
    for place, policy in marked_policies(app).items():
        if policy != EXEMPT and policy not in gate.policies:
            text = f"names the policy {policy!r}, which is not there: its requests are answered with 500."
            yield Problem("flask.E002", "error", place, text, f"There are {', '.join(gate.policies)}.")
    for extension, name in {"sqlalchemy": "Flask-SQLAlchemy", "cache": "Flask-Caching"}.items():
        if extension in app.extensions.keys() - gate.extensions:
            text = "was initialised after JWTSigner, which therefore does not use it."
            yield Problem("flask.W001", "warning", name, text, "Call its `init_app` first.")


def _command(name: str, action: keys_command.Action) -> click.Command:
    """One action of `jwt-signer keys`, on the store of a policy in place of a URL."""

    @with_appcontext
    def run(policy: str, **arguments: Any) -> None:
        policies = gate_of(current_app).policies
        if policy not in policies:
            raise click.BadParameter(f"there are {', '.join(policies)}", param_hint="--policy")
        try:
            told = Namespace(settings=policies[policy].settings, **arguments)
            action.run(policies[policy].assembly.keyset_store, told)
        except (LookupError, JWTSignerError) as problem:
            raise click.ClickException(str(problem.args[0])) from None

    parameters: list[click.Parameter] = [
        click.Option(["--policy"], default=DEFAULT, show_default=True, help="Whose store is meant.")
    ]
    if action.json:
        parameters.append(click.Option(["--json"], is_flag=True, help="For machines."))
    parameters += [_argument(argument) for argument in action.arguments]
    summary = f"{action.summary[0].upper()}{action.summary[1:]}."
    return click.Command(name, callback=run, params=parameters, help=summary)


def _argument(name: str) -> click.Argument:
    argument = keys_command.ARGUMENTS[name]
    return click.Argument(
        [name], metavar=argument.shown, nargs=-1 if argument.many else 1, required=argument.many or None
    )


keys = click.Group("keys", help="Our own key sets, in the store of a policy. Public parts only.")
for _name, _action in keys_command.ACTIONS.items():
    keys.add_command(_command(_name, _action))
group.add_command(keys)
