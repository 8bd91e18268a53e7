-- Times are microseconds since 1970 UTC, except build_time: milliseconds, as on the wire.

CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counter (name, value) VALUES ('generation', 0), ('ping', 0);

-- Applications and pipelines. Names are compared by their lower-case form.

CREATE TABLE application (
  name       TEXT PRIMARY KEY,
  attributes TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pipeline (
  id          TEXT PRIMARY KEY,
  application TEXT NOT NULL,
  name        TEXT NOT NULL,
  position    INTEGER,
  document    TEXT NOT NULL,
  UNIQUE (application, name)
) STRICT;

-- No reference to pipeline: the history survives a delete.
CREATE TABLE pipeline_version (
  seq         INTEGER PRIMARY KEY AUTOINCREMENT,
  pipeline_id TEXT NOT NULL,
  document    TEXT NOT NULL
) STRICT;
CREATE INDEX pipeline_version_of ON pipeline_version (pipeline_id, seq);

-- Incarnations come before what they hold: burying one releases its claims and leases through the references.

CREATE TABLE incarnation (
  id         TEXT PRIMARY KEY,
  host       TEXT NOT NULL,
  pid        INTEGER NOT NULL,
  version    TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  renewed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
  name        TEXT PRIMARY KEY,
  incarnation TEXT REFERENCES incarnation (id) ON DELETE SET NULL,
  epoch       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Executions. head is small and changes often; what may be large is in part, a row for each piece, so that progress
-- never rewrites a large document and lists never read one.

CREATE TABLE execution (
  id             TEXT PRIMARY KEY,
  type           TEXT NOT NULL,
  application    TEXT NOT NULL,
  name           TEXT NOT NULL,
  config_id      TEXT NOT NULL,
  status         TEXT NOT NULL,
  finished       INTEGER NOT NULL,
  waiting        INTEGER NOT NULL,
  build_time     INTEGER NOT NULL,
  trigger_type   TEXT NOT NULL,
  event_id       TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  head           TEXT NOT NULL,
  -- The ids of the stages in their order: a stage inserted between others leaves their rows alone.
  stage_order    TEXT NOT NULL
) STRICT;
CREATE INDEX execution_built       ON execution (build_time, id);
CREATE INDEX execution_application ON execution (application, build_time, id);
CREATE INDEX execution_config      ON execution (config_id, build_time, id);
CREATE INDEX execution_name        ON execution (name, build_time, id);
CREATE INDEX execution_unfinished  ON execution (application, build_time, id) WHERE finished = 0;
CREATE INDEX execution_slot        ON execution (config_id, build_time, id) WHERE finished = 0;
CREATE INDEX execution_event_id    ON execution (event_id) WHERE event_id <> '';
CREATE INDEX execution_correlation ON execution (correlation_id) WHERE correlation_id <> '';

-- A stage and the work that is to be done on it are one row. owner and epoch are the claim.
CREATE TABLE stage (
  execution_id TEXT NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
  id           TEXT NOT NULL,
  head         TEXT NOT NULL,
  work         TEXT NOT NULL,
  state        BLOB,
  phase        TEXT NOT NULL,
  due_at       INTEGER,
  owner        TEXT REFERENCES incarnation (id) ON DELETE SET NULL,
  epoch        INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (execution_id, id)
) STRICT;
CREATE INDEX stage_due   ON stage (due_at) WHERE due_at IS NOT NULL AND owner IS NULL;
CREATE INDEX stage_owner ON stage (owner, epoch) WHERE owner IS NOT NULL;

-- stage_id is '' for a part of the execution itself.
CREATE TABLE part (
  execution_id TEXT NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
  stage_id     TEXT NOT NULL,
  name         TEXT NOT NULL,
  document     TEXT NOT NULL,
  PRIMARY KEY (execution_id, stage_id, name)
) STRICT;

CREATE TABLE execution_event (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  execution_id TEXT NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
  event        TEXT NOT NULL
) STRICT;
CREATE INDEX execution_event_of ON execution_event (execution_id, id);

CREATE TABLE stage_log (
  execution_id TEXT NOT NULL,
  stage_id     TEXT NOT NULL,
  line         INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  level        TEXT NOT NULL,
  text         TEXT NOT NULL,
  PRIMARY KEY (execution_id, stage_id, line),
  FOREIGN KEY (execution_id, stage_id) REFERENCES stage (execution_id, id) ON DELETE CASCADE
) STRICT;

-- The inbox.

CREATE TABLE event (
  id          TEXT PRIMARY KEY,
  key         TEXT NOT NULL UNIQUE,
  type        TEXT NOT NULL,
  source      TEXT NOT NULL,
  name        TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  body        TEXT NOT NULL
) STRICT;
CREATE INDEX event_received ON event (received_at, id);
CREATE INDEX event_source   ON event (type, source, name, received_at, id);

CREATE TABLE verdict (
  event_id     TEXT NOT NULL REFERENCES event (id) ON DELETE CASCADE,
  config_id    TEXT NOT NULL,
  trigger_name TEXT NOT NULL,
  application  TEXT NOT NULL,
  pipeline     TEXT NOT NULL,
  outcome      TEXT NOT NULL,
  reason       TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (event_id, config_id, trigger_name)
) STRICT;
CREATE INDEX verdict_at     ON verdict (at);
CREATE INDEX verdict_config ON verdict (config_id, at);

CREATE TABLE candidate (
  id           TEXT PRIMARY KEY,
  event_id     TEXT NOT NULL,
  config_id    TEXT NOT NULL,
  trigger_name TEXT NOT NULL,
  fired        TEXT NOT NULL,
  start_key    TEXT NOT NULL,
  order_key    TEXT NOT NULL,
  sequence     INTEGER NOT NULL,
  due_at       INTEGER NOT NULL,
  deadline_at  INTEGER NOT NULL,
  attempts     INTEGER NOT NULL,
  last_error   TEXT NOT NULL
) STRICT;
CREATE INDEX candidate_due   ON candidate (due_at, id);
CREATE INDEX candidate_order ON candidate (order_key, sequence, id);

CREATE TABLE start (
  key          TEXT PRIMARY KEY,
  execution_id TEXT NOT NULL,
  at           INTEGER NOT NULL
) STRICT;

CREATE TABLE job_state (
  master TEXT NOT NULL,
  job    TEXT NOT NULL,
  state  BLOB NOT NULL,
  PRIMARY KEY (master, job)
) STRICT, WITHOUT ROWID;

-- Who did what.

CREATE TABLE audit (
  seq    INTEGER PRIMARY KEY AUTOINCREMENT,
  at     INTEGER NOT NULL,
  user   TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL,
  remote TEXT NOT NULL
) STRICT;

-- Bodies. sha256 is NULL while a body is being uploaded.

CREATE TABLE blob (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  sha256     TEXT UNIQUE,
  size       INTEGER NOT NULL,
  chunks     INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_created ON blob (created_at);

CREATE TABLE blob_chunk (
  blob_id INTEGER NOT NULL REFERENCES blob (id) ON DELETE CASCADE,
  seq     INTEGER NOT NULL,
  data    BLOB NOT NULL,
  PRIMARY KEY (blob_id, seq)
) STRICT;

CREATE TABLE blob_ref (
  execution_id TEXT NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
  stage_id     TEXT NOT NULL,
  attempt      INTEGER NOT NULL,
  blob_id      INTEGER NOT NULL REFERENCES blob (id),
  PRIMARY KEY (execution_id, stage_id, attempt, blob_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_ref_blob ON blob_ref (blob_id);
