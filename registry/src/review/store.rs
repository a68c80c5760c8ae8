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
