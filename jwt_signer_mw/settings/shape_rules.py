"""Rules for what a new token says from elsewhere, and for whom it hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jwt_signer_mw.settings.catalogue import problem
from jwt_signer_mw.settings.issuers import subject_paths, with_issuers
from jwt_signer_mw.settings.shape import sector_of
from jwt_signer_mw.tokens.templates import TemplateError, parse_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jwt_signer_mw.errors import Problem
    from jwt_signer_mw.settings.declared import TokenSettings
    from jwt_signer_mw.tokens.templates import Template

# What others rest on is never a client's word.
SIGNERS_OWN = ("iss", "original_iss", "exp", "nbf", "iat", "cnf", "original_cnf")
SHORTEST_SECRET = 32  # characters: who knows some subjects could try out a shorter one


def find_bad_templates(token: TokenSettings) -> Iterator[Problem]:
    option = token.shape.option("claim_templates")
    ours = (*SIGNERS_OWN, "request") if token.binding.upstream_request else SIGNERS_OWN
    for name, text in token.shape.claim_templates:
        if name in ours:
            yield problem("settings.E064", option, f"writes {name!r}, which is the signer's.")
        try:
            parse_template(text)
        except TemplateError as fault:
            yield problem("settings.E063", option, f"is wrong for {name!r}: it {fault}.", fault.hint)


def find_half_a_pair(token: TokenSettings) -> Iterator[Problem]:
    secret = token.shape.subject_pairwise_secret
    if secret is None and token.shape.subject_pairwise_sector is not None:
        yield problem("settings.E020", token.shape.option("subject_pairwise_secret"), "is missing.")
    if secret is not None and sector_of(token) is None:
        yield problem("settings.E020", token.shape.option("subject_pairwise_sector"), "is missing.")
    if secret is not None and len(secret) < SHORTEST_SECRET:
        text = f"is shorter than {SHORTEST_SECRET} characters."
        yield problem("settings.E065", token.shape.option("subject_pairwise_secret"), text)


def find_shown_subjects(token: TokenSettings) -> Iterator[Problem]:
    """What is hidden on one way must not go on by another."""
    if token.shape.subject_pairwise_secret is None:
        return
    subjects = subject_paths(token)
    for name, template in _templates(token):
        read = [one.path for one in template.references if one.root == "claims"]
        if any(path[: len(one)] == one for one in read for path in subjects):
            text = f"shows the subject, in {name!r}, that the pairwise one hides."
            yield problem("settings.E060", token.shape.option("claim_templates"), text)
    if token.original_upstream_header:
        text = "sends the old token on, with the subject that the new one hides."
        yield problem("settings.W060", token.option("original_upstream_header"), text)
    for rules in (rules for one in with_issuers(token) for rules in (one.claims, one.introspection)):
        if rules.consumer_claim in subjects:
            text = "names the consumer by the subject that the new token hides: see the X-Consumer-* headers."
            yield problem("settings.W060", rules.option("consumer_claim"), text)


def _templates(token: TokenSettings) -> Iterator[tuple[str, Template]]:
    for name, text in token.shape.claim_templates:
        try:
            template = parse_template(text)
        except TemplateError:
            continue
        yield name, template


RULES: tuple[Callable[[TokenSettings], Iterator[Problem]], ...] = (
    find_bad_templates,
    find_half_a_pair,
    find_shown_subjects,
)
