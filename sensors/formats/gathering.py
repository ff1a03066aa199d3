"""One sample for each device and time, gathered from a message that tells one value after the other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

from sensors.formats.parsing import shown
from sensors.formats.sample import NOTHING, Sample, Value
from sensors.refusals import Refusal, Refused


class Gathering:
    """Samples in the order in which they begin, refusals in their places."""

    def __init__(self) -> None:
        self._parts: list[Sample | Refusal] = []
        self._samples: dict[tuple[str | None, int | None], Sample] = {}

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the message: what is Refused within it is only that part."""
        try:
            yield
        except Refused as refused:
            self._parts.append(refused.refusal)

    def add(
        self,
        device: str | None,
        at: int | None,
        fields: Mapping[str, Value],
        place: str,
        units: Mapping[str, str] = NOTHING,
    ) -> None:
        """Fields of a device at a time, as they stand at `place`. Raises Refused: invalid_shape, where one is there already."""
        sample = self._samples.get((device, at))
        if sample is None:
            sample = self._samples[device, at] = Sample(device, at, {}, NOTHING, {})
            self._parts.append(sample)
        values = cast("dict[str, Value]", sample.values)
        if twice := values.keys() & fields.keys():
            raise Refused(
                "invalid_shape", place, f"{shown(min(twice))} is there twice for one time", "send each value once"
            )
        values.update(fields)
        cast("dict[str, str]", sample.units).update(units)

    def parts(self, place: str, fix: str) -> Sequence[Sample | Refusal]:
        """All of it. Raises Refused, naming `place` and the fix: no_readings, where there is none."""
        if not self._parts:
            raise Refused("no_readings", place, "there is none", fix)
        return self._parts
