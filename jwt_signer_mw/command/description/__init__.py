"""Settings in plain words."""

from __future__ import annotations

from jwt_signer_mw.command.description.whole import Section, describe

__all__ = ["Section", "describe"]
