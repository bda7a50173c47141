"""Links that lead out of `docs`: to a page at the root that the site includes, or to a folder of the tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

INCLUDED = {name: f"project/{name.lower()}" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")}


class LinksOutOfDocs(SphinxPostTransform):
    """A repository shows files and folders. The site has no address for a folder: it shows the name."""

    default_priority = 8  # just before MyST looks for its targets

    def run(self, **_kwargs: Any) -> None:
        """Gives a link its page, or leaves its text alone."""
        for link in list(self.document.findall(pending_xref)):
            target = link["reftarget"]
            page = INCLUDED.get(Path(target).stem)
            if page and target not in self.env.all_docs:
                link.attributes.update(refdomain="doc", reftarget=page, reftargetid=None)
            elif self._is_folder(target):
                link.replace_self(nodes.inline("", "", *link.children))

    def _is_folder(self, target: str) -> bool:
        return (self.env.doc2path(self.env.current_document.docname).parent / target).is_dir()


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_post_transform(LinksOutOfDocs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
