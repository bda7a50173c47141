"""Names, exempt paths, written headers and answers."""

from __future__ import annotations

import json

import pytest

from jwt_signer_mw.errors import (
    AudienceNotAllowed,
    ConsumerClaimUnusable,
    InternalError,
    ProviderUnavailable,
    ScopesInsufficient,
    TokenExpired,
    TokenMissing,
)
from jwt_signer_mw.messages import Consumer
from jwt_signer_mw.request.exempt import ExemptPaths
from jwt_signer_mw.request.names import ManagedNames, fold
from jwt_signer_mw.request.responses import host_name, render, status_line
from jwt_signer_mw.request.rewrite import Output, consumer_headers, encode_value


@pytest.mark.parametrize("name", ["X-Consumer-ID", "x_consumer_id", "X.Consumer.Id", "X-Consumer_Id"])
def test_spellings_fold(name: str) -> None:
    assert fold(name) == "x-consumer-id"


@pytest.mark.parametrize(
    "name",
    [
        "X_CONSUMER_ID",
        "x.consumer.groups",
        "X-Credential-Identifier",
        "X-Anonymous-Consumer",
        "My_Token",
        "my.token",
    ],
)
def test_managed_names(name: str) -> None:
    assert name in ManagedNames(["My-Token"])


@pytest.mark.parametrize("name", ["Accept", "X-Consumers", "X-My-Token", "My-Token-2", ""])
def test_other_names(name: str) -> None:
    assert name not in ManagedNames(["My-Token"])


EXEMPT = ExemptPaths(["/health", "/public/*", "/d\u00e9j\u00e0"])


@pytest.mark.parametrize(
    "path", ["/health", "/public/", "/public/a/b.c", "/public/a.b/..c", "/d\u00e9j\u00e0"]
)
def test_exempt(path: str) -> None:
    assert path in EXEMPT


@pytest.mark.parametrize(
    "path",
    [
        *("/healthz", "/health.json", "/health/", "/Health", "/public", "/publicx", "/", "", "health"),
        *(
            "/public/../admin",
            "/public/./a",
            "/public/..",
            "/public/.",
            "/public//a",
            "//public/a",
            "/public\\..\\a",
        ),
        *("/public/%2e%2e/admin", "/public/a;b", "/public/a#b", "/health\n", "/public/\x00", "/public/\x7f"),
        *("http://other/public/a", "/public/\ufffd"),
    ],
)
def test_not_exempt(path: str) -> None:
    """Decision 26, PTH-01 to -13: what a router might read differently is never exempt."""
    assert path not in EXEMPT


def test_no_exempt_paths() -> None:
    assert not ExemptPaths(())
    assert EXEMPT


def test_outputs() -> None:
    assert Output.of("Authorization:Bearer") == ("Authorization", "Bearer ")
    assert Output.of("authorization:bearer").value("t") == "Bearer t"
    assert Output.of("X-Token") == ("X-Token", "")


def test_consumer_headers() -> None:
    assert dict(consumer_headers(Consumer("7", None, "c"))) == {
        "X-Consumer-ID": "7",
        "X-Consumer-Custom-ID": "c",
    }


@pytest.mark.parametrize(
    "value, written",
    [("alice", "alice"), ("a b", "a b"), ("José", "Jos%C3%A9"), ("50%", "50%25"), ("\u4e2d", "%E4%B8%AD")],
)
def test_values_are_visible_ascii(value: str, written: str) -> None:
    """S20, SPF-19"""
    assert encode_value(value) == written


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "\x00", "a\x7f", " a", "a ", "\t", "x" * 1025, "\ud800"])
def test_values_that_cannot_be_written(value: str) -> None:
    """S20, SPF-20"""
    with pytest.raises(ConsumerClaimUnusable):
        encode_value(value)


def test_an_answer_without_a_token_has_no_error_code() -> None:
    """RFC 6750 section 3.1"""
    rejection = render(TokenMissing("detail"), None, "api.example:8080")
    headers = dict(rejection.headers)
    assert rejection.status == 401
    assert headers["WWW-Authenticate"] == 'Bearer realm="api.example"'
    assert json.loads(rejection.body) == {"message": "Unauthorized"}
    assert int(headers["Content-Length"]) == len(rejection.body)
    assert headers["Cache-Control"] == "no-store"


def test_an_answer_to_a_bad_token_explains_itself() -> None:
    headers = dict(render(TokenExpired("detail"), "r", "h").headers)
    assert headers["WWW-Authenticate"] == (
        'Bearer realm="r", error="invalid_token", error_description="The token expired"'
    )


def test_an_answer_to_lacking_scopes_names_the_scope() -> None:
    rejection = render(ScopesInsufficient("d", scope="a b"), "r", "h")
    assert rejection.status == 403
    assert 'error="insufficient_scope"' in dict(rejection.headers)["WWW-Authenticate"]
    assert dict(rejection.headers)["WWW-Authenticate"].endswith(', scope="a b"')


def test_other_answers() -> None:
    forbidden = render(AudienceNotAllowed(), "r", "h")
    assert (forbidden.status, json.loads(forbidden.body)) == (403, {"message": "Forbidden"})
    assert dict(forbidden.headers)["WWW-Authenticate"] == 'Bearer realm="r"'
    broken = render(InternalError(), "r", "h")
    assert (broken.status, json.loads(broken.body)) == (500, {"message": "An unexpected error occurred"})
    down = render(ProviderUnavailable(retry_after=2.1), "r", "h")
    assert (down.status, json.loads(down.body)) == (503, {"message": "Service Unavailable"})
    assert dict(down.headers)["Retry-After"] == "3"
    assert int(dict(render(ProviderUnavailable(), "r", "h").headers)["Retry-After"]) >= 1


def test_a_realm_is_quoted() -> None:
    """HTP-28: the host comes from the client."""
    headers = dict(render(TokenMissing(), None, 'a"b\\c\r\nX: y').headers)
    assert headers["WWW-Authenticate"] == 'Bearer realm="a\\"b\\\\cX"'


@pytest.mark.parametrize(
    "host, name", [("h", "h"), ("h:1", "h"), ("[::1]:1", "[::1]"), ("[::1]", "[::1]"), ("", "")]
)
def test_host_name(host: str, name: str) -> None:
    assert host_name(host) == name


def test_status_line() -> None:
    assert status_line(401) == "401 Unauthorized"
