"""The reference page of all settings, written from their declarations.

`python -m jwt_signer_mw.settings.reference_page > docs/reference/settings.md` brings it up to date.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwt_signer_mw.settings.catalogue import ENTRIES
from jwt_signer_mw.settings.issuers import IssuerMap
from jwt_signer_mw.settings.kinds import (
    Boolean,
    ClaimPath,
    Number,
    NumberOrWord,
    PathList,
    Text,
    TextList,
    TextMap,
)
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.settings.observation import Observers
from jwt_signer_mw.settings.options import SINCE
from jwt_signer_mw.settings.reporting import Shadow
from jwt_signer_mw.settings.resource import Members
from jwt_signer_mw.settings.services import Certificate, CertificateMap, Consumers, Service
from jwt_signer_mw.settings.tasks import NEEDS, TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.settings.declaring import Option
    from jwt_signer_mw.settings.kinds import Kind

INTRODUCTION = """\
# Settings

<!-- Generated: python -m jwt_signer_mw.settings.reference_page > docs/reference/settings.md -->

All settings live in one flat mapping: the 153 parameters of Kong's JWT Signer plugin under their own
names, and the suite's own options. Unknown names are refused, and all problems are reported at once.
"""

VALUES = """\
## How values are written

| Type | In Python, TOML, JSON, YAML | As text |
|---|---|---|
| boolean | `true`, `false` | `true`, `1`, `on`, `yes`; `false`, `0`, `off`, `no` |
| number | a number; no boolean, no text | `60`, `1.5`: in environment variables and form posts only |
| text | text, not blank | as it is |
| list | a list of texts | separated by commas, or a JSON list |
| claim path | a list of texts, the outer claim first | as a list: `realm_access,roles` |
| list of claim paths | a list of lists | JSON: `[["sub"],["realm_access","roles"]]` |
| map | a map from text to text | a JSON object |
| certificate | see below | the path, or a JSON object |

