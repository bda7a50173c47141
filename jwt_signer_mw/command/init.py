"""`jwt-signer init`: a short, commented settings file, with what the provider tells about itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.command import FAILED, USAGE, complain
from jwt_signer_mw.command.discovery import discover
from jwt_signer_mw.flows.discovery import Metadata
from jwt_signer_mw.gateway.writing import value_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

KINDS = ("jwt", "opaque", "both")
SECRET = "{vault://env/INTROSPECTION_AUTHORIZATION}"  # noqa: S105  a reference, no secret
CHANNEL_HEADERS = {"request": "X-JWT-channel-client", "upstream": "X-JWT-channel-upstream"}


class Written(NamedTuple):
    """One line of the file: a comment, or an option with what to say about it."""

    name: str
    value: Any = None
    comment: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "output", metavar="FILE", nargs="?", default="jwt-signer.toml", help="(jwt-signer.toml)"
    )
    parser.add_argument("--issuer", metavar="URL", help="of the access token; its metadata are fetched")
    parser.add_argument("--tokens", choices=KINDS, help="what kind of access tokens it hands out")
    parser.add_argument("--audience", metavar="TEXT", help="that has to be in `aud`: the name of your API")
    parser.add_argument("--scope", metavar="TEXT", help="that is required")
    parser.add_argument("--channel-issuer", metavar="URL", help="of a second token, if there is one")
    parser.add_argument("--no-discovery", action="store_true", help="fetch nothing")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.epilog = (
        "What no option says is asked for on a terminal. RFC 8414 and OpenID metadata fill the rest."
    )


def run(arguments: argparse.Namespace) -> int:
    """1: the provider does not answer, or the file exists. 2: nobody can be asked for what is missing."""
    output = Path(arguments.output)
    if output.exists() and not arguments.force:
        return complain(f"{output} exists; --force replaces it")
    if not _complete(arguments):
        return complain("--issuer is needed where nobody can be asked", status=USAGE)
    try:
        access = _found(arguments.issuer, arguments.no_discovery)
        channel = _found(arguments.channel_issuer, arguments.no_discovery)
    except LookupError as problem:
        return complain(problem, "--no-discovery leaves the addresses for you to fill in", status=FAILED)
    lines = list(_lines(arguments, access, channel))
    output.write_text(_text(lines), encoding="utf-8")
    print(f"{output} is written. Next: jwt-signer check {output}")
    if any(line.value == SECRET for line in lines):
        print("Set INTROSPECTION_AUTHORIZATION to the value of its Authorization header before you use it.")
    return 0


def _complete(arguments: argparse.Namespace) -> bool:
    """Asks for what is missing; False where there is nobody to ask and the issuer is not known."""
    if not sys.stdin.isatty():
        return arguments.issuer is not None
    if arguments.issuer is None:
        arguments.issuer = _ask("Issuer of the access token (URL)")
        arguments.tokens = arguments.tokens or _ask("Its tokens are jwt, opaque or both", "jwt")
        arguments.audience = arguments.audience or _ask("Audience that has to be in `aud` (none: any)", "")
        arguments.scope = arguments.scope or _ask("Scope that is required (none: any)", "")
        arguments.channel_issuer = arguments.channel_issuer or _ask("Issuer of a second token (none)", "")
    return arguments.tokens in (None, *KINDS)


def _ask(question: str, default: str | None = None) -> str:
    shown = f" [{default}]" if default else ""
    answer = input(f"{question}{shown}: ").strip()
    while not answer and default is None:
        answer = input(f"{question}: ").strip()
    return answer or default or ""


def _found(issuer: str | None, unasked: bool) -> Metadata | None:
    if not issuer:
        return None
    return Metadata(issuer, None, None) if unasked else discover(issuer)


def _lines(
    arguments: argparse.Namespace, access: Metadata | None, channel: Metadata | None
) -> Iterator[Written]:
    assert access is not None  # noqa: S101  the issuer is asked for
    kind = arguments.tokens or ("both" if access.introspection_endpoint and access.jwks_uri else "jwt")
    yield Written("", comment=f"The access token: says who sends a request. Issued by {access.issuer}.")
    if kind in ("jwt", "both"):
        yield from _of_jwt("access_token", access, arguments.audience, arguments.scope)
    if kind in ("opaque", "both"):
        yield from _of_opaque(access, arguments.audience, arguments.scope)
    if channel is None:
        yield Written("", comment="There is no second token.")
        yield Written("channel_token_optional", True)
        return
    yield Written("", comment=f"The channel token: says which way it comes. Issued by {channel.issuer}.")
    yield Written("channel_token_request_header", CHANNEL_HEADERS["request"])
    yield Written("channel_token_upstream_header", CHANNEL_HEADERS["upstream"])
    yield from _of_jwt("channel_token", channel, None, None)


def _of_jwt(token: str, found: Metadata, audience: str | None, scope: str | None) -> Iterator[Written]:
    jwks = found.jwks_uri or f"{found.issuer.rstrip('/')}/jwks"
    yield Written(
        f"{token}_jwks_uri", jwks, "" if found.jwks_uri else "a guess: see your provider's documentation"
    )
    yield Written(f"{token}_issuers_allowed", [found.issuer], "compared exactly, a slash at the end counts")
    if audience:
        yield Written(f"{token}_audiences_allowed", [audience])
    if scope:
        yield Written(f"{token}_scopes_required", [scope])


def _of_opaque(found: Metadata, audience: str | None, scope: str | None) -> Iterator[Written]:
    endpoint = found.introspection_endpoint or f"{found.issuer.rstrip('/')}/introspect"
    guess = "" if found.introspection_endpoint else "a guess: see your provider's documentation"
    yield Written("access_token_introspection_endpoint", endpoint, guess)
    yield Written("access_token_introspection_authorization", SECRET, "as in: Basic <base64 of id:secret>")
    if audience:
        yield Written("access_token_introspection_audiences_allowed", [audience])
    if scope:
        yield Written("access_token_introspection_scopes_required", [scope])


def _text(lines: list[Written]) -> str:
    text = ["# Settings of jwt-signer-mw. All names: docs/reference/settings.md, or `jwt-signer schema`."]
    for line in lines:
        if not line.name:
            text += ["", f"# {line.comment}"]
            continue
        comment = f"  # {line.comment}" if line.comment else ""
        text.append(f"{line.name} = {value_text(line.value)}{comment}")
    more = {
        "keyset_store": ("postgresql+psycopg://...", "or redis://..., for more than one machine"),
        "admin_token": ("{vault://env/ADMIN_TOKEN}", "to list, rotate and delete key sets, and to explain"),
        "access_token_leeway": (30, "seconds, for clocks that differ"),
    }
    text += ["", "# What many set as well:"]
    text += [f"# {name} = {value_text(value)}  # {about}" for name, (value, about) in more.items()]
    return "\n".join(text) + "\n"
