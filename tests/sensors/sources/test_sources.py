"""The sources file: what it may say, what is wrong with it in words, and what a source then makes of a sample."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sensors.formats.sample import Sample
from sensors.refusals import Refused
from sensors.sources import Source, SourceError, Sources, parse_sources
from sensors.sources.source import id_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
PLAIN = {"name": '"dust"', "topic": '"env/{station}"', "format": '"json"', "family": '"air"'}
QUANTITIES = '[source.quantities]\npm2_5 = "pm25"\n'


def text(extra: str = QUANTITIES, **keys: str) -> str:
    lines = [f"{key} = {value}" for key, value in {**PLAIN, **keys}.items()]
    return "\n".join(["[[source]]", *lines, extra])


def source(extra: str = QUANTITIES, **keys: str) -> Source:
    [one] = parse_sources(text(extra, **keys), "sources.toml", SHANGHAI)
    return one


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (text(famly='"air"'), "famly: .*did you mean family"),
        (text(family='"noise"'), "family"),
        (text(family='"air-index"'), "air-index.*not measured.*air, water, energy, traffic"),
        (text(format='"jsn"'), "no format 'jsn': did you mean json"),
        (text(topic='"env/#/x"'), "env/#/x"),
        (text(period='"week"'), "period"),
        (text(zone='"Asia/Shangai"'), "Asia/Shangai.*not a time zone"),
        (text(stamps='"start"'), "raw readings have no period"),
        (text(district='"High-Tech"'), "High-Tech.*not an id"),
        (text('[source.quantities]\npm25 = "x"'), "quantity 'pm25' is not of air: did you mean pm2_5"),
        (text('[source.quantities]\npm2_5 = { field = "x", unit = "ppb" }'), "pm2_5 cannot be in 'ppb'"),
        (text('[source.quantities]\npm2_5 = { field = "x", factor = 0 }'), "factor 0"),
        (text(QUANTITIES + "[source.units]\npm_25 = 'ng/m³'"), "pm_25.*no field.*did you mean pm25"),
        (text(QUANTITIES + "[source.options]\ntme = '/t'"), "option tme is unknown: did you mean time"),
        (text(QUANTITIES + "[source.devices.A]\nstation = 'A 1'"), "A 1.*not an id"),
        ("[source]\nname = 'x'", "single table"),
        ("[[sauce]]", "sauce"),
        ("[[source]", "sources.toml: "),
    ],
)
def test_what_is_wrong_names_the_place_and_the_fix(wrong: str, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        parse_sources(wrong, "sources.toml", SHANGHAI)
    assert str(caught.value).startswith("sources.toml")
    assert "\n" not in str(caught.value)


def test_no_topic_has_two_sources() -> None:
    with pytest.raises(SourceError, match=r"a and b both take topics"):
        Sources([source(name='"a"', topic='"env/+/x"'), source(name='"b"', topic='"env/{station}/+"')])
    with pytest.raises(SourceError, match="cityflux/v1/#"):
        Sources([source(topic='"+/v1/{station}"')])
    with pytest.raises(SourceError, match="dust is there twice"):
        Sources([source(topic='"a/{station}"'), source(topic='"b/{station}"')])


def test_a_topic_is_its_sources_and_says_its_parts() -> None:
    sources = Sources(
        [source(name='"a"', topic='"a/{district}/+/{station}"'), source(name='"b"', topic='"b/{device}"')]
    )
    found = sources.of("a/gaoxin/7/hx-01")
    assert found is not None
    assert (found[0].name, found[1]) == ("a", {"district": "gaoxin", "station": "hx-01"})
    assert sources.of("b/x/y") is None
    assert sources.subscriptions == ("cityflux/v1/#", "a/+/+/+", "b/+")
    assert sources.takes("cityflux/v1/gaoxin/air/hx-01/hour")
    assert not sources.takes("c/1")


NOON = int(datetime(2026, 3, 1, 12, tzinfo=SHANGHAI).timestamp() * 1000)


@pytest.mark.parametrize(
    ("keys", "end"),
    [
        ({}, "2026-03-01T12:00+08:00"),
        ({"period": '"hour"'}, "2026-03-01T12:00+08:00"),
        ({"period": '"hour"', "stamps": '"start"'}, "2026-03-01T13:00+08:00"),
        ({"period": '"minute"', "stamps": '"start"'}, "2026-03-01T12:01+08:00"),
        ({"period": '"minute"', "stamps": '"start"', "minutes": "10"}, "2026-03-01T12:10+08:00"),
        ({"period": '"day"', "stamps": '"start"'}, "2026-03-02T12:00+08:00"),
    ],
)
def test_a_time_that_is_a_start_becomes_the_end(keys: dict[str, str], end: str) -> None:
    one = source(**keys)
    assert one.end_of(Sample(None, NOON, {}), NOON + 5) == int(datetime.fromisoformat(end).timestamp() * 1000)


def test_a_day_ends_at_the_next_midnight_also_where_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    one = source(period='"day"', stamps='"start"', zone='"Europe/Berlin"')
    start = datetime(2026, 3, 29, tzinfo=berlin)
    end = datetime(2026, 3, 30, tzinfo=berlin)
    assert (end.timestamp() - start.timestamp()) / 3600 == 23
    assert one.end_of(Sample(None, int(start.timestamp() * 1000), {}), 0) == int(end.timestamp() * 1000)


def test_the_messages_own_period_outranks_the_sources_and_is_never_shifted() -> None:
    one = source(period='"hour"', stamps='"start"')
    sample = Sample(None, NOON, {}, period="day")
    assert (one.period_of(sample), one.end_of(sample, 0)) == ("day", NOON)


def test_without_a_time_a_message_is_refused_unless_receipt_will_do() -> None:
    with pytest.raises(Refused, match='time = "receipt"'):
        source().end_of(Sample(None, None, {}), NOON)
    assert source(time='"receipt"').end_of(Sample(None, None, {}), NOON) == NOON


def values(one: Source, sent: dict[str, Any], device: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        placed.quantity or placed.field: placed.value if placed.refusal is None else placed.refusal.code
        for placed in one.placed(Sample(device, NOON, sent, **more), device)
    }


def test_of_a_unit_the_order_is_device_source_message_format() -> None:
    of_message = source("[source.quantities]\npm10 = 'a'\n")
    assert values(of_message, {"a": 50.0}, units={"a": "mg/m³"}) == {"pm10": 50_000.0}
    assert values(of_message, {"a": 50.0}, units={"a": "stone"}) == {"a": "unknown_unit"}
    of_source = source(
        "[source.quantities]\npm10 = 'a'\n[source.units]\na = 'ng/m³'\n[source.devices.D1]\nunits = { a = 'g/m³' }\n"
    )
    assert values(of_source, {"a": 50.0}, units={"a": "mg/m³"}) == {"pm10": 0.05}
    assert values(of_source, {"a": 0.5}, "D1", units={"a": "mg/m³"}) == {"pm10": 500_000.0}
    of_format = source("", format='"hj212"', topic='"hj212/22/{device}"')
    assert values(of_format, {"a34004": 75_600.0, "PM10": 89.59}) == pytest.approx({"pm2_5": 75.6, "pm10": 89.59})


def test_ppb_become_micrograms_at_298_15_kelvin() -> None:
    one = source('[source.quantities]\no3 = { field = "o3", unit = "ppb" }\n')
    # GB 3095-2012, amendment of 2018: 48 g/mol over 24.465 L/mol.
    assert values(one, {"o3": 50.0})["o3"] == pytest.approx(50 * 47.998 / 24.465, rel=1e-3)


def test_marks_of_missing_are_missing_and_texts_are_numbers_only_where_it_says_so() -> None:
    sent = {"pm25": -999.0}
    assert values(source(missing='[-999, "--"]'), sent) == {"pm2_5": None}
    assert values(source(missing='[-999, "--"]'), {"pm25": "--"}) == {"pm2_5": None}
    assert values(source(), {"pm25": "35.5"}) == {"pm2_5": "35.5"}
    assert values(source(text_numbers="true"), {"pm25": "35.5"}) == {"pm2_5": 35.5}


def test_a_field_that_nobody_named_is_refused_and_one_that_is_ignored_is_not() -> None:
    one = source(ignore='["*_raw"]')
    assert values(one, {"pm25": 1.0, "pm2.5": 2.0, "x_raw": 3.0}) == {
        "pm2_5": 1.0,
        "pm2.5": "unknown_field",
        "x_raw": None,
    }
    [_, renamed] = one.placed(Sample(None, NOON, {"x_raw": 1, "pm2.5": 2.0}), None)
    assert renamed.refusal is not None
    assert "did you mean pm25" in renamed.refusal.fix


def test_two_fields_of_one_quantity_are_not_both_taken() -> None:
    one = source("[source.quantities]\npm2_5 = ['a', 'b']\n")
    assert [p.refusal and p.refusal.code for p in one.placed(Sample(None, NOON, {"a": 1.0, "b": 2.0}), None)] == [
        None,
        "invalid_shape",
    ]
    assert one.ordinary(Sample(None, NOON, {"a": 1.0, "b": 2.0}), None) is None


@pytest.mark.parametrize(
    ("name", "made"), [("hx-01", "hx-01"), ("HX 01", "hx-01"), ("MN_7/a", "mn-7-a"), ("x" * 80, "x" * 64)]
)
def test_a_devices_name_makes_an_id(name: str, made: str) -> None:
    assert id_of(name, "device") == made


def test_a_name_that_makes_no_id_is_refused() -> None:
    with pytest.raises(Refused, match="makes no id"):
        id_of("虎溪", "device")
