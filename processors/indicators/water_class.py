"""The class of a water section from its items: single factor, by GB 3838-2002 and 环办〔2011〕22号. Exact.

    item      the best class whose limit it keeps (equal is kept); worse than V is inferior V. pH is class I within 6 to 9, else
              inferior V. Total nitrogen, temperature and fecal coliform have no part in it
    section   the worst of its items. Items that are missing could only make it worse: then the class is a lower bound, and said
    to be main      worse than III, up to three items that are worse than III: cyanide and heavy metals first, then by class,
    then by
              exceedance multiple (C - S) / S against class III; dissolved oxygen and pH have no multiple

Values are compared as they are given: published four-hourly classes follow unrounded values, an evaluation rounds before
(`water_means.evaluated`).
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from processors.indicators.exact import decimal
from processors.standards.water import Item, Kind, WaterStandard, water_standard

INFERIOR = 6

Values = Mapping[str, Fraction]
"""Exact concentrations [mg/L], pH [1], by item."""


class ItemClass(NamedTuple):
    """One item: its class, and how far it is above class III and above the target, each as a multiple; None where it is not, or
    has none."""

    code: str
    cls: int
    multiple: Decimal | None
    of_target: Decimal | None


class SectionClass(NamedTuple):
    """A section: its class (None without any item), its items, those of the worst class, the main pollution items, and what the
    class rests on: items that are missing, and whether dissolved oxygen was judged by saturation too."""

    cls: int | None
    items: tuple[ItemClass, ...]
    worst: tuple[str, ...]
    main: tuple[str, ...]
    missing: tuple[str, ...]
    saturation: bool

    @property
    def complete(self) -> bool:
        """Whether no item is missing: else the class is a lower bound."""
        return not self.missing


def section_class(
    values: Values,
    kind: Kind,
    *,
    required: Iterable[str] | None = None,
    saturation: bool = False,
    temperature: Fraction | None = None,
    target: int | None = None,
) -> SectionClass:
    """The class of one set of values. `required` are the items that should be there (None: those of an automatic station); with
    `saturation` dissolved oxygen of 90 % of saturation at `temperature` [°C] is class I. `target` is the class to reach, for the
    multiples of it."""
    standard = water_standard()
    needed = standard.evaluation.automatic if required is None else tuple(required)
    found = []
    for item in standard.items:
        if item.code in values:
            value = values[item.code]
            cls = item_class(item, value, kind)
            if item.better == "more" and saturation and temperature is not None and _is_saturated(value, temperature):
                cls = 1
            reference = standard.evaluation.reference_class
            of_target = None if target is None else _multiple(item, value, kind, target)
            found.append(ItemClass(item.code, cls, _multiple(item, value, kind, reference), of_target))
    worst = max((one.cls for one in found), default=None)
    return SectionClass(
        worst,
        tuple(found),
        tuple(one.code for one in found if one.cls == worst),
        _main(standard, found),
        tuple(code for code in needed if code not in values),
        saturation,
    )


def class_alone(values: Values, kind: Kind) -> int | None:
    """Only the class of `section_class`, without the saturation of oxygen; None without any item."""
    items = water_standard().by_code
    return max((item_class(items[code], value, kind) for code, value in values.items() if code in items), default=None)


def item_class(item: Item, value: Fraction, kind: Kind) -> int:
    """The class of one item, 1 to 6."""
    limits = item.exact[kind]
    if item.better == "band":
        return 1 if limits[0] <= value <= limits[1] else INFERIOR
    for cls, limit in enumerate(limits, start=1):
        if value <= limit if item.better == "less" else value >= limit:
            return cls
    return INFERIOR


def saturated_oxygen(temperature: Fraction) -> Fraction:
    """Dissolved oxygen at saturation in fresh water [mg/L] (HJ 2.3-2018)."""
    of = water_standard().saturation
    return Fraction(of.numerator) / (Fraction(of.offset) + temperature)


def _is_saturated(value: Fraction, temperature: Fraction) -> bool:
    return value >= Fraction(water_standard().saturation.share) * saturated_oxygen(temperature)


def _multiple(item: Item, value: Fraction, kind: Kind, cls: int) -> Decimal | None:
    """(C - S) / S above the limit of a class, two decimals; None where it is not above, and for pH and dissolved oxygen."""
    if item.better != "less":
        return None
    limit = item.exact[kind][cls - 1]
    if value <= limit:
        return None
    return decimal((value - limit) / limit, 2)


def _main(standard: WaterStandard, found: Iterable[ItemClass]) -> tuple[str, ...]:
    """The main pollution items, the first first."""
    rule = standard.evaluation
    worse = [one for one in found if one.cls > rule.reference_class]
    of = standard.by_code
    worse.sort(key=lambda one: (not of[one.code].first, -one.cls, -(one.multiple or 0)))
    return tuple(one.code for one in worse[: rule.main_items])
