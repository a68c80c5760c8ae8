//! What changes between two releases.

use axum::{
    extract::{RawQuery, State},
    http::HeaderMap,
    response::Response,
};
use jackfield_db::Conn;
use jackfield_package::{Manifest, PackageName, difference::Difference};
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    facts,
    packages::{answer, parsed, see_release, unread},
    path::{PackagePath, parse_version},
    store,
};
use crate::{Problem, Shared, account::Actor};

/// What changes between two releases.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Diff {
    /// The older.
    pub from: String,
    /// The newer.
    pub to: String,
    /// By how much a version must grow for it: `patch`, `minor` or `major`.
    pub needs: String,
    /// Whether it may do more than before, so that an admin must agree.
    pub widens: bool,
    /// Each with `kind`, `subject`, `detail`, `needs` and `widens`.
    pub changes: Vec<serde_json::Value>,
}

pub(crate) async fn diff(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    RawQuery(raw): RawQuery,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (mut from, mut to) = (None, None);
    for (key, value) in url::form_urlencoded::parse(raw.as_deref().unwrap_or_default().as_bytes()) {
        let slot = match &*key {
            "from" => &mut from,
            "to" => &mut to,
            _ => {
                let message = format!("`{}` is no parameter of this", key.escape_debug());
                return Err(Problem::bad_request("parameter-unknown", message).hint("it takes `from` and `to`"));
            }
        };
        *slot = Some(parse_version(&value)?);
    }
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Problem::bad_request("parameter-missing", "two versions are compared: `from` and `to`"));
    };
    let mut conn = registry.db.read().await?;
    let (old, old_imports, old_public) = described(&mut conn, &actor, &name, &from).await?;
    let (new, new_imports, new_public) = described(&mut conn, &actor, &name, &to).await?;
    let difference = Difference::between(&old, &old_imports, &new, &new_imports);
    let changes = difference.changes.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    let diff = Diff {
        from: from.to_string(),
        to: to.to_string(),
        needs: difference.needs().to_string(),
        widens: difference.widens(),
        changes: changes.map_err(|error| Problem::internal(&error))?,
    };
    answer(&headers, old_public && new_public, &diff)
}

async fn described(
    conn: &mut Conn,
    actor: &Actor,
    name: &PackageName,
    version: &Version,
) -> Result<(Manifest, Vec<String>, bool), Problem> {
    let (_, row, is_public) = see_release(conn, actor, name, version).await?;
    let texts = store::texts(conn, &row.id).await?;
    let manifest = parsed(texts.manifest.as_deref()).ok_or_else(|| unread(name, version))?;
    Ok((manifest, facts::imports(texts.facts.as_deref()), is_public))
}
