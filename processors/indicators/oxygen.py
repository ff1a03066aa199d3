"""How much oxygen water holds in equilibrium with the air, by its temperature and the air's pressure; pure, arrays in and out.

Benson and Krause 1984, Limnology and Oceanography 29, 620-632: concentration at 1 atm (their equation for fresh water) and its
correction for pressure (equation 24); vapour pressure after Benson and Krause 1980, Limnology and Oceanography 25, 662-671. These
are the equations of USGS Office of Water Quality Technical Memorandum 2011.03 (DOTABLES) and of Standard Methods 4500-O.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ATMOSPHERE_KPA = 101.325
_ZERO_CELSIUS_K = 273.15
_WARMEST_C = 40.0  # up to where the equations hold


def saturation(temperature: Floats, pressure_kpa: float) -> Floats:
    """Dissolved oxygen at saturation [mg/L] in fresh water of `temperature` [°C] under air of `pressure_kpa` [kPa].

    NaN outside 0 to 40 °C, where the equations do not hold.
    """
    celsius = np.where((temperature >= 0) & (temperature <= _WARMEST_C), temperature, np.nan)
    kelvin = celsius + _ZERO_CELSIUS_K
    at_1_atm = np.exp(
        -139.34411 + 1.575701e5 / kelvin - 6.642308e7 / kelvin**2 + 1.243800e10 / kelvin**3 - 8.621949e11 / kelvin**4
    )
    vapour = np.exp(11.8571 - 3840.70 / kelvin - 216961 / kelvin**2)  # [atm]
    theta = 0.000975 - 1.426e-5 * celsius + 6.436e-8 * celsius**2
    pressure = pressure_kpa / ATMOSPHERE_KPA
    correction = (pressure - vapour) * (1 - theta * pressure) / ((1 - vapour) * (1 - theta))
    return np.asarray(at_1_atm * correction)
