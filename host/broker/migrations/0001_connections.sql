-- Connections, their sealed secrets, and what was done with them. Owner: src/connection, src/vault, src/refresh.

CREATE TABLE connections (
    id                  TEXT PRIMARY KEY,      -- con_ and a UUID v7
    tenant              TEXT NOT NULL,
    connector           TEXT NOT NULL,         -- the package that may use it
    auth                TEXT NOT NULL,         -- which entry of its manifest's `auth`
    label               TEXT NOT NULL,         -- what people call it
    state               TEXT NOT NULL,
    reason              TEXT,                  -- why it needs a person, or is degraded
    terms               TEXT NOT NULL,         -- JSON: provider, flow, client, scopes
    account             TEXT,                  -- whose it is, as the provider says
    scopes              TEXT,                  -- JSON: granted, where the provider says
    generation          BIGINT NOT NULL,       -- token sets that it has had
    fence               BIGINT NOT NULL,       -- of whoever stored this generation
    rejected_generation BIGINT NOT NULL,       -- the last one that a service answered 401 to
    issued_at           BIGINT,
    expires_at          BIGINT,
    due_at              BIGINT,                -- when the next token is due
    refresh_expires_at  BIGINT,
    failures            BIGINT NOT NULL,       -- refreshes that failed since the last that did not
    retry_at            BIGINT,                -- no refresh before
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    last_used_at        BIGINT
);
CREATE INDEX connections_of_tenant ON connections (tenant, id);
CREATE INDEX connections_due ON connections (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX connections_of_use ON connections (tenant, connector, auth);

-- A data key for each connection, wrapped by a master key.
CREATE TABLE connection_keys (
    connection          TEXT PRIMARY KEY REFERENCES connections (id),
    master              TEXT NOT NULL,         -- which master key wraps it
    wrapped             BYTEA NOT NULL
);
CREATE INDEX connection_keys_of_master ON connection_keys (master);

CREATE TABLE connection_secrets (
    connection          TEXT NOT NULL REFERENCES connections (id),
    field               TEXT NOT NULL,         -- access, refresh, client
    generation          BIGINT NOT NULL,       -- of the token set that brought it
    sealed              BYTEA NOT NULL,
    PRIMARY KEY (connection, field)
);

-- Who refreshes, and what was begun.
CREATE TABLE connection_leases (
    connection          TEXT PRIMARY KEY REFERENCES connections (id),
    holder              TEXT NOT NULL,
    fence               BIGINT NOT NULL,       -- grows with every holder: a late one sees that it lost
    expires_at          BIGINT NOT NULL,
    intent_generation   BIGINT                 -- the generation whose refresh token may have been spent
);

-- Tokens that the provider shall forget, until it has.
CREATE TABLE connection_revocations (
    connection          TEXT PRIMARY KEY REFERENCES connections (id),
    attempts            BIGINT NOT NULL,
    next_at             BIGINT NOT NULL
);

-- One row a transition, delivered until taken.
CREATE TABLE connection_events (
    id                  TEXT PRIMARY KEY,      -- msg_ and a UUID v7
    connection          TEXT NOT NULL,
    seq                 BIGINT NOT NULL,       -- the connection's first, second, …
    tenant              TEXT NOT NULL,
    payload             TEXT NOT NULL,         -- JSON, what is signed
    created_at          BIGINT NOT NULL,
    attempts            BIGINT NOT NULL,
    next_at             BIGINT,                -- none: delivered, or given up
    delivered_at        BIGINT
);
CREATE INDEX connection_events_due ON connection_events (next_at) WHERE next_at IS NOT NULL;
CREATE UNIQUE INDEX connection_events_of ON connection_events (connection, seq);

-- Every use and every change, and by whom.
CREATE TABLE connection_audit (
    id                  TEXT PRIMARY KEY,      -- UUID v7
    tenant              TEXT NOT NULL,
    connection          TEXT,
    caller              TEXT NOT NULL,
    action              TEXT NOT NULL,
    outcome             TEXT NOT NULL,
    detail              TEXT,
    at                  BIGINT NOT NULL
);
CREATE INDEX connection_audit_of ON connection_audit (tenant, connection, id);
