"""Why a value was revised, in Chinese: the sentences that `processors/causes.py`, the runner and reviews write are English, and
are kept in the books so. What people wrote in them stays as it is, and so does a sentence that is not known here."""

import re
from functools import cache
from typing import Final

from processors.bulletin.words import unit, words
from processors.pictures.words import Language
from processors.plans.figures import figures

# {1} is the first group of a pattern.
_PHRASES: Final = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"\bthe period closed\b", "时段结束"),
        (r"\bthe readings are the same; what judges them changed\b", "数据未变，评价规则有变"),
        (r"\ba review, or what judges the days, changed\b", "复核或评价规则有变"),
        (r"\bwhat its event lifts changed\b", "特殊事件剔除范围有变"),
        (r"\b(\d+) late (?:hours?|samples?) of (\S+?)(?=[;|,]|$| \|)", "{2} 迟到数据 {1} 条"),
        (
            r"\b(\d+) (?:hours?|samples?) of (\S+) withdrawn, doubtful or withheld\b",
            "{2} 有 {1} 条数据撤回、存疑或不计",
        ),
        (r"\b(\d+) corrected (?:hours?|samples?) of (\S+?)(?=[;|,]|$| \|)", "{2} 更正数据 {1} 条"),
        (r"\band as much of (\d+) more\b", "另有 {1} 处"),
        (r"\band (\d+) more\b", "另有 {1} 处"),
        (r"\bother assessment stations: ", "评价站点变化："),
        (r"\bmade of others: ", "组成变化："),
        (r"\bevent (\d+) entered\b", "录入特殊事件 {1}"),
        (r"\bevent (\d+) removed\b", "删除特殊事件 {1}"),
        (r"\btarget (\S+) → (\S+)", "目标 {1} → {2}"),
        (r"\bwater body (\S+) → (\S+)", "水体 {1} → {2}"),
        (r"\bwithin what is rounded\b", "变化小于修约位数"),
        (r", coverage (\d+/\d+) → (\d+/\d+)", "，覆盖 {1} → {2}"),
        (r", entered \(([^)]*)\)", "，录入（{1}）"),
        (r"^proposal (\d+) accepted: ", "接受拟修订 {1}："),
        (r"^proposal (\d+) rejected: ", "驳回拟修订 {1}："),
        (r"^final: ", "定稿："),
        (r"^under review: ", "审核中："),
        (r"\briver → lake\b", "河流 → 湖库"),
        (r"\blake → river\b", "湖库 → 河流"),
    )
)
_STATUSES: Final = re.compile(r"(?<=, )({0}) → ({0})".format("|".join(sorted(words(), key=len, reverse=True))))


def reason_in(language: Language, reason: str) -> str:
    """A revision's reason in a language."""
    if language == "en":
        return reason
    reason = _figures().sub(_figure, reason)
    text = _STATUSES.sub(lambda found: f"{words()[found[1]][1]} → {words()[found[2]][1]}", reason)
    for pattern, chinese in _PHRASES:
        text = pattern.sub(lambda found, into=chinese: into.format(found[0], *found.groups()), text)  # type: ignore[misc]
    return text


@cache
def _figures() -> re.Pattern[str]:
    """A figure that was entered, as a cause names it: gdp 2025: 3460000 10⁴ yuan."""
    units = sorted({one.unit for one in figures().values()}, key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(figures())}) (\d{{4}}\S*): (\S+) ({'|'.join(map(re.escape, units))})(?=, )")


def _figure(found: re.Match[str]) -> str:
    code, period, value, of = found.groups()
    return f"{figures()[code].zh} {period}: {value} {unit(of, 'zh')}".rstrip()
