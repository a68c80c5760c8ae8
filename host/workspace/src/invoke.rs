//! The invocation API.
//!
//! The body is the operation's input; or a form of several parts, `input` and one part for each file, by its id. Headers:
//! `Idempotency-Key`, `Jackfield-Deadline-Ms`, `traceparent`. `?dry_run=true` looks at everything and runs nothing.

use std::time::Duration;

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{FromRequest as _, Multipart, Request, State, multipart::MultipartError},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{LengthLimitError, Limited};
use jackfield_host::{FileSource, Host, Invocation, Outcome};
use jackfield_package::{PackageName, schema::Schema};
use jackfield_server::{
    ids::uuid_v7,
    rate::Rate,
    uri::{Path, Query},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::{
    Problem, Shared,
    answer::{self, HostError},
    caller::{self, Caller},
    clock::SECOND,
    fix,
    idempotency::{self, Found, INVOCATION, Key},
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
struct Asked {
    package: PackageName,
    operation: String,
    input: String,
    files: Vec<(String, Bytes)>,
    deadline: Option<Duration>,
    trace: Option<String>,
}

pub(crate) async fn invoke(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name, operation)): Path<(String, String, String, String)>,
    Query(options): Query<Options>,
    request: Request,
) -> Result<Response, Problem> {
    let package = package(&namespace, &name)?;
    let target = format!("{package} {operation}");
    caller.may_look(&workspaces, Action::Invoke, &target).await?;
    caller.reaches(&package)?;
    let key = idempotency::key_of(request.headers(), &caller)?;
    let (deadline, trace) = (deadline(request.headers())?, trace(request.headers()));
    let (input, files) =
        tokio::time::timeout(Duration::from_secs(INVOKE_BODY_S), read(request)).await.map_err(|_| {
            let message = format!("the body did not come within {INVOKE_BODY_S} s");
            Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", message)
        })??;
    let asked = Asked { package, operation, input, files, deadline, trace };
    call(&workspaces, &caller, asked, key, options.dry_run).await
}

async fn call(
    workspaces: &Shared,
    caller: &Caller,
    asked: Asked,
    key: Option<Key>,
    dry_run: bool,
) -> Result<Response, Problem> {
    let host = workspaces.host(&caller.workspace)?;
    if dry_run {
        return look(&host, &asked);
    }
    if let Some(key) = &key {
        match key.claim(workspaces, fingerprint(&asked)).await? {
            Found::Answered(response) => return Ok(response),
            Found::Claimed => {}
        }
    }
    if let Err(problem) = within_quota(workspaces, caller).await {
        return Ok(match &key {
            Some(key) => key.keep(workspaces, problem.into_response(), true).await,
            None => problem.into_response(),
        });
    }
    let mut invocation = Invocation::new(&asked.operation, &asked.input);
    for (id, bytes) in &asked.files {
        invocation = invocation.file(id, FileSource::Bytes(bytes.clone()));
    }
    if let Some(key) = &key {
        invocation = invocation.idempotency_key(key.for_connector());
    }
    let run = run(workspaces.clone(), caller.clone(), host, asked, invocation);
    match key {
        None => Ok(run.await?.0),
        // Whoever asked may go away; what was begun under a key comes to its end, and its answer is kept.
        Some(key) => {
            let workspaces = workspaces.clone();
            let kept = tokio::spawn(async move {
                let (response, nothing_done) = match run.await {
                    Ok(ran) => ran,
                    Err(problem) => (problem.into_response(), true),
                };
                key.keep(&workspaces, response, nothing_done).await
            });
            kept.await.map_err(|error| Problem::internal(&error))
        }
    }
}

