"""The page that says which rule is enforced where and which test proves it, made from the tests' markers.

`python tests/security_page.py > docs/security/rules.md` brings it up to date.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TESTS = Path(__file__).parent
MARKS = ("rule", "attack", "advisory")


class Rule(NamedTuple):
    """One rule of the security notes. `rooms` are modules of the suite, by their path without `.py`."""

    text: str
    rooms: str


RULES: Mapping[str, Rule] = {
    "S1": Rule(
        "A token is three base64url parts, each in its one spelling; nothing is trimmed or decoded first.",
        "tokens/compact wire request/extract",
    ),
    "S2": Rule(
        "Sizes are limited before anything is decoded.", "request/extract tokens/compact flows/pipeline"
    ),
    "S3": Rule("JSON is strict UTF-8 with one meaning, bounded in depth, members and digits.", "wire"),
    "S4": Rule("JWE, JSON serialisation, nesting, `b64` and `zip` are refused unopened.", "tokens/compact"),
    "S5": Rule(
        "The algorithm comes from settings and key, never from the header alone.", "flows/verify jose/key"
    ),
    "S6": Rule(
        "HS* only where it is switched on, with local `oct` keys; no key text becomes a secret.",
        "jose/material jose/weaknesses flows/documents",
    ),
    "S7": Rule(
        "A token that names a key is checked with that key only; unknown ones cost one reload at most.",
        "jose/keyset flows/verify flows/remote",
    ),
    "S8": Rule(
        "Unusable and doubled keys are left out; the rest of the set works.", "jose/material jose/keyset"
    ),
    "S9": Rule("`jwk`, `jku`, `x5u` and `x5c` of a token supply nothing.", "tokens/compact flows/verify"),
    "S10": Rule("`crit` is refused: none is understood.", "tokens/compact"),
    "S11": Rule("A signature has the exact length and the one form.", "jose/key jose/primitives"),
    "S12": Rule(
        "Dates are finite JSON numbers in a sane range; `exp` equal to now is over.",
        "tokens/claims tokens/checks",
    ),
    "S13": Rule(
        "`iss`, `sub` and `jti` are text; an issuer is compared whole.",
        "tokens/claims tokens/checks flows/issuers flows/discovery",
    ),
    "S14": Rule("`aud` is text or a list of texts, compared whole.", "tokens/checks"),
    "S15": Rule("Scopes are separated by single spaces, or a list of whole values.", "tokens/checks"),
    "S16": Rule(
        "Claim paths never raise; what names a consumer is safe text.", "tokens/claims flows/consumers"
    ),
    "S17": Rule(
        "A token for another purpose is refused, and so is our own.",
        "tokens/compact tokens/profiles flows/keys",
    ),
    "S18": Rule("One header, one value, one token, one place.", "request/extract asgi wsgi"),
    "S19": Rule(
        "Managed headers are removed in every spelling on every path, then written once.",
        "request/names wsgi asgi",
    ),
    "S20": Rule("Values that are written are visible ASCII of bounded length.", "request/rewrite"),
    "S21": Rule(
        "Exempt paths are compared whole with what the application sees; no header has a say.",
        "request/exempt",
    ),
    "S22": Rule("Every method and kind of connection is protected; unknown kinds are refused.", "asgi wsgi"),
    "S23": Rule("The server's environ and scope stay as they are.", "asgi wsgi"),
    "S24": Rule(
        "Fetches follow no redirect, proxy or cookie, and have a time limit and a size cap.",
        "drivers/transport drivers/async_transport flows/documents flows/discovery settings/addresses",
    ),
    "S25": Rule(
        "One fetch at a time per set, rests in between; a good set stays until it is replaced or too old.",
        "flows/remote flows/breaker drivers/blocking drivers/asynchronous",
    ),
    "S26": Rule(
        "Introspection: a form, `active` exactly true, and the same checks; no fallback.",
        "flows/introspect flows/examine",
    ),
    "S27": Rule(
        "Caches are keyed by hashes, bounded, and end with the token, the keys and the settings.",
        "flows/verdicts flows/introspect caches/memory caches/redis",
    ),
    "S28": Rule(
        "The new token's header is ours, its expiry within the old one's; unsigned goes nowhere.",
        "flows/resign",
    ),
    "S29": Rule(
        "Own keys are private in files, logs and answers, and checked when they are loaded.",
        "keysets/files keysets/sql jose/material",
    ),
    "S30": Rule(
        "Endpoints that change keys need the admin token and are limited.",
        "request/endpoints flows/administration",
    ),
    "S31": Rule("A log line is one line without a token, a secret or a claim.", "events errors"),
    "S32": Rule(
        "Settings that make no sense, or would switch a check off by omission, are refused.",
        "settings/rules settings/kinds settings/loading",
    ),
    "S33": Rule(
        "Cheap checks first, bounded work per request, and nobody waits for somebody else's provider.",
        "flows/pipeline drivers/asynchronous",
    ),
}

# Tests that prove rules, and play cases of the catalogue, without a marker of their own.
ELSEWHERE: Mapping[str, str] = {
    "test_attacks.py::test_open_case": "S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16 S17 S20",
    "test_vectors.py::test_jwt_verify_lib_tokens": "S1 S3 S11",
    "test_vectors.py::test_rfc_7520_other_forms": "S4",
    "test_vectors.py::test_rfc_7520_encryption": "S4",
    "test_compact.py::test_malformed": "S1 S4 S10",
    "test_compact.py::test_members_that_are_not_followed": "S9",
    "test_compact.py::test_a_token_for_another_purpose": "S17",
    "test_jose_key.py::test_signatures_have_one_length": "S11",
    "test_jose_key.py::test_an_ed25519_signature_has_one_form": "S11",
    "test_jose_key.py::test_a_secret_shorter_than_its_hash": "S6",
    "test_jose_keyset.py::test_a_token_that_names_a_key_is_checked_with_that_key_only": "S7",
    "test_jose_weaknesses.py::test_a_key_with_the_roca_fingerprint_is_refused": "JWK-25",
    "test_checks.py::test_read_scopes": "S15",
    "test_wsgi.py::test_the_callers_environ_stays_as_it_is": "S23 SPF-26",
    "test_asgi.py::test_the_scope_of_the_server_stays_as_it_is": "S23 SPF-25",
    "test_remote.py::test_a_failed_reload_keeps_the_old_set": "S25 NET-13 CVE-2026-48524",
    "test_asgi_disconnects.py::test_who_stays_is_answered_when_the_first_one_leaves": "S25 NET-22",
    "test_asgi_concurrency.py::test_a_slow_provider_holds_up_nobody_who_does_not_need_it": "S33 NET-23",
    "test_stores.py::test_closes_all_its_files_to_others": "S29 KEY-01",
    "test_stores.py::test_follows_no_symbolic_link": "S29 KEY-02",
    "test_stores.py::test_uses_no_directory_of_everybody": "S29 KEY-02",
    "test_administration.py::test_the_token_is_compared_in_constant_time": "S30 KEY-16 CVE-2016-7036",
    "test_settings_redaction.py::test_no_repr_shows_a_secret": "S31 LOG-04",
    "test_settings_rules.py::test_found": "S32",
}

# RFC 8725 section 3, and what its successor's draft adds.
CHECKLIST = (
    ("3.1", "Perform algorithm verification", "S5 S6 S7"),
    ("3.2", "Use appropriate algorithms", "S5 S6 S32"),
    ("3.3", "Validate all cryptographic operations", "S4 S11 S26"),
    ("3.4", "Validate cryptographic inputs", "S8"),
    ("3.5", "Ensure cryptographic keys have sufficient entropy", "S6 S8 S29"),
    ("3.6", "Avoid compression of encryption inputs", "S4"),
    ("3.7", "Use UTF-8", "S3"),
    ("3.8", "Validate issuer and subject", "S7 S13"),
    ("3.9", "Use and validate audience", "S14"),
    ("3.10", "Do not trust received claims", "S9 S16 S24"),
    ("3.11", "Use explicit typing", "S17"),
    ("3.12", "Use mutually exclusive validation rules for different kinds of JWTs", "S17 S27"),
    ("draft", "Names of algorithms are compared with their case", "S5"),
    ("draft", "No JSON serialisation where the compact one is meant", "S4"),
    ("draft", "Nothing is decompressed, and no password-based key is derived", "S4 S24"),
)


def marked() -> Iterator[tuple[str, str]]:
    """Every name in a marker, with the test that has it as `file::test`."""
    for file in sorted(TESTS.glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for name in _names(node):
                    yield name, f"{file.name}::{node.name}"


def _names(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        match decorator:
            case ast.Call(func=ast.Attribute(attr=attr), args=arguments) if attr in MARKS:
                yield from map(ast.literal_eval, arguments)


def proofs() -> dict[str, list[str]]:
    """The tests of each rule, attack case and advisory."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, test in marked():
        found[name].append(test)
    for test, names in ELSEWHERE.items():
        for name in names.split():
            found[name].append(test)
    return {name: sorted(set(tests)) for name, tests in found.items()}


