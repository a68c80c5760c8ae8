//! What is installed in a workspace, and what it may.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use jackfield_broker::attach::Source;
use jackfield_host::{
    Installation,
    grant::{EgressGrant, Grant, OperationGrant},
    limits::{Limit, LimitGrants, Limits},
};
use jackfield_package::{Digest, Label, Manifest, PackageName, key::KeyId};
use jackfield_server::{
    body::Body,
    uri::{Path, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tracing::{Instrument as _, Span};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem, Shared,
    answer::HostError,
    caller::Caller,
    role::Action,
    supply::{GrantChoice, Offer},
    workspaces::package,
};

/// `…/installations/{namespace}/{name}`.
type At = Path<(String, String, String)>;

pub(crate) async fn list(State(workspaces): State<Shared>, caller: Caller) -> Result<Json<Installations>, Problem> {
    caller.may_look(&workspaces, Action::Read, "installations").await?;
    let host = workspaces.host(&caller.workspace)?;
    let all = host.installations().map_err(HostError)?;
    let reached = all.iter().filter(|it| caller.reach.covers(&it.name));
    let installations = reached.map(|it| brief(&workspaces, &caller, it)).collect();
    Ok(Json(Installations { installations }))
}

pub(crate) async fn show(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name)): At,
) -> Result<Json<Whole>, Problem> {
    let package = package(&namespace, &name)?;
    caller.may_look(&workspaces, Action::Read, &package.to_string()).await?;
    caller.reaches(&package)?;
    whole(&workspaces, &caller, &package).map(Json)
}

/// One of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = InstallationBrief)]
pub(crate) struct Brief {
    #[schema(value_type = String)]
    name: PackageName,
    version: String,
    /// Of the component.
    #[schema(value_type = String)]
    digest: Digest,
    enabled: bool,
    installed_at: u64,
    title: String,
    summary: String,
    grant: ShownGrant,
    /// What its registry said last, and when; null: nobody has asked yet.
    standing: Value,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Installations {
    installations: Vec<Brief>,
}

/// An installation with all that there is to know.
#[derive(Serialize, ToSchema)]
#[schema(as = Installation)]
pub(crate) struct Whole {
    #[serde(flatten)]
    brief: Brief,
    /// The key that signed it.
    #[schema(value_type = String)]
    signer: KeyId,
    limits: BTreeMap<String, ShownLimit>,
    #[schema(value_type = Object)]
    manifest: Value,
    /// How often it was called.
    calls: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = InForce)]
struct ShownLimit {
    /// In force: what is granted, or wished, or the default.
    value: u64,
    unit: &'static str,
    /// No grant goes above it.
    ceiling: u64,
}

/// What it may, each destination in the text that grants it.
#[derive(Serialize, ToSchema)]
#[schema(as = Granted)]
struct ShownGrant {
    egress: Vec<String>,
    /// These only; null: all.
    #[schema(value_type = Option<Vec<String>>, required)]
    operations: Option<BTreeSet<Label>>,
    #[schema(value_type = BTreeMap<String, u64>)]
    limits: LimitGrants,
    #[schema(value_type = Object)]
    config: Map<String, Value>,
    /// By the manifest's entries: a connection, or a file of the server.
    #[schema(value_type = Object)]
    credentials: Map<String, Value>,
}

fn brief(workspaces: &Shared, caller: &Caller, installation: &Installation) -> Brief {
    let Installation { name, version, digest, enabled, installed_at_s, manifest, grant, .. } = installation;
    Brief {
        name: name.clone(),
        version: version.to_string(),
        digest: *digest,
        enabled: *enabled,
        installed_at: installed_at_s * 1_000_000,
        title: manifest.title.clone(),
        summary: manifest.summary.clone(),
        grant: ShownGrant::of(grant),
        standing: workspaces.standings.of(&caller.workspace, name, &version.to_string()),
    }
}

fn whole(workspaces: &Shared, caller: &Caller, package: &PackageName) -> Result<Whole, Problem> {
    let host = workspaces.host(&caller.workspace)?;
    let installation = host.installation(package).map_err(HostError)?;
    let usage = host.usage(package).map_err(HostError)?;
    let Installation { grant, manifest, signer, .. } = &installation;
    Ok(Whole {
        brief: brief(workspaces, caller, &installation),
        signer: *signer,
        limits: limits(manifest, &grant.limits),
        manifest: json!(manifest),
        calls: usage.map_or(0, |usage| usage.calls),
    })
}

