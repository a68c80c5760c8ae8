-- What was proven once is looked at again, and what was exchanged once is remembered. Owner: src/account/.

ALTER TABLE namespaces ADD COLUMN control_checked_at BIGINT;     -- when the TXT record was last looked up, with an answer
ALTER TABLE namespaces ADD COLUMN control_missing_since BIGINT;  -- since when it has not been there; none: it was, the last time
CREATE INDEX namespaces_control ON namespaces (control_checked_at) WHERE control LIKE 'dns:%';

-- Identity tokens that were exchanged: none counts twice, to whichever process it comes.
CREATE TABLE exchanged_tokens (
    id            BYTEA PRIMARY KEY,       -- SHA-256 of its issuer and `jti`, or of all that is signed in it
    forget_at     BIGINT NOT NULL          -- it has expired by then
);
CREATE INDEX exchanged_tokens_forget ON exchanged_tokens (forget_at);
