-- Bills by workspace and id, which is also their time: one index to keep instead of two, and what is old is found by it.

CREATE TABLE workspace_bills (
    workspace       TEXT NOT NULL REFERENCES workspaces (name),
    id              TEXT NOT NULL,           -- UUIDv7
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
    trace           TEXT,                    -- W3C trace id that it came with
    PRIMARY KEY (workspace, id)
);
INSERT INTO workspace_bills (workspace, id, at, caller, connector, version, operation, outcome, code, message, bill, denials, trace)
    SELECT workspace, id, at, caller, connector, version, operation, outcome, code, message, bill, denials, trace
    FROM workspace_invocations;
DROP TABLE workspace_invocations;
ALTER TABLE workspace_bills RENAME TO workspace_invocations;
CREATE INDEX workspace_invocations_of_connector ON workspace_invocations (workspace, connector, id);
