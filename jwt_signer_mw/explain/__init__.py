"""Why a request passes or not. Nothing of this is in the way of requests that nobody asks about."""

from __future__ import annotations

from jwt_signer_mw.explain.explainer import Explainer
from jwt_signer_mw.explain.explanation import Asked, Circumstances, Explanation, Headers, Step

__all__ = ["Asked", "Circumstances", "Explainer", "Explanation", "Headers", "Step"]
