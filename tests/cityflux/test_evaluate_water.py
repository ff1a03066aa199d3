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
    "西苑隧道", "西山", "岗南水库", "南嘴", "坝上中(胡家岭)", "观音山", "湖心A(洪湖湖心A)", "裕溪口(老)", "礼板湾(王妃岛)",
    "湖滨(老)", "急水港桥",
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
    ("pattern", "with_class", "under_maintenance"),
    [("water/national_sections_*.csv", 3342, 176), ("water/chongqing_sections_*.csv", 106, 4)],
)
def test_published_classes(pattern: str, with_class: int, under_maintenance: int, tmp_path: Path) -> None:
    file = real_data(pattern)
    lakes = tmp_path / "lakes.txt"
    of_file = {name for _, _, name, _ in published(file)}
    lakes.write_text("\n".join(LAKES & of_file) + "\n", "utf-8")
    found = evaluated(file, tmp_path / "with.csv", "--lakes", str(lakes))
    plain = evaluated(file, tmp_path / "without.csv")
    counts: Counter[str] = Counter()
    for key, cls, name, state in published(file):
        counts["published"] += 1
        if found[key]["class"] != cls:
            counts[state] += 1
            assert found[key]["class"] == "", "under maintenance no value counts"
        if plain[key]["class"] not in {cls, ""}:
            counts["river"] += 1
            assert name in LAKES
    assert counts["published"] == with_class
    assert (counts["维护"], counts["正常"]) == (under_maintenance, 0)
    assert counts["river"] == (84 if "national" in pattern else 0)


def test_columns_and_what_is_missing(tmp_path: Path) -> None:
    found = evaluated(real_data("water/chongqing_sections_*.csv"), tmp_path / "out.csv")
    row = next(row for row in found.values() if row["section"] == "两河口")
    assert list(row) == ["section", "at", "class", "worst_items", "standard", "complete", "kind", "id"]
    assert (row["standard"], row["kind"], row["complete"]) == ("GB3838-2002", "river", "True")
    assert row["at"].endswith("+08:00")


def test_an_unknown_lake_is_named(tmp_path: Path) -> None:
    (tmp_path / "lakes.txt").write_text("不存在\n", "utf-8")
    file = real_data("water/chongqing_sections_*.csv")
    asked = ("evaluate", "water", str(file), "--source", "cnemc-water", "--out", str(tmp_path / "out.csv"))
    said = cityflux(*asked, "--lakes", str(tmp_path / "lakes.txt"), environment={}, expect=2)
    assert "不存在" in said
    assert "is of water, not air" in cityflux("evaluate", "air", *asked[2:], environment={}, expect=2)
