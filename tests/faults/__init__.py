"""The fault laboratory: tries to make ingest lose or double a message, from a seed, and judges what is left.

    publisher ──────────────► Mosquitto ◄── broker_link ──► ingest ── store_link ──► InfluxDB, or SQLite
    knows what the broker        killed,      counts what is     killed,    answers what a
    accepted, and what each      restarted    delivered and      stopped    database in trouble
    message should come to                    acknowledged                  answers

One run is a seed (`run.py`): messages (`messages.py`), a script of faults (`faults.py`), and at the end the judge
(`judge.py`), who compares ledger, dead letters and store with what the link saw delivered. Everything but the messages'
expected effects is real: broker, database, the `cityflux ingest` process, its files.

    python -m tests.faults --seeds 200        # make faults SEEDS=200
    python -m tests.faults --seed 17          # one run again
"""
