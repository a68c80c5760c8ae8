-- Links by which somebody signs in once. Owner: src/account/session.rs.

CREATE TABLE sign_in_codes (
    hash          BYTEA PRIMARY KEY,       -- SHA-256 of the code
    user_name     TEXT NOT NULL REFERENCES users (name),
    expires_at    BIGINT NOT NULL
);
CREATE INDEX sign_in_codes_expire ON sign_in_codes (expires_at);
