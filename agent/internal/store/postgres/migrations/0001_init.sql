-- As SQLite's schema: times are microseconds since 1970 UTC, except build_time: milliseconds, as on the wire. Texts are
-- compared byte by byte, as everywhere else in the agent, whatever the database's own order is.

CREATE TABLE counter (
  name  TEXT COLLATE "C" PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('generation', 0);
-- A number that a transaction took and rolled back is never given out again.
CREATE SEQUENCE generation;

-- Applications and pipelines. Names are compared by their lower-case form.

CREATE TABLE application (
  name       TEXT COLLATE "C" PRIMARY KEY,
  attributes TEXT NOT NULL
);

CREATE TABLE pipeline (
  id          TEXT COLLATE "C" PRIMARY KEY,
  application TEXT COLLATE "C" NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  position    BIGINT,
  document    TEXT NOT NULL,
  UNIQUE (application, name)
);

-- No reference to pipeline: the history survives a delete.
CREATE TABLE pipeline_version (
  seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pipeline_id TEXT COLLATE "C" NOT NULL,
  document    TEXT NOT NULL
);
CREATE INDEX pipeline_version_of ON pipeline_version (pipeline_id, seq);

-- Incarnations come before what they hold: burying one releases its claims and leases through the references.

CREATE TABLE incarnation (
  id         TEXT COLLATE "C" PRIMARY KEY,
  host       TEXT NOT NULL,
  pid        BIGINT NOT NULL,
  version    TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  renewed_at BIGINT NOT NULL
);

CREATE TABLE lease (
  name        TEXT COLLATE "C" PRIMARY KEY,
  incarnation TEXT COLLATE "C" REFERENCES incarnation (id) ON DELETE SET NULL,
  epoch       BIGINT NOT NULL
);
CREATE INDEX lease_incarnation ON lease (incarnation) WHERE incarnation IS NOT NULL;

-- Executions. head is small and changes often; what may be large is in part, a row for each piece, so that progress
-- never rewrites a large document and lists never read one. finished and waiting are 0 or 1.

CREATE TABLE execution (
  id             TEXT COLLATE "C" PRIMARY KEY,
  type           TEXT COLLATE "C" NOT NULL,
  application    TEXT COLLATE "C" NOT NULL,
  name           TEXT COLLATE "C" NOT NULL,
  config_id      TEXT COLLATE "C" NOT NULL,
  status         TEXT COLLATE "C" NOT NULL,
  finished       BIGINT NOT NULL,
  waiting        BIGINT NOT NULL,
  build_time     BIGINT NOT NULL,
  trigger_type   TEXT COLLATE "C" NOT NULL,
  event_id       TEXT COLLATE "C" NOT NULL,
  correlation_id TEXT COLLATE "C" NOT NULL,
  head           TEXT NOT NULL,
  -- The ids of the stages in their order: a stage inserted between others leaves their rows alone.
  stage_order    TEXT NOT NULL
);
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
  execution_id TEXT COLLATE "C" NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
  id           TEXT COLLATE "C" NOT NULL,
  head         TEXT NOT NULL,
  work         TEXT NOT NULL,
  state        BYTEA,
  phase        TEXT NOT NULL,
  due_at       BIGINT,
  owner        TEXT COLLATE "C" REFERENCES incarnation (id) ON DELETE SET NULL,
  epoch        BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (execution_id, id)
);
CREATE INDEX stage_due   ON stage (due_at) WHERE due_at IS NOT NULL AND owner IS NULL;
CREATE INDEX stage_owner ON stage (owner, epoch) WHERE owner IS NOT NULL;

-- stage_id is '' for a part of the execution itself.
CREATE TABLE part (
  execution_id TEXT COLLATE "C" NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
  stage_id     TEXT COLLATE "C" NOT NULL,
  name         TEXT COLLATE "C" NOT NULL,
  document     TEXT NOT NULL,
  PRIMARY KEY (execution_id, stage_id, name)
);

CREATE TABLE execution_event (
  id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  execution_id TEXT COLLATE "C" NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
  event        TEXT NOT NULL
);
CREATE INDEX execution_event_of ON execution_event (execution_id, id);