/// The call itself, its answer and whether nothing at all was done; its bill is handed over.
async fn run(
    workspaces: Shared,
    caller: Caller,
    host: Host,
    asked: Asked,
    invocation: Invocation,
) -> Result<(Response, bool), Problem> {
    let at = workspaces.now();
    let id = uuid_v7(at)?;
    let cancel = CancellationToken::new();
    // Dropped with this future: a caller who goes away stops his call.
    let _stops = cancel.clone().drop_guard();
    let invoking = host.invoke(&asked.package, invocation.cancel(cancel.clone()));
    let outcome = match asked.deadline {
        None => invoking.await,
        Some(deadline) => {
            tokio::pin!(invoking);
            tokio::select! {
                outcome = &mut invoking => outcome,
                () = tokio::time::sleep(deadline) => {
                    cancel.cancel();
                    let outcome = invoking.await;
                    overdue(outcome, deadline)
                }
            }
        }
    };
    let outcome = fix::over_http(outcome, &caller.workspace, &asked.package);
    let version = host.installation(&asked.package).map(|it| it.version.to_string()).unwrap_or_default();
    let (word, code, message) = answer::summary(&outcome.result);
    let denials = &outcome.denials[..outcome.denials.len().min(DENIALS_KEPT)];
    workspaces
        .bills
        .put(InvocationRow {
            id: id.clone(),
            workspace: caller.workspace.to_string(),
            at,
            caller: caller.name.clone(),
            connector: asked.package.to_string(),
            version,
            operation: asked.operation.chars().take(64).collect(),
            outcome: word.to_owned(),
            code,
            message: message.map(|text| text.chars().take(MESSAGE_CHARS).collect()),
            bill: serde_json::to_string(&outcome.bill).unwrap_or_default(),
            denials: (!denials.is_empty()).then(|| serde_json::to_string(denials).unwrap_or_default()),
            trace: asked.trace,
        })
        .await;
    let mut response = answer::of(&id, &outcome);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(INVOCATION, id);
    }
    let nothing_done = outcome.bill.instance_us == 0 && outcome.result.is_err();
    Ok((response, nothing_done))
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
fn look(host: &Host, asked: &Asked) -> Result<Response, Problem> {
    let installation = host.installation(&asked.package).map_err(HostError)?;
    let operation = installation.manifest.operation(&asked.operation).ok_or_else(|| {
        let known: Vec<_> = installation.manifest.operations.iter().map(|known| known.name.as_str()).collect();
        let message = format!("`{}` has no operation `{}`", asked.package, asked.operation.escape_debug());
        Problem::not_found("operation-unknown", message).hint(format!("it has: {}", known.join(", ")))
    })?;
    if !installation.enabled {
        return Err(Problem::forbidden("disabled", format!("`{}` is disabled", asked.package)));
    }
    if !installation.grant.allows_operation(&asked.operation) {
        return Err(Problem::forbidden("denied", format!("the operation `{}` is not granted", asked.operation)));
    }
    let input: Value = serde_json::from_str(&asked.input)
        .map_err(|error| Problem::bad_request("input-not-json", format!("the input is not JSON: {error}")))?;
    let faults = Schema::compile(&operation.input)?.faults(&input);
    if !faults.is_empty() {
        let message = format!("the input does not fit `{}`: {}", asked.operation, faults.join("; "));
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "input-invalid", message));
    }
    Ok(Json(json!({ "dry_run": true, "connector": asked.package, "version": installation.version,
        "operation": asked.operation, "effect": operation.effect, "idempotent": operation.idempotent }))
    .into_response())
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
fn fingerprint(asked: &Asked) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [asked.package.to_string().as_str(), &asked.operation, &asked.input] {
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
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut fields = text.split('-');
    let (version, trace, parent) = (fields.next()?, fields.next()?, fields.next()?);
    let is_hex = |field: &str, length: usize| {
        field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_fine = is_hex(version, 2) && version != "ff" && is_hex(trace, 32) && is_hex(parent, 16);
    (is_fine && trace.bytes().any(|byte| byte != b'0')).then(|| trace.to_owned())
}

/// The input, and files if there are any.
async fn read(request: Request<Body>) -> Result<(String, Vec<(String, Bytes)>), Problem> {
    let media_type =
        request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.starts_with("multipart/form-data") {
        return read_parts(request).await;
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

async fn read_parts(request: Request<Body>) -> Result<(String, Vec<(String, Bytes)>), Problem> {
    let malformed = |why: String| Problem::bad_request("form-malformed", format!("the form can't be read: {why}"));
    let unread = |error: MultipartError| match is_too_long(&error) {
        true => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-long",
            format!("the form is longer than {INVOKE_FORM_BYTES} bytes"),
        )
        .hint("larger files go by the command `jackfield invoke` or the library, where they are streams"),
        false => malformed(error.body_text()),
    };
    let request = request.map(|body| Body::new(Limited::new(body, INVOKE_FORM_BYTES)));
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| malformed(error.body_text()))?;
    let (mut input, mut files) = (None, Vec::new());
    while let Some(part) = parts.next_field().await.map_err(unread)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "input" {
            input = Some(part.text().await.map_err(unread)?);
        } else {
            files.push((name, part.bytes().await.map_err(unread)?));
        }
    }
    let input = input.ok_or_else(|| malformed("it has no part `input`".to_owned()))?;
    Ok((checked(input)?, files))
}

/// Whether a form could not be read since it has too many bytes.
fn is_too_long(error: &MultipartError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl crate::Workspaces {
    /// Invocations a minute; looked up every few seconds.
    async fn quota_of(&self, workspace: &jackfield_package::Label) -> Result<i64, Problem> {
        let now = self.now();
        if let Some(known) = self.quotas.get(workspace, now) {
            return Ok(known);
        }
        let row = store::workspace(&mut self.db.read().await?, workspace.as_str()).await?;
        let calls = row.ok_or_else(|| caller::no_workspace(workspace.as_str()))?.calls_a_minute.max(1);
        self.quotas.put(workspace.clone(), calls, i64::MAX, now);
        Ok(calls)
    }
}
