"""What stands in a picture, in English and Chinese, and how pollutants and days are written."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Final, Literal

Language = Literal["en", "zh"]

POLLUTANT: Final[Mapping[str, str]] = {
    "pm2_5": "PM₂.₅", "pm10": "PM₁₀", "so2": "SO₂", "no2": "NO₂", "co": "CO", "o3": "O₃",
}  # fmt: skip
"""The pollutants by code, as people write them."""

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "not_assessable": ("Not assessable", "无法评价"),
    "unknown": ("Not known yet", "尚无结果"),
    "provisional": ("provisional", "暂定"),
    "under review": ("under review", "审核中"),
    "running": ("day still open", "当日未结束"),
    "good": ("good", "优良"),
    "good_of_days": ("{good} of {days}", "{good} / {days}"),
    "no_station": ("No station", "没有站点"),
    "days": ("days", "天数"),
    "year": ("Year", "本年"),
    "shares": (
        "Days with an AQI above 50. A day with two primary pollutants counts half for each, with three a third.",
        "AQI 大于 50 的天数。一天有两种首要污染物时各计半天，三种时各计三分之一。",
    ),
    "not_named": ("not named", "未注明"),
    "no_primary": ("No day with an AQI above 50 is known.", "尚无 AQI 大于 50 的天。"),
    "good_days": ("{count} good {days}", "优良 {count} 天"),
    "by": ("by {day}, day {number} of {length}", "截至{day}，第 {number} 天，全年 {length} 天"),
    "none_yet": ("No day is known yet", "尚无结果"),
    "ahead": ("{count} ahead of the straight line", "比直线进度多 {count} 天"),
    "behind": ("{count} behind the straight line", "比直线进度少 {count} 天"),
    "level": ("on the straight line", "与直线进度相同"),
    "spare": ("{count} of the {left} left may be lost", "余下 {left} 天中还可失去 {count} 天"),
    "reached": ("the target is reached", "已达到目标"),
    "lost": ("{target} can no longer be reached", "已无法达到 {target} 天"),
    "straight": ("straight to the target", "目标直线进度"),
    "beyond": ("in the shaded area, {target} can no longer be reached", "落入阴影则无法达到 {target} 天"),
    "target": ("target", "目标"),
    "forecast": ("forecast {low}–{high}", "预测 {low}–{high}"),
    "likely": ("forecast {low}–{high} ({percent} %)", "预测 {low}–{high}（{percent} %）"),
    "target_class": ("Target", "目标"),
    "whole_year": ("Year", "全年"),
    "missed": ("target missed", "未达目标"),
    "still_open": ("still open", "未结束"),
    "few": ("too few values", "数据不足"),
    "withheld": ("values withheld", "数据未采用"),
    "withheld_as": ("maintenance, fault …", "维护、故障等"),
    "nothing": ("nothing came", "无数据"),
    "no_value": ("no value", "无数据"),
    "dimensionless": ("dimensionless", "无量纲"),
    "no_class": ("No class", "无类别"),
    "inferior": (">Ⅴ", "劣Ⅴ"),
    "tributary": ("tributary", "支流"),
    "period_peak": ("peak", "峰"),
    "period_flat": ("flat", "平"),
    "period_valley": ("valley", "谷"),
    "demand": ("maximum demand {power} kW", "最大需量 {power} kW"),
    "measured": ("measured", "实测"),
    "apportioned": ("shared out by time", "按时间分摊"),
    "gap": ("not measured", "未测得"),
    "rug": ("{count} not assessable", "{count} 天无法评价"),
}


def say(key: str, language: Language, **parts: object) -> str:
    """A text of pictures with its parts filled in."""
    return _SAID[key][language == "zh"].format(**parts)


def days_of(count: int | Fraction, language: Language) -> str:
    """So many days, to a tenth where they are not whole."""
    number = str(count) if Fraction(count).denominator == 1 else f"{float(count):.1f}"
    if language == "zh":
        return f"{number} 天"
    return f"{number} {'day' if count == 1 else 'days'}"


def month_of(month: int, language: Language) -> str:
    """A month, short."""
    return f"{month}月" if language == "zh" else _MONTHS[month - 1][:3]


def day_of(day: date, language: Language) -> str:
    """A day without its year."""
    return f"{day.month}月{day.day}日" if language == "zh" else f"{day.day} {_MONTHS[day.month - 1]}"