- **Environment.** `JWT_SIGNER_<NAME>` in capitals, as in `JWT_SIGNER_ACCESS_TOKEN_ISSUER`, fills what the \
mapping leaves unset; the text `null` stands for null. A variable with that prefix and an unknown name is an \
error, because a misspelt variable must not switch off a check in silence. Exceptions: `JWT_SIGNER_CONFIG`, \
`JWT_SIGNER_TEST_...`, and the variables that Kubernetes and Docker set for a service called `jwt-signer` \
(`JWT_SIGNER_SERVICE_HOST`, `JWT_SIGNER_PORT_8080_TCP` and the like).
- **Form posts.** `jwt_signer_mw.settings.parse_form` turns the fields of a form into a mapping.
- **Claim paths.** A dot in a name is part of the name, as in `["https://example.com/roles"]`.
- **Certificates.** The path of a PEM file, `{"cert": path, "key": path}`, or `{"id": name}`, which is \
looked up in `certificates`.
- **Null.** Where the default is null, null means none. A null map is an empty one, a null `..._keyset` is \
`kong`, a null or empty header name switches that header off. Everywhere else null is refused: leave the \
option out for its default.
- **Empty lists.** An empty list is refused where it could be read as "all".
- **References.** Options marked *reference* also take `{vault://env/NAME}` (an environment variable; \
`my-secret` stands for `MY_SECRET` as well) or `{file:///path}` (a file's text, without the newline at its \
end) as their whole value, or as an element of a list. A variable that is unset, a file that can't be read, \
and anything empty is an error.
- **Secrets.** Options marked *secret* show up in no log, error or `repr`.
- **Objects.** In Python, `keyset_store`, `cache` and `consumers` may be the object that does the work.
"""


@dataclass(frozen=True)
class Section:
    """A heading and the options under it; each is found by its path in `Settings`."""

    title: str
    about: str
    holds: Callable[[Option], bool]


def _is_suite(option: Option) -> bool:
    """One for the whole middleware."""
    return option.declared.since == SINCE and option.path[0] not in ("access_token", "channel_token")


def _is_in_own_part(option: Option) -> bool:
    """One of a token, in a part that Kong's plugin has nothing of."""
    plugins = ("jwks", "keyset", "claims", "introspection")
    return option.path[0] == "access_token" and len(option.path) > 2 and option.path[1] not in plugins


def _within(*path: str) -> Callable[[Option], bool]:
    """Options of the access token at that place; its twin of the channel token shares the row."""
    return lambda option: option.path[:-1] == ("access_token", *path)


SECTIONS = (
    Section("Both tokens", "", lambda option: len(option.path) == 1 and not _is_suite(option)),
    Section("A token, and the new one in its place", "", _within()),
    Section("Keys that verify", "", _within("jwks")),
    Section("Keys that sign", "", _within("keyset")),
    Section(
        "Checks on the claims of a JWT",
        "For a JWT, and for the payload of an opaque token while `trust_..._introspection` is false.",
        _within("claims"),
    ),
    Section("Checks on an introspection result", "For every opaque token.", _within("introspection")),
    Section("A token: what Kong's plugin can't do", "", _is_in_own_part),
    Section("The suite's own options", "Kong's plugin does not have these.", _is_suite),
)


def render() -> str:
    """The whole page, in Markdown."""
    return "\n".join([INTRODUCTION, *_first(), *_tasks(), VALUES, *_sections(), *_problems()]) + "\n"


def _first() -> Iterator[str]:
    yield "## You probably need these five\n"
    yield "| Question | Option | For example |\n|---|---|---|"
    yield from (f"| {need.question} | `{need.option}` | `{need.example}` |" for need in NEEDS)
    yield "\nAll others have defaults that do no harm. `jwt-signer init` writes these for your provider.\n"


def _tasks() -> Iterator[str]:
    yield "## By task\n"
    yield "What starts with `access_token` exists for `channel_token` as well.\n"
    yield "| To | Options |\n|---|---|"
    for task in TASKS:
        yield f"| {task.wish} | {', '.join(f'`{option}`' for option in task.options)} |"
    yield ""


def _sections() -> Iterator[str]:
    for section in SECTIONS:
        yield f"## {section.title}\n"
        if section.about:
            yield f"{section.about}\n"
        yield "| Option | Type | Default | Meaning | Since |\n|---|---|---|---|---|"
        yield from map(_row, filter(section.holds, OPTIONS.values()))
        yield ""


def _row(option: Option) -> str:
    twin = OPTIONS.get(option.name.replace("access_token", "channel_token"), option)
    names = dict.fromkeys((option.name, twin.name))
    defaults = dict.fromkeys(f"`{json.dumps(one.plain(one.default))}`" for one in (option, twin))
    declared = option.declared
    marks = [*(["secret"] if declared.secret else []), *(["reference"] if declared.referenceable else [])]
    mark = f" *{', '.join(marks)}*" if marks else ""
    cells = (
        "<br>".join(f"`{name}`" for name in names),
        _type(declared.kind) + (f", {declared.unit}" if declared.unit else ""),
        "<br>".join(defaults),
        declared.help + mark,
        declared.since.replace("<=", "≤ "),
    )
    return f"| {' | '.join(cells)} |"


def _type(kind: Kind) -> str:
    match kind:
        case Number():
            return f"{'whole number' if kind.integer else 'number'} {_bounds(kind)}"
        case Text(choices) if choices:
            return "one of " + ", ".join(f"`{choice}`" for choice in choices)
        case NumberOrWord():
            return f"{_type(kind.words).removeprefix('one of ')} or {_type(kind.number)}"
        case TextList() if kind.element.choices:
            return f"list of {_type(kind.element).removeprefix('one of ')}"
    return _TYPES[type(kind)]


def _bounds(kind: Number) -> str:
    return f"{'above' if kind.above else 'from'} {kind.minimum:,} to {kind.maximum:,}"


_TYPES: dict[type, str] = {
    Boolean: "boolean",
    Text: "text",
    TextList: "list",
    ClaimPath: "claim path",
    PathList: "list of claim paths",
    TextMap: "map",
    Members: "JSON object",
    Shadow: "JSON object or text",
    Certificate: "certificate",
    CertificateMap: "map of certificates",
    IssuerMap: "map from an issuer to a map",
    Service: "URL, dotted path or object",
    Consumers: "list, URL, dotted path or object",
    Observers: "list of names, dotted paths or objects",
}


def _problems() -> Iterator[str]:
    yield "## Problems\n"
    yield "Errors (E) stop the start; warnings (W) are logged under `jwt_signer_mw.settings`.\n"
    yield "| Id | Meaning | What helps |\n|---|---|---|"
    for entry in ENTRIES:
        yield f"| `{entry.id}` | {entry.meaning} | {entry.hint} |"


if __name__ == "__main__":
    sys.stdout.write(render())
