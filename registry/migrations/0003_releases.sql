-- Packages, releases, statements. Owner: src/publish/ (writes), src/read/ (reads).

CREATE TABLE packages (
    name          TEXT PRIMARY KEY,        -- `namespace:name`
    namespace     TEXT NOT NULL REFERENCES namespaces (name),
    state         TEXT NOT NULL,           -- `staged` (nothing was released yet), or `active`
    name_approved_by TEXT,                 -- the operator who let a confusable name pass
    deprecated    TEXT,                    -- the author's message, if it is deprecated
    downloads     BIGINT NOT NULL,
    installs      BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);

CREATE TABLE releases (
    id            TEXT PRIMARY KEY,        -- UUIDv7
    package       TEXT NOT NULL REFERENCES packages (name),
    version       TEXT NOT NULL,           -- semver
    state         TEXT NOT NULL,           -- release::State
    reason        TEXT,                    -- why it is in that state, for a person
    next_actor    TEXT NOT NULL,           -- who acts next: `author`, `registry`, `moderator`, `nobody`
    state_at      BIGINT NOT NULL,
    component     TEXT NOT NULL,           -- digest of the component
    size          BIGINT NOT NULL,
    oci_manifest  TEXT NOT NULL,           -- digest of the OCI manifest it is served under
    manifest      TEXT,                    -- JSON of the section `jackfield:manifest`, once the validator has read it
    manifest_digest TEXT,
    facts         TEXT,                    -- JSON of publish::Facts: imports, exports, sizes
    readme        TEXT,
    attempts      BIGINT NOT NULL,         -- how often the validator has been asked
    retry_at      BIGINT,                  -- not before this
    lease_holder  TEXT,                    -- the process that works on it now
    lease_until   BIGINT,
    staged_by     TEXT NOT NULL,           -- actor
    staged_at     BIGINT NOT NULL,
    released_at   BIGINT,
    ruleset       TEXT,                    -- version of the rules it passed
    appeal        TEXT                     -- what the author has to say to whoever decides on a hold or rejection
);
-- A rejected attempt frees its version; nothing else ever does.
CREATE UNIQUE INDEX releases_version ON releases (package, version) WHERE state <> 'rejected';
CREATE INDEX releases_state ON releases (state, state_at);
CREATE INDEX releases_component ON releases (component);

-- Every state a release was in: the story that its author sees.
CREATE TABLE release_events (
    release_id    TEXT NOT NULL REFERENCES releases (id),
    seq           BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    state         TEXT NOT NULL,
    actor         TEXT NOT NULL,
    reason        TEXT,
    PRIMARY KEY (release_id, seq)
);

CREATE TABLE release_checks (
    release_id    TEXT NOT NULL REFERENCES releases (id),
    id            TEXT NOT NULL,           -- the rule
    seq           BIGINT NOT NULL,         -- its place in the report
    title         TEXT NOT NULL,
    level         TEXT NOT NULL,           -- `error` or `warning`
    state         TEXT NOT NULL,           -- `pass`, `fail` or `unknown`
    message       TEXT NOT NULL,
    hint          TEXT,
    at            BIGINT NOT NULL,
    PRIMARY KEY (release_id, id)
);

-- Every signed statement that the registry has accepted. What has an index is in the log.
CREATE TABLE statements (
    digest        TEXT PRIMARY KEY,        -- sha256 of the bundle's canonical bytes; what it is served by
    leaf          TEXT NOT NULL UNIQUE,    -- sha256 of `entry`: one entry per signature
    entry         BYTEA NOT NULL,          -- the log leaf's canonical bytes, which hold the key that signed
    kind          TEXT NOT NULL,           -- publish, keyset, checks, audit, status
    key_id        TEXT NOT NULL,           -- who signed
    namespace     TEXT NOT NULL,           -- whom it is about
    package       TEXT,
    version       TEXT,
    component     TEXT,                    -- digest of the component it is about, if one
    bundle        BYTEA NOT NULL,          -- Sigstore bundle v0.3, without log entries
    accepted_at   BIGINT NOT NULL,
    log_index     BIGINT UNIQUE            -- none: waits for the sequencer
);
CREATE INDEX statements_package ON statements (package, version);
CREATE INDEX statements_namespace ON statements (namespace, kind);
CREATE INDEX statements_waiting ON statements (accepted_at) WHERE log_index IS NULL;

-- Publish statements as they were handed in. They go into the log only when the release has passed its checks.
CREATE TABLE release_bundles (
    release_id    TEXT NOT NULL REFERENCES releases (id),
    key_id        TEXT NOT NULL,           -- who signed: one bundle a key
    public_key    TEXT NOT NULL,           -- 64 hex digits
    payload       TEXT NOT NULL,           -- sha256 of the signed payload: a threshold counts keys over the same bytes
    bundle        BYTEA NOT NULL,
    accepted_at   BIGINT NOT NULL,
    PRIMARY KEY (release_id, key_id)
);

-- What a release waits for before it may be released: its statements.
CREATE TABLE release_statements (
    release_id    TEXT NOT NULL REFERENCES releases (id),
    statement     TEXT NOT NULL REFERENCES statements (digest),
    PRIMARY KEY (release_id, statement)
);

-- A namespace's keys, one row per keyset statement. The one with the highest version counts.
CREATE TABLE keysets (
    namespace     TEXT NOT NULL REFERENCES namespaces (name),
    version       BIGINT NOT NULL,         -- from 1
    threshold     BIGINT NOT NULL,
    keys          TEXT NOT NULL,           -- JSON array of public keys, 64 hex digits each
    statement     TEXT NOT NULL REFERENCES statements (digest),
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (namespace, version)
);

-- Revoked, yanked, quarantined. What counts of a subject's rows, src/status/settle.rs says. Owner: src/status/.
CREATE TABLE statuses (
    id            TEXT PRIMARY KEY,        -- UUIDv7
    package       TEXT,                    -- of a release …
    version       TEXT,
    key_id        TEXT,                    -- … or of a key
    namespace     TEXT NOT NULL,
    action        TEXT NOT NULL,           -- yank, quarantine, revoke, lift
    reason        TEXT NOT NULL,
    since_index   BIGINT,                  -- of a key: not valid for entries at or after this index
    expires_at    BIGINT,                  -- a quarantine ends by itself
    statement     TEXT REFERENCES statements (digest),
    authority     TEXT NOT NULL DEFAULT 'registry',  -- `owner` or `registry`: whose key signed
    actor         TEXT NOT NULL,
    at            BIGINT NOT NULL,
    settled_at    BIGINT                   -- none: its statement is not in a published checkpoint yet
);
CREATE INDEX statuses_waiting ON statuses (at) WHERE settled_at IS NULL;
CREATE INDEX statuses_key ON statuses (namespace, key_id) WHERE key_id IS NOT NULL;
CREATE INDEX statuses_package ON statuses (package, version);
