"""Alerts: what the operations centre is told of, from stored data, once, and what became of it.

rules.py       which conditions, with their levels, dwell and clear times: data (`rules.toml`)
episodes.py    points of a series to episodes: when it was so, and when it could be said. Pure
incidents.py   episodes against what was told before: opened, raised, resolved, corrected, withdrawn. Pure
"""
