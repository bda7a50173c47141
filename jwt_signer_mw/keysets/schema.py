"""The tables of the SQL store, and how tables of earlier versions become these.

Schema 1, of the first builds, had no `id`. A table of a later schema than ours is refused: what a newer
version wrote must not be half understood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from jwt_signer_mw.errors import StoredKeysUnreadable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from jwt_signer_mw.keysets.sealing import Sealing

SCHEMA_VERSION = 2
ATTEMPTS = 5  # many workers start at once, and some databases let two of them create one table

# MySQL compares texts without case unless told otherwise, and ends a TEXT at 64 KiB.
_NAME = String(255).with_variant(
    mysql.VARCHAR(255, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)
_DOCUMENT = Text().with_variant(
    mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
)

_metadata = MetaData()
KEYSETS = Table(
    "jwt_signer_keysets",
    _metadata,
    Column("name", _NAME, primary_key=True),
    Column("id", String(36), nullable=False, server_default=""),
    Column("version", Integer, nullable=False),
    Column("document", _DOCUMENT, nullable=False),  # empty: a deleted set
    Column("updated_at", BigInteger, nullable=False),  # milliseconds since the epoch, for people
)
SCHEMA = Table(
    "jwt_signer_schema",
    _metadata,
    Column("part", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
)


def prepare_schema(engine: Engine, sealing: Sealing) -> None:
    """Creates what is missing, migrates what is older. Raises `StoredKeysUnreadable` for what is newer."""
    with engine.connect():
        pass  # a database that is down is not asked again and again
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with engine.begin() as connection:
                _prepare(connection, sealing)
        except DBAPIError:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def _prepare(connection: Connection, sealing: Sealing) -> None:
    version = _version(connection)
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        known = f"this version of the suite knows {SCHEMA_VERSION}"
        raise StoredKeysUnreadable(f"the tables are of schema {version}, {known}")
    for table in (SCHEMA, KEYSETS):
        connection.execute(CreateTable(table, if_not_exists=True))
    if version == 1:
        _add_id(connection, sealing)
    _record(connection, SCHEMA_VERSION)


def _version(connection: Connection) -> int:
    """The schema that is there; 0 for none. Before there was a table for it, the columns tell."""
    there = inspect(connection)
    if not there.has_table(KEYSETS.name):
        return 0
    recorded: int | None = None
    if there.has_table(SCHEMA.name):
        recorded = connection.execute(select(SCHEMA.c.version).where(SCHEMA.c.part == KEYSETS.name)).scalar()
    if recorded is not None:
        return recorded
    return 0 if "id" in {column["name"] for column in there.get_columns(KEYSETS.name)} else 1


def _add_id(connection: Connection, sealing: Sealing) -> None:
    """Schema 1 -> 2. The id stands in the document already."""
    connection.execute(text(f"ALTER TABLE {KEYSETS.name} ADD COLUMN id VARCHAR(36) NOT NULL DEFAULT ''"))
    for name, document in connection.execute(select(KEYSETS.c.name, KEYSETS.c.document)).all():
        identity = sealing.unseal(name, document).id
        connection.execute(update(KEYSETS).where(KEYSETS.c.name == name).values(id=identity))


def _record(connection: Connection, version: int) -> None:
    mine = SCHEMA.c.part == KEYSETS.name
    if connection.execute(update(SCHEMA).where(mine).values(version=version)).rowcount == 0:
        connection.execute(insert(SCHEMA).values(part=KEYSETS.name, version=version))
