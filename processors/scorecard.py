"""The scorecard: every row of a plan with its value, target, gap, status, trend, coverage, how far it is settled, and why it is
what it is. Plain data, the same for terminal, page and files."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from processors.plans import Indicator, Plan
from sensors.instants import DAY_MS, iso
from store.judgements import Judgement, Judgements

COLUMNS: Sequence[str] = (
    "number", "code", "zh", "en", "kind", "period", "value", "unit", "target", "gap", "status", "trend", "coverage",
    "provisional", "finality", "standards", "computed_at", "last_revision", "last_reason", "revised_at", "source", "source_dated",
    "entered_by", "age_days", "sentence", "explained_by",
)  # fmt: skip
"""What a row has; what does not apply is None. `revised_at` is when it was last revised since it was published."""


def scorecard_rows(judgements: Judgements, plan: Plan, year: int, zone: ZoneInfo, now: int) -> list[dict[str, Any]]:
    """The rows of `year`, in the plan's order, each as `standing` has it."""
    return [_row(judgements, row, year, zone, now) for row in plan.indicators]


def _row(judgements: Judgements, row: Indicator, year: int, zone: ZoneInfo, now: int) -> dict[str, Any]:
    shown: dict[str, Any] = dict.fromkeys(COLUMNS)
    shown |= {
        "number": row.number or None, "code": row.code, "zh": row.zh, "en": row.en, "kind": row.kind, "period": str(year),
        "unit": row.unit, "target": row.wanted, "status": "not computed" if row.family else "not entered",
    }  # fmt: skip
    found = standing(judgements, row, year)
    if found is None:
        return shown
    judgement, finality = found
    # What is proposed for a final value is not in force, and no revision of what is shown.
    history = [one for one in judgements.history(judgement.key) if one.finality != "proposed"]
    shown |= {
        "period": judgement.key.period,
        "value": judgement.value,
        "gap": _gap(row, judgement),
        "status": judgement.status,
        "trend": _trend(judgements, row, judgement),
        "coverage": f"{judgement.valid}/{judgement.expected}",
        "provisional": finality != "final" or bool(judgement.detail.get("provisional")),
        "finality": finality,
        "standards": " → ".join(judgement.detail.get("standards", [judgement.key.standard])),
        "computed_at": iso(judgement.computed_at, zone),
        "last_revision": history[-1].id if history else None,
        "last_reason": history[-1].reason if history else None,
        "revised_at": iso(history[-1].judgement.computed_at, zone) if len(history) > 1 else None,
        "sentence": judgement.detail.get("sentence", ""),
        "explained_by": f"cityflux explain {row.code} {judgement.key.period}",
    }
    figures = judgement.detail.get("figures")
    if figures:
        newest = max(figures, key=lambda one: one["entered_at"])
        shown |= {
            "source": "; ".join(dict.fromkeys(one["source"] for one in figures)),
            "source_dated": newest["dated"],
            "entered_by": newest["entered_by"],
            "age_days": (now - newest["entered_at"]) // DAY_MS,
        }
    return shown


def standing(judgements: Judgements, row: Indicator, year: int) -> tuple[Judgement, str] | None:
    """What is known of the year, and how far it is settled: its own value, else that of its newest quarter, which is provisional;
    of a row that is entered else of the last year before it that has anything."""
    known = judgements.standing(
        row.code, scope=row.scope, first=None if row.family is None else str(year), last=f"{year}~"
    )
    by_period = {period: one for (_, period), one in known.items()}
    for each in sorted({period[:4] for period in by_period}, reverse=True):
        own = by_period.get(each)
        quarters = [by_period[period] for period in sorted(by_period) if period.startswith(f"{each}-Q")]
        valued = [one for one in quarters if one[0].value is not None]
        if own is not None and (own[0].value is not None or not valued):
            return own
        return (valued or quarters)[-1]
    return None


def _gap(row: Indicator, judgement: Judgement) -> str | None:
    """How far the value is beyond the target (+) or short of it (-), in the row's unit."""
    if judgement.value is None or row.target is None:
        return None
    beyond = Decimal(judgement.value) - row.goal
    return f"{beyond if row.direction == 'at_least' else -beyond:+}"


def _trend(judgements: Judgements, row: Indicator, judgement: Judgement) -> str | None:
    """Against the same period of the year before, where both are closed or of the same kind: better, worse or the same, and by
    how much."""
    period = judgement.key.period
    last_year = f"{int(period[:4]) - 1}{period[4:]}"
    before = judgements.latest(row.code, scope=row.scope, first=last_year, last=last_year)
    if not before or judgement.value is None or before[0].judgement.value is None or "days_left" in judgement.detail:
        return None
    change = Decimal(judgement.value) - Decimal(before[0].judgement.value)
    if change == 0:
        return "same"
    return f"{'better' if (change > 0) == (row.direction == 'at_least') else 'worse'} ({change:+})"
