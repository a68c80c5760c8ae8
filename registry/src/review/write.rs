//! Writing a review: who may, and what of.

use jackfield_package::{
    Label, PackageName,
    statement::{Bundle, ReceiptStatement},
};

use super::{store, store::Review, text};
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target, namespaces},
    clock::DAY,
    keys::uuid_v7,
    limits::REVIEW_CHARS,
    read::{packages, search},
};

/// Writes one, or says it otherwise if this author has one from this workspace.
///
/// # Errors
/// 400 `review-rating`, `text-…`, the codes of bundles and receipts; 403 `receipt-too-small`, `receipt-mismatch`,
/// `review-own-package`; 404 `release-not-found`; 409 `review-exists`, `review-removed`.
pub(super) async fn write(
    registry: &Shared,
    actor: &Actor,
    name: &PackageName,
    receipt: &[u8],
    rating: i64,
    body: &str,
) -> Result<Review, Problem> {
    if !(1..=5).contains(&rating) {
        return Err(Problem::bad_request("review-rating", format!("{rating} is no number of stars from 1 to 5")));
    }
    let body = text::plain("the review", body, REVIEW_CHARS)?;
    let receipt = ReceiptStatement::from_bundle(&Bundle::parse(receipt)?)?;
    let now = registry.now();
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Review, &Target::Package(name.clone())).await?;
    let author = author(actor)?;
    let (_, release, _) = packages::see_release(&mut tx, &Actor::anonymous(), name, &receipt.version).await?;
    if receipt.name != *name || receipt.component.to_string() != release.component {
        return Err(Problem::forbidden(
            "receipt-mismatch",
            format!(
                "the receipt is of {} {}, {}, and not of this release",
                receipt.name, receipt.version, receipt.component
            ),
        ));
    }
    enough(registry, &receipt, now)?;
    if namespaces::is_member(&mut tx, name.namespace(), author).await? {
        let message = format!("{author} belongs to `{}`: nobody reviews his own", name.namespace());
        return Err(Problem::forbidden("review-own-package", message));
    }
    let mut review = Review {
        id: uuid_v7(now)?,
        package: name.to_string(),
        major: i64::try_from(receipt.version.major).unwrap_or(i64::MAX),
        version: receipt.version.to_string(),
        workspace: receipt.workspace.id().to_string(),
        author: author.to_string(),
        rating,
        body,
        reply: None,
        replied_at: None,
        calls: i64::try_from(receipt.calls).unwrap_or(i64::MAX),
        days: i64::from(receipt.last_day - receipt.first_day) + 1,
        removed_at: None,
        removed_reason: None,
        created_at: now,
        updated_at: now,
    };
    let rivals = store::rivals(&mut tx, &review).await?;
    match rivals.as_slice() {
        [] => match store::add(&mut tx, &review).await {
            Err(error) if error.is_unique() => return Err(exists()),
            added => added?,
        },
        [mine] if mine.author == review.author && mine.workspace == review.workspace => {
            if store::change(&mut tx, &mine.id, &review).await? == 0 {
                let message = "the review was removed, and is not written again";
                return Err(Problem::conflict("review-removed", message));
            }
            review.id.clone_from(&mine.id);
            review.created_at = mine.created_at;
        }
        _ => return Err(exists()),
    }
    search::reindex(&mut tx, name).await?;
    tx.commit().await?;
    Ok(review)
}

fn exists() -> Problem {
    Problem::conflict("review-exists", "there is a review of this major version by this workspace or this author")
        .hint("its author changes it from the workspace it was written from")
}

/// The user. A token of trusted publishing is nobody who could have an opinion.
pub(super) fn author(actor: &Actor) -> Result<&Label, Problem> {
    actor.user.as_ref().ok_or_else(|| Problem::forbidden("forbidden", format!("{} is no person", actor.name)))
}

fn enough(registry: &Shared, receipt: &ReceiptStatement, now: i64) -> Result<(), Problem> {
    let config = &registry.config;
    let today = now / DAY;
    // Hosts east of here are a day ahead.
    if i64::from(receipt.last_day) > today + 1 {
        return Err(Problem::forbidden("receipt-mismatch", "the receipt counts days that are yet to come"));
    }
    let days = i64::from(receipt.last_day - receipt.first_day) + 1;
    let calls = i64::try_from(receipt.calls).unwrap_or(i64::MAX);
    if calls < config.review_calls || days < config.review_days {
        return Err(Problem::forbidden(
            "receipt-too-small",
            format!(
                "the receipt shows {calls} calls over {days} days: a review needs {} over {}",
                config.review_calls, config.review_days
            ),
        )
        .hint("use it a while longer"));
    }
    Ok(())
}
