"""What a new token takes over of the old one, and what it says from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jwt_signer_mw.settings.issuers import subject_paths
from jwt_signer_mw.settings.shape import sector_of
from jwt_signer_mw.tokens.pairwise import Pairwise
from jwt_signer_mw.tokens.templates import parse_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jwt_signer_mw.settings import TokenSettings
    from jwt_signer_mw.tokens.claims import Claims
    from jwt_signer_mw.tokens.templates import Sources


class Shaping:
    """`keep_{token}_claims`, `{token}_subject_pairwise_...` and `{token}_claim_templates`."""

    def __init__(self, token: TokenSettings) -> None:
        shape = token.shape
        self._kept = None if shape.keep_claims is None else frozenset(shape.keep_claims)
        self._templates = {name: parse_template(text) for name, text in shape.claim_templates}
        self._pairwise: Pairwise | None = None
        secret, sector = shape.subject_pairwise_secret, sector_of(token)
        if secret is not None and sector is not None:
            self._pairwise = Pairwise(secret, sector, subject_paths(token))
        self._is_plain = self._kept is None and self._pairwise is None and not self._templates
        self._subjects = {path[0] for path in subject_paths(token)}
        references = [one for template in self._templates.values() for one in template.references]
        self.request_fields = frozenset(one.path[0] for one in references if one.root == "request")

    def take_over(self, old: Mapping[str, Any]) -> Claims:
        """What the old token says, as far as the new one may. `old` stays as it is.

        A claim that a template writes is never the old token's, even where the template has no value.
        """
        if self._is_plain:
            return dict(old)
        kept = old.keys() if self._kept is None else old.keys() & self._kept
        claims = {name: value for name, value in old.items() if name in kept and name not in self._templates}
        if self._pairwise is not None:
            self._pairwise.hide(claims, old.get("iss"))
        return claims

    def values(self, sources: Sources) -> list[tuple[str, Any]]:
        """What the templates say; without those that have no value."""
        rendered = ((name, template.render(sources)) for name, template in self._templates.items())
        return [(name, value) for name, value in rendered if value is not None]

    def keeps(self, names: Iterable[str]) -> bool:
        """Whether these claims are taken over as they are."""
        hidden = set(self._templates) | (self._subjects if self._pairwise else set())
        return all((self._kept is None or name in self._kept) and name not in hidden for name in names)
