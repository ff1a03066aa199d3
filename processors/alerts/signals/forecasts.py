"""Of the air as it is forecast officially: what people enter as `forecast_aqi`, `forecast_pm2_5`, `forecast_mda8`, by civil day.

An issue is all that was entered with one `dated`; its instant is that of its first entry. It says what is known then of the days
to come: of a day that it says nothing of, what the issue before said. An entry of the same `dated` corrects that issue, and with
it what was told of it; a later issue is news, and one of an earlier date that is entered after it changes nothing that it says.
Where the AQI of a day is within 150, so are the others of which its issue says nothing.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction

from processors.alerts.signals.look import Look, Signal, books_of
from processors.alerts.signals.subjects import ENTERED
from processors.alerts.values import Known, Outlook, Shown, Values
from processors.scopes import CITY
from processors.standards.tables import air_rules
from processors.windows import civil_day, period_bounds
from sensors.instants import DAY_MS, HOUR_MS
from store.records import RECORDS, Record, Records

_OF = {"forecast_aqi": "aqi", "forecast_pm2_5": "pm2_5", "forecast_mda8": "mda8"}
# How far ahead a forecast reaches, and how far back a clause of three days looks [days]. Chosen: official ones are a week's.
_AHEAD, _BACK = 15, 3
# Lifted where it is below yellow and forecast to stay so for more than 36 hours (Yangzhou 2026: standards §5.1, one source).
_STAYS_MS = 36 * HOUR_MS

# Up to this index the schemes ask nothing of concentrations; and the tables of HJ 633 that say what one allows of them.
_ALLOWS = 150
_TABLES = {"pm2_5": "pm2_5_24h", "mda8": "o3_8h"}


def _forecasts(look: Look) -> Mapping[str, Values]:
    first = civil_day(look.start + 1, look.zone) - timedelta(days=_BACK)
    last = civil_day(look.end, look.zone) + timedelta(days=_AHEAD)
    entries = Records(books_of(look)).entries(_OF, CITY, first.isoformat(), last.isoformat())
    issued: dict[str, int] = {}
    for one in entries:
        issued[one.dated] = min(one.entered_at, issued.get(one.dated, one.entered_at))
    found = {
        at: Outlook(_ahead([one for one in entries if issued[one.dated] <= at], look), _STAYS_MS)
        for at in sorted(set(issued.values()))
        if look.start < at <= look.end
    }
    return {CITY: found} if found else {}


def _ahead(entries: list[Record], look: Look) -> Values:
    """What is said of each day: of each quantity the newest issue, of that its last entry."""
    days: dict[int, dict[str, Known]] = {}
    dated: dict[tuple[int, str], str] = {}
    for one in sorted(entries, key=lambda entry: (entry.dated, entry.id)):
        end = period_bounds(one.period, look.zone)[1]
        of_day = days.setdefault(end, {})
        of_day[_OF[one.code]] = Fraction(one.value)
        of_day |= {"day": one.period, "issued": one.dated, "source": one.source}
        dated[end, _OF[one.code]] = one.dated
    for end, of_day in days.items():
        aqi = of_day.get("aqi")
        # An earlier issue's, too: the AQI of a later one says otherwise.
        lacking = [code for code in _TABLES if dated.get((end, code), "") < dated.get((end, "aqi"), "")]
        if lacking and isinstance(aqi, Fraction) and aqi <= _ALLOWS:
            points = air_rules(date.fromisoformat(str(of_day["day"]))).index.breakpoints
            place = points.iaqi.index(_ALLOWS)
            of_day |= {code: Fraction(points.tables[_TABLES[code]][place]) for code in lacking}
            of_day["not_entered"] = f"{', '.join(lacking)}: at most what the AQI allows"
    return days


SIGNALS: Mapping[str, Signal] = {
    "air_forecast_days": Signal(
        ENTERED,
        {
            "aqi": Shown("空气质量指数预报", "AQI, forecast"),
            "pm2_5": Shown("PM2.5 日均预报", "PM2.5, forecast", "µg/m³"),
            "mda8": Shown("臭氧日最大八小时均值预报", "ozone MDA8, forecast", "µg/m³"),
            "not_entered": Shown("未录入", "not entered"),
            "day": Shown("预报日", "of the day"),
            "issued": Shown("发布日期", "issued"),
            "source": Shown("发布来源", "by"),
        },
        RECORDS, ("entry",), _forecasts, 24 * _BACK, DAY_MS, basis="forecast",
    )
}  # fmt: skip
