"""A sudden change of an item against the section's own days before, at the same hour of day; rain told apart.

    usual     the values of the same hour of day in the days before, without those that were sudden
    score     (value - median) / scatter, scatter = 1.4826 × median absolute deviation and no less than the least of the rule;
              logarithms where the rule says so
    sudden    beyond the rule's score and its least change, the worse way
    notice    one such cycle; a warning with the second one after it
    rain      where turbidity is up and conductivity down in the same cycle, and the rise is no more than rain explains: then it
              stays a notice

What stays longer than the rule's days is the new usual, and the change is over; until enough is known of it nothing is sudden.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import exp, log
from statistics import median
from typing import NamedTuple

from processors.water.warning.rules import SuddenItem, WarningRules
from processors.water.warning.runs import Cycle, Run, Warned, runs
from sensors.instants import DAY_MS, HOUR_MS

_MAD = 1.4826  # of a normal distribution, its standard deviation over its median absolute deviation
_DAY_H = 24
# Whether a value was sudden, and is left out of what is usual, depends on those before it, and so on without end. So the values
# of each block are judged from so long before it on: what is told does not depend on where a look begins. Chosen: usual days,
# and half as many, so that those are judged themselves; two weeks, for shorter blocks cost more and longer ones read more.
_WARM_DAYS, _BLOCK_DAYS = 42, 14
_WARM_MS, _BLOCK_MS = _WARM_DAYS * DAY_MS, _BLOCK_DAYS * DAY_MS
JUDGED_DAYS = _WARM_DAYS + _BLOCK_DAYS
"""How far before a cycle what was measured has a part in its score [days]."""


class Scored(NamedTuple):
    """A value against its usual: the score, and the usual value itself (None where too little is known); `settled` where that is
    because a change has stayed, and what came since is not enough yet."""

    value: float
    usual: float | None
    score: float | None
    settled: bool = False


def scores(cycles: Sequence[Cycle], code: str, rules: WarningRules) -> list[Scored | None]:
    """Each cycle's value of an item against its usual; None where it was not measured. In order of time. A score depends on what
    was measured in the `JUDGED_DAYS` days before its cycle, and on nothing else."""
    at = [cycle.at for cycle in cycles]
    found: list[Scored | None] = []
    while len(found) < len(cycles):
        block = (at[len(found)] - 1) // _BLOCK_MS * _BLOCK_MS
        first, end = bisect_right(at, block - _WARM_MS), bisect_right(at, block + _BLOCK_MS)
        found += _scores(cycles[first:end], code, rules)[len(found) - first :]
    return found


def _scores(cycles: Sequence[Cycle], code: str, rules: WarningRules) -> list[Scored | None]:
    """As `scores` gives them, where nothing was before the first cycle."""
    rule = rules.sudden
    item = rule.items.get(code, SuddenItem(worse="both", log=True))
    at = [cycle.at for cycle in cycles]
    hours = [(moment // HOUR_MS) % _DAY_H for moment in at]
    scale = [
        None if (value := cycle.values.get(code)) is None or (item.log and value <= 0) else _scaled(value, item)
        for cycle in cycles
    ]
    found: list[Scored | None] = []
    sudden_since: int | None = None
    settled = False
    near = [[other for other in range(_DAY_H) if _apart(one, other) <= rule.same_hour] for one in range(_DAY_H)]
    # Of each hour of day the instants whose values are usual, and the values.
    usual: list[list[tuple[int, float]]] = [[] for _ in range(_DAY_H)]
    for position, cycle in enumerate(cycles):
        value = scale[position]
        if value is None:
            found.append(None if code not in cycle.values else Scored(cycle.values[code], None, None))
            continue
        oldest = (at[position] - rule.usual_days * DAY_MS,)
        known = [
            other for hour in near[hours[position]] for _, other in usual[hour][bisect_left(usual[hour], oldest) :]
        ]
        one = _against(cycle.values[code], value, known, item, rules)
        settled = settled and one.score is None
        found.append(one._replace(settled=settled))
        if one.score is not None and _is_sudden(one, item, rules):
            sudden_since = at[position] if sudden_since is None else sudden_since
            if at[position] - sudden_since <= rule.new_usual_days * DAY_MS:
                continue
            # It has stayed: only what came since is usual from now on.
            usual = [[] for _ in range(_DAY_H)]
            for other in range(bisect_left(at, sudden_since), position):
                if (its := scale[other]) is not None:
                    usual[hours[other]].append((at[other], its))
            settled = True
        sudden_since = None
        usual[hours[position]].append((at[position], value))
    return found


def sudden_changes(section: str, cycles: Sequence[Cycle], rules: WarningRules) -> list[Warned]:
    """The sudden changes of a section's items, in order of time."""
    at = [cycle.at for cycle in cycles]
    of_item = {code: scores(cycles, code, rules) for code in rules.sudden.items}
    turbidity = scores(cycles, "turbidity", rules)
    rainy = [_is_rain(*pair, rules) for pair in zip(turbidity, of_item.get("conductivity", turbidity), strict=True)]
    found = []
    for code, scored in of_item.items():
        item = rules.sudden.items[code]
        bad = [
            None if one is None or (one.score is None and not one.settled) else _is_sudden(one, item, rules)
            for one in scored
        ]
        for run in runs(bad, at, 1, rules.sudden.clear_cycles, rules.cycles.most_gap_h):
            found.append(_warned(section, code, run, at, scored, rainy, rules))
    return sorted(found, key=lambda one: (one.since, one.item))


