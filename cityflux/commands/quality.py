"""`cityflux quality`: what the rules say of stored values, the rules themselves, and the intervals that people enter."""

from typing import Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, open_store, whoami
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from cityflux.settings import Settings
from sensors.instants import iso
from sensors.quantities import OF_FAMILY, Family
from sensors.reading import Period
from sensors.station_changes import find
from sensors.stations import RegistryError
from store.intervals import Interval, IntervalKind, Intervals

quality = typer.Typer(
    no_args_is_help=True, help="Values that their neighbours make suspicious, and times that do not count."
)
interval = typer.Typer(no_args_is_help=True, help="Calibration and maintenance, as people enter them.")
quality.add_typer(interval, name="interval")

FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json")]


@quality.command("report")
def report(
    family: Annotated[Family, typer.Argument(help="air, water, energy")],
    period: Annotated[Period, typer.Argument(help="raw, minute, hour, day")],
    since: Annotated[str, typer.Option("--from", help="after this moment")],
    until: Annotated[str, typer.Option("--to", help="up to and including this moment")],
    station: Annotated[list[str] | None, typer.Option(help="only this station; may be given again")] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Values that a rule finds suspicious, each with the rule and what it saw. Example:
    cityflux quality report air hour --from 2026-03-01 --to 2026-03-08"""
    from processors.quality import flags, reach_ms
    from processors.quality_rules import RULES_OF

    chosen = settings()
    start, end = instant(since, chosen.zone, "--from"), instant(until, chosen.zone, "--to")
    rules = RULES_OF.get((family, period), ())
    if not rules:
        pairs = ", ".join(f"{of} {its}" for of, its in sorted(RULES_OF))
        wrong(f"there are no rules for {family} {period}; there are for {pairs}")
    reach, codes = reach_ms(family, period), sorted({code for rule in rules for code in rule.codes})
    # The other stations too: they have a say.
    frame = open_store(chosen).readings(family, period, start - reach, end + reach, None, codes, detail=True)
    if not frame.empty:
        at = frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
        frame = frame.assign(observed_at=at)
    found = flags(frame, family, period, start, end) if not frame.empty else []
    rows = [
        {**flag._asdict(), "at": iso(flag.observed_at, chosen.zone), "quantity": flag.quantity or "(the reading)"}
        for flag in found
        if not station or flag.station in station
    ]
    print_rows(rows, ["at", "station", "quantity", "rule", "detail"], style, "suspicious values")


@quality.command("rules")
def rules(style: FormatOption = Format.TABLE) -> None:
    """The rules, and where each comes from. Example: cityflux quality rules --format csv"""
    from processors.quality_rules import RULES

    rows = [
        {
            "rule": rule.rule,
            "family": rule.family,
            "periods": ", ".join(rule.periods),
            "quantities": ", ".join(rule.codes) or "(the reading)",
            "reach_h": f"{rule.reach_h:g}",
            "source": rule.source,
            "chosen": rule.chosen,
        }
        for rule in RULES
    ]
    columns = ["rule", "family", "periods", "quantities", "reach_h"]
    print_rows(
        rows, [*columns, "source", "chosen"] if style is not Format.TABLE else [*columns, "source"], style, "rules"
    )


@interval.command("add")
def add(
    name: Annotated[str, typer.Argument(help="the station's id")],
    since: Annotated[str, typer.Option("--from", help="when it begins")],
    until: Annotated[str, typer.Option("--to", help="when it ends")],
    why: Annotated[str, typer.Option(help="what was done, for the auditor")],
    kind: Annotated[IntervalKind, typer.Option(help="calibration or maintenance")] = "maintenance",
    quantity: Annotated[str, typer.Option(help="only this one; else all of the station")] = "",
    family: Annotated[str | None, typer.Option(help="where several families have a station of that name")] = None,
) -> None:
    """Say that a station was calibrated or maintained: what it measured meanwhile counts for nothing, and is computed again.
    Example:
    cityflux quality interval add hx-01 --from 2026-03-05T09:00 --to 2026-03-05T11:30 --kind calibration --why 'span gas'"""
    chosen = settings()
    start, end = instant(since, chosen.zone, "--from"), instant(until, chosen.zone, "--to")
    with open_books(chosen) as books:
        books.prepare()
        registry = books.registry()
        try:
            its = find(registry, name, family)
            if quantity and quantity not in OF_FAMILY[its]:
                wrong(f"{quantity!r} is no quantity of {its}; there are {', '.join(OF_FAMILY[its])}")
            entry = registry.entry(its, name, start) or next(
                one for one in registry if (one.family, one.id) == (its, name)
            )
            new = Interval(its, name, quantity, start, end, kind, why)
            number = Intervals(books).add(new, period=entry.period, who=whoami(), now=now_ms())
        except (RegistryError, ValueError) as error:
            wrong(str(error))
    out.print(f"interval {number}; its windows are marked for computing")


@interval.command("list")
def list_intervals(
    removed: Annotated[bool, typer.Option("--removed", help="those that were taken back")] = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Calibration and maintenance that people entered. Example: cityflux quality interval list"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = Intervals(books).all(removed=removed)
    columns = ["id", "family", "station", "quantity", "kind", "since", "until", "why", "entered_by", "entered_at"]
    more = ["removed_by", "removed_at"] if removed else []
    print_rows([_row(one, chosen) for one in found], [*columns, *more], style, "intervals")


@interval.command("remove")
def remove(number: Annotated[int, typer.Argument(help="its id, as `interval list` shows it")]) -> None:
    """Take an interval back; what it withheld counts again. Example: cityflux quality interval remove 3"""
    with open_books(settings()) as books:
        books.prepare()
        intervals = Intervals(books)
        found = next((one for one in intervals.all() if one.id == number), None)
        if found is None:
            wrong(f"there is no interval {number}; `cityflux quality interval list` shows them")
        entries = [one for one in books.registry() if (one.family, one.id) == (found.family, found.station)]
        period = entries[-1].period if entries else "hour"
        intervals.remove(number, period=period, who=whoami(), now=now_ms())
    out.print(f"interval {number} is removed; its windows are marked for computing")


def _row(one: Interval, chosen: Settings) -> dict[str, Any]:
    times = {
        name: None if (at := getattr(one, name)) is None else iso(at, chosen.zone)
        for name in ("since", "until", "entered_at", "removed_at")
    }
    return {**one._asdict(), **times}
