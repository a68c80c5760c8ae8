-- Full-text search in SQLite's words. Owner: src/read/search.
CREATE VIRTUAL TABLE search_text USING fts5 (package UNINDEXED, name, title, summary, keywords, body, tokenize = 'porter unicode61');
