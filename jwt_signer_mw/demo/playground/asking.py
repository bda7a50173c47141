"""What the page may ask: each question is a path, takes a JSON object and gives one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.demo.playground import tokens
from jwt_signer_mw.demo.playground.fence import CLOSED
from jwt_signer_mw.demo.playground.gateway import ADMIN
from jwt_signer_mw.demo.playground.links import write_link
from jwt_signer_mw.demo.playground.policies import MAX_TEXT, as_toml
from jwt_signer_mw.demo.playground.requesting import METHODS, Wanted
from jwt_signer_mw.demo.playground.story import STATIONS
from jwt_signer_mw.demo.scenarios import SCENARIOS
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.demo.playground.bench import Bench

Json = dict[str, Any]

MAX_TOKEN = 32_000  # characters


class Questions:
    """The answers come from a bench. They raise `Malformed` and `ConfigurationError`."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._by_path: Mapping[str, Callable[[Json], Json]] = {
            "/ask/stage": self.stage,
            "/ask/open": self.open,
            "/ask/link": self.link,
            "/ask/check": self.check,
            "/ask/send": self.send,
            "/ask/token": self.token,
            "/ask/provider": self.provider,
            "/ask/gateway": self.gateway,
        }

    def find(self, path: str) -> Callable[[Json], Json] | None:
        return self._by_path.get(path)

    def stage(self, _: Json) -> Json:
        """What there is: scenarios, providers, stations, kinds of tokens, options."""
        return {
            **self._bench.describe(),
            "scenarios": [{"name": one.name, "title": one.title} for one in SCENARIOS],
            "stations": [{"name": name, "title": title} for name, title in STATIONS.items()],
            "kinds": [{"name": name, "title": kind.title} for name, kind in tokens.KINDS.items()],
            "methods": METHODS,
            "options": [
                {"name": name, "help": option.declared.help, "line": _line(name)}
                for name, option in OPTIONS.items()
                if name not in CLOSED
            ],
        }

    def open(self, given: Json) -> Json:
        return self._bench.open(_text(given, "fragment", MAX_TEXT))

    def link(self, given: Json) -> Json:
        return write_link(given, self._bench.providers)._asdict()

    def check(self, given: Json) -> Json:
        """Errors are raised; what comes back are the warnings."""
        settings = self._bench.load(_text(given, "settings", MAX_TEXT))
        return {"problems": [found._asdict() for found in settings.warnings]}

    def send(self, given: Json) -> Json:
        return self._bench.send(_text(given, "settings", MAX_TEXT), Wanted.read(given, ADMIN))

    def token(self, given: Json) -> Json:
        """`do`: make, expire, tamper or revoke."""
        provider = self._bench.provider(given.get("provider"))
        kind, claims = _text(given, "kind", 20), _map(given, "claims")
        token = _text(given, "token", MAX_TOKEN) if "token" in given else ""
        match given.get("do"):
            case "make":
                if kind not in tokens.KINDS:
                    raise Malformed("There is no such kind of token.")
                header = _map(given, "header") if given.get("header") is not None else None
                return tokens.make(provider, kind, claims, header)
            case "expire":
                return tokens.expire(provider, kind, token, claims)
            case "tamper":
                return tokens.tamper(token)
            case "revoke":
                return {"said": tokens.revoke(provider, token)}
        raise Malformed("That can't be done to a token.")

    def provider(self, given: Json) -> Json:
        """`do`: rotate, stop or start."""
        provider, do = self._bench.provider(given.get("provider")), given.get("do")
        if do == "rotate":
            provider.rotate()
            said = f"The provider {provider.name} has a new key, {provider.kid}, and withdrew the old one."
        elif do in {"stop", "start"}:
            provider.down = do == "stop"
            said = (
                f"The provider {provider.name} is {'down: it answers 503' if provider.down else 'up again'}."
            )
        else:
            raise Malformed("That can't be done to a provider.")
        return {"said": said, **self._bench.describe()}

    def gateway(self, given: Json) -> Json:
        """`do`: rotate or forget."""
        text = _text(given, "settings", MAX_TEXT)
        match given.get("do"):
            case "rotate":
                return {"said": self._bench.rotate_our_keys(text)}
            case "forget":
                return {"said": self._bench.forget(text)}
        raise Malformed("That can't be done to the gateway.")


def _line(name: str) -> str:
    """A line of TOML with the default; what has none gets an empty text to fill in."""
    option = OPTIONS[name]
    default = option.plain(option.default)
    return as_toml({name: "" if default is None else default}).rstrip()


def _text(given: Json, name: str, longest: int) -> str:
    value = given.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise Malformed(f"{name} has to be a text of at most {longest} characters.")
    return value


def _map(given: Json, name: str) -> Json:
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise Malformed(f"The {name} of a token have to be a JSON object.")
    return value
