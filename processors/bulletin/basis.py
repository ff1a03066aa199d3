"""What a row of the plan rests on, in one sentence of the bulletin's language, from the detail of its judgement."""

from collections.abc import Callable, Mapping
from typing import Any

from processors.bulletin.words import listed, month_name, say, sentences
from processors.pictures.water_marks import class_name
from processors.pictures.words import Language
from processors.plans import Indicator, Plan
from processors.plans.figures import figures
from processors.standards.water import water_standard
from processors.windows import period_days
from sensors.stations import Registry
from store.judgements import Judgement


def basis(row: Indicator, judgement: Judgement, plan: Plan, registry: Registry, language: Language) -> str:
    """The sentence."""
    detail = judgement.detail
    if row.computation == "good_air_days":
        return _air(row, detail, language)
    if row.computation == "water_sections":
        return _water(detail, registry, language)
    if row.computation == "tunnel_capacity":
        return _tunnels(detail, language)
    if row.computation == "entered":
        return say("entered_of", language, period=detail["figures"][0]["period"])
    return _intensity(judgement, plan, language)


def _air(row: Indicator, detail: Mapping[str, Any], language: Language) -> str:
    days = detail["good"] + detail["polluted"] + detail["not_assessable"]
    parts = [
        say(
            "air_counted",
            language,
            good=detail["good"],
            polluted=detail["polluted"],
            none=detail["not_assessable"],
            days=days,
        )
    ]
    left, needed = detail["days_left"], int(row.goal) - detail["good"]
    if left and needed > 0:
        enough = detail["bad_days_left"] >= 0
        said = "more_needed" if enough else "too_few_left"
        parts.append(say(said, language, needed=needed, left=left, bad=detail["bad_days_left"]))
    forecast = detail["forecast"]
    if forecast and "why" not in forecast:
        parts.append(say("forecast", language, **{name: forecast[name] for name in ("low", "high", "median")}))
    return sentences(parts, language)


def _water(detail: Mapping[str, Any], registry: Registry, language: Language) -> str:
    samples = detail["definition"] == "share_of_samples"
    kept = detail["kept_by_samples" if samples else "kept"]
    how = say("by_samples" if samples else "by_mean", language)
    said = say("sections_kept", language, kept=kept, of=detail["with_target"])
    parts = [f"{said}{'，' if language == 'zh' else ' '}{how}"]
    named = section_names(registry, language)
    worse = [
        f"{named(name)} {_class(one['class'], language)}/{_class(one['target'], language)}"
        for name, one in detail["sections"].items()
        if one["kept"] is False
    ]
    if worse and not samples:
        parts.append(say("not_kept", language, names=listed(worse, language)))
    if detail["silent"]:
        names = [named(name) for name in detail["silent"]]
        parts.append(say("nothing_came", language, names=listed(names, language)))
    return sentences(parts, language)


def _class(name: str, language: Language) -> str:
    return class_name(water_standard().class_named(name).code, language)


def section_names(registry: Registry, language: Language) -> Callable[[str], str]:
    """The name of a section in the language, from the last entry that has one; its id where none has."""
    names: dict[str, str] = {}
    for one in sorted((one for one in registry if one.family == "water"), key=lambda one: one.active_from is not None):
        names[one.id] = (one.name_zh if language == "zh" else one.name_en) or names.get(one.id, one.id)
    return lambda name: names.get(name, name)


def _tunnels(detail: Mapping[str, Any], language: Language) -> str:
    tunnels = detail["tunnels"]
    parts = [say("tunnels", language, count=len(tunnels), names=listed(list(tunnels), language))]
    lacking = [name for of in tunnels.values() for name, capacity in of["entries"].items() if capacity is None]
    if lacking:
        parts.append(say("no_capacity", language, names=listed(lacking, language)))
    return sentences(parts, language)


def _intensity(judgement: Judgement, plan: Plan, language: Language) -> str:
    detail, period = judgement.detail, judgement.key.period
    parts = []
    if "to_date" in detail:
        of = detail["to_date"]
        if of["reduction_percent"] is not None:
            month = month_name(period_days(period)[1], language)
            against = of["against"][:4]
            parts.append(say("to_date", language, month=month, value=of["reduction_percent"], year=against))
            if judgement.value is None:
                parts.append(say("since_unknown", language, year=plan.baseline_year))
    elif judgement.value is not None and detail["years"]:
        last = detail["years"][-1]
        if last["reduction_percent"] is not None:
            parts.append(say("in_year", language, value=last["reduction_percent"], year=last["year"]))
    if judgement.value is not None:
        parts.append(say("since", language, value=judgement.value, year=plan.baseline_year))
    if detail["lacking"]:
        parts.append(lacking_figures(detail, language))
    return sentences(parts, language)


def lacking_figures(detail: Mapping[str, Any], language: Language) -> str:
    """Which figures nobody has entered, by their names in the language."""
    known = figures()
    named = []
    for one in detail["lacking"]:
        code, period = one.split(" ")
        figure = known[code]
        named.append(f"{figure.zh if language == 'zh' else figure.en.partition(':')[0]} {period}")
    return say("lacking", language, names=listed(named, language))


def last_day(judgement: Judgement, language: Language) -> str:
    """Until which day a judgement counts."""
    return say("until_day", language, day=judgement.detail["last_day"])
