"""`cityflux` with a wide family: a simulation of one that measures 40 quantities, which none does yet.

    python -m benchmarks.wide ingest

Adds 25 synthetic quantities (wide_01, wide_02, …) to the family air before anything that reads the quantities table is loaded,
then runs the command line as ever.
"""

from types import MappingProxyType

import sensors.quantities as table
from sensors.quantities import FAMILIES, Quantity

WIDE = tuple(
    Quantity(
        family="air",
        code=f"wide_{number:02d}",
        zh=f"合成量 {number}",
        en=f"Synthetic quantity {number}",
        unit="1",
        low=0,
        high=100,
        scale=3,
        averages="mean",
    )
    for number in range(1, 26)
)


def widen() -> None:
    """Put WIDE into the table of this process."""
    table.QUANTITIES = (*table.QUANTITIES, *WIDE)
    table.OF_FAMILY = MappingProxyType(
        {family: MappingProxyType({q.code: q for q in table.QUANTITIES if q.family == family}) for family in FAMILIES}
    )


if __name__ == "__main__":
    widen()
    # Not before: contracts and stores take the table as they are loaded.
    from cityflux.main import run

    run()
