//! The invocation API.
//!
//! The body is the operation's input; or a form of several parts, `input` and one part for each file, by its id. Headers:
//! `Idempotency-Key`, `Jackfield-Deadline-Ms`, `traceparent`. `?dry_run=true` looks at everything and runs nothing.
//!
//! A future is as large as the largest of those that it waits for, and each move copies all of it. So what most calls don't wait for stands
//! in a box of its own, here and in what is waited for on the way: the copies were a tenth of what a short call cost.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequest as _, Multipart, Request, State, multipart::MultipartError},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use jackfield_host::{FileSource, Host, Invocation, LogSink, Outcome};
use jackfield_package::{PackageName, Refusal, manifest::Operation, schema::Schema};
use jackfield_server::{
    ids::uuid_v7,
    rate::Rate,
    uri::{Path, Query},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use crate::{
    Problem, Shared,
    answer::{self, HostError},
    caller::{self, Caller},
    clock::SECOND,
    fix,
    idempotency::{self, Found, Key},
    invocation::is_json,
    limits::{DEADLINE_MS, DENIALS_KEPT, INVOKE_BODY_BYTES, INVOKE_BODY_S, INVOKE_FORM_BYTES, MESSAGE_CHARS},
    role::Action,
    store::{self, InvocationRow},
    workspaces::package,
};

const DEADLINE: HeaderName = HeaderName::from_static("jackfield-deadline-ms");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    dry_run: bool,
}

/// What is to be called, with what.
#[derive(Default)]
pub struct Asked {
    /// Which operation.
    pub operation: String,
    /// Its input, JSON text.
    pub input: String,
    /// Files beside it, by id.
    pub files: Vec<(String, Bytes)>,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// The id of the trace that it belongs to.
    pub trace: Option<String>,
    /// Stops it.
    pub cancel: CancellationToken,
    /// Hears what the connector logs, as it comes.
    pub log: Option<LogSink>,
}

/// A call that was made.
#[derive(Debug)]
pub struct Called {
    /// Under which its bill is kept, where bills are.
    pub id: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
}

pub(crate) async fn invoke(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name, operation)): Path<(String, String, String, String)>,
    Query(options): Query<Options>,
    request: Request,
) -> Result<Response, Problem> {
    let package = package(&namespace, &name)?;
    authorise(&workspaces, &caller, &package, &operation).await?;
    let key = idempotency::key_of(request.headers(), &caller)?;
    let (deadline, trace) = (deadline(request.headers())?, trace(request.headers()));
    let (input, files) = in_time(read(request)).await?;
    let asked = Asked { operation, input, files, deadline, trace, ..Asked::default() };
    if options.dry_run {
        return look(&workspaces.host(&caller.workspace)?, &package, &asked);
    }
    answer(workspaces, caller, package, asked, key).await
}

/// A call's answer, the one that is kept under its key if there is one already.
async fn answer(
    workspaces: Shared,
    caller: Caller,
    package: PackageName,
    asked: Asked,
    key: Option<Key>,
) -> Result<Response, Problem> {
    if let Some(key) = &key
        && let Found::Answered(response) = Box::pin(key.claim(&workspaces, fingerprint(&package, &asked))).await?
    {
        return Ok(response);
    }
    // A caller who goes away stops his call; what was begun under a key comes to its end, and its answer is kept.
    let _stops = key.is_none().then(|| asked.cancel.clone().drop_guard());
    // Beside this future, which goes with its caller: the bill is written in any case.
    let work = async move {
        let key_for_connector = key.as_ref().map(Key::for_connector);
        let called = Box::pin(perform(&workspaces, &caller, &package, asked, key_for_connector)).await;
        let (response, nothing_done) = match called {
            Ok(called) => (answer::of(&called), called.did_nothing()),
            Err(problem) => (problem.into_response(), true),
        };
        match key {
            Some(key) => Box::pin(key.keep(&workspaces, response, nothing_done)).await,
            None => response,
        }
    };

    tokio::spawn(work.instrument(Span::current())).await.map_err(|error| Problem::internal(&error))
}

/// Whether he may call that operation at all.
///
/// # Errors
/// 403 `role-insufficient`, which is written down, and `token-reach`.
pub(crate) async fn authorise(
    workspaces: &Shared,
    caller: &Caller,
    package: &PackageName,
    operation: &str,
) -> Result<(), Problem> {
    caller.may_look(workspaces, Action::Invoke, &format!("{package} {operation}")).await?;
    caller.reaches(package)
}

