"""Telling people: from the log of incidents to notices that reach them, at least once, each with an id.

config.py      channels, people and the roster: data of the city (`notify.toml`)
hidden.py      secrets in it: where they come from, and how nothing of them is shown
roster.py      who of a role is told at a moment. Pure
planning.py    who is told what of a line of the log, what is withheld, and who next. Pure
texts.py       what they read, in their language: one catalogue (`texts.toml`)
delivery.py    one notice to one channel: tries, rates, digests, giving up
notifier.py    all of that as lines are written, over the books (`store/notices.py`, `notice_tries.py`)
channels/      how each kind of receiver is reached
"""
