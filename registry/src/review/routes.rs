//! Routes of review.

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_package::PackageName;
use jackfield_server::body::Body;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    store::{self, Review},
    text, write,
};
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target, namespaces},
    limits::{FLAGS_PAGE, REASON_CHARS, REVIEW_CHARS, REVIEWS_PAGE},
    read::{
        caching, packages,
        path::{ItemPath, PackagePath},
        search::{self, routes::Rating},
        time::rfc3339,
    },
};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/packages/{namespace}/{name}/reviews", get(list).post(add))
        .route("/v1/packages/{namespace}/{name}/reviews/{id}/reply", put(reply))
        .route("/v1/packages/{namespace}/{name}/reviews/{id}/flags", post(flag))
        .route("/v1/packages/{namespace}/{name}/reviews/{id}/removal", post(remove))
        .route("/v1/packages/{namespace}/{name}/reviews/{id}/resolution", post(resolve))
        .route("/v1/review-flags", get(flags))
}

/// Reviews of a package.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reviews {
    /// What they come to.
    pub rating: Rating,
    /// How many gave 1, 2, 3, 4 and 5 stars.
    pub histogram: [i64; 5],
    /// Newest first.
    pub items: Vec<ReviewView>,
    /// The `cursor` of the next page; none if this is the last.
    pub next: Option<String>,
}

/// A review. Of one that was removed, only when and why is left.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReviewView {
    /// Names it.
    pub id: String,
    /// The version that was used.
    pub version: String,
    /// Who wrote it; none if it was removed.
    pub author: Option<String>,
    /// Stars, 1 to 5; none if it was removed.
    pub rating: Option<i64>,
    /// The words; none if it was removed.
    pub body: Option<String>,
    /// Calls that went well, by the receipt.
    pub calls: i64,
    /// Days over which they lie.
    pub days: i64,
    /// What the publisher answers.
    pub reply: Option<String>,
    /// When it was written (RFC 3339).
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// When it was removed.
    pub removed_at: Option<String>,
    /// Why.
    pub removed_reason: Option<String>,
}

/// A review to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// The bundle of a receipt statement, as `jackfield review add` makes it.
    #[schema(value_type = Object)]
    pub receipt: Box<RawValue>,
    /// Stars, 1 to 5.
    pub rating: i64,
    /// The words.
    pub body: String,
}

/// Words about a review.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// A reply, or a reason.
    pub text: String,
}

/// Reviews that somebody objects to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Flags {
    /// Oldest first.
    pub flags: Vec<FlagView>,
}

/// One objection.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "plain words")]
pub struct FlagView {
    pub review: String,
    pub package: String,
    pub author: String,
    pub body: String,
    pub flagged_by: String,
    pub reason: String,
    pub created_at: String,
}

impl From<Review> for ReviewView {
    fn from(review: Review) -> Self {
        let stands = review.removed_at.is_none();
        Self {
            id: review.id,
            version: review.version,
            author: stands.then_some(review.author),
            rating: stands.then_some(review.rating),
            body: stands.then_some(review.body),
            calls: review.calls,
            days: review.days,
            reply: review.reply,
            created_at: rfc3339(review.created_at),
            updated_at: rfc3339(review.updated_at),
            removed_at: review.removed_at.map(rfc3339),
            removed_reason: review.removed_reason,
        }
    }
}

async fn list(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut after = (i64::MAX, String::new());
    for (key, value) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
        match &*key {
            "cursor" => after = read_cursor(&value)?,
            _ => {
                let message = format!("`{}` is no parameter of this", key.escape_debug());
                return Err(Problem::bad_request("parameter-unknown", message).hint("it takes `cursor`"));
            }
        }
    }
    let mut conn = registry.db.read().await?;
    let package = packages::see(&mut conn, &name).await?.package.name;
    let rating = store::rating(&mut conn, &package).await?;
    let mut histogram = [0; 5];
    for (stars, count) in store::histogram(&mut conn, &package).await? {
        if let Some(bar) = usize::try_from(stars - 1).ok().and_then(|at| histogram.get_mut(at)) {
            *bar = count;
        }
    }
    let mut items = store::page(&mut conn, &package, (after.0, &after.1), REVIEWS_PAGE + 1).await?;
    let page = usize::try_from(REVIEWS_PAGE).unwrap_or(usize::MAX);
    let more = items.len() > page;
    items.truncate(page);
    let next =
        items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(format!("{}/{}", last.created_at, last.id)));
    let rating = Rating::of_milli(rating.count, rating.mean_milli(), rating.bayesian_milli());
    let items = items.into_iter().map(ReviewView::from).collect();
    caching::changing(&headers, &Reviews { rating, histogram, items, next })
}

