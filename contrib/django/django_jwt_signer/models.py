"""Key sets in the project's database."""

from __future__ import annotations

from django.db import models


class Keyset(models.Model):
    """One named key set, with private keys in it: sealed where `keyset_encryption_keys` are set.

    The table is that of `jwt_signer_mw.keysets.sql`, column by column: a gateway may share it.
    """

    name: models.CharField[str, str] = models.CharField(max_length=255, primary_key=True)
    identity: models.CharField[str, str] = models.CharField(db_column="id", max_length=36)
    version: models.IntegerField[int, int] = models.IntegerField()
    document: models.TextField[str, str] = models.TextField(editable=False)  # empty: a deleted set
    updated_at: models.BigIntegerField[int, int] = models.BigIntegerField()  # milliseconds since the epoch

    class Meta:
        db_table = "jwt_signer_keysets"
        verbose_name = "key set"
        verbose_name_plural = "key sets"
        default_permissions = ("view", "delete")
        permissions = (
            ("rotate_keyset", "Can rotate a key set"),
            ("revoke_key", "Can revoke a key of a key set"),
        )

    def __str__(self) -> str:
        return self.name
