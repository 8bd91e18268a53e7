-- The oldest execution of a correlation is found without sorting.
CREATE INDEX execution_correlated ON execution (correlation_id, build_time, id) WHERE correlation_id <> '';
DROP INDEX execution_correlation;
