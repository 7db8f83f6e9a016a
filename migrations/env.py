"""Where Alembic meets the database: the connection `service.migrate` hands over, or the one the environment names."""

import os

from alembic import context
from sqlalchemy import Connection, create_engine

from service.store.tables import metadata


def _upgrade(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _upgrade(given)
else:
    with create_engine(os.environ["PLAUDIT_DATABASE_URL"]).connect() as own:
        _upgrade(own)
