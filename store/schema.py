"""The books' tables. Times are integer milliseconds since the epoch, UTC; numbers of judgements are decimal text."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

Serial = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database counts: SQLite does so only in a column typed INTEGER."""

counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),  # registry_version, mark_sequence, dead_letter_bytes
    Column("value", BigInteger, nullable=False),
)

stations = Table(
    "stations",
    metadata,
    Column("family", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("active_from", BigInteger, primary_key=True),  # 0 where the entry is open to the past
    Column("entry", Text, nullable=False),  # sensors.stations.Station as JSON
)

unknown_stations = Table(
    "unknown_stations",
    metadata,
    Column("family", String, primary_key=True),
    Column("station", String, primary_key=True),
    Column("topic", String, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    # Of the first message; NULL where it came before this was kept.
    Column("source", String),
    Column("device", String),
    Column("district", String),
    Column("period", String),
    Column("sample", LargeBinary),  # the first bytes of its payload
)

device_keys = Table(
    "device_keys",
    metadata,
    Column("device", String, primary_key=True),  # its own name, in one case
    Column("salt", LargeBinary, nullable=False),
    Column("key", LargeBinary, nullable=False),  # scrypt of the password
    Column("cost", Integer, nullable=False),  # N of scrypt
    Column("set_at", BigInteger, nullable=False),
    Column("set_by", String, nullable=False),
)

origins = Table(
    "origins",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("journal", String, nullable=False),
    Column("topic", String, nullable=False),
    UniqueConstraint("journal", "topic"),
)

settled = Table(
    "settled",
    metadata,
    Column("journal", String, primary_key=True),
    Column("last_batch", BigInteger, nullable=False),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("journal", String, nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),  # of the message in its batch
    Column("received_at", BigInteger, nullable=False),
    Column("topic", String, nullable=False),
    Column("length", BigInteger, nullable=False),  # of the whole payload [bytes]
    Column("sha256", String),  # of the whole payload, where only its head is kept
    Column("code", String, nullable=False),  # of the first refusal
    Column("fingerprint", String, nullable=False),  # code and shape of the topic: bounded in number
    Column("state", String, nullable=False),  # open, replayed, discarded
    Column("size", BigInteger, nullable=False),  # what it counts of the cap [bytes]
    Column("worked_at", BigInteger),  # when somebody last discarded it or had it judged again
    Column("worked_by", String),
    Column("why", Text),  # of the discarding, or the replay request
    Column("refusals", Text, nullable=False),  # JSON list of sensors.refusals.Refusal, of the last judging
    Column(
        "payload", LargeBinary, nullable=False
    ),  # the whole of it, or the head of an oversized one; last: it is long
    UniqueConstraint("journal", "batch", "position"),
    # SQLite's indexes end in the id: what is equal in both columns comes in order of arrival.
    Index("dead_letters_by_code", "state", "code"),
    Index("dead_letters_by_fingerprint", "state", "fingerprint"),
    sqlite_autoincrement=True,
)

exported_letters = Table(
    "exported_letters",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("file", Text, nullable=False),
    Column("first_id", BigInteger, nullable=False),
    Column("last_id", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),  # of the file
)

replay_requests = Table(
    "replay_requests",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("asked_at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("selection", Text, nullable=False),  # JSON: ids, code or fingerprint
    Column("upto", BigInteger, nullable=False),  # the greatest id when it was asked
    Column("asked", BigInteger, nullable=False),  # how many letters it was then
    Column("state", String, nullable=False, default="open", index=True),  # open, done
    Column("last_id", BigInteger, nullable=False, default=0),  # up to which it is done
    Column("replayed", BigInteger, nullable=False, default=0),
    Column("refused", BigInteger, nullable=False, default=0),
    Column("done_at", BigInteger),
    Column("worker", String),  # the journal whose ingest works on it
    Column("leased_until", BigInteger, nullable=False, default=0),
    sqlite_autoincrement=True,
)

ledgers = Table(
    "ledgers",
    metadata,
    Column("journal", String, primary_key=True),
    Column("updated_at", BigInteger, nullable=False),
    Column("journalled", BigInteger, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("pending", BigInteger, nullable=False),
    Column("readings_decoded", BigInteger, nullable=False),
    Column("readings_written", BigInteger, nullable=False),
    Column("readings_refused", BigInteger, nullable=False),
    Column("quantities_refused", BigInteger, nullable=False),
)

# What several ingests that share the work must know of each other.

writers = Table(
    "writers",
    metadata,
    Column("journal", String, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),  # from 1; of its series in InfluxDB
)

sightings = Table(
    "sightings",
    metadata,
    Column("family", String, primary_key=True),
    Column("station", String, primary_key=True),
    Column("last_received", BigInteger, nullable=False),
    # What was last said of the device; NULL where nothing was.
    Column("online", Boolean),
    Column("online_since", BigInteger),
    Column("battery", Float),
    Column("rssi", Float),
    Column("snr", Float),
    Column("counter", BigInteger),
    Column("lost", BigInteger),
)

shapes = Table(
    "shapes",
    metadata,
    Column("source", String, primary_key=True),
    Column("family", String, primary_key=True),
    Column("station", String, primary_key=True),
    Column("profile", Text, nullable=False),  # sensors.shapes.Profile as JSON
)

drifts = Table(
    "drifts",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("source", String, nullable=False),
    Column("family", String, nullable=False),
    Column("station", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("field", String, nullable=False),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("topic", String, nullable=False),
    Column("example", LargeBinary, nullable=False),
    Column("accepted_by", String),
    Column("accepted_at", BigInteger),
    UniqueConstraint("source", "family", "station", "kind", "field", "before", "after"),
    sqlite_autoincrement=True,
)

intervals = Table(
    "intervals",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("family", String, nullable=False),
    Column("station", String, nullable=False),
    Column("quantity", String, nullable=False),  # "": all of them
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("why", String, nullable=False),
    Column("entered_by", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    Column("removed_by", String),
    Column("removed_at", BigInteger),
    sqlite_autoincrement=True,
)

events = Table(
    "events",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("family", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("scope", String, nullable=False),  # city, district:<id>
    Column("quantities", String, nullable=False),  # codes joined by "+"
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("entered_by", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    Column("removed_by", String),
    Column("removed_at", BigInteger),
    Column("removed_why", Text),
    sqlite_autoincrement=True,
)

records = Table(
    "records",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("code", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("period", String, nullable=False),
    Column("value", Text, nullable=False),  # decimal text
    Column("unit", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("dated", String, nullable=False),  # of the source: a civil day
    Column("note", Text, nullable=False),
    Column("entered_by", String, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    Column("supersedes", BigInteger, nullable=False),  # id of the entry before; 0 for the first
    Column("reason", Text, nullable=False),
    UniqueConstraint("code", "scope", "period", "supersedes"),
    sqlite_autoincrement=True,
)

progress = Table(
    "progress",
    metadata,
    Column("journal", String, primary_key=True),
    Column("settled_until", BigInteger, nullable=False),  # what it received until then is stored
    Column("told_at", BigInteger, nullable=False),
)

gaps = Table(
    "gaps",
    metadata,
    Column("journal", String, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("since", BigInteger),
    Column("until", BigInteger, nullable=False),
)

marks = Table(
    "marks",
    metadata,
    Column("family", String, primary_key=True),
    Column("station", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column(
        "hour", BigInteger, primary_key=True
    ),  # hours since the epoch, UTC, in which the reading ends; -1: all hours
    Column("sequence", BigInteger, nullable=False),
    Column("first_touched", BigInteger, nullable=False),
    Column("last_touched", BigInteger, nullable=False),
    Column("leased_until", BigInteger, nullable=False, default=0),
    sqlite_with_rowid=False,
)

_JUDGEMENT = (
    ("value", Text, True),
    ("unit", String, False),
    ("status", String, False),
    ("valid", BigInteger, False),
    ("expected", BigInteger, False),
    ("code_version", String, False),
    ("stations", Text, False),  # JSON list of ids
    ("detail", Text, False),  # JSON object: what `explain` shows
    ("computed_at", BigInteger, False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("indicator", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("period", String, nullable=False),
    Column("standard", String, nullable=False),
    *(Column(name, kind, nullable=nullable) for name, kind, nullable in _JUDGEMENT),
    Column("finality", String, nullable=False),  # provisional, under review, final, proposed
    Column("supersedes", BigInteger, nullable=False),  # id of the revision before; 0 for the first
    Column("reason", Text, nullable=False),
    UniqueConstraint("indicator", "scope", "period", "standard", "supersedes"),
    sqlite_autoincrement=True,
)

running = Table(
    "running",
    metadata,
    Column("indicator", String, primary_key=True),
    Column("scope", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("standard", String, primary_key=True),
    *(Column(name, kind, nullable=nullable) for name, kind, nullable in _JUDGEMENT),
    Column("closes_at", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", Text, nullable=False),
    Index("audit_by_time", "at"),
    sqlite_autoincrement=True,
)
