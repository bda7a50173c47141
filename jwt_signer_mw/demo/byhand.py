"""Commands to try by hand while the demo runs. They hold no token: each fetches the one it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jwt_signer_mw.demo.scenarios import CHANNEL_CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.demo.stage import Stage


class Suggestion(NamedTuple):
    """Some commands for a POSIX shell, and what they are good for."""

    comment: str
    commands: tuple[str, ...]


def suggest(stage: Stage) -> Iterator[Suggestion]:
    access, channel = stage.providers
    yield Suggestion(
        "first the addresses", (f"GW={stage.gateway_origin} IDP={access.origin} CHANNEL={channel.origin}",)
    )
    yield Suggestion(
        "1  a JWT; then a forged one, an unsigned one, one that expired in 1970",
        (
            _visit("jwt", "$IDP/token"),
            _visit("jwt", "$IDP/token?kind=forged"),
            _visit("jwt", "$IDP/token?kind=unsigned"),
            _visit("jwt", "$IDP/token?exp=1"),
        ),
    )
    yield Suggestion("2  an opaque token", (_visit("opaque", "$IDP/token?kind=opaque"),))
    yield Suggestion(
        "3  two tokens",
        (
            _visit("two-tokens", "$IDP/token?kind=opaque")
            + f' -H "{CHANNEL_CLIENT}: $(curl -s $CHANNEL/token)"',
        ),
    )
    yield Suggestion("4  no validation", (_visit("resign-only", "$IDP/token?kind=forged&sub=mallory"),))
    yield Suggestion(
        "5  coffee, and tea",
        tuple(_visit("claim", _drinking(beverage), options="-sG") for beverage in ("coffee", "tea")),
    )
    yield Suggestion(
        "the provider takes a new key, goes down, comes back",
        tuple(f"curl -s -X POST $IDP/{what}" for what in ("rotate", "stop", "start")),
    )
    secret = f"Authorization: Bearer $(cat {stage.admin_token_file})"
    yield Suggestion(
        "our public keys, and new ones; those need a secret, which is in a file",
        (
            "curl -s $GW/jwt-signer/jwks/kong",
            f'curl -s -X POST -H "{secret}" $GW/jwt-signer/jwks/kong/rotate',
        ),
    )


def _visit(policy: str, token: str, options: str = "-s") -> str:
    quoted = token if options == "-sG" else f'"{token}"'
    return f'curl -si $GW/{policy}/orders -H "Authorization: Bearer $(curl {options} {quoted})"'


def _drinking(beverage: str) -> str:
    claim = f'{{"favourites":{{"beverage":"{beverage}"}}}}'
    return f"$IDP/token --data-urlencode 'employee={claim}'"
