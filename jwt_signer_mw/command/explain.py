"""`jwt-signer explain`: what a policy makes of one request, step by step, and what to do about it."""

from __future__ import annotations

import base64
import json
import math
import sys
from datetime import datetime
from typing import TYPE_CHECKING

from jwt_signer_mw.assembly import Assembly, Services
from jwt_signer_mw.caches.memory import MemoryCache
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.command import USAGE, complain
from jwt_signer_mw.command.style import indented, paint
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.explain import Asked
from jwt_signer_mw.gateway.configuration import load_configuration
from jwt_signer_mw.gateway.options import DEFAULT
from jwt_signer_mw.gateway.routing import AmbiguousPath, Router
from jwt_signer_mw.keysets.memory import MemoryStore

if TYPE_CHECKING:
    import argparse

    from jwt_signer_mw.explain import Explanation, Step
    from jwt_signer_mw.gateway.configuration import Configuration
    from jwt_signer_mw.settings import Settings, TokenSettings

STATUSES = {"forwarded": 0, "exempt": 0, "answered": 0, "refused": 1, "undecided": 3}
STDIN = "-"
_MARKS = {"good": ("✔", "green"), "bad": ("✘", "red"), "open": ("?", "yellow"), "note": ("·", "dim")}
_PLAIN = {"✔": "+", "✘": "x", "·": "."}
_COLOURS = {**dict.fromkeys(STATUSES, "green"), "refused": "red", "undecided": "yellow"}


class WrongUse(Exception):
    """The arguments can't be understood."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", metavar="CONFIG", help="settings or gateway file")
    add_question(parser)
    parser.epilog = (
        "Exit status: 0 it passes, 1 it is refused or the settings can't be used, 3 offline nobody can tell. "
        "No key set store is touched. Others on this machine see arguments: prefer - for tokens."
    )


def add_question(parser: argparse.ArgumentParser) -> None:
    """What is asked; `read_asked` reads it."""
    parser.add_argument("--token", metavar="TOKEN", help="the access token; - reads it from standard input")
    parser.add_argument("--channel-token", metavar="TOKEN", help="the channel token, likewise")
    parser.add_argument(
        "--header", metavar="'NAME: VALUE'", action="append", default=[], help="another header"
    )
    parser.add_argument("--method", default="GET", help="of the request (GET)")
    parser.add_argument("--path", default="/", help="of the request, decoded (/)")
    parser.add_argument("--host", default="localhost", help="the Host header (localhost)")
    parser.add_argument("--policy", metavar="NAME", help="instead of the one that the routes choose")
    parser.add_argument("--at", metavar="TIME", help="judge at this time: seconds, or 2030-01-31T12:00:00Z")
    parser.add_argument("--offline", action="store_true", help="fetch nothing")
    parser.add_argument("--json", action="store_true", help="for machines")


def run(arguments: argparse.Namespace) -> int:
    configuration = load_configuration(arguments.config)
    try:
        policy = arguments.policy or _chosen(configuration, arguments)
        if policy is not None and policy not in configuration.policies:
            raise WrongUse(f"there is no policy {policy!r}")
        settings = None if policy is None else configuration.policies[policy]
        asked = read_asked(arguments, settings or configuration.policies[DEFAULT])
    except WrongUse as problem:
        return complain(problem, status=USAGE)
    if settings is None:
        print(f"{asked.path} is on an exempt route: it passes, and no token is looked at.")
        return STATUSES["exempt"]
    shadow = configuration.policies.get(settings.shadow or "")
    return tell(explain(settings, asked, shadow), asked, policy, as_json=arguments.json)


def explain(settings: Settings, asked: Asked, shadow: Settings | None = None) -> Explanation:
    """By these settings, with keys and a cache for this once: no store of others is touched."""
    services: Services = {"keyset_store": MemoryStore(), "cache": MemoryCache(100, Clock())}
    assembly = Assembly(settings, **services)
    if shadow is not None:
        assembly.shadow_by(Assembly(shadow, **services))
    transport = RequestsTransport()
    try:
        return BlockingDriver(transport).run(assembly.explainer.explain(asked))
    finally:
        transport.close()


def tell(explanation: Explanation, asked: Asked, policy: str | None, *, as_json: bool) -> int:
    """Prints it; returns the exit status."""
    if as_json:
        print(json.dumps({"policy": policy, **explanation.as_dict()}, indent=2))
    else:
        show(explanation, title=f"{asked.method} {asked.path}, policy {policy}")
    return STATUSES[explanation.outcome]


def _chosen(configuration: Configuration, arguments: argparse.Namespace) -> str | None:
    """The policy of the request's route; None for an exempt one."""
    try:
        route = Router(configuration.routes).find(arguments.host, arguments.path, arguments.method)
    except AmbiguousPath:
        raise WrongUse(f"the path {arguments.path!r} has more than one reading: it gets a 400") from None
    if route is None:
        raise WrongUse(f"no route takes {arguments.path!r}: it gets a 404")
    return None if route.exempt else route.policy