/// What a call may use, by the manifest's wish and the grant.
fn limits(manifest: &Manifest, granted: &LimitGrants) -> BTreeMap<String, ShownLimit> {
    let in_force = Limits::in_force(&manifest.limits, granted);
    let shown = |limit: Limit| ShownLimit { value: in_force.get(limit), unit: limit.unit(), ceiling: limit.ceiling() };
    Limit::ALL.into_iter().map(|limit| (limit.as_str().to_owned(), shown(limit))).collect()
}

/// How much the installed release was used here, signed: with it somebody here may review it.
pub(crate) async fn receipt(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name)): At,
) -> Result<Response, Problem> {
    let package = package(&namespace, &name)?;
    caller.may_look(&workspaces, Action::Invoke, &package.to_string()).await?;
    caller.reaches(&package)?;
    let receipt = workspaces.host(&caller.workspace)?.receipt(&package).map_err(HostError)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], receipt.to_bytes()).into_response())
}

impl ShownGrant {
    fn of(grant: &Grant) -> Self {
        let credentials = grant.credentials.iter().map(|(id, source)| {
            let value = match source {
                Source::Connection(connection) => json!({ "connection": connection }),
                // Where a file of this machine stands is for whoever sits at it.
                _ => json!({ "file": true }),
            };
            (id.to_string(), value)
        });
        Self {
            egress: grant.egress.iter().map(ToString::to_string).collect(),
            operations: match &grant.operations {
                OperationGrant::All => None,
                OperationGrant::Only(names) => Some(names.clone()),
            },
            limits: grant.limits.clone(),
            config: grant.config.clone(),
            credentials: credentials.collect(),
        }
    }
}

/// A grant as somebody wants it. Connecting an account binds it; here it is taken off again.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedGrant)]
pub(crate) struct WantedGrant {
    /// Such as `GET,POST https://api.example.com`.
    egress: Option<Vec<String>>,
    /// These only; null: all.
    #[serde(default, deserialize_with = "some")]
    #[schema(value_type = Option<Vec<String>>)]
    operations: Option<Option<Vec<Label>>>,
    /// By name of a limit.
    #[schema(value_type = Option<BTreeMap<String, u64>>)]
    limits: Option<LimitGrants>,
    #[schema(value_type = Option<Object>)]
    config: Option<Map<String, Value>>,
    /// By the id of an `auth` entry, null: its requests carry no account any more.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    credentials: Option<BTreeMap<Label, ()>>,
}

/// Tells null from absent.
fn some<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A workspace is a tenant: what stands beside the server, on its own network, is not for its admins to open.
fn may_reach(caller: &Caller, wanted: &EgressGrant) -> Result<(), Problem> {
    if caller.operator || !wanted.is_special() {
        return Ok(());
    }
    let message = format!("`{wanted}` reaches this server's own network: only an operator of the server grants that");
    Err(Problem::forbidden("address-special", message).hint("ask whoever runs the server"))
}

