"""Judgements as rows of an export: the days of a month, the classes of sections, the indicators of the month and of the year so
far.

In force is what is published; the year is as it stands when the export is made, and says up to which day. Of a judgement's detail
only what is a column here is published: sentences and reviews name people.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from cityflux.opendata.cells import Row
from cityflux.opendata.tables import indicator_names
from processors.air.days import DAILY_AQI
from processors.air.events import is_lifted
from processors.air.statistics import AIR_STATISTICS
from processors.plans import Indicator
from processors.standards.tables import POLLUTANTS
from processors.water.days import WATER_DAY
from processors.water.sections import WATER_SECTION
from processors.water.status import WATER_STATUS
from sensors.quantities import OF_FAMILY
from store.judgements import Finality, Judgement, Judgements, Revision
from store.reviews import decision_of

DAILY: Mapping[str, str] = {"air": DAILY_AQI, "water": WATER_DAY}
"""The indicator of the days of a family."""
LONGER: Mapping[str, Sequence[str]] = {"air": (AIR_STATISTICS,), "water": (WATER_SECTION, WATER_STATUS)}
"""Those of its longer periods, beside the rows of a plan."""

RUNNING = "running"
"""The finality of a period that is open."""


class Found:
    """A judgement, and how far it is: the revision in force, or none while its period runs."""

    def __init__(self, judgement: Judgement, finality: Finality | str, revision: int | None) -> None:
        self.judgement = judgement
        self.finality = finality
        self.revision = revision

    def common(self) -> Row:
        """The columns that every judgement has."""
        one = self.judgement
        return {
            "scope": one.key.scope, "status": one.status, "valid": one.valid, "expected": one.expected,
            "finality": self.finality, "revision": self.revision, "computed_at": one.computed_at,
            "code_version": one.code_version, "stations": "+".join(one.stations),
        }  # fmt: skip


def standing(books: Judgements, indicator: str, period: str) -> list[Found]:
    """What stands of an indicator in one period, by scope."""
    running = [Found(one.judgement, RUNNING, None) for one in books.running(indicator, first=period, last=period)]
    open_ = {one.judgement.key.scope for one in running}
    closed = [
        Found(one.judgement, one.finality, one.id)
        for one in books.latest(indicator, first=period, last=period)
        if one.judgement.key.scope not in open_
    ]
    return sorted([*running, *closed], key=lambda found: found.judgement.key)


def air_day(found: Found) -> Row:
    """A day of a station, a district or the city."""
    one, detail = found.judgement, found.judgement.detail
    return {
        **found.common(), "day": one.key.period, "standard": one.key.standard, "aqi": one.value, "state": detail["state"],
        "why": detail["why_text"], "category": detail["category"], "primary": detail["primary"],
        "exceeding": detail["exceeding"], "lifted": is_lifted(detail),
        **{code: detail["concentrations"][code] for code in POLLUTANTS},
        **{f"iaqi_{code}": detail["iaqi"][code] for code in POLLUTANTS},
    }  # fmt: skip


def water_day(found: Found) -> Row:
    """A day of a section."""
    return {**found.common(), "day": found.judgement.key.period, **_water(found.judgement)}


def water_section(found: Found) -> Row:
    """A month or year of a section."""
    detail = found.judgement.detail
    samples = detail["samples"] or {}
    return {
        **found.common(), "period": found.judgement.key.period, "last_day": detail["last_day"],
        "definite": detail["definite"], "samples": samples.get("n"), "samples_kept": samples.get("kept"),
        **_water(found.judgement),
    }  # fmt: skip


def _water(one: Judgement) -> Row:
    detail = one.detail
    return {
        "standard": one.key.standard, "class": one.value, "class_name": detail["class"],
        "target_class": detail["target"], "water_body": detail["kind"], "main": "+".join(detail["main"]),
        "undetermined": "+".join(detail["undetermined"]),
    }  # fmt: skip


def water_items(found: Found) -> Iterator[Row]:
    """The evaluated items of a section's day, month or year."""
    key = found.judgement.key
    for code, item in sorted(found.judgement.detail["items"].items()):
        yield {
            "scope": key.scope, "period": key.period, "item": code, "value": item["value"],
            "unit": OF_FAMILY["water"][code].unit, "class": item["class"], "by": item["by"], "n": item["n"],
            "below": item["below"],
        }  # fmt: skip


