-- Who may do what: users, tokens, namespaces. Time is microseconds since 1970 (UTC). Owner: src/account/.

CREATE TABLE users (
    name          TEXT PRIMARY KEY,        -- a label
    password      TEXT,                    -- argon2id, PHC string; none: signs in otherwise
    operator      BOOLEAN NOT NULL,        -- may do what a moderator does, on any namespace
    disabled_at   BIGINT,
    created_at    BIGINT NOT NULL
);

CREATE TABLE tokens (
    id            TEXT PRIMARY KEY,        -- UUIDv7, shown in lists
    hash          BYTEA NOT NULL UNIQUE,   -- SHA-256 of the token; the token itself is shown once
    user_name     TEXT REFERENCES users (name),  -- none: a token of trusted publishing
    identity      TEXT,                    -- who it was given to by trusted publishing, such as a workflow's subject
    label         TEXT NOT NULL,
    pattern       TEXT NOT NULL,           -- `*`, `acme:*` or `acme:crm`
    actions       TEXT NOT NULL,           -- space-separated words of account::Action
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    revoked_at    BIGINT,
    last_used_at  BIGINT
);
CREATE INDEX tokens_user ON tokens (user_name);

CREATE TABLE namespaces (
    name          TEXT PRIMARY KEY,        -- a label
    class         TEXT NOT NULL,           -- `connector` or `generic`
    state         TEXT NOT NULL,           -- `active`, or `held` for a person to look at
    reason        TEXT,                    -- why it is held
    control       TEXT,                    -- `dns:example.com` or `key:<key id>`: what was proven; none: nothing yet
    quota_bytes   BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);

CREATE TABLE members (
    namespace     TEXT NOT NULL REFERENCES namespaces (name),
    user_name     TEXT NOT NULL REFERENCES users (name),
    role          TEXT NOT NULL,           -- `owner` or `publisher`
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (namespace, user_name)
);

-- Which namespace a public key signs for: one, for ever.
CREATE TABLE namespace_keys (
    public_key    TEXT PRIMARY KEY,        -- 64 hex digits
    namespace     TEXT NOT NULL REFERENCES namespaces (name),
    created_at    BIGINT NOT NULL
);

-- A keyset that the keys before did not sign: public for some days, then in force.
CREATE TABLE keyset_recoveries (
    namespace     TEXT PRIMARY KEY REFERENCES namespaces (name),
    keys          TEXT NOT NULL,           -- JSON array of public keys
    bundles       TEXT NOT NULL,           -- JSON array of the signed bundles
    reason        TEXT NOT NULL,
    requested_by  TEXT NOT NULL,           -- actor
    effective_at  BIGINT NOT NULL,
    created_at    BIGINT NOT NULL
);

-- A CI identity that may publish without a stored secret.
CREATE TABLE trusted_publishers (
    id            TEXT PRIMARY KEY,
    namespace     TEXT NOT NULL REFERENCES namespaces (name),
    pattern       TEXT NOT NULL,           -- which packages
    issuer        TEXT NOT NULL,           -- OpenID Connect issuer URL
    claims        TEXT NOT NULL,           -- JSON object: claim → exact value that it must have
    created_at    BIGINT NOT NULL
);

-- Written in the same call that authorises.
CREATE TABLE audit_log (
    id            TEXT PRIMARY KEY,        -- UUIDv7: sorted by time
    at            BIGINT NOT NULL,
    actor         TEXT NOT NULL,           -- `user:NAME`, `identity:SUBJECT`, `system`
    token         TEXT,
    action        TEXT NOT NULL,
    target        TEXT NOT NULL,
    allowed       BOOLEAN NOT NULL,
    detail        TEXT
);
CREATE INDEX audit_log_target ON audit_log (target, at);