/// The call itself, through whichever door: counted against the quota, run, and its bill handed over. Whoever calls this has
/// [authorised](authorise) its caller.
pub(crate) async fn perform(
    workspaces: &Shared,
    caller: &Caller,
    package: &PackageName,
    asked: Asked,
    key: Option<&str>,
) -> Result<Called, Problem> {
    let host = workspaces.host(&caller.workspace)?;
    within_quota(workspaces, caller).await?;
    let at = workspaces.now();
    let id = uuid_v7(at)?;
    let Asked { operation, input, files, deadline, trace, cancel, log } = asked;
    let mut invocation = Invocation::new(&operation, input).cancel(cancel.clone());
    for (id, bytes) in files {
        invocation = invocation.file(id, FileSource::Bytes(bytes));
    }
    if let Some(key) = key {
        invocation = invocation.idempotency_key(key);
    }
    if let Some(log) = log {
        invocation = invocation.log_sink(log);
    }
    // In its place at once: it is large, and every move copies it.
    let mut invoking = std::pin::pin!(host.invoke(package, invocation));
    let overdue_at = async {
        match deadline {
            Some(deadline) => {
                tokio::time::sleep(deadline).await;
                deadline
            }
            None => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        biased;
        outcome = &mut invoking => outcome,
        deadline = overdue_at => {
            cancel.cancel();
            overdue(invoking.await, deadline)
        }
    };
    let outcome = fix::over_http(outcome, &caller.workspace, package);
    // What did not come so far is asked about by the record, which is a file.
    let called = outcome.version.clone();
    let version = called.or_else(|| host.installation(package).ok().map(|installation| installation.version));
    let (word, code, message) = answer::summary(&outcome.result);
    let denials = &outcome.denials[..outcome.denials.len().min(DENIALS_KEPT)];
    workspaces
        .bills
        .put(InvocationRow {
            id: id.clone(),
            workspace: caller.workspace.to_string(),
            at,
            caller: caller.name.clone(),
            connector: package.to_string(),
            version: version.map(|version| version.to_string()).unwrap_or_default(),
            operation: store::text(&operation, 64),
            outcome: word.to_owned(),
            code: code.map(|text| store::text(&text, MESSAGE_CHARS)),
            message: message.map(|text| store::text(&text, MESSAGE_CHARS)),
            bill: serde_json::to_string(&outcome.bill).unwrap_or_default(),
            denials: (!denials.is_empty()).then(|| serde_json::to_string(denials).unwrap_or_default()),
            trace,
        })
        .await;
    Ok(Called { id: Some(id), outcome })
}

impl Called {
    /// Whether no code of the connector ran.
    fn did_nothing(&self) -> bool {
        self.outcome.bill.instance_us == 0 && self.outcome.result.is_err()
    }
}

/// What was cancelled since its caller's time was over has run into a limit of time, and not been stopped by somebody.
fn overdue(mut outcome: Outcome, deadline: Duration) -> Outcome {
    use jackfield_host::{Failure, failure::LimitExceeded, limits::Limit};
    if let Err(Failure::Cancelled) = outcome.result {
        let allowed = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        outcome.result = Err(Failure::Limit(LimitExceeded { limit: Limit::TimeMs, allowed, used: allowed }));
    }
    outcome
}

/// Everything that can be said without running it: whether it is there, may be called, and takes this input.
fn look(host: &Host, package: &PackageName, asked: &Asked) -> Result<Response, Problem> {
    let installation = host.installation(package).map_err(HostError)?;
    let operation = installation.manifest.operation(&asked.operation).ok_or_else(|| {
        let known: Vec<_> = installation.manifest.operations.iter().map(|known| known.name.as_str()).collect();
        let message = format!("`{package}` has no operation `{}`", asked.operation.escape_debug());
        Problem::not_found("operation-unknown", message).hint(format!("it has: {}", known.join(", ")))
    })?;
    if !installation.enabled {
        return Err(Problem::forbidden("disabled", format!("`{package}` is disabled")));
    }
    if !installation.grant.allows_operation(&asked.operation) {
        return Err(Problem::forbidden("denied", format!("the operation `{}` is not granted", asked.operation)));
    }
    let input: Value = serde_json::from_str(&asked.input)
        .map_err(|error| Problem::bad_request("input-not-json", format!("the input is not JSON: {error}")))?;
    fits(operation, &input)?;
    Ok(Json(json!({ "dry_run": true, "connector": package, "version": installation.version,
        "operation": asked.operation, "effect": operation.effect, "idempotent": operation.idempotent }))
    .into_response())
}

/// Whether an operation takes that input.
///
/// # Errors
/// 422 `input-invalid`.
pub(crate) fn fits(operation: &Operation, input: &Value) -> Result<(), Problem> {
    let faults = Schema::compile(&operation.input)?.faults(input);
    if faults.is_empty() {
        return Ok(());
    }
    let what = format!("the input does not fit `{}`", operation.name);
    let problem = Problem::from(Refusal::of_faults("input-invalid", &what, faults));
    Err(Problem { status: StatusCode::UNPROCESSABLE_ENTITY, ..problem })
}

async fn within_quota(workspaces: &Shared, caller: &Caller) -> Result<(), Problem> {
    let per_minute = workspaces.quota_of(&caller.workspace).await?;
    let rate = Rate { burst: u32::try_from(per_minute).unwrap_or(u32::MAX), every: (60 * SECOND / per_minute).max(1) };
    workspaces.calls.take(caller.workspace.as_str(), rate, workspaces.now()).map_err(|wait| {
        let message = format!("the workspace `{}` has made its {per_minute} calls a minute", caller.workspace);
        Problem::too_many("quota-used", &message, wait).hint("an admin can raise its quota")
    })
}

/// What makes a request the same request.
fn fingerprint(package: &PackageName, asked: &Asked) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [package.to_string().as_str(), &asked.operation, &asked.input] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    for (id, bytes) in &asked.files {
        hash.update((id.len() as u64).to_be_bytes());
        hash.update(id);
        hash.update(Sha256::digest(bytes));
    }
    hash.finalize().into()
}

