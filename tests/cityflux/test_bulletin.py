"""The monthly bulletin: what stands in it, in both languages; that its PDF can be searched, clicked and printed, and its page."""

import asyncio
import re
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from matplotlib import font_manager
from pypdf import PdfReader

from cityflux.bulletin import month_document
from cityflux.printed import as_page
from cityflux.printed_pdf import NoFont, as_pdf
from processors.bulletin.asked import NoBulletin
from processors.bulletin.document import Document, Lines, Picture, Table, texts_of
from processors.pictures import Language, drawn_language
from processors.pictures.words import POLLUTANT
from processors.plans import load_plan
from sensors.instants import HOUR_MS
from tests.processors.entered import enter
from tests.processors.month import a_month, march
from tests.processors.river import River
from tests.processors.world import CLEAN, ZONE
from tests.programs import cityflux

WALL = "http://wall:8080"
needs_chinese = pytest.mark.skipif(drawn_language("zh") != "zh", reason="no font with Chinese characters is installed")


@pytest.fixture
def river(tmp_path: Path) -> Iterator[River]:
    (tmp_path / "data").mkdir()
    made = asyncio.run(a_month(tmp_path / "data"))
    yield made
    asyncio.run(made.world.store.close())
    made.world.books.close()


def document(river: River, language: Language = "en", month: str = "2026-03") -> Document:
    world = river.world
    return month_document(
        world.books, world.plan, month, zone=ZONE, grace_ms=HOUR_MS, now=world.now, language=language, wall=WALL
    )


def tables(of: Document, title: str) -> list[list[list[str]]]:
    """The texts of the tables of a section: table, row, cell."""
    [section] = [one for one in of.sections if one.title.startswith(title)]
    return [
        [[cell.text for cell in row] for row in part.rows]
        for part in section.parts
        if isinstance(part, Table) and part.rows
    ]


def lines(of: Document, title: str) -> str:
    [section] = [one for one in of.sections if one.title.startswith(title)]
    return "\n".join(line for part in section.parts if isinstance(part, Lines) for line in part.lines)


def pdf(of: Document, river: River) -> PdfReader:
    return PdfReader(BytesIO(as_pdf(of, river.world.now, WALL)))


def bare(text: str) -> str:
    """Without what a line's end or a column puts into a text."""
    return re.sub(r"[\s\u200b\u00ad]+", "", text)


def test_air_says_each_day_that_was_not_good_and_silence_is_no_good_day(river: River) -> None:
    counts, days = tables(document(river), "Air in March 2026")
    assert counts == [["March 2026", "2", "1", "28", "31"], ["1 January to 31 March", "2", "1", "87", "90"]]
    polluted, silent, short, gone = days
    assert polluted == ["2 March", "137", "Lightly polluted", POLLUTANT["pm2_5"], "PM₂.₅: IAQI 137 (100 µg/m³)"], (
        "HJ 633-2026: 100 + 50 (100 - 60) / (115 - 60), rounded up"
    )
    assert silent == ["3 March", "NA", "not assessable", "–", "no reading of the day"]
    assert short[:3] == ["4 March", "NA", "not assessable"]
    assert short[4].startswith("no valid daily value of PM₂.₅, PM₁₀")
    assert gone == ["6 March – 31 March", "NA", "not assessable", "–", "no reading of the day"]


def test_water_says_which_section_missed_its_target_by_what_and_which_was_silent(river: River) -> None:
    [sections] = tables(document(river), "Water in March 2026")
    assert sections == [
        ["Longfeng bridge", "–", "Ⅲ", "not assessable", "nothing came of Longfeng bridge"],
        ["Tuzhu", "Ⅲ", "Ⅱ", "no", "ammonia nitrogen"],
    ]
    assert "1 of 2 sections with a target keep it; 1 of 3 have no class" in lines(
        document(river), "Water in March 2026"
    )


