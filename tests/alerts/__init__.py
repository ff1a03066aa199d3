"""The truth of alerts: scenarios whose truth is known, driven through intake, store, books and watch, and what was told of them
held to it. `python -m tests.alerts` does it over many seeds; the tests beside it over a few.

    city.py      a real store and real books, written to as ingest does
    watchers.py  a watch, and what may become of it while it looks
    judge.py     what is stored against what is so: missed, false, twice, late
    play.py      a story from its first turn to its last
"""
