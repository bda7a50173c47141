"""A panel for the Django debug toolbar: what became of this request, and why.

`DEBUG_TOOLBAR_PANELS = [..., "django_jwt_signer.panels.JWTSignerPanel"]`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from debug_toolbar.panels import Panel

from django_jwt_signer.followed import STORY, FollowedPassage
from django_jwt_signer.middleware import JWTSignerMiddleware

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

MARKS = {"good": "✓", "bad": "✗", "open": "?", "note": "·"}


class JWTSignerPanel(Panel):
    """The steps of the decision, what was asked for it and how long that took, and the edited headers' names.

    No token and no secret is shown. The decision is the same as without the toolbar.
    """

    is_async = True

    @property
    def title(self) -> str:
        return "JWT signer"

    @property
    def template(self) -> str:
        return "jwt_signer/panel.html"

    @classmethod
    def ready(cls) -> None:
        JWTSignerMiddleware.passage = FollowedPassage

    @property
    def nav_subtitle(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]  theirs is untyped
        passages = self.get_stats().get("passages") or ()
        return ", then ".join(one["verdict"] for one in passages) or "no decision"

    def process_request(self, request: HttpRequest) -> Any:
        """In async mode what is returned is awaited."""
        setattr(request, STORY, [])
        return super().process_request(request)

    def generate_stats(self, request: HttpRequest, response: HttpResponseBase) -> None:  # noqa: ARG002
        self.record_stats({"passages": [_shown(told) for told in getattr(request, STORY, ())]})

    def generate_server_timing(
        self,
        request: HttpRequest,  # noqa: ARG002
        response: HttpResponseBase,  # noqa: ARG002
    ) -> None:
        passages = self.get_stats().get("passages") or ()
        took = sum(one.get("milliseconds", 0) for one in passages)
        if took:
            self.record_server_timing("decision", "JWT signer", took)


def _shown(told: dict[str, Any]) -> dict[str, Any]:
    verdict = f"refused, {told['status']}" if told["outcome"] == "refused" else told["outcome"]
    steps = [{**step, "sign": MARKS[step["mark"]]} for step in told["steps"]]
    return {**told, "verdict": verdict, "steps": steps, "written": list(told.get("written", ()))}