def test_every_row_of_the_plan_is_there_with_what_it_rests_on(river: River) -> None:
    [rows] = tables(document(river), "The plan's indicators")
    by_name = {row[0]: row for row in rows}
    assert len(by_name) == len(river.world.plan.indicators)
    energy = by_name["28 Reduction of energy per unit of GDP, cumulative"]
    assert energy[1:5] == ["2026-Q1", "5.42 %", "≥ 13.5 %", "at risk"]
    assert energy[6] == "January to March: 2.50 % against the same months of 2025; 5.42 % since 2020"
    forest = by_name["32 Forest cover"]
    assert forest[1:5] == ["2025", "48.3 %", "–", "stated"]
    assert by_name["34 Park area per person"][2:5] == ["–", "–", "not entered"]
    [section] = [one for one in document(river).sections if one.title == "The plan's indicators"]
    notes = {row[0].text: row[-1].note for part in section.parts if isinstance(part, Table) for row in part.rows}
    assert notes["32 Forest cover"] == "yearbook; of 2026-03-20, entered by ann today"


def test_what_is_missing_is_named(river: River) -> None:
    air, water = tables(document(river), "What is missing")
    assert air == [["Huxi", "3/31", ""], ["Zengjia", "3/31", ""], ["Xiyong", "3/31", ""], ["Hangu", "3/31", ""],
                   ["hx-05", "0/31", "silent"]]  # fmt: skip
    assert water == [["Longfeng bridge", "0/31", "silent"]]
    said = lines(document(river), "What is missing")
    assert "Capacity of the tunnels in service: not computed" in said
    assert "carbon dioxide per unit of GDP, cumulative: not entered: Energy-related carbon dioxide 2026-Q1" in said
    assert "Nothing:" not in said


def test_late_hours_and_corrected_figures_are_revisions_with_their_reasons(river: River) -> None:
    assert "Nothing was revised in March 2026" in lines(document(river), "Revised")
    asyncio.run(river.world.hours(march(4), CLEAN, hours=range(8, 24)))
    enter(river.world, "energy_total", "2026-Q1", "98.5", source="monthly", reason="recounted")
    asyncio.run(river.compute(date(2026, 4, 2)))
    [revised] = tables(document(river), "Revised")
    assert all(row[0].startswith("2026-04-02 12:00") for row in revised)
    by_period = {(row[1], row[2]): row for row in revised}
    assert by_period["Reduction of energy per unit of GDP, cumulative", "2026-Q1"][3:] == [
        "4.46", "5.42 → 4.46: energy_total 2026-Q1: 98.5 tce, recounted (ann)",
    ]  # fmt: skip
    late = by_period["AQI", "2026-03-04"][4]
    assert (
        late
        == "NA → 30: 16 late hours of hx-01; 16 late hours of hx-02; 16 late hours of hx-03; 16 late hours of hx-04"
    )
    chinese = {(row[1], row[2]): row for row in tables(document(river, "zh"), "发布后的修订")[0]}
    assert (
        chinese["单位地区生产总值能耗降低", "2026-Q1"][4]
        == "5.42 → 4.46: 能源消费总量 2026-Q1: 98.5 吨标准煤, recounted (ann)"
    )
    assert chinese["AQI", "2026-03-04"][4] == (
        "NA → 30: hx-01 迟到数据 16 条; hx-02 迟到数据 16 条; hx-03 迟到数据 16 条; hx-04 迟到数据 16 条"
    )
    assert "Nothing was revised" in lines(document(river, month="2026-02"), "Revised"), "neither in February nor of it"


