//! The only texts that differ between the two databases: full-text search, in the words of each.
//!
//! Every text takes the same parameters: `$1` the words, `$2`…`$9` facets that must be there, `$10` and `$11` where the last
//! page ended, `$12` how many. None of it is ever put together from what a caller sent.

use jackfield_db::Dialect;

use super::query::Sort;

/// The facets that a row must have. One that is not asked for is NULL.
macro_rules! filters {
    () => {
        "(CAST($2 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM package_facets f WHERE f.key = $2 AND f.id = c.id))
         AND (CAST($3 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM package_facets f WHERE f.key = $3 AND f.id = c.id))
         AND (CAST($4 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM package_facets f WHERE f.key = $4 AND f.id = c.id))
         AND (CAST($5 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM package_facets f WHERE f.key = $5 AND f.id = c.id))
         AND (CAST($6 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM package_facets f WHERE f.key = $6 AND f.id = c.id))
         AND (CAST($7 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM package_facets f WHERE f.key = $7 AND f.id = c.id))
         AND (CAST($8 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM package_facets f WHERE f.key = $8 AND f.id = c.id))
         AND (CAST($9 AS TEXT) IS NULL OR EXISTS (SELECT 1 FROM package_facets f WHERE f.key = $9 AND f.id = c.id))"
    };
}

/// Where the rows come from: everything, one facet's, or what matches the words.
macro_rules! from {
    (all) => {
        "package_cards c WHERE CAST($1 AS TEXT) IS NULL AND "
    };
    (facet) => {
        "package_facets d JOIN package_cards c ON c.id = d.id WHERE d.key = $2 AND CAST($1 AS TEXT) IS NULL AND "
    };
    (sqlite) => {
        "(SELECT rowid AS id FROM search_text WHERE search_text MATCH $1) m JOIN package_cards c ON c.id = m.id WHERE "
    };
    (sqlite_ranked) => {
        "(SELECT rowid AS id, CAST(-1000000.0 * bm25(search_text, 10.0, 4.0, 2.0, 1.0) AS BIGINT) AS rank
          FROM search_text WHERE search_text MATCH $1) m JOIN package_cards c ON c.id = m.id WHERE "
    };
    (postgres) => {
        "search_text m JOIN package_cards c ON c.id = m.id WHERE m.document @@ to_tsquery('search_words', $1) AND "
    };
    (postgres_ranked) => {
        "(SELECT t.id, CAST(1000000.0 * ts_rank('{0.1, 0.2, 0.4, 1.0}', t.document, words) AS BIGINT) AS rank
          FROM search_text t, to_tsquery('search_words', $1) words WHERE t.document @@ words) m
         JOIN package_cards c ON c.id = m.id WHERE "
    };
}

