"""Books of an older version get what they lack."""

from sqlalchemy import Connection, inspect

from store.alert_schema import alert_marks
from store.schema import metadata


def bring_up_to_date(connection: Connection) -> None:
    """Give the tables of an older version what they lack: columns (a new one may be NULL, which says that it was not kept), and
    indices."""
    there = inspect(connection).get_multi_columns()
    if "hour" in {column["name"] for column in there[None, alert_marks.name]}:
        connection.exec_driver_sql("ALTER TABLE alert_marks RENAME COLUMN hour TO since")
        connection.exec_driver_sql("UPDATE alert_marks SET since = since * 3600000 WHERE since > 0")
        there = inspect(connection).get_multi_columns()
    for table in metadata.sorted_tables:
        names = {column["name"] for column in there[None, table.name]}
        for column in table.columns:
            if column.name not in names:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)
