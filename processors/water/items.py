"""Means of a section's quantities, what each rests on, and the class they give: as data for a judgement, and back."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from processors.indicators.water_class import ItemClass, SectionClass, item_class, section_class
from processors.indicators.water_means import Sample, mean, rounded_as
from processors.standards.water import Kind, water_standard

CLASS_3 = 3

By = Literal["automatic", "manual"]


class Mean(NamedTuple):
    """A quantity's mean: exact, of `n` values, `below` of them below a detection limit, of which `limit` is the greatest [unit of
    the quantity]; measured by a station or drawn by people."""

    exact: Fraction
    n: int
    by: By
    below: int = 0
    limit: Fraction = Fraction(0)


def mean_of(code: str, samples: Sequence[Sample], by: By) -> Mean:
    """The mean of at least one sample."""
    limits = [one.value for one in samples if one.below]
    return Mean(mean(code, samples), len(samples), by, len(limits), max(limits, default=Fraction(0)))


class Judged(NamedTuple):
    """A section's class and what it rests on. `undetermined` are items of which every sample was below a detection limit that is
    itself above what the section is to keep: half the limit counts, and may be wrong."""

    found: SectionClass
    undetermined: tuple[str, ...]
    detail: dict[str, Any]


def judged(means: Mapping[str, Mean], kind: Kind, target: int | None, *, saturation: bool) -> Judged:
    """The class of means, rounded as an evaluation; without any item there is none."""
    items = water_standard().by_code
    values = {code: Fraction(rounded_as(code, one.exact, "evaluation")) for code, one in means.items() if code in items}
    temperature = means["water_temperature"].exact if "water_temperature" in means else None
    found = section_class(values, kind, saturation=saturation, temperature=temperature, target=target)
    undetermined = tuple(code for code in values if _is_undetermined(code, means[code], kind, target or CLASS_3))
    detail = {
        "class": None if found.cls is None else class_name(found.cls),
        "items": {one.code: _item(one, means[one.code], one.code in undetermined) for one in found.items},
        "others": {code: _plain(one) for code, one in sorted(means.items()) if code not in items},
        "worst": list(found.worst),
        "main": list(found.main),
        "missing": list(found.missing),
        "undetermined": list(undetermined),
        "saturation": saturation,
        "kind": kind,
        "target": target,
    }
    return Judged(found, undetermined, detail)


def _item(one: ItemClass, of: Mean, undetermined: bool) -> dict[str, Any]:
    return {
        "value": str(rounded_as(one.code, of.exact, "evaluation")),
        **_plain(of),
        "class": one.cls,
        "multiple_of_class_3": None if one.multiple is None else str(one.multiple),
        "multiple_of_target": None if one.of_target is None else str(one.of_target),
        "undetermined": undetermined,
    }


def _plain(of: Mean) -> dict[str, Any]:
    return {"exact": str(of.exact), "n": of.n, "by": of.by, "below": of.below, "limit": str(of.limit)}


def means_in(detail: Mapping[str, Any]) -> dict[str, Mean]:
    """The means in the detail of a judgement."""
    every = {**detail.get("items", {}), **detail.get("others", {})}
    return {
        code: Mean(Fraction(one["exact"]), one["n"], one["by"], one["below"], Fraction(one["limit"]))
        for code, one in every.items()
    }


def class_name(cls: int) -> str:
    """Ⅰ … 劣Ⅴ."""
    return water_standard().classes[cls - 1].name


def status_of(cls: int | None, target: int | None) -> str:
    """Whether a closed period keeps the target."""
    if cls is None:
        return "not assessable"
    if target is None:
        return "stated"
    return "met" if cls <= target else "missed"


def of_means(code: str, means: Iterable[Mean]) -> Mean:
    """The mean of means, each counting once."""
    rows = list(means)
    limits = [one.limit for one in rows if one.below == one.n]
    return Mean(
        mean(code, [Sample(one.exact) for one in rows]),
        len(rows),
        "automatic" if any(one.by == "automatic" for one in rows) else "manual",
        len(limits),
        max(limits, default=Fraction(0)),
    )


def _is_undetermined(code: str, of: Mean, kind: Kind, keeps: int) -> bool:
    if of.below < of.n:
        return False
    return item_class(water_standard().by_code[code], of.limit, kind) > keeps
