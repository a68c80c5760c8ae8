//! `GET /v1/packages`: the search.

use std::collections::BTreeMap;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Card, Parameters, Query, store};
use crate::{
    Problem, Shared,
    limits::SEARCH_COUNTED,
    read::{caching, time},
};

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// One page.
    pub items: Vec<FoundPackage>,
    /// The `cursor` of the next page; none if this is the last.
    pub next: Option<String>,
    /// How many were found; on the first page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Total>,
    /// What they have in common, by facet; on the first page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<BTreeMap<String, Vec<FacetValue>>>,
}

/// How many.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Total {
    /// As counted.
    pub count: i64,
    /// Whether there are more than were counted; then `facets` are of those that were, too.
    pub more: bool,
}

/// A value of a facet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FacetValue {
    /// Such as `crm`.
    pub value: String,
    /// How many of what was found have it.
    pub count: i64,
}

/// A package in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FoundPackage {
    /// `namespace:name`.
    pub name: String,
    /// The newest version that is no pre-release, if there is one.
    pub version: String,
    /// Its name for a person.
    pub title: String,
    /// What it does.
    pub summary: String,
    /// Where it stands in the marketplace.
    pub categories: Vec<String>,
    /// The author's message, if it is deprecated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// When that version was released (RFC 3339).
    pub released_at: String,
    /// How often it was downloaded.
    pub downloads: i64,
    /// How often it was installed.
    pub installs: i64,
    /// What its users say.
    pub rating: Rating,
}

/// What reviews come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rating {
    /// How many.
    pub count: i64,
    /// Stars on average; 0 if there are none.
    pub mean: f64,
    /// What lists are sorted by: the mean together with ten reviews of 3.5 stars that nobody wrote.
    pub bayesian: f64,
}

impl Rating {
    pub(crate) fn of_milli(count: i64, mean_milli: i64, bayesian_milli: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most 5000")]
        let stars = |milli: i64| milli as f64 / 1_000.0;
        Self { count, mean: stars(mean_milli), bayesian: stars(bayesian_milli) }
    }
}

impl From<Card> for FoundPackage {
    fn from(card: Card) -> Self {
        Self {
            name: card.package,
            version: card.version,
            title: card.title,
            summary: card.summary,
            categories: card.categories.split_whitespace().map(str::to_owned).collect(),
            deprecated: card.deprecated,
            released_at: time::rfc3339(card.released_at),
            downloads: card.downloads,
            installs: card.installs,
            rating: Rating::of_milli(card.reviews, card.mean_milli, card.rating_milli),
        }
    }
}

pub(crate) async fn search(
    State(registry): State<Shared>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let pairs = url::form_urlencoded::parse(raw.as_deref().unwrap_or_default().as_bytes());
    let parameters = Parameters::from_pairs(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())))?;
    let found = find(&registry, &Query::parse(&parameters)?).await?;
    caching::changing(&headers, &found)
}

/// Finds.
///
/// # Errors
/// The database's.
pub async fn find(registry: &Shared, query: &Query) -> Result<Found, Problem> {
    let nothing = (0, Vec::new());
    let (mut cards, counted) = if query.hopeless {
        (Vec::new(), query.is_first_page.then_some(nothing))
    } else {
        let mut conn = registry.db.read().await?;
        let cards = store::page(&mut conn, query).await?;
        let counted = match query.is_first_page {
            true => Some(store::counted(&mut conn, query).await?),
            false => None,
        };
        (cards, counted)
    };
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let more = cards.len() > limit;
    cards.truncate(limit);
    let next = cards.last().filter(|_| more).map(|card| query.cursor(card.sort_key, card.id));
    let (total, facets) = counted.map(summed).unzip();
    Ok(Found { items: cards.into_iter().map(FoundPackage::from).collect(), next, total, facets })
}

fn summed((total, counted): (i64, Vec<store::Counted>)) -> (Total, BTreeMap<String, Vec<FacetValue>>) {
    let mut facets: BTreeMap<String, Vec<FacetValue>> = BTreeMap::new();
    for store::Counted { facet, key, n } in counted {
        let value = key.split_once('=').map_or("", |(_, value)| value).to_owned();
        facets.entry(facet).or_default().push(FacetValue { value, count: n });
    }
    (Total { count: total.min(SEARCH_COUNTED), more: total > SEARCH_COUNTED }, facets)
}
