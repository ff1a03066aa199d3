"""`cityflux traffic`: flows of stations and tunnels, their days, the air in tunnels, hints at incidents."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, open_store, traffic_rules_of
from cityflux.console import Format, civil_day, err, instant, print_rows, settings, wrong
from cityflux.settings import Settings
from sensors.instants import iso
from sensors.stations import Registry
from store.intervals import Intervals
from store.judgements import Judgement, Judgements

if TYPE_CHECKING:
    from processors.traffic.incidents.hints import Hint

traffic = typer.Typer(
    no_args_is_help=True, help="Flows, days, tunnel air and hints at incidents, from vehicles and counts."
)

_MINUTES = (5, 15, 60)

FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json")]


@traffic.command("flow")
def flow(
    name: Annotated[str, typer.Argument(help="a station of traffic, or a tunnel: all of its directions")],
    since: Annotated[str, typer.Option("--from", help="after this moment")],
    until: Annotated[str, typer.Option("--to", help="up to and including this moment")],
    minutes: Annotated[int, typer.Option(help="5, 15 or 60")] = 15,
    style: FormatOption = Format.TABLE,
) -> None:
    """Vehicles, pcu, v/C, level of service, speed and travel time index by interval, and how much of each came.
    Example: cityflux traffic flow huxi --from 2026-03-05 --to 2026-03-06 --minutes 60 --format csv"""
    from processors.traffic.flow_rows import flow_rows, too_long

    chosen = settings()
    rules = traffic_rules_of(chosen)
    if minutes not in _MINUTES:
        wrong(f"--minutes {minutes}: write 5, 15 or 60")
    start, end = instant(since, chosen.zone, "--from"), instant(until, chosen.zone, "--to")
    if end <= start:
        wrong(f"--to {until!r} is not after --from {since!r}")
    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all("traffic")
    stations = _stations(registry, name)
    for station, length in too_long(registry, stations, (start, end), minutes, chosen.zone).items():
        least = next(one for one in _MINUTES if not 60 * one % length)
        _note(f"{station} counts by {length} s: it is not shown by {minutes} minutes; ask with --minutes {least}")
    rows = flow_rows(
        open_store(chosen), registry, intervals, stations, (start, end), minutes, chosen.zone, rules, now_ms()
    )
    columns = [
        "from",
        "to",
        "station",
        "vehicles",
        "pcu",
        "without_pcu",
        "pcu_per_hour",
        "saturation",
        "level",
        "speed_km_h",
    ]
    columns += ["travel_time_index", "occupancy_percent", "came", "expected"]
    shown = ({**row, "from": iso(row["from"], chosen.zone), "to": iso(row["to"], chosen.zone)} for row in rows)
    print_rows(shown, columns, style, f"{rules.scheme.name}, by {minutes} minutes")


@traffic.command("day")
def day(
    since: Annotated[str, typer.Option("--from", help="first day, e.g. 2026-03-01")],
    until: Annotated[str, typer.Option("--to", help="last day, included")],
    station: Annotated[list[str] | None, typer.Option(help="only this one; may be given again")] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Days of stations as judged: vehicles, pcu, busiest hour with its factor, v/C and level, speed, headway, coverage.
    Why one is so: cityflux explain traffic_day 2026-03-05 --station huxi-e. Example:
    cityflux traffic day --from 2026-03-01 --to 2026-03-07 --station huxi-e"""
    columns = [
        "day",
        "station",
        "vehicles",
        "pcu",
        "peak_hour",
        "saturation",
        "level",
        "speed_km_h",
        "travel_time_index",
    ]
    columns += ["came", "expected", "status", "finality"]
    if style is not Format.TABLE:  # for people only what fits a line; scripts always get every column
        columns += ["tunnel", "without_pcu", "peak_pcu", "factor", "congestion", "headway_s", "occupancy_percent"]
    print_rows([_day(*one) for one in _days(settings(), since, until, station)], columns, style, "days of traffic")


