-- Reviews, advisories, receipts. Owner: src/review/, src/status/.

CREATE TABLE reviews (
    id            TEXT PRIMARY KEY,        -- UUIDv7
    package       TEXT NOT NULL REFERENCES packages (name),
    major         BIGINT NOT NULL,
    version       TEXT NOT NULL,           -- the one that was used
    workspace     TEXT NOT NULL,           -- id of the workspace: the digest of its receipt key
    author        TEXT NOT NULL REFERENCES users (name),
    rating        BIGINT NOT NULL,         -- 1 to 5
    body          TEXT NOT NULL,
    reply         TEXT,                    -- the publisher's
    replied_at    BIGINT,
    calls         BIGINT NOT NULL,         -- from the receipt
    days          BIGINT NOT NULL,
    removed_at    BIGINT,                  -- a tombstone
    removed_reason TEXT,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX reviews_once ON reviews (package, major, workspace);

CREATE TABLE review_flags (
    review_id     TEXT NOT NULL REFERENCES reviews (id),
    flagged_by    TEXT NOT NULL,
    reason        TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    resolved_at   BIGINT,
    resolution    TEXT,
    PRIMARY KEY (review_id, flagged_by)
);

CREATE TABLE advisories (
    id            TEXT PRIMARY KEY,        -- such as `JFA-2026-0001`
    package       TEXT NOT NULL REFERENCES packages (name),
    affected      TEXT NOT NULL,           -- semver ranges
    severity      TEXT NOT NULL,           -- low, medium, high, critical
    title         TEXT NOT NULL,
    body          TEXT NOT NULL,
    url           TEXT,
    published_by  TEXT NOT NULL,
    published_at  BIGINT NOT NULL,
    withdrawn_at  BIGINT
);
CREATE INDEX advisories_package ON advisories (package);