def render() -> str:
    found = proofs()
    lines = [
        "# Rules",
        "",
        "The rules of this suite against hostile input: what each says, where it is enforced, and the",
        "tests that prove it. This page is made from the tests' markers; a test keeps it current.",
        "",
    ]
    for name, rule in RULES.items():
        rooms = ", ".join(f"`{room}`" for room in rule.rooms.split())
        lines += [f"## {name}", "", rule.text, "", f"Enforced in {rooms}. Proved by:", ""]
        lines += [f"- `{test}`" for test in found[name]] + [""]
    lines += ["## RFC 8725", "", "| section | what it asks | rules |", "|---|---|---|"]
    lines += [f"| {section} | {text} | {', '.join(rules.split())} |" for section, text, rules in CHECKLIST]
    lines += ["", "## Published flaws", "", "Flaws of other products, kept out by tests.", ""]
    lines += ["| flaw | tests |", "|---|---|"]
    for name in sorted(name for name in found if not name.startswith(_CASES) and name not in RULES):
        lines.append(f"| {name} | {', '.join(f'`{test}`' for test in found[name])} |")
    return "\n".join(lines) + "\n"


_CASES = ("JWK-", "NET-", "INT-", "CCH-", "HTP-", "SPF-", "PTH-", "SGN-", "KEY-", "LOG-", "CFG-", "DOS-")

if __name__ == "__main__":
    sys.stdout.write(render())
