-- What is found, in SQLite's words. One row for each package that has a version to install. Owner: src/read/search.

CREATE TABLE package_cards (
    id            INTEGER PRIMARY KEY,
    package       TEXT NOT NULL UNIQUE REFERENCES packages (name),
    version       TEXT NOT NULL,           -- the newest that is no pre-release, if there is one
    title         TEXT NOT NULL,
    summary       TEXT NOT NULL,
    categories    TEXT NOT NULL,           -- words, separated by spaces
    released_at   BIGINT NOT NULL,         -- of that version
    installs      BIGINT NOT NULL,
    reviews       BIGINT NOT NULL,
    mean_milli    BIGINT NOT NULL,         -- thousandths of a star
    rating_milli  BIGINT NOT NULL          -- the same, drawn towards the middle while there are few
);
CREATE INDEX package_cards_installs ON package_cards (installs, id);
CREATE INDEX package_cards_rating ON package_cards (rating_milli, id);
CREATE INDEX package_cards_released ON package_cards (released_at, id);

CREATE TABLE package_facets (
    key           TEXT NOT NULL,           -- `category=crm`
    id            BIGINT NOT NULL REFERENCES package_cards (id),
    facet         TEXT NOT NULL,           -- `category`
    PRIMARY KEY (key, id)
);
CREATE INDEX package_facets_id ON package_facets (id);

-- Four columns, in the order of their weight, as PostgreSQL has four weights. The row's id is the card's.
CREATE VIRTUAL TABLE search_text USING fts5 (a, b, c, d, tokenize = 'porter unicode61', prefix = '3 4');
