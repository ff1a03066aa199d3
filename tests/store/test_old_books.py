"""Books that an older version made are taken over with what they hold."""

import sqlite3
from contextlib import closing
from pathlib import Path

from store.books import Books, UnknownStation
from store.incidents import AlertMark, Incidents


def test_columns_that_an_older_version_did_not_have_are_added(tmp_path: Path) -> None:
    path = tmp_path / "books.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE unknown_stations (family VARCHAR NOT NULL, station VARCHAR NOT NULL, topic VARCHAR NOT NULL, "
            "first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL, PRIMARY KEY (family, station))"
        )
        db.execute("INSERT INTO unknown_stations VALUES ('air', 'hx-99', 'cityflux/v1/gaoxin/air/hx-99/hour', 1, 2)")
        db.commit()
    with closing(Books(f"sqlite:///{path}")) as books:
        books.prepare()
        books.prepare()
        found = books.unknown()
    assert found == [UnknownStation("air", "hx-99", "cityflux/v1/gaoxin/air/hx-99/hour", 1, 2)]


def test_what_alerts_have_still_to_look_at_is_taken_over_from_hours_to_instants(tmp_path: Path) -> None:
    path = tmp_path / "books.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE alert_marks (family VARCHAR NOT NULL, station VARCHAR NOT NULL, period VARCHAR NOT NULL, "
            "hour BIGINT NOT NULL, sequence BIGINT NOT NULL, first_touched BIGINT NOT NULL, last_touched BIGINT NOT NULL, "
            "PRIMARY KEY (family, station, period)) WITHOUT ROWID"
        )
        db.execute(
            "INSERT INTO alert_marks VALUES ('air', 'a', 'hour', 491000, 3, 1, 1), ('air', 'b', 'hour', -1, 4, 2, 2)"
        )
        db.commit()
    with closing(Books(f"sqlite:///{path}")) as books:
        books.prepare()
        books.prepare()
        found = Incidents(books).take(10_000, 10)
    assert found == [AlertMark("air", "a", "hour", 491_000 * 3_600_000, 3), AlertMark("air", "b", "hour", -1, 4)]
