-- What is deleted by its age is found by it.
CREATE INDEX start_at     ON start (at);
CREATE INDEX stage_log_at ON stage_log (at);
CREATE INDEX audit_at     ON audit (at);