impl WantedGrant {
    /// What is not named stays as it was.
    fn over(self, mut grant: Grant, caller: &Caller) -> Result<Grant, Problem> {
        if let Some(lines) = self.egress {
            let wanted: Vec<EgressGrant> = lines.iter().map(|line| line.parse()).collect::<Result<_, _>>()?;
            for more in wanted.iter().filter(|more| !grant.egress.contains(more)) {
                may_reach(caller, more)?;
            }
            grant.egress = wanted;
        }
        if let Some(operations) = self.operations {
            grant.operations = match operations {
                None => OperationGrant::All,
                Some(names) => OperationGrant::Only(names.into_iter().collect()),
            };
        }
        if let Some(limits) = self.limits {
            grant.limits = limits;
        }
        if let Some(config) = self.config {
            grant.config = config;
        }
        for auth in self.credentials.unwrap_or_default().keys() {
            grant.credentials.remove(auth);
        }
        Ok(grant)
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// `namespace:name`, or `namespace:name@RANGE`.
    package: String,
}

/// An offer, and what its calls may use: by the grant of what is installed now, or by none.
#[derive(Serialize, ToSchema)]
pub(crate) struct Offered {
    #[serde(flatten)]
    offer: Offer,
    limits: BTreeMap<String, ShownLimit>,
}

/// What would be installed: the release, what it asks for, what it may more than the one before.
pub(crate) async fn offer(
    State(workspaces): State<Shared>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Offered>, Problem> {
    let package = named(&wanted.package)?;
    caller.may_look(&workspaces, Action::Install, &package.to_string()).await?;
    caller.reaches(&package)?;
    let (home, host) = (workspaces.home(&caller.workspace), workspaces.host(&caller.workspace)?);
    let offer = workspaces.supply.offer(&home, &host, &wanted.package).await?;
    let before = host.installation(&package).map(|installation| installation.grant.limits).unwrap_or_default();
    Ok(Json(Offered { limits: limits(&offer.manifest, &before), offer }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Install {
    /// `namespace:name`, or `namespace:name@RANGE`.
    package: String,
    /// `all`, `none`, `keep` or a grant; `keep` unless said otherwise.
    #[serde(default)]
    #[schema(value_type = InstallGrant, required = false)]
    grant: InstallGrant,
    /// That it may more than the release before, or is signed by another key, is agreed to.
    #[serde(default)]
    consent: bool,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(untagged)]
enum InstallGrant {
    Word(GrantWord),
    Exactly(WantedGrant),
    #[default]
    Absent,
}

#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum GrantWord {
    All,
    None,
    Keep,
}

pub(crate) async fn install(
    State(workspaces): State<Shared>,
    caller: Caller,
    Body(install): Body<Install>,
) -> Result<(StatusCode, Json<Whole>), Problem> {
    // Beside this future, which goes with its caller: what was begun comes to its end, and to its line in the audit log.
    let work = carry_out(workspaces, caller, install).instrument(Span::current());
    tokio::spawn(work).await.map_err(|error| Problem::internal(&error))?
}

async fn carry_out(workspaces: Shared, caller: Caller, install: Install) -> Result<(StatusCode, Json<Whole>), Problem> {
    let (home, host) = (workspaces.home(&caller.workspace), workspaces.host(&caller.workspace)?);
    let package = named(&install.package)?;
    let target = package.to_string();
    caller.begin(&workspaces, Action::Install, &target, Some("wanted")).await?.commit().await?;
    caller.reaches(&package)?;
    let choice = match install.grant {
        InstallGrant::Word(GrantWord::All) => GrantChoice::All,
        InstallGrant::Word(GrantWord::None) => GrantChoice::None,
        InstallGrant::Word(GrantWord::Keep) | InstallGrant::Absent => GrantChoice::Keep,
        InstallGrant::Exactly(wanted) => {
            let before = host.installation(&package).map(|it| it.grant).unwrap_or_default();
            GrantChoice::Exactly(Box::new(wanted.over(before, &caller)?))
        }
    };
    let installed = match workspaces.supply.install(&home, &host, &install.package, choice, install.consent).await {
        Ok(installed) => installed,
        Err(problem) => {
            note(&workspaces, &caller, &target, &format!("failed: {}", problem.code)).await?;
            return Err(problem);
        }
    };
    workspaces.tools_of(&caller.workspace).send_replace(());
    let detail = format!("{} {}", installed.version, installed.digest);
    note(&workspaces, &caller, &target, &detail).await?;
    Ok((StatusCode::CREATED, Json(whole(&workspaces, &caller, &installed.name)?)))
}

/// The package of `namespace:name[@RANGE]`.
fn named(wanted: &str) -> Result<PackageName, Problem> {
    let name = wanted.split('@').next().unwrap_or_default();
    name.parse().map_err(|_| {
        Problem::bad_request("package-malformed", "what shall be installed is no package")
            .hint("such as acme:crm, or acme:crm@^1.2")
    })
}

/// What came of an installation, beside the line that said that it was wanted.
async fn note(workspaces: &Shared, caller: &Caller, package: &str, detail: &str) -> Result<(), Problem> {
    caller.begin(workspaces, Action::Install, package, Some(detail)).await?.commit().await?;
    Ok(())
}

pub(crate) async fn grant(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name)): At,
    Body(wanted): Body<WantedGrant>,
) -> Result<Json<Whole>, Problem> {
    let package = package(&namespace, &name)?;
    caller.reaches(&package)?;
    let host = workspaces.host(&caller.workspace)?;
    let current = host.installation(&package).map_err(HostError)?.grant;
    let detail = json!(ShownGrant::of(&wanted.clone().over(current, &caller)?)).to_string();
    // The line first: a crash may leave a line of what was not done, and nothing that was done without one.
    caller.begin(&workspaces, Action::Grant, &package.to_string(), Some(&detail)).await?.commit().await?;
    host.change_grant(&package, |it| wanted.over(it.grant.clone(), &caller).map_err(Changed::Not))
        .map_err(Problem::from)?;
    workspaces.tools_of(&caller.workspace).send_replace(());
    whole(&workspaces, &caller, &package).map(Json)
}

/// One more destination, in the text that a denial holds.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allow {
    /// Such as `GET https://api.example.com`.
    egress: String,
}

/// Adds one destination: the button beside a denial.
pub(crate) async fn allow(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name)): At,
    Body(Allow { egress }): Body<Allow>,
) -> Result<Json<Whole>, Problem> {
    let package = package(&namespace, &name)?;
    caller.reaches(&package)?;
    let host = workspaces.host(&caller.workspace)?;
    let more: EgressGrant = egress.parse()?;
    let detail = format!("allow {more}");
    caller.begin(&workspaces, Action::Grant, &package.to_string(), Some(&detail)).await?.commit().await?;
    may_reach(&caller, &more)?;
    host.change_grant(&package, |it| {
        let mut grant = it.grant.clone();
        if !grant.egress.contains(&more) {
            grant.egress.push(more);
        }
        Ok::<_, Changed>(grant)
    })
    .map_err(Problem::from)?;
    whole(&workspaces, &caller, &package).map(Json)
}

