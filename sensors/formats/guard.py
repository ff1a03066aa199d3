"""A decoder of somebody else's package, held to its contract: whatever it raises or returns, ingest gets samples or refusals."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TypeGuard

from sensors.formats.parsing import shown
from sensors.formats.sample import Decode, Make, Options, Sample, Vitals
from sensors.reading import PERIODS, STATUSES
from sensors.refusals import Refusal, Refused

_VALUES = (float, int, str, bool, type(None))


def guarded(make: Make, name: str) -> Make:
    """`make` of the format `name`, whose decoder raises nothing but Refused and returns nothing but what it may."""

    def make_guarded(options: Options) -> Decode:
        decode = make(options)

        def decode_guarded(payload: bytes) -> Sequence[Sample | Refusal]:
            try:
                parts = list(decode(payload))
            except Refused:
                raise
            except Exception as error:
                raise _fault(name, f"raised {type(error).__name__}: {error}") from error
            if not parts:
                raise _fault(name, "gave neither a sample nor a refusal")
            return [
                part
                if type(part) is Refusal
                else part._replace(shape=None)
                if _is_sample(part)
                else _no_part(name, part)
                for part in parts
            ]

        return decode_guarded

    return make_guarded


def _is_sample(part: object) -> TypeGuard[Sample]:
    """Whether it is what `sample.py` says, in every place of it that intake relies on."""
    return (
        type(part) is Sample
        and (part.device is None or (type(part.device) is str and part.device != ""))
        and (part.at is None or type(part.at) is int)
        and all(isinstance(of, Mapping) for of in (part.values, part.statuses, part.units))
        and all(type(field) is str and type(value) in _VALUES for field, value in part.values.items())
        and all(type(field) is str and status in STATUSES for field, status in part.statuses.items())
        and all(type(unit) is str for unit in part.units.values())
        and (part.period is None or part.period in PERIODS)
        and (part.issued is None or type(part.issued) is int)
        and type(part.seq) is int
        and 0 <= part.seq < 2**53
        and (part.vitals is None or _is_vitals(part.vitals))
    )


def _is_vitals(said: object) -> bool:
    return (
        type(said) is Vitals
        and all(number is None or (type(number) in (float, int) and isfinite(number)) for number in said[:3])
        and (said.counter is None or (type(said.counter) is int and 0 <= said.counter < 2**63))
        and said.online in (None, True, False)
    )


def _no_part(name: str, part: object) -> Refusal:
    return _fault(name, f"gave {shown(part)}, which is no sample as the contract has it").refusal


def _fault(name: str, what: str) -> Refused:
    return Refused(
        "undecodable", "payload", f"the format {name} {what}", "mend the format's package, and replay the message"
    )
