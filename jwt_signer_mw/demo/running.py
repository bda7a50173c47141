"""The demo from start to end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from jwt_signer_mw.demo.byhand import suggest
from jwt_signer_mw.demo.playground.server import open_playground
from jwt_signer_mw.demo.scenarios import SCENARIOS
from jwt_signer_mw.demo.stage import open_stage

if TYPE_CHECKING:
    from jwt_signer_mw.demo.stage import Stage
    from jwt_signer_mw.demo.terminal import Terminal

AWHILE = 0.5  # seconds; another thread may take the signal, and then nothing ends a wait early


def run_demo(terminal: Terminal, *, once: bool) -> bool:
    """Whether everything was as expected. Without `once` it goes on until Ctrl-C."""
    with open_stage({scenario.name: scenario.settings for scenario in SCENARIOS}) as stage:
        terminal.show_stage(stage)
        good = play_all(stage, terminal)
        if not once:
            stage.gateway.listener = terminal.show_heard
            with open_playground(stage.providers) as url:
                terminal.show_suggestions(suggest(stage), url)
                wait_for_interrupt()
    return good


def play_all(stage: Stage, terminal: Terminal) -> bool:
    started, trials, faulty = time.monotonic(), 0, 0
    for number, scenario in enumerate(SCENARIOS, 1):
        settings = stage.gateway.settings(scenario.name)
        terminal.show_scenario(number, scenario, stage)
        for trial in scenario.play(stage):
            terminal.show_trial(trial, settings)
            trials, faulty = trials + 1, faulty + bool(trial.faults)
    terminal.show_summary(trials, faulty, time.monotonic() - started)
    return not faulty


def wait_for_interrupt() -> None:
    never = threading.Event()
    try:
        while not never.wait(AWHILE):
            pass
    except KeyboardInterrupt:
        pass
