"""`cityflux evaluate water`: the published classes of the national automatic stations are reproduced."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cityflux.replay import replay_profile
from sensors.instants import iso
from tests.programs import cityflux, real_data

LAKES = {
    "西苑隧道", "西山", "岗南水库", "南嘴", "坝上中(胡家岭)", "观音山", "湖心A(洪湖湖心A)", "裕溪口(老)",
    "礼板湾(王妃岛)", "湖滨(老)", "急水港桥", "拴马桩(甘珠花)", "桦树林", "查干湖", "兰山嘴", "拖山",
    "五里湖心", "阳澄湖心", "老山乡", "蒋坝镇", "骆马湖", "骆马湖乡", "三场", "小金山", "北湖中心", "黄麓",
    "西半湖湖心", "巢湖船厂", "东半湖湖心", "忠庙", "兆河入湖区", "武昌湖", "大官湖", "西湖湖心", "南矶山",
    "坝上", "湖心岛", "康山", "三门峡水库", "饮用水源地取水口", "西梁子湖湖南", "咸宁湖心", "富水水库",
    "鹿角", "东洞庭湖", "蒋家嘴", "万子湖", "小河嘴", "大通湖", "石骨水库", "良德水库", "龙岩滩水库",
    "鲁班岛", "罗家营(老)", "观音山西", "石门水库", "沙湖", "乌伦古湖码头",
}  # fmt: skip
"""The feed does not say which sections are lakes or reservoirs: at these only the lake table gives every published class."""


def evaluated(file: Path, out: Path, *more: str) -> dict[tuple[str, str], dict[str, str]]:
    # Some rows have no time, and are refused with their line.
    cityflux(
        "evaluate", "water", str(file), "--source", "cnemc-water", "--out", str(out), *more, environment={}, expect=1
    )
    with out.open(encoding="utf-8") as rows:
        return {(row["id"], row["at"]): row for row in csv.DictReader(rows)}


def published(file: Path) -> Iterator[tuple[tuple[str, str], str, str, str]]:
    """Key, class, name and state of each row that has a class."""
    profile, zone = replay_profile("cnemc-water"), ZoneInfo("Asia/Shanghai")
    with file.open(encoding="utf-8-sig") as rows:
        for number, row in enumerate(csv.DictReader(rows), start=2):
            if row["水质类别"] not in {"", "-"}:
                made = profile.convert(row, number)
                key = made.address.station, iso(made.record["at"], zone)
                yield key, row["水质类别"], row["断面名称"], row["站点情况"]


@pytest.mark.parametrize(
    ("pattern", "with_class", "of_lakes", "in_maintenance"),
    [("water/national_sections_*.csv", 3342, 135, 176), ("water/chongqing_sections_*.csv", 106, 0, 4)],
)
def test_published_classes(pattern: str, with_class: int, of_lakes: int, in_maintenance: int, tmp_path: Path) -> None:
    file = real_data(pattern)
    lakes = tmp_path / "lakes.txt"
    of_file = {name for _, _, name, _ in published(file)}
    lakes.write_text("\n".join(LAKES & of_file) + "\n", "utf-8")
    found = evaluated(file, tmp_path / "with.csv", "--lakes", str(lakes))
    plain = evaluated(file, tmp_path / "without.csv")
    counts: Counter[str] = Counter()
    wrong = []
    for key, cls, name, state in published(file):
        counts["published"] += 1
        assert (state == "维护") == (found[key]["state"] == "maintenance")
        counts["maintenance"] += state == "维护"
        if found[key]["class"] != cls:
            wrong.append((name, found[key]["class"], cls, found[key]["state"]))
        elif plain[key]["class"] != cls:
            counts["lakes"] += 1
            assert name in LAKES
    assert (counts["published"], counts["lakes"], counts["maintenance"]) == (with_class, of_lakes, in_maintenance)
    # In maintenance, and one item is missing: the feed has a class there once, and none in 403 rows that are like it.
    assert wrong == ([("蒋集", "", "劣Ⅴ", "maintenance")] if "national" in pattern else [])


def test_columns_and_what_is_missing(tmp_path: Path) -> None:
    found = evaluated(real_data("water/chongqing_sections_*.csv"), tmp_path / "out.csv")
    row = next(row for row in found.values() if row["section"] == "两河口")
    assert list(row) == ["section", "at", "class", "worst_items", "standard", "complete", "kind", "id", "state"]
    assert (row["standard"], row["kind"], row["complete"]) == ("GB3838-2002", "river", "True")
    assert row["at"].endswith("+08:00")


def test_an_unknown_lake_is_named(tmp_path: Path) -> None:
    (tmp_path / "lakes.txt").write_text("不存在\n", "utf-8")
    file = real_data("water/chongqing_sections_*.csv")
    asked = ("evaluate", "water", str(file), "--source", "cnemc-water", "--out", str(tmp_path / "out.csv"))
    said = cityflux(*asked, "--lakes", str(tmp_path / "lakes.txt"), environment={}, expect=2)
    assert "不存在" in said
    assert "is of water, not air" in cityflux("evaluate", "air", *asked[2:], environment={}, expect=2)