def _warned(
    section: str,
    code: str,
    run: Run,
    at: Sequence[int],
    scored: Sequence[Scored | None],
    rainy: Sequence[bool],
    rules: WarningRules,
) -> Warned:
    values = [one for position in run.bad if (one := scored[position]) is not None]
    rain = any(rainy[position] for position in range(max(run.bad[0] - 1, 0), run.bad[0] + 2) if position < len(rainy))
    rain = rain and all(not one.usual or one.value / one.usual - 1 <= rules.rain.most_change for one in values)
    confirmed = len(run.bad) > 1
    peak = max(values, key=lambda one: abs(one.score or 0))
    return Warned(
        "sudden change", section, code, "warning" if confirmed and not rain else "notice",
        at[run.bad[0]], at[run.bad[0]], None if run.well is None else at[run.well], run.gap,
        {
            "values": {str(at[position]): one.value for position in run.bad if (one := scored[position]) is not None},
            "usual": peak.usual,
            "score": None if peak.score is None else round(peak.score, 1),
            "confirmed": at[run.bad[1]] if confirmed else None,
            "like_rain": rain,
        },
    )  # fmt: skip


def _scaled(value: float, item: SuddenItem) -> float:
    return log(value) if item.log else value


def _apart(one: int, other: int) -> int:
    """Hours of the clock between two."""
    distance = abs(one - other)
    return min(distance, _DAY_H - distance)


def _against(raw: float, value: float, known: Sequence[float], item: SuddenItem, rules: WarningRules) -> Scored:
    rule = rules.sudden
    if len(known) < rule.least_values:
        return Scored(raw, None, None)
    middle = median(known)
    scatter = _MAD * median([abs(one - middle) for one in known])
    least = item.least_scatter or rule.least_scatter
    scatter = max(scatter, least if item.log else least * abs(middle))
    usual = exp(middle) if item.log else middle
    return Scored(raw, usual, (value - middle) / scatter if scatter > 0 else None)


def _is_sudden(one: Scored, item: SuddenItem, rules: WarningRules) -> bool:
    if one.score is None or not one.usual:
        return False
    change = one.value / one.usual - 1
    least = item.least_change or rules.sudden.least_change
    more = one.score >= rules.sudden.score and change >= least
    less = one.score <= -rules.sudden.score and -change >= least
    return {"more": more, "less": less, "both": more or less}[item.worse]


def _is_rain(turbidity: Scored | None, conductivity: Scored | None, rules: WarningRules) -> bool:
    if turbidity is None or conductivity is None or turbidity.score is None or conductivity.score is None:
        return False
    return turbidity.score >= rules.rain.turbidity_score and conductivity.score <= rules.rain.conductivity_score
