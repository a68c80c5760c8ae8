//! Rows of the search.

use jackfield_db::{Conn, Result, on};
use sqlx::FromRow;

use super::{dialect, query::Query};
use crate::limits::{SEARCH_COUNTED, SEARCH_FACET_VALUES_SHOWN};

/// What is looked at of a package.
#[derive(Debug, FromRow)]
pub(super) struct Package {
    pub(super) state: String,
    pub(super) installs: i64,
}

/// What is looked at of a released version.
#[derive(Debug, FromRow)]
pub(super) struct Release {
    pub(super) version: String,
    pub(super) manifest: Option<String>,
    pub(super) facts: Option<String>,
    pub(super) readme: Option<String>,
    pub(super) released_at: Option<i64>,
}

/// A card to be written.
#[derive(Debug)]
pub(super) struct NewCard {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) categories: String,
    pub(super) released_at: i64,
    pub(super) installs: i64,
    pub(super) reviews: i64,
    pub(super) mean_milli: i64,
    pub(super) rating_milli: i64,
}

/// What a list shows of a package.
#[derive(Clone, Debug, PartialEq, FromRow)]
#[expect(missing_docs, reason = "as in the table")]
pub struct Card {
    pub id: i64,
    pub package: String,
    pub version: String,
    pub title: String,
    pub summary: String,
    pub categories: String,
    pub released_at: i64,
    pub installs: i64,
    pub reviews: i64,
    pub mean_milli: i64,
    pub rating_milli: i64,
    /// What it was sorted by.
    pub sort_key: i64,
    pub deprecated: Option<String>,
    pub downloads: i64,
}

/// How many of what was found have a facet.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Counted {
    /// Which facet.
    pub facet: String,
    /// The facet with its value.
    pub key: String,
    /// How many.
    pub n: i64,
}

pub(super) async fn package(conn: &mut Conn, name: &str) -> Result<Option<Package>> {
    on!(conn, c => sqlx::query_as("SELECT state, installs FROM packages WHERE name = $1").bind(name).fetch_optional(c))
}

pub(super) async fn releases(conn: &mut Conn, package: &str) -> Result<Vec<Release>> {
    on!(conn, c => sqlx::query_as(
        "SELECT version, manifest, facts, readme, released_at FROM releases WHERE package = $1 AND state = 'released'",
    )
    .bind(package)
    .fetch_all(c))
}

/// Writes a card; gives its id, which stays as long as the card does.
pub(super) async fn put_card(conn: &mut Conn, card: &NewCard) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar(
        "INSERT INTO package_cards (package, version, title, summary, categories, released_at, installs, reviews,
                                    mean_milli, rating_milli)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (package) DO UPDATE SET version = excluded.version, title = excluded.title,
           summary = excluded.summary, categories = excluded.categories, released_at = excluded.released_at,
           installs = excluded.installs, reviews = excluded.reviews, mean_milli = excluded.mean_milli,
           rating_milli = excluded.rating_milli
         RETURNING id",
    )
    .bind(&card.package)
    .bind(&card.version)
    .bind(&card.title)
    .bind(&card.summary)
    .bind(&card.categories)
    .bind(card.released_at)
    .bind(card.installs)
    .bind(card.reviews)
    .bind(card.mean_milli)
    .bind(card.rating_milli)
    .fetch_one(c))
}

/// Writes the words that a package is found by, in the order of their weight.
pub(super) async fn put_text(conn: &mut Conn, id: i64, [a, b, c, d]: &[String; 4]) -> Result<()> {
    let (delete, insert) = dialect::put_text(conn.dialect());
    on!(conn, x => sqlx::query(delete).bind(id).execute(x), rows)?;
    on!(conn, x => sqlx::query(insert).bind(id).bind(a).bind(b).bind(c).bind(d).execute(x), rows).map(drop)
}

pub(super) async fn put_facets(conn: &mut Conn, id: i64, facets: &[(&'static str, String)]) -> Result<()> {
    on!(conn, c => sqlx::query("DELETE FROM package_facets WHERE id = $1").bind(id).execute(c), rows)?;
    for (facet, value) in facets {
        let key = format!("{facet}={value}");
        on!(conn, c => sqlx::query("INSERT INTO package_facets (key, id, facet) VALUES ($1, $2, $3)")
            .bind(&key)
            .bind(id)
            .bind(*facet)
            .execute(c), rows)?;
    }
    Ok(())
}

/// Takes a package out of what is found.
pub(super) async fn remove(conn: &mut Conn, package: &str) -> Result<()> {
    let id: Option<i64> = on!(conn, c => sqlx::query_scalar("SELECT id FROM package_cards WHERE package = $1")
        .bind(package)
        .fetch_optional(c))?;
    let Some(id) = id else { return Ok(()) };
    let (delete_text, _) = dialect::put_text(conn.dialect());
    on!(conn, c => sqlx::query(delete_text).bind(id).execute(c), rows)?;
    on!(conn, c => sqlx::query("DELETE FROM package_facets WHERE id = $1").bind(id).execute(c), rows)?;
    on!(conn, c => sqlx::query("DELETE FROM package_cards WHERE id = $1").bind(id).execute(c), rows).map(drop)
}

/// One page, and one row more if there is a next one.
pub(super) async fn page(conn: &mut Conn, query: &Query) -> Result<Vec<Card>> {
    let dialect = conn.dialect();
    let text = dialect::page(dialect, !query.words.is_empty(), !query.filters.is_empty(), query.sort);
    let (words, filters) = bound(dialect, query);
    let [f1, f2, f3, f4, f5, f6, f7, f8] = filters;
    on!(conn, c => sqlx::query_as(text)
        .bind(&words)
        .bind(f1).bind(f2).bind(f3).bind(f4).bind(f5).bind(f6).bind(f7).bind(f8)
        .bind(query.after.0)
        .bind(query.after.1)
        .bind(query.limit + 1)
        .fetch_all(c))
}

/// How many there are, of as many as are looked at, and what these have in common.
pub(super) async fn counted(conn: &mut Conn, query: &Query) -> Result<(i64, Vec<Counted>)> {
    let dialect = conn.dialect();
    let counting = dialect::counting(dialect, !query.words.is_empty(), !query.filters.is_empty());
    let (words, filters) = bound(dialect, query);
    let [f1, f2, f3, f4, f5, f6, f7, f8] = filters;
    let total: i64 = on!(conn, c => sqlx::query_scalar(counting.total)
        .bind(&words)
        .bind(f1).bind(f2).bind(f3).bind(f4).bind(f5).bind(f6).bind(f7).bind(f8)
        .bind(SEARCH_COUNTED + 1)
        .fetch_one(c))?;
    let facets = on!(conn, c => sqlx::query_as(counting.facets)
        .bind(&words)
        .bind(f1).bind(f2).bind(f3).bind(f4).bind(f5).bind(f6).bind(f7).bind(f8)
        .bind(SEARCH_COUNTED)
        .bind(SEARCH_FACET_VALUES_SHOWN)
        .fetch_all(c))?;
    Ok((total, facets))
}

/// The words in the database's query language, and the facets' keys.
fn bound(dialect: jackfield_db::Dialect, query: &Query) -> (Option<String>, [Option<&str>; 8]) {
    let words = (!query.words.is_empty()).then(|| dialect::expression(dialect, &query.words));
    let mut filters = [None; 8];
    for (slot, filter) in filters.iter_mut().zip(&query.filters) {
        *slot = Some(filter.as_str());
    }
    (words, filters)
}
