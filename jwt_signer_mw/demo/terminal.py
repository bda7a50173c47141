"""The demo on a terminal, with rich: colours where they are wanted, plain text everywhere else."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from jwt_signer_mw.demo.narration import narrate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jwt_signer_mw.demo.byhand import Suggestion
    from jwt_signer_mw.demo.gateway import Heard
    from jwt_signer_mw.demo.scenarios import Scenario
    from jwt_signer_mw.demo.stage import Stage
    from jwt_signer_mw.demo.trial import Trial
    from jwt_signer_mw.settings import Settings

MIN_WIDTH, MAX_WIDTH, PLAIN_WIDTH = 80, 120, 100  # columns
MARGIN, COLUMN = "  ", 10  # left of what is told; for who it was
OK = 200
STYLES = {
    "client": "cyan",
    "provider": "blue",
    "gateway": "magenta",
    "answer": "yellow",
    "upstream": "green",
}


def open_console() -> Console:
    """rich looks itself whether there is a terminal, and at NO_COLOR."""
    console = Console(highlight=False)
    columns = console.width if console.is_terminal else PLAIN_WIDTH
    console.width = max(MIN_WIDTH, min(MAX_WIDTH, columns))
    return console


class Terminal:
    """Prints what the demo does, as it does it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show_stage(self, stage: Stage) -> None:
        rows = (
            ("identity provider", stage.providers.access.origin, "access: says who sent a request"),
            ("identity provider", stage.providers.channel.origin, "channel: says which way it came"),
            ("gateway", stage.gateway_origin, "a policy for each scenario, in front of a proxy"),
            ("our public keys", stage.jwks_url, ""),
            ("upstream", stage.upstream_origin, "verifies with PyJWT and these keys"),
        )
        self._print(Rule("jwt-signer demo", style="bold"), "")
        for name, url, what in rows:
            self._print(Text.assemble((f"{name:<19}", "bold"), url, (f"  {what}".rstrip(), "dim")))

    def show_scenario(self, number: int, scenario: Scenario, stage: Stage) -> None:
        settings = stage.gateway.settings(scenario.name)
        values = settings.flat(redact=True)
        self._heading(f"{number}  {scenario.title}")
        self._print("")
        for name in scenario.settings(stage.providers):
            self._print(Text.assemble(MARGIN, (name, "bold"), " = ", json.dumps(values[name])))
        for found, group in groupby(settings.warnings, key=lambda warning: warning.id):
            options = ", ".join(warning.option for warning in group)
            self._hang("warning", "yellow", Text(f"{found} {options}", "yellow"))

    def show_trial(self, trial: Trial, settings: Settings) -> None:
        outcome = f"{trial.status} {trial.decision.reason if trial.decision else ''}".rstrip()
        room = self._console.width - len(trial.title) - len(outcome) - 2
        mark = ("✘ ", "bold red") if trial.faults else ("✔ ", "bold green")
        style = status_style(trial.status)
        self._print("", Text.assemble(mark, (trial.title, "bold"), " " * max(1, room), (outcome, style)))
        for who, lines in groupby(narrate(trial, settings), key=lambda line: line.who):
            for position, line in enumerate(lines):
                text = Text(line.text, "dim" if line.aside else "")
                self._hang("" if position else who, STYLES[who], text, deeper=2 * line.aside)
        for fault in trial.faults:
            self._hang("WRONG", "bold red", Text(fault, "red"))

    def show_summary(self, trials: int, faulty: int, seconds: float) -> None:
        verdict = Text("all as expected", "bold green")
        if faulty:
            verdict = Text(f"{faulty} not as expected", "bold red")
        summary = Text.assemble(f"{trials} requests, ", verdict, f", {seconds:.1f} s")
        self._print("", Rule(style="bold"), summary)

    def show_suggestions(self, suggestions: Iterable[Suggestion], playground: str) -> None:
        self._heading("Try it in a browser")
        self._print("", Text("# change tokens and settings, and see each step"), Text(playground))
        self._heading("Try it by hand")
        for suggestion in suggestions:
            self._print("", Text(f"# {suggestion.comment}", "dim"), *map(Text, suggestion.commands))
        self._print("", Text("Everything runs until you press Ctrl-C.", "bold"), "")

    def show_heard(self, heard: Heard) -> None:
        """One line for a request that somebody sent by hand."""
        event = heard.event
        path = "".join(one if one.isprintable() else "?" for one in event.path)
        why = ", ".join(filter(None, (event.detail, event.option)))
        outcome = (event.reason, status_style(event.status or OK))
        self._print(Text.assemble(f"{event.method} {path}  ", outcome, (f"  {why}".rstrip(), "dim")))

    def _heading(self, text: str) -> None:
        self._print("", Rule(Text(text, "bold"), align="left"))

    def _hang(self, first: str, style: str, text: Text, deeper: int = 0) -> None:
        """A word in the margin, and text beside it that stays there when it wraps."""
        margin = len(MARGIN) + COLUMN + deeper
        for position, line in enumerate(text.wrap(self._console, self._console.width - margin)):
            word = "" if position else first
            line.rstrip()
            self._print(Text.assemble(MARGIN, (f"{word:<{COLUMN + deeper}}", style), line))

    def _print(self, *what: Rule | Text | str) -> None:
        for one in what:
            self._console.print(one, soft_wrap=not isinstance(one, Rule))


def status_style(status: int) -> str:
    return {2: "green", 4: "yellow"}.get(status // 100, "magenta")