def test_the_standards_are_those_of_the_days(river: River) -> None:
    [applied] = tables(document(river), "Standards applied")
    assert ["HJ 633-2026", "1 March 2026 –", "1 March 2026 – 31 March 2026"] in applied
    [before] = tables(document(river, month="2026-02"), "Standards applied")
    assert ["HJ 633-2012", "until 28 February 2026", "1 February 2026 – 28 February 2026"] in before
    assert all("2012" in row[0] or "2013" in row[0] or "3838" in row[0] or "HB2011" in row[0] for row in before)


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=needs_chinese)])
def test_the_pdf_holds_every_text_embeds_its_fonts_and_links_each_number(river: River, language: Language) -> None:
    made = document(river, language)
    read = pdf(made, river)
    written = "".join(page.extract_text() for page in read.pages)
    for text in (made.title, made.subtitle, *(section.title for section in made.sections)):
        assert text in written, "it is found as it is written"
    found = bare(written)
    for section in made.sections:
        for part in section.parts:
            if isinstance(part, Table):
                for row in part.rows:
                    for cell in row:
                        assert bare(cell.text) in found, (section.title, cell.text)
    assert read.metadata is not None
    assert read.metadata.title == made.title
    pages = [cast("dict[str, Any]", page) for page in read.pages]
    fonts = [font.get_object() for page in pages for font in page["/Resources"]["/Font"].values()]
    assert fonts
    for font in fonts:
        [descendant] = font["/DescendantFonts"]
        assert {"/FontFile2", "/FontFile3"} & set(descendant.get_object()["/FontDescriptor"].get_object())
        assert "/ToUnicode" in font
    notes = [note.get_object() for page in pages for note in page.get("/Annots", ())]
    links = {note["/A"]["/URI"] for note in notes if "/A" in note}
    paths = {cell.path for one in made.sections for part in one.parts if isinstance(part, Table) for row in part.rows
             for cell in row if cell.path}  # fmt: skip
    assert links == {WALL + path for path in paths}
    assert f"{WALL}/explain/energy_intensity/2026-Q1" in links
    assert f"{WALL}/explain/good_air_days/2026/2026-03-02" in links


def test_each_language_is_wholly_its_own(river: River) -> None:
    asyncio.run(river.world.hours(march(3), CLEAN))
    asyncio.run(river.world.hours(march(4), CLEAN, hours=range(8, 24)))
    asyncio.run(river.compute(date(2026, 4, 2)))
    for text in texts_of(document(river, "en")):
        assert not re.search(r"[\u2e80-\u9fff\uff00-\uffef]", text), text
    names = r"AQI|IAQI|NA|PM|pcu/h|GDP|GB|HJ|cityflux|indicators|Asia/Shanghai|Q\d|http://wall:8080|chongqing-hightech-2025|[nof{}]+"
    entered = r"yearbook|ann|hx-\d\d|gaoxin|br|tz|ls"
    for text in texts_of(document(river, "zh")):
        left = re.sub(rf"(?<![A-Za-z])({names}|{entered})(?![A-Za-z])", "", text.replace("µg/m³", "").replace("m²", ""))
        assert not re.search(r"[A-Za-z]{2,}", left), text


def test_the_same_books_at_the_same_time_give_the_same_bytes(river: River) -> None:
    first, second = document(river), document(river)
    assert first == second
    assert as_pdf(first, river.world.now, WALL) == as_pdf(second, river.world.now, WALL)
    assert as_page(first, WALL) == as_page(second, WALL)
    assert {type(part) for section in first.sections for part in section.parts} >= {Picture, Table}


def test_a_month_that_is_open_says_so_and_counts_what_has_closed(river: River) -> None:
    april = document(river, month="2026-04")
    assert "The month is open: 0 of its 30 days have closed." in lines(april, "Air in April 2026")
    assert "No day of the month has closed." in lines(april, "Air in April 2026")
    assert [row[0] for row in tables(april, "Air in April 2026")[0]] == ["1 January to 31 March"]
    river.world.go_to(march(3), 12)
    counts = tables(document(river), "Air in March 2026")[0]
    assert counts[0] == ["March 2026", "1", "1", "0", "2"]


@pytest.mark.parametrize(
    ("month", "says"),
    [("2026-05", "2026-05 has not begun: the last day that has closed is 2026-03-31"), ("2026-13", "is no month"),
     ("2026", "is no month"), ("2026-Q1", "is no month"), ("march", "is no month")],
)  # fmt: skip
def test_a_month_that_is_none_is_refused(river: River, month: str, says: str) -> None:
    with pytest.raises(NoBulletin, match=says):
        document(river, month=month)


