"""A playground for tests: what the page asks, asked without a browser."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests

from jwt_signer_mw.demo.playground.server import open_playground
from jwt_signer_mw.demo.provider import IdentityProvider
from jwt_signer_mw.demo.stage import Providers

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
SECONDS = 30


class Playground:
    """The server, its providers, and what a page does with it."""

    def __init__(self, url: str, providers: Providers) -> None:
        self.url = url
        self.origin = url.rstrip("/")
        self.providers = providers

    def post(self, question: str, body: Any, **headers: str) -> requests.Response:
        sent = {"Origin": self.origin, **headers}
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{self.url}ask/{question}", json=body, headers=sent, timeout=SECONDS)

    def get(self, path: str, method: str = "GET", **headers: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, f"{self.url}{path}", headers=headers, timeout=SECONDS)

    def ask(self, question: str, **body: Any) -> Json:
        answer = self.post(question, body)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    def refused(self, question: str, **body: Any) -> tuple[int, Json]:
        answer = self.post(question, body)
        return answer.status_code, answer.json()

    def problems(self, settings: str) -> list[tuple[str, str]]:
        """Ids and options of what is wrong, errors only."""
        told = self.post("check", {"settings": settings}).json()["problems"]
        return [(one["id"], one["option"]) for one in told if one["level"] == "error"]

    def send(self, opening: Json, path: str = "/orders", method: str = "GET", **more: str) -> Json:
        headers = [*map(carried, opening["tokens"]), *map(list, more.items())]
        return self.ask("send", settings=opening["settings"], method=method, path=path, headers=headers)

    def change(self, card: Json, do: str, **changes: Any) -> Json:
        """The card after a button was pressed."""
        body = {name: card[name] for name in ("provider", "kind", "claims", "token")}
        return {**card, **self.ask("token", do=do, **body, **changes)}


def carried(card: Json) -> list[str]:
    """The header that a card stands for."""
    name, _, scheme = card["carrier"].partition(":")
    return [name, f"{scheme.strip()} {card['token']}".strip()]


@contextmanager
def opened() -> Iterator[Playground]:
    with IdentityProvider("access").served() as access, IdentityProvider("channel").served() as channel:
        providers = Providers(access, channel)
        with open_playground(providers) as url:
            yield Playground(url, providers)
