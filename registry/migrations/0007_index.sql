-- When a package's index was signed last. The bytes stand in the blob store. Owner: src/index/.
CREATE TABLE package_indexes (
    package       TEXT PRIMARY KEY REFERENCES packages (name),
    log_size      BIGINT NOT NULL,         -- entries of the log that it takes into account; never shrinks
    issued_at     BIGINT NOT NULL
);
CREATE INDEX package_indexes_issued ON package_indexes (issued_at);