def test_long_plans_break_over_pages_with_their_head_and_nothing_is_lost(river: River) -> None:
    row = (
        '[[indicator]]\ncode = "row_{n}"\nnumber = "{n}"\nzh = "指标{n}"\nen = "{name} {n}"\nkind = "expected"\nunit = "%"\n'
        'direction = "at_least"\ncomputation = "entered"\nrecord = "forest_cover"\nscope = "city"\n'
    )
    names = [
        "Share of the built-up area that is within five minutes of a park, by foot, of those who live there, and",
        "W" * 120,
    ]
    plan = '[plan]\ncode = "p"\nzh = "计划"\nen = "plan"\nbaseline_year = 2020\ntarget_year = 2025\n'
    river.world.plan = load_plan(plan + "".join(row.format(n=n, name=names[n % 2]) for n in range(40)), "p.toml")
    whole = document(river)
    made = whole._replace(sections=whole.sections[:1])
    read = pdf(made, river)
    pages = [bare(page.extract_text()) for page in read.pages]
    assert len(pages) > 3
    for n in range(40):
        assert any(bare(f"{n} {names[n % 2]} {n}") in page for page in pages), f"row {n} is whole, on one page"
    heads = [page for page in pages if "whatitrestson" in page]
    assert len(heads) >= 3, "a table has its head on each page"
    for page in read.pages:
        width = float(page.mediabox.width)
        places: list[float] = []

        def seen(text: str, cm: list[float], tm: list[float], *_: object, into: list[float] = places) -> None:
            if text.strip():
                into.append(tm[4] * cm[0] + tm[5] * cm[2] + cm[4])

        page.extract_text(visitor_text=seen)
        assert 0 < min(places) <= max(places) < width


def test_what_people_write_is_text_and_never_markup(river: River) -> None:
    hostile = "<script>alert(1)</script> #let x = 1 $a$ *b* `c` _d_ [e] @f \\ //"
    enter(river.world, "green_cover", "2025", "41", source=hostile)
    asyncio.run(river.compute(date(2026, 4, 2)))
    made = document(river)
    html = as_page(made, WALL)
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; #let x" in html
    assert bare(hostile) in bare("".join(page.extract_text() for page in pdf(made, river).pages))


def test_without_a_chinese_font_chinese_is_refused_and_not_boxes(river: River, monkeypatch: pytest.MonkeyPatch) -> None:
    latin = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", latin)
    with pytest.raises(NoFont, match=r"no font with Chinese characters .* write --out as \.html"):
        as_pdf(document(river, "zh"), river.world.now)
    as_pdf(document(river, "en"), river.world.now)
    enter(river.world, "green_cover", "2025", "41", source="统计公报")
    asyncio.run(river.compute(date(2026, 4, 2)))
    with pytest.raises(NoFont, match="统计公报"):
        as_pdf(document(river, "en"), river.world.now)


def test_the_command_writes_the_file_and_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    environment = {"CITYFLUX_DATA_DIR": str(tmp_path / "data")}
    for name in ("b.pdf", "b.html"):
        file = tmp_path / name
        assert cityflux("bulletin", "2026-03", "--out", str(file), environment=environment).strip() == str(file)
    assert (tmp_path / "b.pdf").read_bytes().startswith(b"%PDF-")
    page = (tmp_path / "b.html").read_text("utf-8")
    assert "No station of air and no section of water is in the registry." in page, (
        "a city without any is not one where none fails"
    )
    assert "<a href" not in page, "without the wall's address nothing leads anywhere"
    for arguments, expect, says in (
        (("2026-03", "--out", str(tmp_path / "b.doc")), 2, "ends in .pdf or .html"),
        (("2026-14", "--out", str(tmp_path / "b.pdf")), 2, "'2026-14' is no month"),
        (("2999-01", "--out", str(tmp_path / "b.pdf")), 2, "has not begun"),
        (("2026-03", "--out", str(tmp_path / "no" / "b.pdf")), 1, "cannot be written: No such file"),
    ):
        said = cityflux("bulletin", *arguments, environment=environment, expect=expect)
        assert says in said
        assert "Traceback" not in said
