"""The books' tables. Times are integer milliseconds since the epoch, UTC; numbers of judgements are decimal text."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
)

metadata = MetaData()

# SQLite counts its own row ids only in a column typed INTEGER.
_Serial = BigInteger().with_variant(Integer, "sqlite")

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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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

# When ingest could hear, and which stations it did not hear for longer than they may be silent.
hearing = Table(
    "hearing",
    metadata,
    Column("journal", String, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("until", BigInteger, nullable=False),
)

pauses = Table(
    "pauses",
    metadata,
    Column("family", String, primary_key=True),
    Column("station", String, primary_key=True),
    Column("since", BigInteger, primary_key=True),  # when it was heard before
    Column("until", BigInteger, nullable=False),  # when it was heard again
)

# What cityflux knows of itself, change by change: from `at` on it is so.
conditions = Table(
    "conditions",
    metadata,
    Column("part", String, primary_key=True),  # ingest, store, broker, …
    Column("code", String, primary_key=True),  # store/conditions.py
    Column("at", BigInteger, primary_key=True),
    Column("value", Text, nullable=False),  # decimal text
    Column("why", Text, nullable=False),
    Column("teller", String, nullable=False),  # the journal whose ingest says it; "watch"
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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

# What alert rules have still to look at: of a station's series the instant after which it changed since they did.
alert_marks = Table(
    "alert_marks",
    metadata,
    Column("family", String, primary_key=True),
    Column("station", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("since", BigInteger, nullable=False),  # [ms]; -1: all of its time
    Column("sequence", BigInteger, nullable=False),
    Column("first_touched", BigInteger, nullable=False),
    Column("last_touched", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("rule", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("fired", BigInteger, nullable=False),
    Column("level", Integer, nullable=False),
    Column("greatest", Integer, nullable=False),
    Column("phase", String, nullable=False),  # firing, recovering, resolved
    Column("well", BigInteger),
    Column("resolved", BigInteger),
    Column("last", BigInteger, nullable=False),
    Column("episodes", Integer, nullable=False),
    Column("shown", Text, nullable=False),  # JSON: the values of its peak
    Column("gone", String),  # NULL; withdrawn, joined: it is none any more; closed: nobody measures it any more
    Column("joined_into", BigInteger),
    Column("opened_at", BigInteger, nullable=False),  # when it was written first
    Column("acknowledged_by", String),
    Column("acknowledged_at", BigInteger),
    Column("acknowledged_level", Integer),  # the level that somebody knows of; a higher one asks again
    Column("flapping", Boolean),  # NULL as false: it came and went so often that this is not told any more
    Column("group_id", BigInteger),  # the first incident of its group, maybe itself; NULL: its rule makes none
    Column("group_of", String),  # whose incidents can be of that group: a district, or the city
    Index("incidents_by_subject", "rule", "subject", "since"),
    Index("incidents_by_end", "resolved"),
    sqlite_autoincrement=True,
)

incident_log = Table(
    "incident_log",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("incident", BigInteger, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("what", String, nullable=False),
    Column("why", Text, nullable=False),
    Column("who", String, nullable=False),
    Column("level", Integer, nullable=False),
    sqlite_autoincrement=True,
)

# Raised with each change of a rule's incidents at a subject: of two evaluators the loser sees it.
incident_versions = Table(
    "incident_versions",
    metadata,
    Column("rule", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

# What has begun and is not told yet, as the data had it when they were last looked at.
pending_alerts = Table(
    "pending_alerts",
    metadata,
    Column("rule", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What people are told of incidents: who by which channel, and what became of it.
notices = Table(
    "notices",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("uid", String, nullable=False, unique=True),  # by which a receiver knows one that comes twice
    Column("cause", String, nullable=False),  # line 17, ladder 4/duty/1/2, …: of one cause nobody is told twice
    Column("channel", String, nullable=False),
    Column("person", String, nullable=False),  # "": whoever reads the channel
    Column("incident", BigInteger, nullable=False, index=True),  # 0: of none
    Column("what", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON: the same for programs
    Column("made_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),  # of the next try
    Column("leased_until", BigInteger, nullable=False, default=0),
    Column("holder", String, nullable=False, default=""),  # the notifier that tries
    Column("tries", Integer, nullable=False, default=0),
    Column("state", String, nullable=False, default="waiting"),  # waiting, sent, in digest, given up
    Column("done_at", BigInteger),
    Column("error", Text, nullable=False, default=""),  # of the last try, without secrets
    Column("digest", BigInteger),  # the notice that it went into
    UniqueConstraint("cause", "channel", "person"),
    Index("notices_by_channel", "channel", "state", "done_at"),
    Index("notices_by_state", "state", "due_at"),
    sqlite_autoincrement=True,
)

# Incidents of which nobody was told on purpose, and why; told when that ends and they still hold.
withheld = Table(
    "withheld",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("incident", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, index=True),
    Column("ended_why", String),
    sqlite_autoincrement=True,
)

# Whom of a role an incident has come to, and when the next ones are told where nobody acknowledges it.
ladders = Table(
    "ladders",
    metadata,
    Column("incident", BigInteger, primary_key=True),
    Column("role", String, primary_key=True),
    Column("round", BigInteger, nullable=False),  # the line that began it
    Column("step", Integer, nullable=False),  # the last one told
    Column("due_at", BigInteger, nullable=False, index=True),
)

silences = Table(
    "silences",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("rule", String, nullable=False),  # "": every rule
    Column("subject", String, nullable=False),  # "": every subject
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("entered_by", String, nullable=False),
    Column("ended_by", String),  # where somebody ended it before its time
    Column("ended_at", BigInteger),
    sqlite_autoincrement=True,
)

shift_notes = Table(
    "shift_notes",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("open", Text, nullable=False),  # JSON list: the incidents that held
    sqlite_autoincrement=True,
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
    Column("id", _Serial, primary_key=True, autoincrement=True),
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

# How a year's values stood, from when on: a row where the status of one became another.
standings = Table(
    "standings",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("indicator", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("period", String, nullable=False),
    Column("standard", String, nullable=False),
    Column("at", BigInteger, nullable=False),  # when it was computed
    Column("status", String, nullable=False),
    Column("value", Text),
    Column("unit", String, nullable=False),
    Column("sentence", Text, nullable=False),
    Index("standings_by_indicator", "indicator", "scope", "id"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("what", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", Text, nullable=False),
    Index("audit_by_time", "at"),
    sqlite_autoincrement=True,
)


def bring_up_to_date(connection: Connection) -> None:
    """Give the tables of an older version what they lack: columns (a new one may be NULL, which says that it was not kept), and
    indices."""
    there = inspect(connection).get_multi_columns()
    if "hour" in {column["name"] for column in there[None, alert_marks.name]}:
        connection.exec_driver_sql("ALTER TABLE alert_marks RENAME COLUMN hour TO since")
        connection.exec_driver_sql("UPDATE alert_marks SET since = since * 3600000 WHERE since > 0")
        there = inspect(connection).get_multi_columns()
    for table in metadata.sorted_tables:
        names = {column["name"] for column in there[None, table.name]}
        for column in table.columns:
            if column.name not in names:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)