def air_statistics(found: Found) -> Iterator[Row]:
    """The pollutants of a month or year of the city or a district."""
    one, detail = found.judgement, found.judgement.detail
    for code in POLLUTANTS:
        its = detail["pollutants"][code]
        yield {
            "scope": one.key.scope, "period": one.key.period, "last_day": detail["last_day"],
            "standards": detail["standard"], "pollutant": code, "headline": its["headline"],
            "unit": OF_FAMILY["air"][code].unit, "days_exceeding": its["days_exceeding"],
            "compliance": its["compliance_percent"], "is_valid": its["valid"], "valid": its["days"],
            "expected": its["expected"],
        }  # fmt: skip


def indicator(found: Found, row: Indicator | None) -> Row:
    """A value of an indicator; `row` is the plan's, where it is one of the plan."""
    one = found.judgement
    named = indicator_names()[one.key.indicator] if row is None else row
    return {
        **found.common(), "indicator": one.key.indicator, "zh": named.zh, "en": named.en, "period": one.key.period,
        "last_day": one.detail.get("last_day"), "standards": _standards(one), "value": one.value, "unit": one.unit,
        **({} if row is None else _of_plan(row)),
    }  # fmt: skip


def missing(row: Indicator, year: str) -> Row:
    """A row of the plan of whose year nothing is known."""
    return {
        "indicator": row.code, "zh": row.zh, "en": row.en, "scope": row.scope, "period": year, "unit": row.unit,
        "status": "not computed" if row.family else "not entered", **_of_plan(row),
    }  # fmt: skip


def _of_plan(row: Indicator) -> Row:
    return {
        "number": row.number, "kind": row.kind, "direction": row.direction, "target": row.target,
        "target_source": row.target_source,
    }  # fmt: skip


def _standards(one: Judgement) -> str:
    """The editions that a judgement names, the oldest first."""
    detail = one.detail
    return " + ".join(detail.get("standards") or [detail.get("standard") or one.key.standard])


def figures(one: Judgement) -> Iterator[Row]:
    """The entered figures that a judgement rests on: with their source, without who entered them."""
    for its in one.detail.get("figures", ()):
        yield {
            "indicator": one.key.indicator, "item": its["code"],
            **{name: its[name] for name in ("zh", "en", "period", "value", "unit", "source", "dated")},
        }  # fmt: skip


def revisions(books: Judgements, indicators: Iterable[str], period: str, figured: Collection[str]) -> Iterator[Row]:
    """Every published value of the indicators in a period. `figured` are those that rest on entered figures: why one was
    corrected is said by people, and not published. A proposal that nobody has decided is none, also where a newer one took its
    place."""
    for name in indicators:
        every = books.histories(name, period, period)
        decided = {one.supersedes for one in every if decision_of(one.reason) is not None}
        for one in every:
            if one.finality == "proposed" and one.id not in decided:
                continue
            judged = one.judgement
            yield {
                "revision": one.id, "indicator": name, "scope": judged.key.scope, "period": judged.key.period,
                "standard": judged.key.standard, "value": judged.value, "unit": judged.unit, "status": judged.status,
                "valid": judged.valid, "expected": judged.expected, "finality": one.finality,
                "supersedes": one.supersedes, "reason": _reason(one, name in figured),
                "computed_at": judged.computed_at, "code_version": judged.code_version,
            }  # fmt: skip


def _reason(one: Revision, figured: bool) -> str:
    decided = decision_of(one.reason)
    if decided is not None:
        return decided
    return one.reason.partition(": ")[0] if figured else one.reason
