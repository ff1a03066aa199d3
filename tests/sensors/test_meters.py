"""Meters in the registry: what they measure, whose sub-meters they are, and what would make their use count nowhere."""

from typing import Any

import pytest

from sensors.quantities import OF_FAMILY
from sensors.station_files import form_of
from sensors.stations import Registry, RegistryError, Station, dump_registry, load_registry
from sensors.units import conversion


def meter(name: str, **more: Any) -> Station:
    fields = {"id": name, "family": "energy", "name_zh": name, "district": "gaoxin", **more}
    return Station.model_validate(fields)


MARCH, MAY = "2026-03-01T00:00:00+08:00", "2026-05-01T00:00:00+08:00"


def test_what_a_meter_measures_is_read_from_every_form_of_file() -> None:
    entries = [meter("main", measures="electricity generation"), meter("sub", main_meter="main")]
    for name in ("r.toml", "r.csv", "r.geojson"):
        form = form_of(name)
        assert list(form.load(form.dump(entries), name)) == entries
    assert entries[0].measured == ("electricity", "generation")
    assert entries[1].measured == ()


@pytest.mark.parametrize("text", ["steam", "electricity_counter", "active_power", " "])
def test_only_what_is_used_can_be_measured(text: str) -> None:
    with pytest.raises(ValueError, match="does not name what a meter measures: there are"):
        meter("m", measures=text)


def test_a_meter_is_not_its_own_sub_meter_nor_one_in_a_circle() -> None:
    with pytest.raises(ValueError, match="main_meter is m itself"):
        meter("m", main_meter="m")
    with pytest.raises(RegistryError, match="a → c → b → a are sub-meters of each other"):
        Registry([meter("a", main_meter="c"), meter("b", main_meter="a"), meter("c", main_meter="b")])
    later = [
        meter("a", active_to=MARCH), meter("a", active_from=MARCH, main_meter="b"), meter("b", main_meter="a"),
    ]  # fmt: skip
    with pytest.raises(RegistryError, match="are sub-meters of each other"):
        Registry(later)
    turned = [
        meter("a", active_to=MARCH), meter("a", active_from=MARCH, main_meter="b"),
        meter("b", main_meter="a", active_to=MARCH), meter("b", active_from=MARCH),
    ]  # fmt: skip
    assert len(Registry(turned)) == 4, "who was above is below now: never both at once"


def test_a_main_meter_is_there_as_long_as_its_sub_meter() -> None:
    with pytest.raises(RegistryError, match="meter sub: its main_meter main has no entry of energy"):
        load_registry(dump_registry([meter("sub", main_meter="main")]), "r.toml")
    sub = meter("sub", main_meter="main", active_from=MARCH)
    for main in (meter("main", active_from=MAY), meter("main", active_to=MAY)):
        with pytest.raises(RegistryError, match="for all of that time"):
            Registry([main, sub])
    replaced = [meter("main", active_to=MAY, device="a"), meter("main", active_from=MAY, device="b")]
    assert len(Registry([*replaced, sub])) == 3


def test_fuel_comes_in_tonnes_and_heat_in_gigajoules() -> None:
    energy = OF_FAMILY["energy"]
    assert conversion(energy["diesel"], "t").of(2) == 2000
    assert conversion(energy["heat_counter"], "GJ").of(1) == 1000
    assert conversion(energy["generation"], "MWh").of(1) == 1000
