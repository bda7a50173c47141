"""`jwt-signer purge`: has a running service forget what it decided, through its endpoint."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jwt_signer_mw.command import USAGE, complain
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.flows.commands import Exchange
from jwt_signer_mw.wire import Malformed, dump_json, parse_object

if TYPE_CHECKING:
    import argparse

ADMIN_TOKEN = "JWT_SIGNER_ADMIN_TOKEN"  # noqa: S105  the name of a variable
OK = 200
TIMEOUT = 10.0  # seconds: a cache with millions of answers is searched


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", metavar="URL", help="of the endpoints, such as https://orders.example/jwt-signer"
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--jti", metavar="JTI", help="one token, by its jti")
    which.add_argument("--subject", metavar="SUBJECT", help="all tokens of a subject")
    which.add_argument("--everything", action="store_true", help="all tokens")
    parser.epilog = (
        f"The admin token comes from the variable {ADMIN_TOKEN}. Nothing is taken from a token but the "
        "memory of it: one that is still good is accepted anew. Other workers of the service follow within "
        "a second where they share a cache, else when their verdicts end (verdict_cache_ttl)."
    )


def run(arguments: argparse.Namespace) -> int:
    token = os.environ.get(ADMIN_TOKEN)
    if not token:
        return complain(f"{ADMIN_TOKEN} is not set", status=USAGE)
    wanted = {"jti": arguments.jti, "subject": arguments.subject, "everything": arguments.everything or None}
    exchange = Exchange(
        f"{arguments.url.rstrip('/')}/purge",
        "POST",
        (("Authorization", f"Bearer {token}"), ("Content-Type", "application/json")),
        dump_json({name: value for name, value in wanted.items() if value is not None}),
        timeout=TIMEOUT,
    )
    reply = RequestsTransport().send(exchange)
    if reply.status != OK:
        return complain(f"{exchange.url} answered {reply.status}")
    try:
        purged = parse_object(reply.body)
    except Malformed:
        return complain(f"{exchange.url} did not answer as the endpoint does")
    answers = purged.get("answers")
    told = "a cache that can't be searched" if answers is None else f"{answers} answers of introspection"
    print(f"Forgotten: {purged.get('verdicts')} verdicts, {told}.")
    return 0
