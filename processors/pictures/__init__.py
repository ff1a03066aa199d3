"""Pictures of a year of air or water, and of a meter's day: plain data in, a figure or a file out. The same data, the same bytes.

Everything is drawn with matplotlib's objects, without pyplot; its settings are changed only while a file is made, for one at a
time.
"""

from processors.pictures.cumulation import cumulative
from processors.pictures.item_calendar import item_calendar
from processors.pictures.letters import drawn_language
from processors.pictures.load_day import LoadBar, LoadSpan, load_day
from processors.pictures.marks import DayMark, FanPoint
from processors.pictures.matrix import station_matrix
from processors.pictures.river_profile import river_profile
from processors.pictures.river_strip import river_strip
from processors.pictures.saving import check_suffix, drawn, save
from processors.pictures.shares import primary_shares
from processors.pictures.signs import Why
from processors.pictures.water_marks import (
    ItemDay,
    Place,
    ProfileLine,
    SectionMark,
    SectionRow,
    class_name,
    unit_of,
)
from processors.pictures.words import Language
from processors.pictures.year_calendar import calendar

__all__ = [
    "DayMark",
    "FanPoint",
    "ItemDay",
    "Language",
    "LoadBar",
    "LoadSpan",
    "Place",
    "ProfileLine",
    "SectionMark",
    "SectionRow",
    "Why",
    "calendar",
    "check_suffix",
    "class_name",
    "cumulative",
    "drawn",
    "drawn_language",
    "item_calendar",
    "load_day",
    "primary_shares",
    "river_profile",
    "river_strip",
    "save",
    "station_matrix",
    "unit_of",
]
