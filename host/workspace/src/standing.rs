//! Whether what is installed was taken back since: looked up now and then, and when somebody asks.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use axum::{Json, extract::State};
use jackfield_package::{Label, PackageName};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::{
    Problem, Shared, audit, caller::Caller, clock::Micros, limits::STANDING_EVERY_S, role::Action, store,
    supply::Standing,
};

/// What was heard last of each package, and when, workspace by workspace.
#[derive(Debug, Default)]
pub(crate) struct Standings(RwLock<HashMap<Label, Heard>>);

type Heard = HashMap<PackageName, (Micros, Standing)>;

impl Standings {
    /// What is known of the version that is installed: null, if nobody has asked yet.
    pub(crate) fn of(&self, workspace: &Label, package: &PackageName, version: &str) -> Value {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let heard = all.get(workspace).and_then(|heard| heard.get(package));
        match heard.filter(|(_, standing)| standing.version == version) {
            Some((at, standing)) => {
                json!({ "at": at, "taken_back": standing.taken_back, "advisories": standing.advisories })
            }
            None => Value::Null,
        }
    }

    /// What could not be asked about stays as it was heard last.
    fn hear(&self, workspace: Label, at: Micros, standings: Vec<Standing>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let heard = all.entry(workspace).or_default();
        heard.extend(standings.into_iter().map(|standing| (standing.name.clone(), (at, standing))));
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Standings)]
pub(crate) struct Said {
    standing: Vec<Standing>,
}

/// Asks now.
pub(crate) async fn look(State(workspaces): State<Shared>, caller: Caller) -> Result<Json<Said>, Problem> {
    caller.may_look(&workspaces, Action::Switch, "standing").await?;
    let mut standing = look_at(&workspaces, &caller.workspace).await?;
    standing.retain(|it| caller.reaches(&it.name).is_ok());
    Ok(Json(Said { standing }))
}

/// Asks about every workspace, each [`STANDING_EVERY_S`], until `stop`.
pub(crate) async fn watch(workspaces: Shared, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(STANDING_EVERY_S)) => {}
        }
        let round = async {
            let names = store::workspace_names(&mut workspaces.db.read().await?).await?;
            for name in names {
                look_at(&workspaces, &name.parse()?).await?;
            }
            Ok::<_, Problem>(())
        };
        tokio::select! {
            () = stop.cancelled() => return,
            done = round => if let Err(problem) = done {
                tracing::warn!(%problem, "what was taken back could not be looked up; it is tried again");
            }
        }
    }
}

async fn look_at(workspaces: &Shared, workspace: &Label) -> Result<Vec<Standing>, Problem> {
    let standings = workspaces.supply.standing(&workspaces.home(workspace)).await?;
    for standing in standings.iter().filter(|standing| standing.switched_off) {
        tracing::warn!(%workspace, package = %standing.name, "switched off: it was revoked");
        let system = Caller::system(workspace.clone());
        let mut tx = workspaces.db.begin().await?;
        let target = standing.name.to_string();
        let now = workspaces.now();
        audit::write(&mut tx, &system, Action::Switch, &target, true, Some("off: it was revoked"), now).await?;
        tx.commit().await?;
    }
    workspaces.standings.hear(workspace.clone(), workspaces.now(), standings.clone());
    Ok(standings)
}
