"""Alerts: what the operations centre is told of, from stored data, once, and what became of it.

rules.py       which conditions, with their levels, dwell and clear times: data (`shipped/*.toml`, a city's own); `clauses.py`
signals/       what rules look at: exact values by subject and instant, from stored readings
levels.py      values to points: which level is exceeded, which is still kept up. Pure
episodes.py    points of a series to episodes: when it was so, and when it could be said. Pure
incidents.py   episodes against what was told before: opened, raised, resolved, corrected, withdrawn. Pure
silence.py     when a station was not heard although it should have been. Pure
due.py, own.py what is to be looked at because nothing came, and what the watch sees of cityflux itself
outage.py      what an outage of ours keeps from being known
history.py     all of that over stored history: back-test and why-not
courses.py     what the watch remembers of what holds; a copy of what is stored, never more
evaluate.py    what rules say now of what changed, reading little. What is found is what reading all would find
watch.py       all of that as data change, into the books (`store/incidents.py`)
"""