/// Why a grant was not changed.
enum Changed {
    Not(Problem),
    Host(jackfield_host::Error),
}

impl From<jackfield_host::Error> for Changed {
    fn from(error: jackfield_host::Error) -> Self {
        Self::Host(error)
    }
}

impl From<Changed> for Problem {
    fn from(changed: Changed) -> Self {
        match changed {
            Changed::Not(problem) => problem,
            Changed::Host(error) => HostError(error).into(),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    enabled: bool,
}

/// The kill switch. Off comes first and is written down after: nothing may keep it from being off.
pub(crate) async fn switch(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name)): At,
    Body(Switch { enabled }): Body<Switch>,
) -> Result<Json<Whole>, Problem> {
    let package = package(&namespace, &name)?;
    caller.may_look(&workspaces, Action::Switch, &package.to_string()).await?;
    caller.reaches(&package)?;
    let host = workspaces.host(&caller.workspace)?;
    let switched = host.clone();
    let name = package.clone();
    let done = tokio::task::spawn_blocking(move || switched.set_enabled(&name, enabled)).await;
    done.map_err(|error| Problem::internal(&error))?.map_err(HostError)?;
    workspaces.tools_of(&caller.workspace).send_replace(());
    let detail = if enabled { "enabled" } else { "disabled" };
    let tx = caller.begin(&workspaces, Action::Switch, &package.to_string(), Some(detail)).await?;
    tx.commit().await?;
    whole(&workspaces, &caller, &package).map(Json)
}

pub(crate) async fn uninstall(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name)): At,
) -> Result<StatusCode, Problem> {
    let package = package(&namespace, &name)?;
    caller.reaches(&package)?;
    let host = workspaces.host(&caller.workspace)?;
    let target = package.to_string();
    caller.begin(&workspaces, Action::Install, &target, Some("uninstalled")).await?.commit().await?;
    host.uninstall(&package).map_err(HostError)?;
    workspaces.tools_of(&caller.workspace).send_replace(());
    workspaces.supply.forget(&workspaces.home(&caller.workspace), &package).await?;
    Ok(StatusCode::NO_CONTENT)
}
