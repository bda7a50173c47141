"""The key set endpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import StoredKeysUnreadable, StoreError
from jwt_signer_mw.flows.administration import ROTATIONS_AT_ONCE, AdminAnswer, Administration, AdminRequest
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.flows.keys import Keyring
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.flows.remote import Remote
from jwt_signer_mw.jose import generate_key
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.settings import Settings
from stepping import FrozenClock, Stepper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jwt_signer_mw.keysets.keyset import StoredSet
    from jwt_signer_mw.keysets.store import Mark

URL = "https://provider.example/oauth2/v3/certs"
SIGNING = "https://keys.example/private/rotate"
TOKEN = "a-secret-of-thirty-two-characters"
A, B, OCT = generate_key("ES256"), generate_key("ES256"), generate_key("HS256")
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
SETTINGS = {
    "admin_token": TOKEN,
    "access_token_signing_algorithm": "ES256",
    "access_token_jwks_uri": URL,
    "channel_token_request_header": "X-In",
    "channel_token_upstream_header": "X-Out",
    "channel_token_signing_algorithm": "ES256",
    "channel_token_keyset": SIGNING,
    "certificates": {"mine": {"cert": "/etc/cert.pem", "key": "/etc/key.pem"}},
}


class Store(MemoryStore):
    error: StoreError | None = None

    def load(self, name: str) -> StoredSet | None:
        if self.error is not None:
            raise self.error
        return super().load(name)

    def version(self, name: str) -> Mark | None:
        if self.error is not None:
            raise self.error
        return super().version(name)


class Office:
    """The endpoints with what is behind them."""

    def __init__(self, settings: dict[str, Any] | None = None, *, prepared: bool = True) -> None:
        self.settings = Settings.load(SETTINGS | (settings or {}))
        self.clock = FrozenClock()
        self.store = Store()
        clock = Clock.of(self.clock)
        self.keyring = Keyring(self.settings, self.store, clock)
        self.administration = Administration(self.keyring, self.settings, clock)
        self.documents: dict[str, Any] = {
            URL: {"keys": [A.private_jwk(), OCT.private_jwk()]},
            SIGNING: {"keys": [B.private_jwk(), OCT.private_jwk()]},
        }
        self.stepper = Stepper(answer=self._answer)
        if prepared:
            self.stepper.run(self.keyring.prepare())

    def _answer(self, exchange: Exchange) -> Reply:
        document = self.documents[exchange.url]
        if isinstance(document, int):
            return Reply(document, {}, b"")
        return Reply(200, {}, json.dumps(document).encode())

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = TOKEN,
        body: bytes = b"",
        raw: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AdminAnswer:
        sent = dict(headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        request = AdminRequest(method, path, raw, sent, body, "api.example:8443")
        return self.stepper.run(self.administration.answer(request))

    def document(self, path: str = "/jwt-signer/jwks/kong") -> dict[str, Any]:
        answer = self.ask("GET", path, token=None)
        assert answer.status == 200, answer
        return parse(answer)

    @property
    def kong(self) -> Named:
        (kong,) = [keys for keys in self.keyring.sets() if isinstance(keys, Named)]
        return kong

    @property
    def remotes(self) -> list[Remote]:
        return [keys for keys in self.keyring.sets() if isinstance(keys, Remote)]


def parse(answer: AdminAnswer) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(answer.body)
    return parsed


def header(answer: AdminAnswer, name: str) -> str | None:
    found = [value for header, value in answer.headers if header.lower() == name.lower()]
    assert len(found) < 2
    return found[0] if found else None


def kids(jwks: list[dict[str, Any]]) -> list[str]:
    return [jwk["kid"] for jwk in jwks]


@pytest.fixture
def office() -> Office:
    return Office()


# Reading one --------------------------------------------------------------------------------------


def test_everybody_may_read_one_set(office: Office) -> None:
    answer = office.ask("GET", "/jwt-signer/jwks/kong", token=None)
    assert answer.status == 200
    assert header(answer, "Content-Type") == "application/jwk-set+json"
    assert header(answer, "Content-Length") == str(len(answer.body))
    document = parse(answer)
    assert document.keys() == {"keys", "previous"}
    assert (len(document["keys"]), document["previous"]) == (2, [])
    assert kids(document["keys"])[0] == office.kong.signers["ES256"].kid


@pytest.mark.parametrize("prefix", ["", "/jwt-signer", "/deep/below/jwt-signer", "/jwks-of-mine"])
def test_the_endpoints_may_be_anywhere(office: Office, prefix: str) -> None:
    assert office.ask("GET", f"{prefix}/jwks/kong").status == 200
    assert office.ask("GET", f"{prefix}/jwks").status == 200
    assert office.ask("GET", f"{prefix}/jwks/").status == 200


def test_a_set_is_found_by_its_id(office: Office) -> None:
    assert office.kong.id is not None
    assert office.document(f"/jwks/{office.kong.id}") == office.document()


@pytest.mark.parametrize(
    "path",
    [
        "/jwks/other",
        "/jwks/KONG",
        "/jwks/kong/",
        "/jwks/kong/keys",
        "/jwkskong",
        "/jwks2/kong",
        "/",
        "",
        "/other",
    ],
)
def test_anything_else_is_not_found(office: Office, path: str) -> None:
    assert office.ask("GET", path).status == 404


def test_a_head_is_a_get_without_its_body(office: Office) -> None:
    get, head = office.ask("GET", "/jwks/kong"), office.ask("HEAD", "/jwks/kong")
    assert (head.status, head.headers, head.body) == (200, get.headers, b"")


def test_who_has_the_document_gets_it_only_once(office: Office) -> None:
    first = office.ask("GET", "/jwks/kong")
    tag = header(first, "ETag") or ""
    assert tag.startswith('"')
    for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = office.ask("GET", "/jwks/kong", headers={"if-none-match": sent})
        assert (answer.status, answer.body) == (304, b"")
        assert (header(answer, "ETag"), header(answer, "Cache-Control")) == (
            tag,
            header(first, "Cache-Control"),
        )
        assert header(answer, "Content-Type") is None
    office.ask("POST", "/jwks/kong/rotate")
    changed = office.ask("GET", "/jwks/kong", headers={"if-none-match": tag})
    assert changed.status == 200
    assert header(changed, "ETag") != tag


def test_a_copy_may_be_kept_as_long_as_it_is_good(office: Office) -> None:
    assert header(office.ask("GET", "/jwks/kong"), "Cache-Control") == "public, max-age=0"
    office.clock.now += 600
    assert header(office.ask("GET", "/jwks/kong"), "Cache-Control") == "public, max-age=60"
    office.clock.now += 10_000
    assert header(office.ask("GET", "/jwks/kong"), "Cache-Control") == "public, max-age=300"


def test_a_store_that_is_silent_shortens_that(office: Office) -> None:
    office.clock.now += 10_000
    office.ask("GET", "/jwks/kong")
    office.store.error = StoreError("down")
    for seconds, expected in ((100, 200), (150, 50), (100, 0)):
        office.clock.now += seconds
        answer = office.ask("GET", "/jwks/kong")
        assert (answer.status, header(answer, "Cache-Control")) == (200, f"public, max-age={expected}")


def test_shows_what_another_worker_did_just_now(office: Office) -> None:
    other = Named("kong", office.store, Clock.of(office.clock))
    rotated = office.stepper.run(other.rotate())
    assert kids(office.document()["keys"])[1] == rotated.generation("next")[0].kid


def test_reading_makes_no_keys() -> None:
    office = Office(prepared=False)
    assert office.ask("GET", "/jwks/kong").status == 404
    assert office.store.names() == ()


def test_no_set_without_a_store() -> None:
    office = Office(prepared=False)
    office.store.error = StoreError("down")
    answer = office.ask("GET", "/jwks/kong")
    assert answer.status == 503
    assert header(answer, "Retry-After") is not None
    office.store.error = StoredKeysUnreadable("damaged")
    assert office.ask("GET", "/jwks/kong").status == 500


# Sets of others -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        f"/jwks/{URL}",
        "/jwks/" + URL.replace("//", "/"),
        "/jwks/" + URL.replace("//", "////"),
    ],
)
def test_a_url_is_a_name(office: Office, path: str) -> None:
    """However a server decodes it."""
    assert kids(office.document(path)["keys"]) == [A.kid]


def test_a_url_is_found_in_what_was_sent(office: Office) -> None:
    sent = f"/jwt-signer/jwks/{quote(URL, safe='')}"
    answer = office.ask("GET", "/jwt-signer/jwks/mangled", raw=f"{sent}?x=/jwks/kong")
    assert kids(parse(answer)["keys"]) == [A.kid]
    answer = office.ask("GET", "/jwt-signer/jwks/mangled", raw=f"https://api.example{sent}")
    assert kids(parse(answer)["keys"]) == [A.kid]


def test_a_name_may_end_like_an_action(office: Office) -> None:
    path = f"/jwks/{SIGNING}"
    assert kids(office.document(path)["keys"]) == [B.kid]
    assert office.ask("POST", f"{path}/rotate").status == 200
    assert office.ask("POST", path).status == 405
    assert office.ask("GET", f"{path}/rotate").status == 405
    assert office.ask("DELETE", path).status == 204


def test_a_set_of_others_is_checked_every_time(office: Office) -> None:
    """Nobody here knows when its owner changes it."""
    assert header(office.ask("GET", f"/jwks/{URL}"), "Cache-Control") == "no-cache"


def test_a_provider_that_is_down_is_a_503(office: Office) -> None:
    office.documents[URL] = 500
    answer = office.ask("GET", f"/jwks/{URL}")
    assert answer.status == 503
    assert int(header(answer, "Retry-After") or 0) > 0


@pytest.mark.parametrize(
    "name", ["http://169.254.169.254/", "https://provider.example/other", "file:///etc/passwd", "http:/x"]
)
@pytest.mark.parametrize("method, suffix", [("GET", ""), ("DELETE", ""), ("POST", "/rotate")])
def test_a_url_that_is_not_configured_is_never_fetched(
    office: Office, name: str, method: str, suffix: str
) -> None:
    answer = office.ask(method, f"/jwks/{name}{suffix}", raw=f"/jwks/{quote(name, safe='')}{suffix}")
    assert answer.status == 404
    assert office.stepper.exchanges == []


def test_what_was_withdrawn_is_only_shown_but_our_own_is_published(office: Office) -> None:
    for url in (URL, SIGNING):
        office.document(f"/jwks/{url}")
        new = generate_key("ES256")
        office.documents[url] = {"keys": [new.private_jwk()]}
        rotated = parse(office.ask("POST", f"/jwks/{url}/rotate"))
        old = A if url == URL else B
        assert kids(rotated["previous"]) == [old.kid]
        assert kids(rotated["keys"]) == ([new.kid] if url == URL else [new.kid, old.kid])
        assert office.document(f"/jwks/{url}") == rotated


# Reading all --------------------------------------------------------------------------------------


def test_lists_every_set(office: Office) -> None:
    office.document(f"/jwks/{URL}")
    answer = office.ask("GET", "/jwt-signer/jwks")
    assert answer.status == 200
    assert header(answer, "Content-Type") == "application/json"
    assert header(answer, "Cache-Control") == "no-store"
    listed = parse(answer)
    assert listed["total"] == 3
    assert [entry["name"] for entry in listed["data"]] == ["kong", URL, SIGNING]
    for entry in listed["data"]:
        assert entry.keys() == {"id", "name", "keys", "previous", "created_at", "updated_at"}
        assert entry["created_at"] == entry["updated_at"] == int(office.clock.now * 1000)
    assert [len(entry["keys"]) for entry in listed["data"]] == [2, 1, 0]
    assert listed["data"][0]["id"] == office.kong.id
    assert office.document(f"/jwks/{listed['data'][1]['id']}")["keys"] == listed["data"][1]["keys"]


def test_a_set_that_does_not_exist_is_not_listed() -> None:
    office = Office(prepared=False)
    assert parse(office.ask("GET", "/jwks"))["total"] == 2


# Rotating -----------------------------------------------------------------------------------------


def test_rotates_a_set(office: Office) -> None:
    before = office.document()
    answer = office.ask("POST", "/jwt-signer/jwks/kong/rotate")
    assert answer.status == 200
    assert header(answer, "Content-Type") == "application/jwk-set+json"
    assert header(answer, "Cache-Control") == "no-store"
    after = parse(answer)
    assert after == office.document()
    assert kids(after["previous"]) == kids(before["keys"])[:1]
    assert kids(after["keys"])[0] == kids(before["keys"])[1] == office.kong.signers["ES256"].kid
    assert len(after["keys"]) == 3, "what was signed a moment ago verifies as well"


def test_two_rotations_forget_a_key(office: Office) -> None:
    first = kids(office.document()["keys"])[0]
    for _ in range(2):
        assert office.ask("POST", f"/jwks/{office.kong.id}/rotate").status == 200
    assert first not in kids(office.document()["keys"])


def test_rotations_have_to_rest(office: Office) -> None:
    answers = [office.ask("POST", "/jwks/kong/rotate") for _ in range(100)]
    assert [answer.status for answer in answers] == [200] * ROTATIONS_AT_ONCE + [429] * (
        100 - ROTATIONS_AT_ONCE
    )
    assert header(answers[-1], "Retry-After") == "1"
    assert office.ask("POST", f"/jwks/{URL}/rotate").status == 200, "each set for itself"
    office.clock.now += 1
    assert office.ask("POST", "/jwks/kong/rotate").status == 200
    assert office.ask("POST", "/jwks/kong/rotate").status == 429


def test_what_is_refused_uses_up_no_rotation(office: Office) -> None:
    for _ in range(2 * ROTATIONS_AT_ONCE):
        assert office.ask("POST", "/jwks/kong/rotate", token="wrong").status == 401
        assert office.ask("POST", "/jwks/kong/rotate", body=b"no json").status == 400
    assert office.ask("POST", "/jwks/kong/rotate").status == 200


def test_a_revoked_key_is_gone_at_once(office: Office) -> None:
    first, second = kids(office.document()["keys"])
    body = json.dumps({"kid": first}).encode()
    answer = office.ask("POST", "/jwks/kong/revoke", body=body)
    assert (answer.status, header(answer, "Cache-Control")) == (200, "no-store")
    assert kids(parse(answer)["keys"])[0] == second == office.kong.signers["ES256"].kid
    assert first not in str(office.document())
    assert office.ask("POST", "/jwks/kong/revoke", body=body).status == 404
    assert office.ask("POST", f"/jwks/{office.kong.id}/revoke", body=body).status == 404


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"kid":1}', b'{"kid":"a","b":1}', b"x" * 100_000])
def test_a_revocation_names_one_key(office: Office, body: bytes) -> None:
    before = office.document()
    assert office.ask("POST", "/jwks/kong/revoke", body=body).status == 400
    assert office.document() == before


def test_only_keys_of_our_own_are_revoked(office: Office) -> None:
    office.document(f"/jwks/{URL}")
    body = json.dumps({"kid": A.kid}).encode()
    assert office.ask("POST", f"/jwks/{URL}/revoke", body=body).status == 404
    assert kids(office.document(f"/jwks/{URL}")["keys"]) == [A.kid]
    assert office.ask("POST", "/jwks/nobody/revoke", body=body).status == 404


def test_a_revocation_needs_the_secret(office: Office) -> None:
    body = json.dumps({"kid": kids(office.document()["keys"])[0]}).encode()
    before = office.document()
    assert office.ask("POST", "/jwks/kong/revoke", body=body, token="wrong").status == 401
    assert office.ask("POST", "/jwks/kong/revoke", body=body, token=None).status == 401
    assert office.ask("GET", "/jwks/kong/revoke").status == 405
    assert office.document() == before


def test_a_rotation_of_a_url_reloads_it(office: Office) -> None:
    office.document(f"/jwks/{URL}")
    office.documents[URL] = {"keys": [B.public_jwk()]}
    assert kids(parse(office.ask("POST", f"/jwks/{URL}/rotate"))["keys"]) == [B.kid]
    office.documents[URL] = 503
    answer = office.ask("POST", f"/jwks/{URL}/rotate")
    assert answer.status == 503
    assert kids(office.document(f"/jwks/{URL}")["keys"]) == [B.kid], "and the keys stay"


def test_a_rotation_may_bring_credentials(office: Office) -> None:
    body = {"client_username": "u", "client_password": "p", "client_certificate": {"id": "mine"}}
    assert office.ask("POST", f"/jwks/{URL}/rotate", body=json.dumps(body).encode()).status == 200
    (exchange,) = office.stepper.exchanges
    assert exchange.basic == ("u", "p")
    assert exchange.certificate == ("/etc/cert.pem", "/etc/key.pem")
    for nothing in (b"", b"{}", b'{"client_username":null}', b'{"client_certificate":"mine"}'):
        assert office.ask("POST", f"/jwks/{URL}/rotate", body=nothing).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"x",
        b"client_username=u",
        b'{"client_username":"u"}',
        b'{"client_password":"p"}',
        b'{"client_username":1,"client_password":"p"}',
        b'{"client_username":"u","client_username":"u","client_password":"p"}',
        b'{"client_certificate":"/etc/cert.pem"}',
        b'{"client_certificate":{"cert":"/etc/passwd","key":"/etc/passwd"}}',
        b'{"client_certificate":{"id":"other"}}',
        b'{"client_certificate":5}',
        b'{"url":"http://169.254.169.254/"}',
        b"{" + b" " * 70_000 + b"}",
    ],
)
def test_a_body_that_makes_no_sense_is_refused(office: Office, body: bytes) -> None:
    before = office.document()
    for path in (f"/jwks/{URL}/rotate", "/jwks/kong/rotate"):
        assert office.ask("POST", path, body=body).status == 400
    assert office.document() == before
    assert office.stepper.exchanges == []


def test_a_store_that_is_down_stops_a_rotation(office: Office) -> None:
    office.store.error = StoreError("down")
    kid = office.kong.signers["ES256"].kid
    answer = office.ask("POST", "/jwks/kong/rotate")
    assert (answer.status, header(answer, "Retry-After")) == (503, "5")
    assert office.kong.signers["ES256"].kid == kid


def test_a_set_that_is_not_there_is_made(office: Office) -> None:
    office.ask("DELETE", "/jwks/kong")
    answer = office.ask("POST", "/jwks/kong/rotate")
    assert answer.status == 200
    assert kids(parse(answer)["keys"])[0] == office.kong.signers["ES256"].kid


# Deleting -----------------------------------------------------------------------------------------


def test_deletes_a_set_which_is_made_anew_when_it_is_needed(office: Office) -> None:
    before = office.document()
    answer = office.ask("DELETE", "/jwt-signer/jwks/kong")
    assert (answer.status, answer.body) == (204, b"")
    assert office.ask("GET", "/jwks/kong").status == 404
    key = office.stepper.run(office.keyring.signing(office.settings.access_token).ready())
    after = office.document()
    assert key.kid in kids(after["keys"])
    assert not set(kids(before["keys"])) & set(kids(after["keys"]))


def test_deletes_a_url_which_is_fetched_anew(office: Office) -> None:
    office.document(f"/jwks/{URL}")
    assert office.ask("DELETE", f"/jwks/{URL}").status == 204
    assert [remote.keys for remote in office.remotes] == [None, None]
    office.document(f"/jwks/{URL}")
    assert len(office.stepper.exchanges) == 2


# Who may ------------------------------------------------------------------------------------------

CLOSED = [("GET", "/jwks"), ("HEAD", "/jwks"), ("DELETE", "/jwks/kong"), ("POST", "/jwks/kong/rotate")]
CLOSED += [("DELETE", "/jwks/other"), ("POST", "/jwks/other/rotate"), ("POST", f"/jwks/{URL}/rotate")]


@pytest.mark.parametrize("method, path", CLOSED)
def test_all_else_needs_the_token(office: Office, method: str, path: str) -> None:
    before = office.document()
    answer = office.ask(method, path, token=None)
    assert answer.status == 401
    assert header(answer, "WWW-Authenticate") == 'Bearer realm="api.example"'
    answer = office.ask(method, path, token="wrong")
    assert answer.status == 401
    assert header(answer, "WWW-Authenticate") == 'Bearer realm="api.example", error="invalid_token"'
    assert TOKEN.encode() not in answer.body
    assert office.document() == before
    assert office.stepper.exchanges == []


WRONG = ["", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
WRONG += [f"Bearer {TOKEN},", f"Bearer {TOKEN} {TOKEN}", "Bearer \udcff", "Bearer ÿ"]


@pytest.mark.parametrize("sent", WRONG)
def test_the_token_is_the_whole_token(office: Office, sent: str) -> None:
    assert office.ask("GET", "/jwks", token=None, headers={"authorization": sent}).status == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_scheme_has_no_case(office: Office, scheme: str) -> None:
    assert (
        office.ask("GET", "/jwks", token=None, headers={"authorization": f"{scheme} {TOKEN}"}).status == 200
    )


def test_the_token_is_compared_in_constant_time(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("jwt_signer_mw.request.endpoints.hmac.compare_digest", compare)
    office.ask("GET", "/jwks", token="guess")
    office.ask("GET", "/jwks", token=None)
    assert compared == [(b"guess", TOKEN.encode()), (b"", TOKEN.encode())]


def test_the_realm_is_the_configured_one() -> None:
    office = Office({"realm": 'my "realm"'})
    answer = office.ask("GET", "/jwks", token=None)
    assert header(answer, "WWW-Authenticate") == 'Bearer realm="my \\"realm\\""'


@pytest.mark.parametrize("method, path", CLOSED)
def test_without_a_token_in_the_settings_there_is_nothing_but_reading(method: str, path: str) -> None:
    office = Office({"admin_token": None})
    for token in (None, "", "None", TOKEN):
        assert office.ask(method, path, token=token).status == 404
    assert office.document()["keys"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://api.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_page_of_somebody_else_rotates(office: Office, headers: dict[str, str]) -> None:
    assert office.ask("POST", "/jwks/kong/rotate", headers=headers).status == 403
    assert office.ask("POST", "/jwks/kong/rotate", token=None, headers=headers).status == 401
    assert office.kong.held is not None
    assert office.kong.held.stored.version == 1


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://API.example:8443"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}],
)
def test_a_page_of_our_own_does(office: Office, headers: dict[str, str]) -> None:
    assert office.ask("POST", "/jwks/kong/rotate", headers=headers).status == 200


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("POST", "/jwks", "GET, HEAD"),
        ("DELETE", "/jwks", "GET, HEAD"),
        ("POST", "/jwks/kong", "GET, HEAD, DELETE"),
        ("PUT", "/jwks/kong", "GET, HEAD, DELETE"),
        ("OPTIONS", "/jwks/kong", "GET, HEAD, DELETE"),
        ("get", "/jwks/kong", "GET, HEAD, DELETE"),
        ("GET", "/jwks/kong/rotate", "POST"),
        ("DELETE", "/jwks/kong/rotate", "POST"),
    ],
)
def test_other_methods_are_not_allowed(office: Office, method: str, path: str, allowed: str) -> None:
    answer = office.ask(method, path)
    assert (answer.status, header(answer, "Allow")) == (405, allowed)
    assert office.kong.held is not None
    assert office.kong.held.stored.version == 1


def test_a_get_changes_nothing(office: Office) -> None:
    before = dict(office.store._sets)
    for path in (
        "/jwks",
        "/jwks/kong",
        f"/jwks/{URL}",
        f"/jwks/{SIGNING}",
        "/jwks/other",
        "/jwks/kong/rotate",
    ):
        office.ask("GET", path)
    assert office.store._sets == before


# What is never shown ------------------------------------------------------------------------------


def every_answer(office: Office) -> list[AdminAnswer]:
    asks: list[Callable[[], AdminAnswer]] = [
        lambda: office.ask("GET", "/jwks"),
        lambda: office.ask("GET", "/jwks/kong"),
        lambda: office.ask("GET", f"/jwks/{URL}"),
        lambda: office.ask("GET", f"/jwks/{SIGNING}"),
        lambda: office.ask("POST", "/jwks/kong/rotate"),
        lambda: office.ask("POST", f"/jwks/{SIGNING}/rotate"),
        lambda: office.ask("GET", "/jwks"),
    ]
    return [ask() for ask in asks]


@pytest.mark.parametrize("alg", ["ES256", "HS256", "RS256", "EdDSA"])
def test_no_answer_shows_a_private_member(alg: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "jwt_signer_mw")
    office = Office({"access_token_signing_algorithm": alg})
    answers = every_answer(office)
    stored = office.store.load("kong")
    assert stored is not None
    secrets = [key.jwk[name] for key in stored.keys for name in PRIVATE if name in key.jwk]
    secrets += [
        key.private_jwk()[name] for key in (A, B, OCT) for name in PRIVATE if name in key.private_jwk()
    ]
    assert secrets
    for answer in answers:
        assert answer.status == 200
        text = answer.body.decode()
        assert not any(secret in text for secret in secrets)
        assert not any(f'"{name}":' in text for name in PRIVATE)
        assert '"oct"' not in text
    assert not any(secret in caplog.text for secret in [*secrets, TOKEN])


def test_every_refusal_is_json_and_never_kept(office: Office) -> None:
    for answer in (
        office.ask("GET", "/jwks/other"),
        office.ask("GET", "/jwks", token=None),
        office.ask("PUT", "/jwks"),
        office.ask("POST", "/jwks/kong/rotate", body=b"x"),
    ):
        assert header(answer, "Content-Type") == "application/json"
        assert header(answer, "Cache-Control") == "no-store"
        assert parse(answer).keys() == {"message"}
