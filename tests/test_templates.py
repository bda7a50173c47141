"""Templates: what they say, and what is wrong with those that can't be used."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.messages import Consumer, Incoming
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.tokens.templates import (
    MAX_REQUEST_VALUE,
    Reference,
    Sources,
    TemplateError,
    parse_template,
)
from jwt_signer_mw.wire import dump_json

CLAIMS: dict[str, Any] = {"sub": "alice", "n": 1.5, "no": False, "deep": {"a.b": {"c-d": [1]}}, "null": None}
REQUEST = Incoming("GET", "/a/b", "Shop.Example:8443", ())
SOURCES = Sources(CLAIMS, Consumer("1", "alice"), REQUEST)


@pytest.mark.parametrize(
    "template, value",
    [
        ("{claims.sub}", "alice"),
        ("{claims.n}", 1.5),
        ("{claims.no}", False),
        ("{claims.deep[a.b].c-d}", [1]),
        ("{claims[deep][a.b]}", {"c-d": [1]}),
        ("a{claims.n}b{claims.no}c", "a1.5bfalsec"),
        ("{{{claims.sub}}}{{}}", "{alice}{}"),
        ("{ claims.x | consumer.custom_id | consumer.id }", "1"),
        ("{consumer.username}@{request.host}", "alice@shop.example"),
        ("{request.method}{request.path}", "GET/a/b"),
        ("{claims.deep[a.b].c-d} as text", None),
        ("{claims.null}", None),
        ("{consumer.custom_id}", None),
        ("{claims.sub.x}", None),
        ("{claims.sub}{claims.x}", None),
    ],
)
def test_what_a_template_says(template: str, value: object) -> None:
    rendered = parse_template(template).render(SOURCES)
    assert (rendered, type(rendered)) == (value, type(value))


@pytest.mark.parametrize("host", ["[::1]:80", "[::1]", "EXAMPLE.org:1", "example.org"])
def test_a_host_has_no_port(host: str) -> None:
    sources = SOURCES._replace(request=REQUEST._replace(host=host))
    assert parse_template("{request.host}").render(sources) in ("[::1]", "example.org")


@pytest.mark.parametrize("path", ["", "/" * (MAX_REQUEST_VALUE + 1), "/\ud800"])
def test_what_a_client_wrote_is_empty_overlong_or_no_text(path: str) -> None:
    sources = SOURCES._replace(request=REQUEST._replace(path=path))
    assert parse_template("{request.path}").render(sources) is None
    assert parse_template("{request.path|claims.sub}").render(sources) == "alice"


def test_nobody_is_no_consumer() -> None:
    assert parse_template("{consumer.id}").render(SOURCES._replace(consumer=None)) is None


def test_a_value_is_no_template() -> None:
    """What stands in a claim is text, whatever it looks like."""
    sources = SOURCES._replace(claims={"sub": "{consumer.id}{request.path}{{"})
    assert parse_template("<{claims.sub}>").render(sources) == "<{consumer.id}{request.path}{{>"


@pytest.mark.parametrize(
    "template, text, hint",
    [
        ("claims.email", "refers to nothing", "Write {claims.email}"),
        ("{{claims.email}}", "refers to nothing", ""),
        ("", "refers to nothing", ""),
        ("{claims.email", "has a single {", "Write {{"),
        ("claims.email}", "has a single }", "Write }}"),
        ("{claims.{x}}", "has a single {", ""),
        ("{}", "has ''", ""),
        ("{claims.a||claims.b}", "has ''", ""),
        ("{claims}", "refers to 'claims' as a whole", "claims.<name>"),
        ("{consumer}", "refers to 'consumer' as a whole", "consumer.id, consumer.username"),
        ("{claim.email}", "there is no 'claim'", "Did you mean claims?"),
        ("{headers.host}", "there is no 'headers'", ""),
        ("{consumer.user_name}", "does not exist", "Did you mean username?"),
        ("{consumer.email}", "does not exist", "There are: consumer.id"),
        ("{request.hosts}", "does not exist", "Did you mean host?"),
        ("{request.path.x}", "does not exist", ""),
        ("{request.headers[x]}", "does not exist", ""),
        ("{request.__class__}", "does not exist", ""),
        ("{claims.email!r}", "is no reference", ""),
        ("{claims.email:>10}", "is no reference", ""),
        ("{claims.get('x')}", "is no reference", ""),
        ("{claims.a + claims.b}", "is no reference", ""),
        ("{claims..a}", "is no reference", ""),
        ("{claims[]}", "is no reference", ""),
        ("{claims.é}", "is no reference", ""),
    ],
)
def test_what_is_wrong_with_a_template(template: str, text: str, hint: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(template)
    assert text in str(caught.value)
    assert hint in caught.value.hint


def test_all_templates_that_are_wrong_are_told_at_once() -> None:
    templates = {"a": "{claim.x}", "b": "{consumer.usrname}", "good": "{claims.x}", "iss": "{claims.iss}"}
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({"access_token_claim_templates": templates})
    told = [(one.id, one.text) for one in caught.value.problems if one.option.endswith("templates")]
    assert [name for name, _ in told] == ["settings.E063", "settings.E063", "settings.E064"]
    assert "Did you mean username?" in str(caught.value)


def test_templates_are_a_map_in_every_form() -> None:
    text = '{"tenant": "{request.host}"}'
    settings = Settings.load({}, {"JWT_SIGNER_ACCESS_TOKEN_CLAIM_TEMPLATES": text})
    assert settings.access_token.shape.claim_templates == (("tenant", "{request.host}"),)


NAMES = st.text(st.characters(blacklist_characters="[]{}|", blacklist_categories=["Cs"]), min_size=1)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_every_name_can_be_referred_to(names: list[str]) -> None:
    template = parse_template("{claims" + "".join(f"[{name}]" for name in names) + "}")
    assert list(template.references) == [Reference("claims", tuple(names))]


@given(st.text("{}[]|.claimsqrtehonp _-'!", max_size=30))
def test_any_text_is_a_template_or_is_refused(text: str) -> None:
    with suppress(TemplateError):
        dump_json(parse_template(text).render(SOURCES))
