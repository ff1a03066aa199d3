"""The dashboards under test."""

from datetime import date
from typing import Any

from dashboards.asked import LANGUAGES, Asked, Language
from dashboards.catalogue import dashboards
from processors.alerts.rules import shipped_rules
from processors.plans import shipped_plan

Json = dict[str, Any]
DAY = date(2026, 11, 30)
WALL = "http://wall.example:8080"


def asked(language: Language) -> Asked:
    return Asked(language, shipped_plan(), shipped_rules(), DAY, "Asia/Shanghai", WALL)


BOARDS: dict[Language, list[Json]] = {language: dashboards(asked(language)) for language in LANGUAGES}

ALL = [board for boards in BOARDS.values() for board in boards]
