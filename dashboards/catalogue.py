"""All dashboards, in the order in which people meet them."""

from dashboards import air, alerts, city_map, devices, energy, pipeline, scorecard, traffic, water
from dashboards.asked import Asked
from dashboards.boards import dashboard
from dashboards.panels import Json

_BOARDS = (
    scorecard.board, air.board, water.board, energy.board, traffic.board, city_map.board, alerts.board, devices.board,
    pipeline.board,
)  # fmt: skip


def dashboards(asked: Asked) -> list[Json]:
    """Each as its JSON. Raises UnknownName where one names what the store does not have: a mistake of ours."""
    return [dashboard(make(asked), asked) for make in _BOARDS]
