-- Full-text search in PostgreSQL's words. Owner: src/read/search.
CREATE TABLE search_text (package TEXT PRIMARY KEY, document TSVECTOR NOT NULL);
CREATE INDEX search_text_document ON search_text USING GIN (document);
