"""What a bulletin says, in English and Chinese: its own sentences, and the words of statuses, finality, units and trends.

What people entered (a source, a reason, a name) stays as they wrote it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from processors.pictures.words import Language, day_of, month_of

SAID: Final[Mapping[str, tuple[str, str]]] = {
    # Headings
    "title": ("Monthly bulletin, {month}", "{month}月报"),
    "scorecard": ("Scorecard {year}", "{year} 年计划指标"),
    "page": ("page {n} of {of}", "第 {n} 页，共 {of} 页"),
    "made": ("made {at}", "编制于 {at}"),
    "plan": ("The plan's indicators", "计划指标"),
    "air": ("Air in {month}", "{month}空气质量"),
    "water": ("Water in {month}", "{month}水质"),
    "energy": ("Energy, carbon and traffic", "能源、碳排放与交通"),
    "revisions": ("Revised since it was published", "发布后的修订"),
    "missing": ("What is missing", "缺失情况"),
    "standards": ("Standards applied", "执行标准"),
    "how": ("How this was made", "编制说明"),
    # Columns
    "indicator": ("indicator", "指标"),
    "period": ("period", "时段"),
    "value": ("value", "数值"),
    "target": ("target", "目标"),
    "status": ("status", "状态"),
    "coverage": ("coverage", "覆盖"),
    "rests_on": ("what it rests on", "依据"),
    "span": ("span", "时段"),
    "closed_days": ("closed days", "已结束天数"),
    "good": ("good", "优良"),
    "polluted": ("polluted", "污染"),
    "no_verdict": ("no verdict", "无法评价"),
    "day": ("day", "日期"),
    "class": ("class", "类别"),
    "primary": ("primary pollutant", "首要污染物"),
    "why": ("why", "原因"),
    "section": ("section", "断面"),
    "main": ("main pollution, or what its class is by", "主要污染指标或定类指标"),
    "kept": ("target kept", "是否达标"),
    "classes": ("days with a class", "有类别天数"),
    "revised_at": ("revised", "修订时间"),
    "of": ("of", "对象"),
    "station": ("station", "站点"),
    "verdicts": ("days with a verdict", "可评价天数"),
    "document": ("document", "标准文件"),
    "in_force": ("in force", "施行时间"),
    "applied": ("applied to", "适用日期"),
    # The plan
    "binding": ("binding", "约束性"),
    "expected": ("expected", "预期性"),
    "until_day": ("to {day}", "截至 {day}"),
    "gap": ("gap {gap} {unit}", "差距 {gap} {unit}"),
    "source_of": ("{source}; of {dated}, entered by {who} {age}", "{source}；来源日期 {dated}，{who} 于{age}录入"),
    "ago": ("{days} days ago", " {days} 天前"),
    "yesterday": ("1 day ago", " 1 天前"),
    "today": ("today", "今天"),
    "last_revision": ("revised {at}: {reason}", "修订于 {at}：{reason}"),
    "target_source": ("target: {source}", "目标来源：{source}"),
    "nothing_computed": ("nothing is computed of {year}", "{year} 年尚无计算结果"),
    "nothing_entered": ("nothing is entered until {year}", "至 {year} 年无录入数据"),
    "air_counted": (
        "{good} good, {polluted} polluted, {none} without verdict of {days} days",
        "{days} 天中优良 {good} 天，污染 {polluted} 天，无法评价 {none} 天",
    ),
    "more_needed": (
        "{needed} more needed of the {left} days left, {bad} of them may be bad",
        "余下 {left} 天中还需 {needed} 天，最多可失去 {bad} 天",
    ),
    "too_few_left": ("{needed} more needed, and {left} days are left", "还需 {needed} 天，仅余 {left} 天"),
    "forecast": (
        "may end with {low} to {high} (median {median})", "预计全年 {low}–{high} 天（中位数 {median}）",
    ),
    "sections_kept": ("{kept} of {of} sections at their target", "{of} 个断面中 {kept} 个达标"),
    "by_mean": ("by the mean of their months", "按月均值的平均值评价"),
    "by_samples": ("by the share of their samples", "按样品达标比例评价"),
    "not_kept": ("not: {names}", "未达标：{names}"),
    "nothing_came": ("nothing came of {names}", "无数据：{names}"),
    "tunnels": ("{count} tunnels in service: {names}", "在用隧道 {count} 座：{names}"),
    "no_capacity": ("no capacity is known of {names}", "通行能力未知：{names}"),
    "since": ("{value} % since {year}", "较 {year} 年累计下降 {value} %"),
    "in_year": ("{value} % in {year}", "{year} 年下降 {value} %"),
    "to_date": (
        "January to {month}: {value} % against the same months of {year}", "1—{month}较 {year} 年同期下降 {value} %",
    ),
    "lacking": ("not entered: {names}", "未录入：{names}"),
    "since_unknown": ("since {year} not assessable", "较 {year} 年累计无法评价"),
    "entered_of": ("as entered, of {period}", "录入数据，时段 {period}"),
    # Air
    "month_open": (
        "The month is open: {closed} of its {days} days have closed.",
        "本月尚未结束：{days} 天中已结束 {closed} 天。",
    ),
    "month_to_date": ("{month}", "{month}"),
    "year_to_date": ("1 January to {day}", "1月1日至{day}"),
    "every_day_good": ("Every closed day was good.", "已结束各天均为优良。"),
    "no_closed_day": ("No day of the month has closed.", "本月尚无已结束的天。"),
    "no_air_station": ("No assessment station of air is in the registry.", "登记册中没有空气质量评价站点。"),
    "not_published": ("not published yet", "尚未发布"),
    "no_reading": ("no reading of the day", "当日无数据"),
    "iaqi": ("{name}: IAQI {iaqi} ({value} {unit})", "{name}：IAQI {iaqi}（{value} {unit}）"),
    "iaqi_alone": ("{name}: IAQI {iaqi}", "{name}：IAQI {iaqi}"),
    "no_daily_value": ("no valid daily value of {names}", "{names} 无有效日均值"),
    "hours_valid": ("{valid} of {expected} station hours of six pollutants", "六项污染物站点小时数据 {valid}/{expected}"),
    "lifted": ("lifted by an exceptional event in the second count", "第二种统计中因特殊事件剔除"),
    "no_calendar": ("There is no calendar: nothing is computed of the year.", "无日历图：全年尚无计算结果。"),
    "calendar": ("Calendar of the year's days by class", "全年逐日空气质量类别日历"),
    # Water
    "no_section": ("No section of water is in the registry.", "登记册中没有水质断面。"),
    "nothing_of_month": ("Nothing is computed of the month.", "本月尚无计算结果。"),
    "water_counted": (
        "{kept} of {of} sections with a target keep it; {none} of {all} have no class",
        "有目标的 {of} 个断面中 {kept} 个达标；{all} 个断面中 {none} 个无类别",
    ),
    "shares": ("Ⅰ–Ⅲ {good} %, worse than Ⅴ (>Ⅴ) {inferior} %", "Ⅰ—Ⅲ类 {good} %，劣Ⅴ类 {inferior} %"),
    "water_status": ("water quality: {status}", "水质{status}"),
    "basin_main": ("main pollution: {items}", "主要污染指标：{items}"),
    "item_share": ("{item} ({percent} % of the sections)", "{item}（占断面 {percent} %）"),
    "all_kept": (
        "Every section with a target keeps it, and none is without a class.", "有目标的断面全部达标，且均有类别。",
    ),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "no_target": ("no target", "无目标"),
    "undecided": ("not assessable", "无法评价"),
    "no_strip": ("There is no picture of the rivers: nothing is computed of the year.", "无河流图：全年尚无计算结果。"),
    "strip": ("Water sections from source to mouth, month by month", "断面自上游至下游逐月类别"),
    # Energy, carbon, traffic
    "no_rows": ("Nothing is computed or entered of these rows.", "上述指标尚无计算或录入数据。"),
    # Revisions
    "no_revision": (
        "Nothing was revised in {month}, and nothing of the month since.", "{month}无修订，此后亦无对本月数据的修订。",
    ),
    "more_revisions": (
        "{count} earlier ones are not shown; `cityflux indicators` lists them.",
        "另有 {count} 条较早修订未列出，可用 cityflux indicators 查询。",
    ),
    "proposed": ("proposed, not in force", "拟修订，未生效"),
    # Missing
    "no_station": ("No station of air and no section of water is in the registry.", "登记册中没有空气站点和水质断面。"),
    "nothing_missing": (
        "Nothing: all {count} stations and sections were there on every closed day.",
        "无：{count} 个站点和断面在已结束各天均有数据。",
    ),
    "silent": ("silent", "无数据"),
    "gap_of_session": (
        "{start} – {end}: the broker had lost our session; what was published in between may never have come",
        "{start} 至 {end}：消息服务器丢失会话，其间发布的数据可能未收到",
    ),
    "beginning": ("the beginning", "起始"),
    "row_missing": ("{name}: {status}", "{name}：{status}"),
    # Standards and how it was made
    "open_end": ("{start} –", "{start} 起"),
    "start_end": ("{start} – {end}", "{start} 至 {end}"),
    "until_end": ("until {end}", "至 {end}"),
    "always": ("–", "–"),
    "by": (
        "By cityflux {version} on {at} ({zone}), from the books as they were then; plan {plan}.",
        "由 cityflux {version} 于 {at}（{zone}）根据当时账册编制；计划 {plan}。",
    ),
    "running_means": (
        "Values of periods that are open are running: they are not published yet and change with every reading.",
        "未结束时段的数值为“进行中”：尚未发布，随数据变化。",
    ),
    "provisional_means": (
        "Provisional values are published and are revised by themselves when data come late or are corrected; what is final "
        "changes only when a person accepts it.",
        "“暂定”数值已发布，数据迟到或更正时自动修订；“定稿”数值仅经人工确认后改变。",
    ),
    "no_verdict_means": (
        "What is not known is counted as without verdict, never as good.", "无数据一律计为无法评价，从不计为优良或达标。",
    ),
    "links": (
        "Each underlined number leads to its explanation on {wall}.", "带下划线的数字链接至 {wall} 上的说明。",
    ),
}  # fmt: skip

_STATUS: Final[Mapping[str, tuple[str, str]]] = {
    "met": ("met", "已达标"),
    "on track": ("on track", "进度正常"),
    "at risk": ("at risk", "存在风险"),
    "missed": ("missed", "未达标"),
    "not assessable": ("not assessable", "无法评价"),
    "not computed": ("not computed", "未计算"),
    "not entered": ("not entered", "未录入"),
    "stated": ("stated", "已列出"),
    "running": ("running", "进行中"),
    "provisional": ("provisional", "暂定"),
    "under review": ("under review", "审核中"),
    "final": ("final", "定稿"),
    "proposed": ("proposed", "拟修订"),
    "better": ("better", "好转"),
    "worse": ("worse", "变差"),
    "same": ("same", "持平"),
    "entered": ("entered", "录入"),
    "registry": ("registry", "登记册"),
    "by-date": ("by date", "按日期"),
}

_UNIT: Final[Mapping[str, tuple[str, str]]] = {
    "d": ("days", "天"),
    "10⁴ pcu/h": ("10⁴ pcu/h", "万 pcu/h"),
    "per 10⁸ yuan": ("per 10⁸ yuan", "人/亿元"),
    "10⁴ yuan": ("10⁴ yuan", "万元"),
    "tce": ("tce", "吨标准煤"),
    "t": ("t", "吨"),
    "kgce/kWh": ("kgce/kWh", "千克标准煤/千瓦时"),
    "m³/10⁴ yuan": ("m³/10⁴ yuan", "立方米/万元"),
    "class": ("", "类"),
}
"""Units that are written otherwise in a text than in the tables; all others are the same in both languages."""


def say(key: str, language: Language, **parts: object) -> str:
    """A text of the bulletin with its parts filled in."""
    return SAID[key][language == "zh"].format(**parts)


def word(name: str, language: Language) -> str:
    """A status, finality, trend or standard; a standard's own name stays as it is."""
    return _STATUS[name][language == "zh"] if name in _STATUS else name


def words() -> Mapping[str, tuple[str, str]]:
    """The statuses and the like in both languages, by what the books call them."""
    return _STATUS


def unit(code: str, language: Language) -> str:
    """A unit as it stands after a number."""
    return _UNIT[code][language == "zh"] if code in _UNIT else code


def full_day(day: date, language: Language) -> str:
    """A day with its year."""
    return f"{day.year}年{day_of(day, language)}" if language == "zh" else f"{day_of(day, language)} {day.year}"


def full_month(day: date, language: Language) -> str:
    """The month of a day with its year."""
    name = month_name(day, language)
    return f"{day.year}年{name}" if language == "zh" else f"{name} {day.year}"


def month_name(day: date, language: Language) -> str:
    """The month of a day."""
    return month_of(day.month, language) if language == "zh" else day_of(day, language).partition(" ")[2]


def listed(names: list[str], language: Language) -> str:
    """Names one after the other."""
    return ("、" if language == "zh" else ", ").join(names)


def sentences(parts: list[str], language: Language) -> str:
    """Parts of a sentence that hang together."""
    return ("；" if language == "zh" else "; ").join(parts)
