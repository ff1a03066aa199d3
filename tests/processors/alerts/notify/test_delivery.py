"""Which of the notices that wait is tried, and which go into one. Pure."""

import pytest

from processors.alerts.notify.delivery import digestible, firsts
from store.notice_tries import Waiting

NOW = 1_000
FREE, LATER, HELD = (0, 0), (NOW + 1, 0), (0, NOW + 1)


def waiting(*each: tuple[int, tuple[int, int], int] | tuple[int, tuple[int, int], int, str]) -> list[Waiting]:
    """Of each: incident, (due_at, leased_until), tries, and the person; numbered from 1."""
    found = []
    for number, (incident, times, tries, *person) in enumerate(each, start=1):
        what = "digest" if not incident else "opened"
        found.append(Waiting(number, incident, person[0] if person else "", what, "notice", "", *times, tries))
    return found


@pytest.mark.parametrize(
    ("each", "first", "together"),
    [
        ([(1, FREE, 0), (2, FREE, 0)], [1, 2], [1, 2]),
        # What was tried less comes before, but never before an earlier one of its incident.
        ([(1, FREE, 3), (2, FREE, 0), (1, FREE, 0)], [2, 1], [1, 2, 3]),
        ([(1, LATER, 1), (1, FREE, 0), (2, FREE, 0)], [3], [3]),
        ([(1, HELD, 0), (1, FREE, 0), (2, FREE, 0)], [3], [3]),
        # Persons are told each for himself.
        ([(1, LATER, 1, "Li"), (1, FREE, 0, "Wang")], [2], [2]),
        # A digest waits for nobody, and goes into no other.
        ([(0, LATER, 1), (0, FREE, 1), (1, FREE, 0)], [3, 2], [3]),
        ([(1, LATER, 1), (2, HELD, 0)], [], []),
    ],
)
def test_order(each: list[tuple[int, tuple[int, int], int]], first: list[int], together: list[int]) -> None:
    found = waiting(*each)
    assert [one.id for one in firsts(found, NOW)] == first
    assert [one.id for one in digestible(found, NOW)] == together
