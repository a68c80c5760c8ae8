-- The transparency log's one mutable cell, and who may write it. Tiles are bytes in the blob store. Owner: src/log/.

CREATE TABLE log_lease (
    id            BIGINT PRIMARY KEY CHECK (id = 1),
    holder        TEXT NOT NULL,
    generation    BIGINT NOT NULL,         -- grows with every change of holder: a late writer sees that it lost
    expires_at    BIGINT NOT NULL
);

-- The order of entries, fixed before a tile is written: whoever sequences them, the tree of each size is the same. An
-- entry is in the log only when a checkpoint covers it (`statements.log_index`).
CREATE TABLE log_entries (
    idx           BIGINT PRIMARY KEY,      -- from 0, without a gap
    statement     TEXT NOT NULL UNIQUE REFERENCES statements (digest)
);

-- The newest row is the log. Written once, before it is published; a size is never signed twice.
CREATE TABLE log_checkpoints (
    size          BIGINT PRIMARY KEY,
    root          TEXT NOT NULL,           -- base64
    note          TEXT NOT NULL,           -- the signed note, with the log's own signature only
    created_at    BIGINT NOT NULL,
    published_at  BIGINT
);

CREATE TABLE log_cosignatures (
    size          BIGINT NOT NULL REFERENCES log_checkpoints (size),
    witness       TEXT NOT NULL,           -- the witness's key name
    line          TEXT NOT NULL,           -- its signature line
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (size, witness)
);
