-- Bytes by digest, and the OCI view of them. Owner: src/oci/, src/blob.rs.

CREATE TABLE blobs (
    digest        TEXT PRIMARY KEY,        -- `sha256:…` or `sha512:…`; the bytes stand in the blob store under this name …
    size          BIGINT NOT NULL,
    bytes         BYTEA,                   -- … or here, if the registry made them itself within a transaction
    seen_at       BIGINT NOT NULL          -- when somebody last brought it: bytes that no repository shows stay a day
);

-- Which repository may show which blob: a digest known elsewhere is not known here.
CREATE TABLE repository_blobs (
    repository    TEXT NOT NULL,           -- `namespace/name`; in generic namespaces more parts may follow
    digest        TEXT NOT NULL REFERENCES blobs (digest),
    visible       BOOLEAN NOT NULL,        -- false: staged, members of the namespace see it and nobody else
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE INDEX repository_blobs_digest ON repository_blobs (digest);

CREATE TABLE manifests (
    repository    TEXT NOT NULL,
    digest        TEXT NOT NULL,
    media_type    TEXT NOT NULL,
    size          BIGINT NOT NULL,
    bytes         BYTEA NOT NULL,
    subject       TEXT,                    -- digest of the manifest that this one is about
    artifact_type TEXT,                    -- as the referrers API shows it
    annotations   TEXT,                    -- JSON object, of those with a subject
    visible       BOOLEAN NOT NULL,        -- false: staged, members of the namespace see it and nobody else
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE INDEX manifests_subject ON manifests (repository, subject) WHERE subject IS NOT NULL;

-- Which blobs a manifest of a connector namespace shows with itself.
CREATE TABLE manifest_blobs (
    repository    TEXT NOT NULL,
    manifest      TEXT NOT NULL,
    digest        TEXT NOT NULL,
    PRIMARY KEY (repository, manifest, digest)
);
CREATE INDEX manifest_blobs_digest ON manifest_blobs (repository, digest);

CREATE TABLE tags (
    repository    TEXT NOT NULL,
    tag           TEXT NOT NULL,
    digest        TEXT NOT NULL,
    visible       BOOLEAN NOT NULL,        -- false: staged
    listed        BOOLEAN NOT NULL,        -- false: yanked, gone from `tags/list`, still resolvable by digest
    updated_at    BIGINT NOT NULL,
    PRIMARY KEY (repository, tag)
);

CREATE TABLE uploads (
    id            TEXT PRIMARY KEY,        -- UUIDv4
    repository    TEXT NOT NULL,
    namespace     TEXT NOT NULL,
    actor         TEXT NOT NULL,           -- who began it, and alone may go on
    size          BIGINT NOT NULL,         -- bytes received so far, contiguous
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL
);
CREATE INDEX uploads_actor ON uploads (actor);
CREATE INDEX uploads_namespace ON uploads (namespace);
CREATE INDEX uploads_updated ON uploads (updated_at);

-- What a namespace stores, kept beside every change of it: the quota is held by the update that would break it.
CREATE TABLE namespace_usage (
    namespace     TEXT PRIMARY KEY,
    bytes         BIGINT NOT NULL
);
