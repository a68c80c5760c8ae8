-- Workspaces: who belongs to them, what their programs may, what was done and what it cost. Time is microseconds since 1970 (UTC).
-- What is installed in one stands in its home, a folder; its connections stand in the broker's tables.

CREATE TABLE workspaces (
    name            TEXT PRIMARY KEY,        -- a label
    title           TEXT NOT NULL,
    calls_a_minute  BIGINT NOT NULL,         -- its quota of invocations
    created_at      BIGINT NOT NULL
);

CREATE TABLE workspace_members (
    workspace       TEXT NOT NULL REFERENCES workspaces (name),
    user_name       TEXT NOT NULL,           -- as the accounts know him
    role            TEXT NOT NULL,           -- admin, operator, member, auditor
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (workspace, user_name)
);
CREATE INDEX workspace_members_of_user ON workspace_members (user_name);

-- What programs show: never more than the role of whoever made it had.
CREATE TABLE workspace_tokens (
    id              TEXT PRIMARY KEY,        -- UUIDv7, shown in lists
    hash            BYTEA NOT NULL UNIQUE,   -- SHA-256 of the token; the token itself is shown once
    workspace       TEXT NOT NULL REFERENCES workspaces (name),
    label           TEXT NOT NULL,
    role            TEXT NOT NULL,
    packages        TEXT NOT NULL,           -- `*`, `acme:*` or `acme:crm`: which installations it reaches
    created_by      TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    revoked_at      BIGINT,
    last_used_at    BIGINT
);
CREATE INDEX workspace_tokens_of ON workspace_tokens (workspace, id);

-- One row a call. What was sent and answered is not kept, its bill is.
CREATE TABLE workspace_invocations (
    id              TEXT PRIMARY KEY,        -- UUIDv7
    workspace       TEXT NOT NULL REFERENCES workspaces (name),
    at              BIGINT NOT NULL,
    caller          TEXT NOT NULL,
    connector       TEXT NOT NULL,
    version         TEXT NOT NULL,           -- empty: it never came so far
    operation       TEXT NOT NULL,
    outcome         TEXT NOT NULL,           -- ok, guest, panic, limit, denied, host, cancelled, refused
    code            TEXT,                    -- of what went wrong
    message         TEXT,
    bill            TEXT NOT NULL,           -- JSON
    denials         TEXT,                    -- JSON; none: nothing was denied
    trace           TEXT                     -- W3C trace id that it came with
);
CREATE INDEX workspace_invocations_of ON workspace_invocations (workspace, id);
CREATE INDEX workspace_invocations_of_connector ON workspace_invocations (workspace, connector, id);

-- What was answered under a key, so that the same request asked again is not done again.
CREATE TABLE workspace_answers (
    workspace       TEXT NOT NULL REFERENCES workspaces (name),
    idempotency_key TEXT NOT NULL,
    request         BYTEA NOT NULL,          -- SHA-256 of what was asked: the same key for something else is refused
    status          BIGINT,                  -- none: it is being done, or was when a process ended
    headers         TEXT,                    -- JSON
    body            TEXT,
    claimed_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    PRIMARY KEY (workspace, idempotency_key)
);
CREATE INDEX workspace_answers_expire ON workspace_answers (expires_at);

-- What was done and what was refused, each line bound to the one before by its hash.
CREATE TABLE workspace_audit (
    workspace       TEXT NOT NULL REFERENCES workspaces (name),
    number          BIGINT NOT NULL,         -- 1, 2, …
    at              BIGINT NOT NULL,
    caller          TEXT NOT NULL,
    action          TEXT NOT NULL,
    target          TEXT NOT NULL,
    allowed         BOOLEAN NOT NULL,
    detail          TEXT,
    hash            BYTEA NOT NULL,          -- SHA-256 of the hash before and of this line
    PRIMARY KEY (workspace, number)
);
