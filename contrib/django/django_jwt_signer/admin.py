"""Key sets in the admin: looked at, rotated, revoked, deleted; never edited, and only their public side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from django_jwt_signer.connections import without_request_transaction
from django_jwt_signer.keysets import project_store
from django_jwt_signer.models import Keyset
from django_jwt_signer.rows import SetRow
from jwt_signer_mw.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

ROTATION = (
    "The next key becomes the current one, the current one becomes the previous one, a new next key is made.",
    "Tokens that were signed before stay good: their key stays published until the next rotation.",
    "Two rotations in a row forget a key. Wait as long as your tokens live before you rotate again.",
)
DELETION = (
    "All keys of the set are gone at once, and so is every token that they signed.",
    "The next request that needs the set makes new keys.",
)


@admin.register(Keyset)
class KeysetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's own class takes no parameters
    """The permissions are `view_keyset`, `delete_keyset`, `rotate_keyset` and `revoke_key`."""

    list_display = ("name", "algorithms", "current", "signing_since", "following", "previous", "rotated")
    fields = readonly_fields = ("name", "identity", "version", "created", "rotated")
    actions = ("rotate_selected", "delete_selected")
    change_form_template = "admin/jwt_signer/keyset/change_form.html"

    # Who may do what ---------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Keyset | None = None) -> bool:  # noqa: ARG002
        return False

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        return _may(request, "rotate_keyset")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return _may(request, "revoke_key")

    # What is shown -----------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Keyset]:  # noqa: ARG002
        """From where the sets are written to, without deleted ones."""
        store, _ = project_store()
        return Keyset._base_manager.using(store.alias).exclude(document="").order_by("name")  # noqa: SLF001

    @admin.display(ordering=None)
    def algorithms(self, row: Keyset) -> str:
        return SetRow.of(row).algorithms

    @admin.display(description="signing now")
    def current(self, row: Keyset) -> str:
        return SetRow.of(row).kids("signing")

    @admin.display(description="signing since")
    def signing_since(self, row: Keyset) -> str:
        return SetRow.of(row).signing_since

    @admin.display(description="next")
    def following(self, row: Keyset) -> str:
        return SetRow.of(row).kids("next")

    @admin.display(description="previous")
    def previous(self, row: Keyset) -> str:
        return SetRow.of(row).kids("previous")

    @admin.display(description="last rotated")
    def rotated(self, row: Keyset) -> str:
        return SetRow.of(row).rotated

    @admin.display(description="created")
    def created(self, row: Keyset) -> str:
        return SetRow.of(row).created

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        shown = {
            "keys": [] if row is None else SetRow.of(row).keys,
            "unreadable": "" if row is None else SetRow.of(row).fault,
            "may_rotate": self.has_rotate_permission(request),
            "may_revoke": self.has_revoke_permission(request),
            "rotate_url": "" if row is None else self._url("rotate", [row.name]),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    # What is done ------------------------------------------------------------------------------

    @admin.action(permissions=["rotate"], description="Rotate selected key sets")
    def rotate_selected(self, _request: HttpRequest, queryset: QuerySet[Keyset]) -> HttpResponse:
        """To the confirmation, which runs in no transaction."""
        return HttpResponseRedirect(self._url("rotate", queryset.values_list("name", flat=True)))

    @admin.action(permissions=["delete"], description="Delete selected key sets")
    def delete_selected(self, _request: HttpRequest, queryset: QuerySet[Keyset]) -> HttpResponse:
        """In place of Django's own, which would lose the record of the deletion."""
        return HttpResponseRedirect(self._url("delete", queryset.values_list("name", flat=True)))

    def get_urls(self) -> list[URLPattern]:
        views: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
            "rotate/": ("rotate", self.rotate_view),
            "delete/": ("delete", self.delete_views),
            "<path:object_id>/revoke/<str:kid>/": ("revoke", self.revoke_view),
            "<path:object_id>/delete/": ("delete", self.delete_view),
        }
        own = [
            path(route, self._guarded(view), name=f"jwt_signer_keyset_{name}")
            for route, (name, view) in views.items()
        ]
        return own + super().get_urls()

    def rotate_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_rotate_permission(request):
            raise PermissionDenied

        def rotate(row: Keyset) -> str:
            stored = project_store()[1].rotate(row.name)
            kids = ", ".join(key.kid for key in stored.generation("current"))
            return f"Rotated. Current: {kids}."

        return self._confirmed(request, self._rows(request), "Rotate", ROTATION, rotate)

    def revoke_view(self, request: HttpRequest, object_id: str, kid: str) -> HttpResponse:
        if not self.has_revoke_permission(request):
            raise PermissionDenied
        row = self._row(request, object_id)
        try:
            broken = SetRow.of(row).consequences(kid)
        except LookupError:
            raise Http404("no such key") from None

        def revoke(row: Keyset) -> str:
            project_store()[1].revoke(row.name, kid)
            return f"Revoked {kid}."

        return self._confirmed(request, [row], f"Revoke {kid} of", broken, revoke)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One set, from its page; `extra_context` is for subclasses."""
        return self._delete(request, [self._row(request, object_id)], extra_context)

    def delete_views(self, request: HttpRequest) -> HttpResponse:
        """Several sets, from the list."""
        return self._delete(request, self._rows(request))

    def _delete(
        self, request: HttpRequest, rows: list[Keyset], extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied

        def delete(row: Keyset) -> str:
            project_store()[1].delete(row.name)
            return "Deleted."

        return self._confirmed(request, rows, "Delete", DELETION, delete, extra_context)

    def _confirmed(
        self,
        request: HttpRequest,
        rows: list[Keyset],
        verb: str,
        consequences: Iterable[str],
        act: Callable[[Keyset], str],
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Asks first (GET), then acts on every row (POST): a log entry and a message for each."""
        names = ", ".join(row.name for row in rows)
        if request.method == "POST":
            for row in rows:
                self._act(request, row, act)
            return HttpResponseRedirect(self._url("changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"{verb} {names}?",
            "verb": verb[0].lower() + verb[1:],
            "rows": rows,
            "opts": self.opts,
            "consequences": consequences,
            "back_url": self._back_url(rows),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/jwt_signer/keyset/confirmation.html", context)

    def _act(self, request: HttpRequest, row: Keyset, act: Callable[[Keyset], str]) -> None:
        try:
            done = act(row)
        except (LookupError, StoreError) as problem:
            messages.error(request, f"Key set {row.name}: {problem.args[0]}")
            return
        self.log_change(request, row, done)
        messages.success(request, f"Key set {row.name}: {done}")

    def _row(self, request: HttpRequest, object_id: str) -> Keyset:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404("no such key set")
        return row  # type: ignore[no-any-return]

    def _rows(self, request: HttpRequest) -> list[Keyset]:
        """Those that the query names."""
        rows = list(self.get_queryset(request).filter(name__in=request.GET.getlist("name")))
        if not rows:
            raise Http404("no such key set")
        return rows

    def _guarded(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """For members of staff only, with a CSRF token, and outside of a request's transaction."""
        return without_request_transaction(self.admin_site.admin_view(view))

    def _back_url(self, rows: list[Keyset]) -> str:
        return self._url("changelist") if len(rows) > 1 else self._url("change", (), quote(rows[0].name))

    def _url(self, view: str, names: Iterable[str] = (), *arguments: str) -> str:
        url = reverse(f"admin:jwt_signer_keyset_{view}", args=arguments, current_app=self.admin_site.name)
        query = urlencode([("name", name) for name in names])
        return f"{url}?{query}" if query else url


def _may(request: HttpRequest, permission: str) -> bool:
    user: Any = request.user
    return bool(user.has_perm(f"jwt_signer.{permission}"))
