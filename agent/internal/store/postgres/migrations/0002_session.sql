-- A row for each connection, in which each of its transactions leaves its number. Who wants to know what became of a
-- transaction whose connection was lost closes the row: a transaction that still arrives then fails.
CREATE TABLE session (
  id        TEXT COLLATE "C" PRIMARY KEY,
  opened_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  change    BIGINT NOT NULL,
  closed    BIGINT,
  CHECK (closed IS NULL OR change = closed)
) WITH (fillfactor = 20);
CREATE INDEX session_opened ON session (opened_at);