CREATE TABLE stage_log (
  execution_id TEXT COLLATE "C" NOT NULL,
  stage_id     TEXT COLLATE "C" NOT NULL,
  line         BIGINT NOT NULL,
  at           BIGINT NOT NULL,
  level        TEXT NOT NULL,
  text         TEXT NOT NULL,
  PRIMARY KEY (execution_id, stage_id, line),
  FOREIGN KEY (execution_id, stage_id) REFERENCES stage (execution_id, id) ON DELETE CASCADE
);
CREATE INDEX stage_log_at ON stage_log (at);

-- The inbox.

CREATE TABLE event (
  id          TEXT COLLATE "C" PRIMARY KEY,
  key         TEXT COLLATE "C" NOT NULL UNIQUE,
  type        TEXT COLLATE "C" NOT NULL,
  source      TEXT COLLATE "C" NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  received_at BIGINT NOT NULL,
  body        TEXT NOT NULL
);
CREATE INDEX event_received ON event (received_at, id);
CREATE INDEX event_source   ON event (type, source, name, received_at, id);

CREATE TABLE verdict (
  seq          BIGINT GENERATED ALWAYS AS IDENTITY,
  event_id     TEXT COLLATE "C" NOT NULL REFERENCES event (id) ON DELETE CASCADE,
  config_id    TEXT COLLATE "C" NOT NULL,
  trigger_name TEXT COLLATE "C" NOT NULL,
  application  TEXT NOT NULL,
  pipeline     TEXT NOT NULL,
  outcome      TEXT NOT NULL,
  reason       TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  at           BIGINT NOT NULL,
  PRIMARY KEY (event_id, config_id, trigger_name)
);
CREATE INDEX verdict_at     ON verdict (at, seq);
CREATE INDEX verdict_config ON verdict (config_id, at, seq);

CREATE TABLE candidate (
  id           TEXT COLLATE "C" PRIMARY KEY,
  event_id     TEXT COLLATE "C" NOT NULL,
  config_id    TEXT NOT NULL,
  trigger_name TEXT NOT NULL,
  fired        TEXT NOT NULL,
  start_key    TEXT NOT NULL,
  order_key    TEXT COLLATE "C" NOT NULL,
  sequence     BIGINT NOT NULL,
  due_at       BIGINT NOT NULL,
  deadline_at  BIGINT NOT NULL,
  attempts     BIGINT NOT NULL,
  last_error   TEXT NOT NULL
);
CREATE INDEX candidate_due   ON candidate (due_at, id);
CREATE INDEX candidate_order ON candidate (order_key, sequence, id);

CREATE TABLE start (
  key          TEXT COLLATE "C" PRIMARY KEY,
  execution_id TEXT NOT NULL,
  at           BIGINT NOT NULL
);
CREATE INDEX start_at ON start (at);

CREATE TABLE job_state (
  master TEXT COLLATE "C" NOT NULL,
  job    TEXT COLLATE "C" NOT NULL,
  state  BYTEA NOT NULL,
  PRIMARY KEY (master, job)
);

-- Who did what.

CREATE TABLE audit (
  seq    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at     BIGINT NOT NULL,
  "user" TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL,
  remote TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);

-- Bodies. sha256 is NULL while a body is being uploaded.

CREATE TABLE blob (
  id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sha256     TEXT COLLATE "C" UNIQUE,
  size       BIGINT NOT NULL,
  chunks     BIGINT NOT NULL,
  media_type TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX blob_created ON blob (created_at);

CREATE TABLE blob_chunk (
  blob_id BIGINT NOT NULL REFERENCES blob (id) ON DELETE CASCADE,
  seq     BIGINT NOT NULL,
  -- Compressed already.
  data    BYTEA NOT NULL,
  PRIMARY KEY (blob_id, seq)
);
ALTER TABLE blob_chunk ALTER COLUMN data SET STORAGE EXTERNAL;

CREATE TABLE blob_ref (
  execution_id TEXT COLLATE "C" NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
  stage_id     TEXT COLLATE "C" NOT NULL,
  attempt      BIGINT NOT NULL,
  blob_id      BIGINT NOT NULL REFERENCES blob (id),
  PRIMARY KEY (execution_id, stage_id, attempt, blob_id)
);
CREATE INDEX blob_ref_blob ON blob_ref (blob_id);
