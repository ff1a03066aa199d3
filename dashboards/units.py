"""Our units as Grafana's: its own id where it has one, else the text behind the number."""

from typing import Final

_IDS: Final = {
    "µg/m³": "conμgm3", "mg/m³": "conmgm3", "°C": "celsius", "%": "percent", "m/s": "velocityms", "km/h": "velocitykmh",
    "kWh": "kwatth", "kW": "kwatt", "kvar": "kvolt-ampreact", "V": "volt", "A": "amp", "m³": "m3", "dB": "dB", "°": "degree",
    "m": "lengthm", "kg": "masskg", "1": "none", "d": "none", "class": "none", "kPa": "pressurekpa", "MJ": "suffix: MJ",
}  # fmt: skip
"""By our unit; Grafana's ids: packages/grafana-data/src/valueFormats/categories.ts."""

RATIO: Final = "percentunit"
SECONDS: Final = "s"
AGO: Final = "dateTimeFromNow"
MOMENT: Final = "dateTimeAsIso"
COUNT: Final = "short"


def unit_of(ours: str) -> str:
    """The Grafana unit of one of ours."""
    return _IDS.get(ours, f"suffix: {ours}")
