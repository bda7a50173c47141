from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """A table of that name that is there already, of a gateway on the same database, is taken over by
    `migrate --fake-initial`."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Keyset",
            fields=[
                ("name", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("identity", models.CharField(db_column="id", max_length=36)),
                ("version", models.IntegerField()),
                ("document", models.TextField(editable=False)),
                ("updated_at", models.BigIntegerField()),
            ],
            options={
                "db_table": "jwt_signer_keysets",
                "verbose_name": "key set",
                "verbose_name_plural": "key sets",
                "default_permissions": ("view", "delete"),
                "permissions": (
                    ("rotate_keyset", "Can rotate a key set"),
                    ("revoke_key", "Can revoke a key of a key set"),
                ),
            },
        ),
    )
