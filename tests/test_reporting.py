"""Would-be refusals beside the table: settings, named policies, faulty shadows, metrics, explanations."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import pytest

from conformance.adapter import Plain
from conformance.wsgi import call
from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.command.description import describe
from jwt_signer_mw.events import WouldRefuse
from jwt_signer_mw.flows import shadow as shadows
from jwt_signer_mw.flows.examine import Examiner
from jwt_signer_mw.flows.resign import Resigner
from jwt_signer_mw.settings.reporting import REPORTABLE
from jwt_signer_mw.testing import JWKS, Issuer
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from parts import require_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from jwt_signer_mw.events import Decided

ISSUER: Final = Issuer()
SETTINGS: Final[Mapping[str, Any]] = {
    "access_token_jwks_uri": JWKS,
    "access_token_issuers_allowed": ["https://issuer.example"],
    "access_token_audiences_allowed": ["orders"],
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
    "keyset_store": "memory://",
}
STRICT: Final = {"access_token_scopes_required": ["admin"]}
TOLD: Final = "the claim scope holds no required combination"
REFUSED: Final = WouldRefuse(
    "shadow", "scopes_insufficient", 403, "access_token", "access_token_scopes_required", TOLD
)


def application(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the application"]


def headers() -> dict[str, str]:
    return dict([ISSUER.header(Settings.load(SETTINGS).access_token, {"sub": "alice"})])


class House:
    """A middleware with these settings over `SETTINGS`, and the decisions that it told."""

    def __init__(self, **settings: Any) -> None:
        self.heard: list[Decided] = []
        self.middleware = JWTSignerMiddleware(
            application, {**SETTINGS, **settings}, transport=ISSUER, observers=[self.heard.append]
        )
        self.headers = tuple(headers().items())

    def get(self) -> int:
        return call(self.middleware, Plain("GET", "/", "api.example", self.headers)).status


# Settings


@pytest.mark.parametrize(
    "settings, problems",
    [
        ({"access_token_report_only": ["expiry"]}, [("E007", "access_token_report_only")]),
        ({"access_token_report_only": ["signature"]}, [("E007", "access_token_report_only")]),
        ({"access_token_report_only": "all"}, [("E007", "access_token_report_only")]),
        ({"access_token_report_only": ["issuer", "issuer"]}, [("E009", "access_token_report_only")]),
        ({"shadow": {}}, [("E002", "shadow")]),
        ({"shadow": []}, [("E002", "shadow")]),
        ({"shadow": "{"}, [("E003", "shadow")]),
        (
            {"shadow": {"access_token_jwks_uri": "https://b.example"}},
            [("E091", "shadow.access_token_jwks_uri")],
        ),
        ({"shadow": {"keyset_store": "memory://"}}, [("E091", "shadow.keyset_store")]),
        ({"shadow": {"admin_token": "x" * 32}}, [("E091", "shadow.admin_token")]),
        ({"shadow": {"shadow": {}}}, [("E091", "shadow.shadow")]),
        ({"shadow": {"access_token_scope": ["a"]}}, [("E001", "shadow.access_token_scope")]),
        (
            {"shadow": {"access_token_scopes_required": [], "access_token_leeway": "x"}},
            [("E008", "shadow.access_token_scopes_required"), ("E002", "shadow.access_token_leeway")],
        ),
    ],
)
def test_problems(settings: Mapping[str, Any], problems: list[tuple[str, str]]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({**SETTINGS, **settings})
    found = [(one.id.removeprefix("settings."), one.option) for one in caught.value.problems]
    assert sorted(found) == sorted(problems)


def test_a_check_that_only_reports_is_a_warning() -> None:
    settings = Settings.load({**SETTINGS, "access_token_report_only": "audience, scopes"})
    assert [(one.id, one.option) for one in settings.warnings] == [
        ("settings.W092", "access_token_report_only")
    ]


def test_a_shadow_survives_a_round_trip_and_the_environment() -> None:
    settings = Settings.load({**SETTINGS, "shadow": STRICT})
    assert settings.flat()["shadow"] == STRICT
    assert Settings.load(settings.flat()).fingerprint == settings.fingerprint
    variables = {"JWT_SIGNER_SHADOW": '{"access_token_scopes_required": ["admin"]}'}
    assert Settings.load(SETTINGS, environ=variables).flat() == settings.flat()


def test_the_environment_fills_no_gap_of_a_shadow() -> None:
    variables = {"JWT_SIGNER_ACCESS_TOKEN_SCOPES_REQUIRED": "read"}
    overlaid = Settings.load({**SETTINGS, "shadow": STRICT}, environ=variables).overlaid()
    assert overlaid is not None
    assert overlaid.access_token.claims.scopes_required == ("admin",)


def test_every_name_on_the_list_leaves_a_check_of_claims_out() -> None:
    fields = {field for changes in REPORTABLE.values() for field in changes}
    assert fields <= set(type(Settings.load({}).access_token.claims).__dataclass_fields__)
    assert not {"verify_expiry", "expiry_claim", "leeway", "optional_claims"} & fields


# What is told


def test_every_request_is_told_and_the_shadow_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Any] = []
    judge = shadows.Shadow.judge

    def note(self: shadows.Shadow, values: Any) -> Any:
        judged.append(values)
        return judge(self, values)

    monkeypatch.setattr(shadows.Shadow, "judge", note)
    house = House(shadow=STRICT)
    assert [house.get() for _ in range(5)] == [200] * 5
    assert [event.would_refuse for event in house.heard] == [(REFUSED,)] * 5
    assert [event.remembered for event in house.heard] == [False, True, True, True, True]
    assert len(judged) == 1


def test_nobody_observes_and_it_is_logged_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    middleware = JWTSignerMiddleware(application, {**SETTINGS, "shadow": STRICT}, transport=ISSUER)
    sent = Plain("GET", "/a\n", "api.example", tuple(headers().items()))
    with caplog.at_level(logging.INFO, "jwt_signer_mw.decisions"):
        for _ in range(2):
            assert call(middleware, sent).status == 200
    lines = [record.getMessage() for record in caplog.records if record.name == "jwt_signer_mw.decisions"]
    assert len(lines) == 2
    for line in lines:
        assert '"outcome":"would_refuse","by":"shadow","reason":"scopes_insufficient","status":403' in line
        assert "\n" not in line
        assert headers()["Authorization"] not in line


def test_a_shadow_signs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    signed: list[Any] = []
    resign = Resigner.resign

    def note(self: Resigner, *found: Any) -> Any:
        signed.append(found)
        return resign(self, *found)

    monkeypatch.setattr(Resigner, "resign", note)
    assert House(shadow={"access_token_scopes_required": ["admin"]}).get() == 200
    assert len(signed) == 1


def test_a_shadow_that_goes_wrong_is_told_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(shadow=STRICT)
    real = Examiner.examine
    calls = []

    def break_the_second(self: Examiner, *arguments: Any) -> Any:
        calls.append(self)
        if len(calls) == 2:
            raise ZeroDivisionError("with a secret in its text")
        return real(self, *arguments)

    monkeypatch.setattr(Examiner, "examine", break_the_second)
    assert house.get() == 200
    failed = WouldRefuse("shadow", "shadow_failed", 0, detail="ZeroDivisionError")
    assert house.heard[0].would_refuse == (failed,)


def test_without_them_the_fast_road_has_no_trace_of_this() -> None:
    from jwt_signer_mw.flows.pipeline import _forward

    plain = House().middleware.pipeline
    assert plain._forward is _forward
    assert plain._shadows == ()


def test_metrics() -> None:
    require_module("prometheus_client")
    from jwt_signer_mw.observability.metrics import WOULD_REFUSE, measure

    coffee = {"access_token_audiences_allowed": ["coffee"], "access_token_report_only": ["audience"]}
    house = House(shadow=STRICT, **coffee)
    house.get()
    found = [one for event in house.heard for one in measure(event) if one.metric is WOULD_REFUSE]
    assert [one.labels for one in found] == [
        ("default", "report_only", "audience_not_allowed", "access_token"),
        ("default", "shadow", "audience_not_allowed", "access_token"),
    ]


# Explanations


def test_explained() -> None:
    house = House(shadow=STRICT)
    explanation = house.middleware.explain(headers())
    assert explanation.outcome == "forwarded"
    (step,) = (step for step in explanation.steps if step.stage == "reported")
    assert (step.token, step.option) == ("access_token", "access_token_scopes_required")
    assert "shadow: would be refused with 403: scopes_insufficient" in step.text
    assert house.heard == []


def test_described() -> None:
    settings = {**SETTINGS, "access_token_report_only": ["audience"], "shadow": STRICT}
    sentences = [one for section in describe(Settings.load(settings)) for one in section.sentences]
    texts = [one.text for one in sentences]
    assert "Checks of the access token that only report: audience." in texts
    assert "A shadow judges what is accepted, with its own access_token_scopes_required." in texts
    assert not [detail for one in sentences for detail in one.details if "orders" in detail]


# Policies by name


def test_a_middleware_of_one_policy_has_no_other() -> None:
    with pytest.raises(ConfigurationError) as caught:
        House(shadow="strict")
    assert [(one.id, one.option) for one in caught.value.problems] == [("settings.E092", "shadow")]


def test_a_policy_of_flask_in_the_shadow() -> None:
    require_module("flask")
    from flask import Flask

    from flask_jwt_signer import JWTSigner

    heard: list[Decided] = []
    app = Flask(__name__)
    app.config["JWT_SIGNER"] = {"default": {**SETTINGS, "shadow": "strict"}, "strict": {**SETTINGS, **STRICT}}
    JWTSigner(app, transport=ISSUER, observers=[heard.append])
    app.add_url_rule("/", view_func=lambda: "answered")
    client = app.test_client()
    assert [client.get("/", headers=headers()).status_code for _ in range(2)] == [200, 200]
    assert [event.would_refuse for event in heard] == [(REFUSED,)] * 2


def test_a_policy_in_the_shadow_is_logged_though_nobody_observes(caplog: pytest.LogCaptureFixture) -> None:
    require_module("flask")
    from flask import Flask

    from flask_jwt_signer import JWTSigner

    app = Flask(__name__)
    app.config["JWT_SIGNER"] = {"default": {**SETTINGS, "shadow": "strict"}, "strict": {**SETTINGS, **STRICT}}
    JWTSigner(app, transport=ISSUER)
    app.add_url_rule("/", view_func=lambda: "answered")
    with caplog.at_level(logging.INFO, "jwt_signer_mw.decisions"):
        sent = headers()
        for _ in range(3):
            assert app.test_client().get("/", headers=sent).status_code == 200
    lines = [one for one in caplog.messages if '"outcome":"would_refuse"' in one]
    assert len(lines) == 3


@pytest.mark.parametrize("name", ["default", "nobody"])
def test_a_shadow_of_flask_that_is_no_other_policy(name: str) -> None:
    require_module("flask")
    from flask import Flask

    from flask_jwt_signer import JWTSigner

    app = Flask(__name__)
    app.config["JWT_SIGNER"] = {"default": {**SETTINGS, "shadow": name}, "strict": {**SETTINGS, **STRICT}}
    with pytest.raises(ConfigurationError) as caught:
        JWTSigner(app)
    assert [one.option for one in caught.value.problems] == ["shadow"]


def test_a_policy_of_django_in_the_shadow() -> None:
    require_module("django")
    import django_project

    django_project.start()
    from django.test import RequestFactory, override_settings

    from django_jwt_signer.gate import current_gate

    heard: list[Decided] = []
    default = {**SETTINGS, "shadow": "strict", "observers": [heard.append], "transport": ISSUER}
    policies = {"default": default, "strict": {**SETTINGS, **STRICT, "transport": ISSUER}}
    with override_settings(JWT_SIGNER=policies):
        policy = current_gate().policies["default"]
        request = RequestFactory().get("/")
        taken = {"HTTP_AUTHORIZATION": headers()["Authorization"]}
        policy.driver.run(policy.pipeline.decide(policy.incoming(request, taken)))
    assert [event.would_refuse for event in heard] == [(REFUSED,)]


def test_a_shadow_of_a_gateway_file() -> None:
    require_module("uvicorn", "httpx2")
    from jwt_signer_mw.gateway.configuration import read_configuration

    content = {**SETTINGS, "policies": {"default": {"shadow": "strict"}, "strict": STRICT}}
    assert read_configuration(content, {}).policies["default"].shadow == "strict"
    content["policies"]["default"]["shadow"] = "other"
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(content, {})
    assert [one.option for one in caught.value.problems if one.level == "error"] == ["shadow"]


def test_a_shadow_that_reads_other_headers() -> None:
    require_module("flask")
    from flask import Flask

    from flask_jwt_signer import JWTSigner

    app = Flask(__name__)
    other = {**SETTINGS, "access_token_request_header": "X-Token"}
    app.config["JWT_SIGNER"] = {"default": {**SETTINGS, "shadow": "other"}, "other": other}
    with pytest.raises(ConfigurationError) as caught:
        JWTSigner(app)
    assert [one.id for one in caught.value.problems] == ["settings.E092"]


# Several issuers


@pytest.mark.parametrize(
    "claims, told",
    [
        ({"aud": "x", "email": "a@b.example"}, ["audience_not_allowed"]),
        ({"aud": "coffee"}, ["claim_missing"]),
        ({"sub": 7}, None),
    ],
)
def test_rules_of_one_issuer_only_report(claims: Mapping[str, Any], told: list[str] | None) -> None:
    """An issuer's own rules, too; but a token never passes as another issuer's."""
    own = {"jwks_uri": JWKS, "audiences_allowed": ["coffee"], "required_claims": [["email"]]}
    house = House(
        access_token_jwks_uri=None,
        access_token_issuers_allowed=None,
        access_token_audiences_allowed=None,
        access_token_trusted_issuers={"https://issuer.example": own},
        access_token_report_only=["issuer", "audience", "required_claims"],
    )
    settings = Settings.load(SETTINGS).access_token
    house.headers = (ISSUER.header(settings, {"iss": "https://issuer.example", **claims}),)
    if told is None:
        assert house.get() == 401
    else:
        assert house.get() == 200
        assert [found.reason for found in house.heard[0].would_refuse] == told
    house.headers = (ISSUER.header(settings, {"iss": "https://other.example", "aud": "coffee"}),)
    assert house.get() == 401
