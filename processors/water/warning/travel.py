"""How long the water takes from a section to the next one below: as the registry says it, or estimated from pulses that both saw.

A pulse is a sudden rise of an item that was no rain: its middle is the mean time of its cycles, each weighted by how far it was
above the usual. The pulses of one item at two sections are one where the lower one's middle follows the upper one's, the nearest
first, and no other lies between. The estimate is the median of the differences; how sure it is, is how many there were and how
far they lie apart. Rain comes to both at once and would give no time at all: so it is left out.
"""

from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

from processors.water.warning.rules import WarningRules
from processors.water.warning.runs import CYCLE_MS, Warned
from sensors.instants import HOUR_MS

# Chosen: where every pulse took the same time, the cycles still hide four hours before it and four after.
_CYCLE_H = CYCLE_MS / HOUR_MS


class Reach(NamedTuple):
    """From a section to the next one below: hours, at least and at most; `pulses` that an estimate rests on."""

    upstream: str
    downstream: str
    hours: float
    low: float
    high: float
    source: Literal["configured", "estimated"]
    pulses: int = 0


class NoEstimate(NamedTuple):
    """Why there is none."""

    upstream: str
    downstream: str
    why: str


def configured(upstream: str, downstream: str, hours: float, rules: WarningRules) -> Reach:
    """The reach as the registry has it, with the spread of the rules."""
    spread = rules.travel.configured_spread * hours
    return Reach(upstream, downstream, hours, hours - spread, hours + spread, "configured")


def estimated(
    above: Sequence[Warned], below: Sequence[Warned], names: tuple[str, str], rules: WarningRules
) -> Reach | NoEstimate:
    """From the sudden changes of two sections, as `sudden.sudden_changes` gives them, to the travel time between them."""
    differences = []
    for item in sorted({one.item for one in above}):
        upper, lower = _middles(above, item), _middles(below, item)
        for number, middle in enumerate(upper):
            following = upper[number + 1] if number + 1 < len(upper) else None
            after = [one for one in lower if middle < one <= middle + rules.travel.most_h * HOUR_MS]
            if after and (following is None or after[0] < following + rules.travel.most_h * HOUR_MS / 2):
                differences.append((after[0] - middle) / HOUR_MS)
    if len(differences) < rules.travel.least_pulses:
        return NoEstimate(
            *names, f"{len(differences)} pulses were seen at both sections within {rules.travel.most_h:g} h; "
            f"{rules.travel.least_pulses} are needed",
        )  # fmt: skip
    hours = median(differences)
    apart = max(_CYCLE_H, 1.4826 * median([abs(one - hours) for one in differences]) * 2)
    return Reach(*names, hours, max(0.0, hours - apart), hours + apart, "estimated", len(differences))


def _middles(changes: Sequence[Warned], item: str) -> list[float]:
    """When the pulses of an item were, in their middle [ms]; in order."""
    found = []
    for one in changes:
        usual = one.detail["usual"]
        # Two cycles at least: a single one has no middle that is known better than a cycle.
        if one.item != item or one.detail["like_rain"] or not usual or len(one.detail["values"]) < 2:
            continue
        weights = {int(at): value - usual for at, value in one.detail["values"].items() if value > usual}
        if weights:
            found.append(sum(at * weight for at, weight in weights.items()) / sum(weights.values()))
    return sorted(found)
