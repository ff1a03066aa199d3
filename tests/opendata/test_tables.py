"""The tables of an export against the other tables of the project."""

import tomllib
from importlib.resources import files

from cityflux.opendata.judged import DAILY, LONGER
from cityflux.opendata.tables import doubtful_table, indicator_names, readings_table, tables
from sensors.quantities import FAMILIES, MEASURED_FAMILIES
from sensors.reading import PERIODS
from sensors.stations import Station

PUBLISHED = {*Station.model_fields} - {"device", "model", "meter_factor", "meter_modulus", "meter_start", "meter_end"}


def test_every_column_that_is_described_is_used_and_has_its_words() -> None:
    of_readings = [readings_table(family, period) for family in FAMILIES for period in PERIODS]
    every = [*tables().values(), *of_readings, *map(doubtful_table, of_readings)]
    used = {field.name: field for table in every for field in table.fields}
    described = tomllib.loads(files("cityflux.opendata").joinpath("tables.toml").read_text("utf-8"))["field"]
    assert {row["name"] for row in described} <= used.keys()
    assert len(described) == len({row["name"] for row in described})
    for table in every:
        names = [field.name for field in table.fields]
        assert len(names) == len(set(names)), table.name
        assert set(table.key) <= set(names)
    for field in used.values():
        assert field.zh
        assert field.en
        assert field.meaning
        assert field.type not in {"integer", "number"} or field.unit or field.name in {
            # Numbers of rows, and values whose unit the row says.
            "seq", "revision", "supersedes", "value", "target", "headline", "doubtful_value", "low", "high",
        }  # fmt: skip


def test_indicators_that_are_no_row_of_a_plan_have_a_name() -> None:
    assert indicator_names().keys() == {code for codes in LONGER.values() for code in codes}
    assert DAILY.keys() == LONGER.keys() <= set(MEASURED_FAMILIES)


def test_of_a_station_everything_is_published_but_what_is_secret() -> None:
    """A new key of the registry is private until somebody decides here and in the table."""
    assert {field.name for field in tables()["stations"].fields} == PUBLISHED