fn read_cursor(cursor: &str) -> Result<(i64, String), Problem> {
    let bytes = (cursor.len() <= 128).then(|| URL_SAFE_NO_PAD.decode(cursor).ok()).flatten();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.contains('\0'));
    text.as_deref()
        .and_then(|text| text.split_once('/'))
        .and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())))
        .ok_or_else(|| {
            Problem::bad_request("cursor-invalid", "the cursor is none that this list has given")
                .hint("take `next` of the last page")
        })
}

async fn add(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    actor: Actor,
    Body(new): Body<NewReview>,
) -> Result<Response, Problem> {
    let receipt = new.receipt.get().as_bytes();
    let review = write::write(&registry, &actor, &name, receipt, new.rating, &new.body).await?;
    Ok((StatusCode::CREATED, axum::Json(ReviewView::from(review))).into_response())
}

async fn find(conn: &mut jackfield_db::Conn, name: &PackageName, id: &str) -> Result<Review, Problem> {
    store::find(conn, &name.to_string(), id)
        .await?
        .ok_or_else(|| Problem::not_found("review-not-found", format!("{name} has no review of that id")))
}

fn removed(met: u64) -> Result<(), Problem> {
    match met {
        0 => Err(Problem::conflict("review-removed", "the review has been removed")),
        _ => Ok(()),
    }
}

async fn reply(
    State(registry): State<Shared>,
    ItemPath(name, id): ItemPath,
    actor: Actor,
    Body(words): Body<Words>,
) -> Result<StatusCode, Problem> {
    let text = text::plain("the reply", &words.text, REVIEW_CHARS)?;
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Status, &Target::Package(name.clone())).await?;
    // An operator may withdraw releases anywhere, and speaks for no publisher.
    if !namespaces::is_member(&mut tx, name.namespace(), write::author(&actor)?).await? {
        return Err(Problem::forbidden("forbidden", format!("only members of `{}` reply for it", name.namespace())));
    }
    let review = find(&mut tx, &name, &id).await?;
    removed(store::reply(&mut tx, &review.id, &text, registry.now()).await?)?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn flag(
    State(registry): State<Shared>,
    ItemPath(name, id): ItemPath,
    actor: Actor,
    Body(words): Body<Words>,
) -> Result<StatusCode, Problem> {
    let reason = text::plain("the reason", &words.text, REASON_CHARS)?;
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Review, &Target::Package(name.clone())).await?;
    let review = find(&mut tx, &name, &id).await?;
    removed(u64::from(review.removed_at.is_none()))?;
    store::flag(&mut tx, &review.id, &actor.name, &reason, registry.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A moderator removes a review with a reason; its author withdraws it.
async fn remove(
    State(registry): State<Shared>,
    ItemPath(name, id): ItemPath,
    actor: Actor,
    Body(words): Body<Words>,
) -> Result<StatusCode, Problem> {
    let reason = text::plain("the reason", &words.text, REASON_CHARS)?;
    let mut tx = registry.db.begin().await?;
    let review = find(&mut tx, &name, &id).await?;
    let is_author = actor.user.as_ref().is_some_and(|user| user.as_str() == review.author);
    let action = if is_author { Action::Review } else { Action::Moderate };
    actor.authorise(&registry, &mut tx, action, &Target::Package(name.clone())).await?;
    let reason = if is_author { format!("withdrawn by its author: {reason}") } else { reason };
    let now = registry.now();
    removed(store::remove(&mut tx, &review.id, &reason, now).await?)?;
    store::resolve_flags(&mut tx, &review.id, "removed", now).await?;
    search::reindex(&mut tx, &name).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A moderator has looked, and the review stays.
async fn resolve(
    State(registry): State<Shared>,
    ItemPath(name, id): ItemPath,
    actor: Actor,
    Body(words): Body<Words>,
) -> Result<StatusCode, Problem> {
    let resolution = text::plain("the resolution", &words.text, REASON_CHARS)?;
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Moderate, &Target::Package(name.clone())).await?;
    let review = find(&mut tx, &name, &id).await?;
    store::resolve_flags(&mut tx, &review.id, &resolution, registry.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn flags(State(registry): State<Shared>, actor: Actor) -> Result<Response, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Moderate, &Target::Registry).await?;
    let flags = store::open_flags(&mut tx, FLAGS_PAGE).await?;
    tx.commit().await?;
    let view = |flag: store::Flag| FlagView {
        review: flag.review_id,
        package: flag.package,
        author: flag.author,
        body: flag.body,
        flagged_by: flag.flagged_by,
        reason: flag.reason,
        created_at: rfc3339(flag.created_at),
    };
    caching::private(&Flags { flags: flags.into_iter().map(view).collect() })
}