@traffic.command("air")
def air(
    since: Annotated[str, typer.Option("--from", help="first day, e.g. 2026-03-01")],
    until: Annotated[str, typer.Option("--to", help="last day, included")],
    station: Annotated[list[str] | None, typer.Option(help="only this one; may be given again")] = None,
    above: Annotated[bool, typer.Option("--above", help="only days and limits that were exceeded")] = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """The air in tunnels against its limits, day by day: CO, NO2, visibility, wind. Example:
    cityflux traffic air --from 2026-03-01 --to 2026-03-31 --above"""
    columns = [
        "day",
        "station",
        "tunnel",
        "quantity",
        "while",
        "minutes",
        "limit",
        "unit",
        "came",
        "windows",
        "means",
        "above",
        "greatest",
        "at",
    ]
    judgements = [judged for judged, _ in _days(settings(), since, until, station)]
    rows = [
        {"day": judged.key.period, "station": judged.stations[0], "tunnel": judged.detail["tunnel"], **limit}
        for judged in judgements
        for limit in judged.detail["air"]
        if limit["above"] or not above
    ]
    documents = {judged.detail["air_document"] for judged in judgements}
    print_rows(
        rows, [*columns, "clause"] if style is not Format.TABLE else columns, style, "; ".join(sorted(documents))
    )


@traffic.command("incidents")
def incidents(
    days: Annotated[int, typer.Option(min=1, max=366, help="what began in so many days, or lasts")] = 1,
    station: Annotated[list[str] | None, typer.Option(help="only this one; may be given again")] = None,
    at: Annotated[str | None, typer.Option("--at", help="as of this moment; else now")] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Hints at incidents from the stored readings: flow that drops with speed, what stands, stopped vehicles. Example:
    cityflux traffic incidents --days 1"""
    from processors.traffic.incidents.rules import incident_rules
    from processors.traffic.incidents.watch import watch

    chosen = settings()
    rules = traffic_rules_of(chosen)
    moment = now_ms() if at is None else instant(at, chosen.zone, "--at")
    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all("traffic")
    for name in station or ():
        _known(registry, name)
    found = watch(
        open_store(chosen), registry, intervals, moment, days, chosen.zone, rules, incident_rules(), station or None
    )
    tunnel = {one.id: one.tunnel for one in registry.active("traffic", moment - 1)}
    if found.blind:
        _note(f"no hint can be given of {', '.join(found.blind)}: neither speed nor occupancy came")
    rows = [_hint(one, tunnel.get(one.station), chosen, style) for one in found.hints]
    print_rows(rows, ["station", "tunnel", "rule", "since", "said", "until", "why"], style, f"hints of {days} days")


def _note(text: str) -> None:
    """Say what the table does not show."""
    err.print(f"cityflux: {text}", markup=False, highlight=False)


def _hint(one: "Hint", tunnel: str | None, chosen: Settings, style: Format) -> dict[str, Any]:
    ended = iso(one.until, chosen.zone) if one.until is not None else "station silent" if one.silent else None
    row = {
        "station": one.station, "tunnel": tunnel, "rule": one.rule, "since": iso(one.since, chosen.zone),
        "said": iso(one.said, chosen.zone), "until": ended, "why": _why(one),
    }  # fmt: skip
    return {**row, "detail": dict(one.detail)} if style is Format.JSON else row


def _why(one: "Hint") -> str:
    of = one.detail
    if one.rule == "drop":
        usual = f"usually {of['usual_vehicles']} at {of['usual_speed_km_h']}"
        return f"{of['vehicles']} vehicles at {of['speed_km_h']:.1f} km/h, {usual}, {of['recent_vehicles']} just before"
    if one.rule == "standing":
        speed = "nothing passes" if of["speed_km_h"] is None else f"{of['speed_km_h']:.1f} km/h"
        return f"{speed}, occupied {of['occupancy_percent']:.0f} % of the time"
    return f"{of['vehicles']} vehicles, the slowest at {of['slowest_km_h']:g} km/h"


def _days(chosen: Settings, since: str, until: str, station: list[str] | None) -> list[tuple[Judgement, str]]:
    """The days in force and running, by day and station."""
    from processors.scopes import STATION
    from processors.traffic.days import TRAFFIC_DAY

    first, last = (civil_day(text, option).isoformat() for text, option in ((since, "--from"), (until, "--to")))
    scheme = traffic_rules_of(chosen).scheme.name
    with open_books(chosen) as books:
        books.prepare()
        for name in station or ():
            _known(books.registry(), name)
        found = Judgements(books).standing(TRAFFIC_DAY, first=first, last=last)
    wanted = None if not station else {STATION + name for name in station}
    shown = [one for (scope, _), one in found.items() if wanted is None or scope in wanted]
    return sorted(
        (one for one in shown if one[0].key.standard == scheme), key=lambda one: (one[0].key.period, one[0].key.scope)
    )


_SHOWN = ("tunnel", "pcu", "without_pcu", "speed_km_h", "travel_time_index", "headway_s", "occupancy_percent")


def _day(judged: Judgement, finality: str) -> dict[str, Any]:
    detail, peak = judged.detail, judged.detail["peak"] or {}
    return {
        **{name: detail[name] for name in _SHOWN},
        "day": judged.key.period,
        "station": judged.stations[0],
        "vehicles": judged.value,
        "peak_hour": f"{peak['from'][11:16]}–{peak['to'][11:16]}" if peak else None,
        "peak_pcu": peak.get("pcu"),
        "factor": peak.get("factor"),
        "saturation": peak.get("saturation"),
        "level": peak.get("level"),
        "congestion": (detail["congestion"] or {}).get("en"),
        "came": judged.valid,
        "expected": judged.expected,
        "status": judged.status,
        "finality": finality,
    }


def _known(registry: Registry, name: str) -> None:
    known = sorted({one.id for one in registry if one.family == "traffic"})
    if name not in known:
        wrong(f"{name!r} is no station of traffic of the registry; there are {', '.join(known[:12]) or 'none'}")


def _stations(registry: Registry, name: str) -> list[str]:
    """The station of that name, or the directions of the tunnel of that name."""
    known = [one for one in registry if one.family == "traffic"]
    found = sorted({one.id for one in known if name in {one.id, one.tunnel}})
    if not found:
        tunnels = ", ".join(sorted({one.tunnel for one in known if one.tunnel is not None})) or "none"
        wrong(f"{name!r} is no station of traffic and no tunnel of the registry; tunnels are {tunnels}")
    return found
