"""By what traffic is judged: the city's scheme, coding and limits, and how much has to have come; said with every
result."""

from typing import NamedTuple

from processors.standards.traffic import Scheme, traffic_tables
from processors.standards.tunnel_air import TunnelAir, shipped_tunnel_air
from sensors.vehicles import known_coding


class TrafficRules(NamedTuple):
    """The scheme of passenger car units; the coding of stations that name none; the limits of tunnel air.

    `percent_of_day` of the intervals of a day make it assessable, `percent_of_period` of the days of each direction a
    longer period. A station of single vehicles that was silent for longer than `silence_s` [s] was not counting
    meanwhile, where its entry does not say how often it sends (`expected_period_s`).
    """

    scheme: Scheme
    coding: str
    air: TunnelAir
    percent_of_day: int
    percent_of_period: int
    silence_s: int


# Chosen: a day may lack two hours and more. No document that we know says how much of a day makes its flow.
PERCENT_OF_DAY = 90
# Chosen: three of four days, as of an hour of air (GB 3095: 45 of 60 minutes).
PERCENT_OF_PERIOD = 75
# Chosen: longer than the longest silence of four of five motorway toll gates in two nights (1,282 s, at five in the
# morning; KDD Cup 2017). The fifth was silent for up to 3.6 hours, once in the evening: it did not count.
SILENCE_S = 1_800


def traffic_rules(
    scheme: str = "JTG-B01-2014-design",
    coding: str = "cityflux",
    air: TunnelAir | None = None,
    *,
    percent_of_day: int = PERCENT_OF_DAY,
    percent_of_period: int = PERCENT_OF_PERIOD,
    silence_s: int = SILENCE_S,
) -> TrafficRules:
    """The rules of those names. Raises UnknownStandardError, ValueError with the names that there are."""
    return TrafficRules(
        traffic_tables().scheme(scheme),
        known_coding(coding),
        air or shipped_tunnel_air(),
        percent_of_day,
        percent_of_period,
        silence_s,
    )
