"""The tables of alerts: what rules look at beside readings, incidents and their log, and what people were told of them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from store.schema import Serial, metadata

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

# How a year's values stood, from when on: a row where the status of one became another.
standings = Table(
    "standings",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
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
    Column("id", Serial, primary_key=True, autoincrement=True),
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
    Column("id", Serial, primary_key=True, autoincrement=True),
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
    Column("id", Serial, primary_key=True, autoincrement=True),
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
    Column("id", Serial, primary_key=True, autoincrement=True),
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
    Column("id", Serial, primary_key=True, autoincrement=True),
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
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("open", Text, nullable=False),  # JSON list: the incidents that held
    sqlite_autoincrement=True,
)
