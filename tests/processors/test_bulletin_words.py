"""The bulletin's words: both languages of each, and the reasons of revisions in Chinese."""

import re
from pathlib import Path
from string import Formatter

import pytest

from processors.bulletin.reasons import reason_in
from processors.bulletin.words import SAID, say, unit, word, words
from processors.plans import shipped_plan
from processors.plans.figures import figures

SOURCES = Path(__file__).resolve().parents[2] / "processors" / "bulletin"


def test_each_text_has_the_same_parts_in_both_languages() -> None:
    for key, (english, chinese) in SAID.items():
        parts = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, chinese)]
        # A Chinese sentence may count what an English one names, never the other way.
        assert parts[0] == parts[1], key


def test_each_text_is_used_and_each_that_is_used_is_there() -> None:
    code = "\n".join(path.read_text("utf-8") for path in SOURCES.glob("*.py") if path.name != "words.py")
    for key in SAID:
        assert re.search(rf"""["']{key}["']""", code) or key in {"binding", "expected"}, key


@pytest.mark.parametrize(
    "status",
    [
        "met",
        "missed",
        "on track",
        "at risk",
        "not assessable",
        "stated",
        "running",
        "provisional",
        "under review",
        "final",
    ],
)
def test_a_status_is_a_word_of_each_language(status: str) -> None:
    assert word(status, "en") == status
    assert re.fullmatch(r"[\u4e00-\u9fff]+", word(status, "zh"))
    assert status in words()


def test_every_unit_of_the_plan_and_its_figures_is_written_in_chinese() -> None:
    for code in {one.unit for one in shipped_plan().indicators} | {one.unit for one in figures().values()}:
        assert not re.search(r"yuan|tce|\bd\b", unit(code, "zh")), code
    assert say("gap", "zh", gap="+3", unit="天") == "差距 +3 天"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("the period closed", "时段结束"),
        ("58 → 61: 6 late hours of hx-03; 2 hours of hx-01 withdrawn, doubtful or withheld; 1 corrected hour of hx-02",
         "58 → 61: hx-03 迟到数据 6 条; hx-01 有 2 条数据撤回、存疑或不计; hx-02 更正数据 1 条"),
        ("3 → 4: 2 late samples of br; 1 corrected sample of tz; target 3 → 4; water body river → lake",
         "3 → 4: br 迟到数据 2 条; tz 更正数据 1 条; 目标 3 → 4; 水体 河流 → 湖库"),
        ("NA, on track → not assessable: and as much of 4 more", "NA, 进度正常 → 无法评价: 另有 4 处"),
        ("60, coverage 3/4 → 4/4: other assessment stations: +hx-06, -hx-01",
         "60，覆盖 3/4 → 4/4: 评价站点变化：+hx-06, -hx-01"),
        ("71 → 72: 2026-03-05: 99 → 102: 1 late hour of hx-01 | and 3 more | made of others: +tz",
         "71 → 72: 2026-03-05: 99 → 102: hx-01 迟到数据 1 条 | 另有 3 处 | 组成变化：+tz"),
        ("61, within what is rounded: event 3 entered, event 2 removed", "61, 变化小于修约位数: 录入特殊事件 3, 删除特殊事件 2"),
        ("61 → 62: what its event lifts changed", "61 → 62: 特殊事件剔除范围有变"),
        ("61 → 62: the readings are the same; what judges them changed", "61 → 62: 数据未变，评价规则有变"),
        ("61 → 62: a review, or what judges the days, changed", "61 → 62: 复核或评价规则有变"),
        ("NA → 9.21: energy_total 2022: 472.875 tce, entered (ann)",
         "NA → 9.21: 能源消费总量 2022: 472.875 吨标准煤，录入（ann）"),
        ("final: audited, protocol 17 (ann)", "定稿：audited, protocol 17 (ann)"),
        ("under review: monthly audit (ann)", "审核中：monthly audit (ann)"),
        ("proposal 812 accepted: confirmed (ann)", "接受拟修订 812：confirmed (ann)"),
        ("proposal 812 rejected: instrument was open (ann)", "驳回拟修订 812：instrument was open (ann)"),
    ],
)  # fmt: skip
def test_a_reason_is_said_in_chinese_and_what_people_wrote_stays(english: str, chinese: str) -> None:
    assert reason_in("zh", english) == chinese
    assert reason_in("en", english) == english
