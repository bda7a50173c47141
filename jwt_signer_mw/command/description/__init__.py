"""Settings in plain words: what will happen to a request. Pure functions; no secret is ever shown."""

from __future__ import annotations

from jwt_signer_mw.command.description.sentence import Section, Sentence
from jwt_signer_mw.command.description.whole import describe

__all__ = ["Section", "Sentence", "describe"]