def read_asked(arguments: argparse.Namespace, settings: Settings) -> Asked:
    """Tokens go into the headers where these settings look for them. Raises `WrongUse`."""
    headers: list[tuple[str, str]] = []
    given = ((settings.access_token, arguments.token), (settings.channel_token, arguments.channel_token))
    for token, text in given:
        if text is not None:
            headers.append(_carrier(token, sys.stdin.readline().strip() if text == STDIN else text))
    for line in arguments.header:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise WrongUse("a header is written as 'Name: value'")
        headers.append((name.strip(), value.strip()))
    at = None if arguments.at is None else _time(arguments.at)
    return Asked(tuple(headers), arguments.method, arguments.path, arguments.host, at, arguments.offline)


def _carrier(token: TokenSettings, text: str) -> tuple[str, str]:
    """The header in which these settings look for it."""
    name, _, scheme = (token.request_header or "").partition(":")
    if not name:
        raise WrongUse(f"{token.name}_request_header is not set: there is no place for this token")
    if scheme.lower() == "basic":
        return name, "Basic " + base64.b64encode(f"{text}:".encode()).decode()
    return name, f"Bearer {text}" if name.lower() == "authorization" else text


def _time(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = datetime.fromisoformat(text).timestamp()
        except ValueError:
            raise WrongUse(f"{text!r} is neither seconds nor a time as in 2030-01-31T12:00:00Z") from None
    if not math.isfinite(seconds):
        raise WrongUse(f"{text!r} is no time")
    return seconds


def show(explanation: Explanation, title: str) -> None:
    """Steps in their order, then the decision, the parameter behind it and what to do."""
    print(paint(title, "bold"))
    section = None
    for step in explanation.steps:
        if step.token != section:
            section = step.token
            print(f"\n{paint(section.replace('_', ' ') or 'request', 'bold')}")
        _show_step(step)
    status = f" with {explanation.status}" if explanation.status else ""
    reason = f": {explanation.reason}" if explanation.outcome == "refused" else ""
    print(f"\n{paint(explanation.outcome + status, _COLOURS[explanation.outcome])}{reason}")
    if explanation.option:
        print(f"  by {paint(explanation.option, 'bold')}")
    if explanation.suggestion:
        print(indented(explanation.suggestion, "  ", "  "))


def _show_step(step: Step) -> None:
    mark, colour = _MARKS[step.mark]
    took = "" if step.milliseconds is None else f" in {step.milliseconds:g} ms"
    mark = mark if (sys.stdout.encoding or "").lower().startswith("utf") else _PLAIN.get(mark, mark)
    rest = " " * 18
    text = indented(f"{step.text}{took}", f"    {step.stage.ljust(14)}", rest)
    print(f"  {paint(mark, colour)} {text[4:]}")