macro_rules! page {
    ($from:tt, $key:literal) => {
        concat!(
            "SELECT h.id, h.package, h.version, h.title, h.summary, h.categories, h.released_at, h.installs, h.reviews,
                    h.mean_milli, h.rating_milli, h.sort_key, p.deprecated, p.downloads
             FROM (SELECT c.*, ",
            $key,
            " AS sort_key FROM ",
            from!($from),
            filters!(),
            " AND (",
            $key,
            ", c.id) < ($10, $11) ORDER BY ",
            $key,
            " DESC, c.id DESC LIMIT $12) h JOIN packages p ON p.name = h.package ORDER BY h.sort_key DESC, h.id DESC"
        )
    };
}

macro_rules! counted {
    ($from:tt) => {
        Counting {
            total: concat!("SELECT COUNT(*) FROM (SELECT c.id FROM ", from!($from), filters!(), " LIMIT $10) h"),
            facets: concat!(
                "SELECT facet, key, n FROM (
                   SELECT f.facet, f.key, COUNT(*) AS n,
                          ROW_NUMBER() OVER (PARTITION BY f.facet ORDER BY COUNT(*) DESC, f.key) AS place
                   FROM (SELECT c.id FROM ",
                from!($from),
                filters!(),
                " LIMIT $10) h JOIN package_facets f ON f.id = h.id GROUP BY f.facet, f.key) g
                 WHERE place <= $11 ORDER BY facet, place"
            ),
        }
    };
}

/// Two texts: how many there are, and what they have in common. `$10` is how many are looked at, `$11` how many values of a facet.
pub(super) struct Counting {
    pub(super) total: &'static str,
    pub(super) facets: &'static str,
}

/// The text for one page.
pub(super) fn page(dialect: Dialect, with_words: bool, with_facet: bool, sort: Sort) -> &'static str {
    match (with_words, dialect, sort) {
        (true, Dialect::Sqlite, Sort::Relevance) => page!(sqlite_ranked, "m.rank"),
        (true, Dialect::Sqlite, Sort::Rating) => page!(sqlite, "c.rating_milli"),
        (true, Dialect::Sqlite, Sort::Installs) => page!(sqlite, "c.installs"),
        (true, Dialect::Sqlite, Sort::Newest) => page!(sqlite, "c.released_at"),
        (true, Dialect::Postgres, Sort::Relevance) => page!(postgres_ranked, "m.rank"),
        (true, Dialect::Postgres, Sort::Rating) => page!(postgres, "c.rating_milli"),
        (true, Dialect::Postgres, Sort::Installs) => page!(postgres, "c.installs"),
        (true, Dialect::Postgres, Sort::Newest) => page!(postgres, "c.released_at"),
        (false, _, Sort::Rating) if with_facet => page!(facet, "c.rating_milli"),
        (false, _, Sort::Newest) if with_facet => page!(facet, "c.released_at"),
        (false, _, _) if with_facet => page!(facet, "c.installs"),
        (false, _, Sort::Rating) => page!(all, "c.rating_milli"),
        (false, _, Sort::Newest) => page!(all, "c.released_at"),
        // Nothing is more relevant than another when no word is given.
        (false, _, Sort::Installs | Sort::Relevance) => page!(all, "c.installs"),
    }
}

/// The texts that count.
pub(super) fn counting(dialect: Dialect, with_words: bool, with_facet: bool) -> Counting {
    match (with_words, dialect) {
        (true, Dialect::Sqlite) => counted!(sqlite),
        (true, Dialect::Postgres) => counted!(postgres),
        (false, _) if with_facet => counted!(facet),
        (false, _) => counted!(all),
    }
}

/// The words in the query language of each: all of them, and what begins with the last. Words are letters and digits only.
pub(super) fn expression(dialect: Dialect, words: &[String]) -> String {
    // A short beginning would match nearly everything.
    let begins = |at: usize, word: &str| at + 1 == words.len() && word.chars().count() >= 3;
    let terms = words.iter().enumerate().map(|(at, word)| match dialect {
        Dialect::Sqlite => format!("\"{word}\"{}", if begins(at, word) { " *" } else { "" }),
        Dialect::Postgres => format!("'{word}'{}", if begins(at, word) { ":*" } else { "" }),
    });
    terms.collect::<Vec<_>>().join(match dialect {
        Dialect::Sqlite => " ",
        Dialect::Postgres => " & ",
    })
}

/// Takes a document out, and puts it in.
pub(super) fn put_text(dialect: Dialect) -> (&'static str, &'static str) {
    match dialect {
        Dialect::Sqlite => (
            "DELETE FROM search_text WHERE rowid = $1",
            "INSERT INTO search_text (rowid, a, b, c, d) VALUES ($1, $2, $3, $4, $5)",
        ),
        Dialect::Postgres => (
            "DELETE FROM search_text WHERE id = $1",
            "INSERT INTO search_text (id, document) VALUES ($1,
               setweight(to_tsvector('search_words', $2), 'A') || setweight(to_tsvector('search_words', $3), 'B') ||
               setweight(to_tsvector('search_words', $4), 'C') || setweight(to_tsvector('search_words', $5), 'D'))",
        ),
    }
}
