-- Who users are at providers by which they sign in. Owner: src/account/sign_in.rs.

CREATE TABLE user_identities (
    id            TEXT PRIMARY KEY,        -- UUIDv7
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,           -- the issuer's name for the person, which alone is believed
    user_name     TEXT NOT NULL REFERENCES users (name),
    label         TEXT NOT NULL,           -- what the issuer calls the person, for lists
    created_at    BIGINT NOT NULL,
    used_at       BIGINT NOT NULL,
    UNIQUE (issuer, subject)
);
CREATE INDEX user_identities_user ON user_identities (user_name);

-- Sign-ins that have left for a provider.
CREATE TABLE sign_in_attempts (
    state         BYTEA PRIMARY KEY,       -- SHA-256 of what must come back
    provider      TEXT NOT NULL,           -- its id in the configuration
    nonce         TEXT NOT NULL,
    verifier      TEXT NOT NULL,           -- RFC 7636
    next          TEXT NOT NULL,           -- the path that the browser goes to afterwards
    user_name     TEXT,                    -- whose identity it becomes; none: somebody signs in
    expires_at    BIGINT NOT NULL
);
CREATE INDEX sign_in_attempts_expire ON sign_in_attempts (expires_at);
