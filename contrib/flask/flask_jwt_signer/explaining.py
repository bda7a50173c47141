"""Why a request passes or not: which policy judges it, by the application's routes, and what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder

from flask_jwt_signer.marks import EXEMPT, policy_of
from jwt_signer_mw.errors import InternalError
from jwt_signer_mw.explain import Explanation, Step

if TYPE_CHECKING:
    from flask_jwt_signer.gate import Gate
    from jwt_signer_mw.explain import Asked
    from jwt_signer_mw.flows.commands import Flow


class Explainer:
    """Explains requests to one application."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._app = gate.app

    def judge(self, asked: Asked) -> str:
        """The name of the policy, or `EXEMPT`."""
        try:
            return policy_of(self._app, self._endpoint(asked))
        except (HTTPException, ValueError):  # no route fits, or nothing could: a host that is none
            return policy_of(self._app, None)

    def _endpoint(self, asked: Asked) -> str | None:
        host = asked.host or self._app.config["SERVER_NAME"] or "localhost"
        builder = EnvironBuilder(quote(asked.path), f"http://{host}", method=asked.method)
        adapter = self._app.create_url_adapter(self._app.request_class(builder.get_environ()))
        return None if adapter is None else adapter.match(return_rule=True)[0].endpoint

    def explain(self, asked: Asked) -> Flow[Explanation]:
        return (yield from self.explain_by(self.judge(asked), asked))

    def explain_by(self, name: str, asked: Asked) -> Flow[Explanation]:
        if name == EXEMPT:
            return _decided("exempt", 0, "the view is exempt: no token is looked at")
        policy = self._gate.policies.get(name)
        if policy is None:
            return _decided("refused", 500, f"no policy is named {name!r}")
        return (yield from policy.assembly.explainer.explain(asked))


def _decided(outcome: Literal["exempt", "refused"], status: int, text: str) -> Explanation:
    """What follows from the routes alone."""
    reason = "exempt" if outcome == "exempt" else InternalError.code
    step = Step("request", "note" if outcome == "exempt" else "bad", text)
    return Explanation(outcome, status, reason, "", "", "", (step,))