fn deadline(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(DEADLINE) else { return Ok(None) };
    let millis = value.to_str().ok().and_then(|text| text.trim().parse::<u64>().ok());
    match millis {
        Some(millis @ 1..=DEADLINE_MS) => Ok(Some(Duration::from_millis(millis))),
        _ => {
            let message = format!("the header Jackfield-Deadline-Ms is 1 to {DEADLINE_MS} milliseconds");
            Err(Problem::bad_request("deadline-malformed", message))
        }
    }
}

/// The trace that a call belongs to (W3C Trace Context); what is no such header is as if it were not there, as that text wants it.
fn trace(headers: &HeaderMap) -> Option<String> {
    trace_id(headers.get(TRACEPARENT)?.to_str().ok()?)
}

/// The trace's id in the value of such a header.
pub(crate) fn trace_id(text: &str) -> Option<String> {
    let mut fields = text.split('-');
    let (version, trace, parent) = (fields.next()?, fields.next()?, fields.next()?);
    let is_hex = |field: &str, length: usize| {
        field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_fine = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(parent, 16);
    (is_fine && trace.bytes().any(|byte| byte != b'0')).then(|| trace.to_owned())
}

/// What comes of reading a body, if it comes in time.
///
/// # Errors
/// 408 `body-too-slow`.
pub(crate) async fn in_time<T>(reading: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(Duration::from_secs(INVOKE_BODY_S), reading).await.map_err(|_| {
        let message = format!("the body did not come within {INVOKE_BODY_S} s");
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", message)
    })?
}

/// The input, and files if there are any.
async fn read(request: Request<Body>) -> Result<(String, Vec<(String, Bytes)>), Problem> {
    let media_type =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.starts_with("multipart/form-data") {
        return Box::pin(read_parts(request)).await;
    }
    let bytes = jackfield_server::body::read(request, INVOKE_BODY_BYTES).await?;
    let text = match bytes.is_empty() {
        true => "{}".to_owned(),
        false => String::from_utf8(bytes.to_vec())
            .map_err(|_| Problem::bad_request("input-not-json", "the input is not UTF-8, as JSON is"))?,
    };
    Ok((checked(text)?, Vec::new()))
}

fn checked(text: String) -> Result<String, Problem> {
    match is_json(&text) {
        true => Ok(text),
        false => Err(Problem::bad_request("input-not-json", "the body is not JSON: expected the operation's input")),
    }
}

/// Read to its end before it is taken apart: what is left unread of a body closes its connection under the next request.
async fn read_parts(request: Request<Body>) -> Result<(String, Vec<(String, Bytes)>), Problem> {
    let malformed = |error: MultipartError| {
        Problem::bad_request("form-malformed", format!("the form can't be read: {}", error.body_text()))
    };
    let (parts, body) = request.into_parts();
    let read = jackfield_server::body::read(Request::new(body), INVOKE_FORM_BYTES).await;
    let bytes = read.map_err(|problem| match problem.code {
        "body-too-long" => {
            problem.hint("larger files go by the command `jackfield invoke` or the library, where they are streams")
        }
        _ => problem,
    })?;
    let request = Request::from_parts(parts, Body::from(bytes));
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| {
        Problem::bad_request("form-malformed", format!("the form can't be read: {}", error.body_text()))
    })?;
    let (mut input, mut files) = (None, Vec::<(String, Bytes)>::new());
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        if (name == "input" && input.is_some()) || files.iter().any(|(id, _)| *id == name) {
            let message = format!("the form can't be read: it has the part `{}` twice", name.escape_debug());
            return Err(Problem::bad_request("form-malformed", message));
        }
        if name == "input" {
            input = Some(part.text().await.map_err(malformed)?);
        } else {
            files.push((name, part.bytes().await.map_err(malformed)?));
        }
    }
    let input = input
        .ok_or_else(|| Problem::bad_request("form-malformed", "the form can't be read: it has no part `input`"))?;
    match is_json(&input) {
        true => Ok((input, files)),
        false => Err(Problem::bad_request("input-not-json", "the form's part `input` is not JSON")),
    }
}

impl crate::Workspaces {
    /// Invocations a minute; looked up every few seconds.
    async fn quota_of(&self, workspace: &jackfield_package::Label) -> Result<i64, Problem> {
        let now = self.now();
        let _turn = match self.quotas.get_or_turn(workspace, now).await {
            Ok(known) => return Ok(known),
            Err(turn) => turn,
        };
        let look = async { Ok::<_, Problem>(store::workspace(&mut self.db.read().await?, workspace.as_str()).await?) };
        let row = Box::pin(look).await?;
        let calls = row.ok_or_else(|| caller::no_workspace(workspace.as_str()))?.calls_a_minute.max(1);
        self.quotas.put(workspace.clone(), calls, i64::MAX, now);
        Ok(calls)
    }
}
