-- Room is reserved before bytes come in, so that no two uploads count on the same. Owner: src/oci/.

ALTER TABLE uploads ADD COLUMN reserved BIGINT NOT NULL DEFAULT 0;  -- bytes that it may have: `size`, and what a chunk is bringing
UPDATE uploads SET reserved = size;
