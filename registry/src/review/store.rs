//! Rows of reviews.

use jackfield_db::{Conn, Result, on};
use sqlx::FromRow;

use crate::limits::{RATING_PRIOR_MILLI, RATING_PRIOR_REVIEWS};

/// What the reviews of a package come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Summary {
    /// How many.
    pub count: i64,
    /// Their stars, summed.
    pub stars: i64,
}

impl Summary {
    /// Thousandths of a star on average; 0 if there are none.
    pub fn mean_milli(&self) -> i64 {
        if self.count == 0 { 0 } else { self.stars * 1_000 / self.count }
    }

    /// The same together with [`RATING_PRIOR_REVIEWS`] reviews of [`RATING_PRIOR_MILLI`]: one enthusiast is not enough to be
    /// the best of all, and nobody's rating moves because another's did.
    pub fn bayesian_milli(&self) -> i64 {
        (RATING_PRIOR_REVIEWS * RATING_PRIOR_MILLI + self.stars * 1_000) / (RATING_PRIOR_REVIEWS + self.count)
    }
}

/// What the reviews of a package come to; those that were removed don't count.
///
/// # Errors
/// The database's.
pub async fn rating(conn: &mut Conn, package: &str) -> Result<Summary> {
    on!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) AS count, CAST(COALESCE(SUM(rating), 0) AS BIGINT) AS stars
         FROM reviews WHERE package = $1 AND removed_at IS NULL",
    )
    .bind(package)
    .fetch_one(c))
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[expect(missing_docs, reason = "as in the table")]
pub struct Review {
    pub id: String,
    pub package: String,
    pub major: i64,
    pub version: String,
    pub workspace: String,
    pub author: String,
    pub rating: i64,
    pub body: String,
    pub reply: Option<String>,
    pub replied_at: Option<i64>,
    pub calls: i64,
    pub days: i64,
    pub removed_at: Option<i64>,
    pub removed_reason: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A review that somebody objects to.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "as in the table")]
pub struct Flag {
    pub review_id: String,
    pub package: String,
    pub author: String,
    pub body: String,
    pub flagged_by: String,
    pub reason: String,
    pub created_at: i64,
}

pub(super) async fn add(conn: &mut Conn, review: &Review) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO reviews (id, package, major, version, workspace, author, rating, body, calls, days, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
    )
    .bind(&review.id)
    .bind(&review.package)
    .bind(review.major)
    .bind(&review.version)
    .bind(&review.workspace)
    .bind(&review.author)
    .bind(review.rating)
    .bind(&review.body)
    .bind(review.calls)
    .bind(review.days)
    .bind(review.created_at)
    .execute(c), rows)
    .map(drop)
}

/// Its author says it otherwise. What was removed stays removed.
pub(super) async fn change(conn: &mut Conn, id: &str, review: &Review) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE reviews SET version = $2, rating = $3, body = $4, calls = $5, days = $6, updated_at = $7
         WHERE id = $1 AND removed_at IS NULL",
    )
    .bind(id)
    .bind(&review.version)
    .bind(review.rating)
    .bind(&review.body)
    .bind(review.calls)
    .bind(review.days)
    .bind(review.updated_at)
    .execute(c), rows)
}

/// Reviews of one major version that a new one would stand beside: of the same workspace or the same author.
pub(super) async fn rivals(conn: &mut Conn, review: &Review) -> Result<Vec<Review>> {
    on!(conn, c => sqlx::query_as(
        "SELECT * FROM reviews WHERE package = $1 AND major = $2 AND (workspace = $3 OR author = $4)",
    )
    .bind(&review.package)
    .bind(review.major)
    .bind(&review.workspace)
    .bind(&review.author)
    .fetch_all(c))
}

pub(super) async fn find(conn: &mut Conn, package: &str, id: &str) -> Result<Option<Review>> {
    on!(conn, c => sqlx::query_as("SELECT * FROM reviews WHERE id = $1 AND package = $2")
        .bind(id)
        .bind(package)
        .fetch_optional(c))
}

/// Newest first, after that one.
pub(super) async fn page(conn: &mut Conn, package: &str, after: (i64, &str), limit: i64) -> Result<Vec<Review>> {
    on!(conn, c => sqlx::query_as(
        "SELECT * FROM reviews WHERE package = $1 AND (created_at, id) < ($2, $3)
         ORDER BY created_at DESC, id DESC LIMIT $4",
    )
    .bind(package)
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(c))
}

/// How many reviews gave how many stars.
pub(super) async fn histogram(conn: &mut Conn, package: &str) -> Result<Vec<(i64, i64)>> {
    on!(conn, c => sqlx::query_as(
        "SELECT rating, COUNT(*) FROM reviews WHERE package = $1 AND removed_at IS NULL GROUP BY rating",
    )
    .bind(package)
    .fetch_all(c))
}

pub(super) async fn reply(conn: &mut Conn, id: &str, text: &str, now: i64) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE reviews SET reply = $2, replied_at = $3 WHERE id = $1 AND removed_at IS NULL")
        .bind(id)
        .bind(text)
        .bind(now)
        .execute(c), rows)
}

/// Leaves a tombstone: the words are gone from the row, too.
pub(super) async fn remove(conn: &mut Conn, id: &str, reason: &str, now: i64) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE reviews SET removed_at = $3, removed_reason = $2, body = '', reply = NULL, replied_at = NULL
         WHERE id = $1 AND removed_at IS NULL",
    )
    .bind(id)
    .bind(reason)
    .bind(now)
    .execute(c), rows)
}

pub(super) async fn flag(conn: &mut Conn, id: &str, by: &str, reason: &str, now: i64) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO review_flags (review_id, flagged_by, reason, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (review_id, flagged_by) DO NOTHING",
    )
    .bind(id)
    .bind(by)
    .bind(reason)
    .bind(now)
    .execute(c), rows)
    .map(drop)
}

/// Oldest first.
pub(super) async fn open_flags(conn: &mut Conn, limit: i64) -> Result<Vec<Flag>> {
    on!(conn, c => sqlx::query_as(
        "SELECT f.review_id, r.package, r.author, r.body, f.flagged_by, f.reason, f.created_at
         FROM review_flags f JOIN reviews r ON r.id = f.review_id
         WHERE f.resolved_at IS NULL ORDER BY f.created_at, f.review_id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(c))
}

/// All open flags of a review get the same answer.
pub(super) async fn resolve_flags(conn: &mut Conn, id: &str, resolution: &str, now: i64) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE review_flags SET resolved_at = $3, resolution = $2 WHERE review_id = $1 AND resolved_at IS NULL",
    )
    .bind(id)
    .bind(resolution)
    .bind(now)
    .execute(c), rows)
}
