//! What came of a call, as an agent reads it: a result, or words that it can act on. An agent sees no status and no header.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jackfield_host::{Bill, Denial, Failure, OutputFile, failure::HostFault};
use rmcp::model::{CallToolResult, ContentBlock, MetaObject, ResourceContents};
use serde_json::{Value, json};

use crate::{
    Problem,
    answer::{self, CreatedFile},
    invoke::Called,
};

pub(super) fn of(called: &Called) -> CallToolResult {
    let mut result = success(called).unwrap_or_else(|failure| no_success(&failure, &called.outcome.bill));
    let fatal = match &called.outcome.result {
        Err(Failure::Denied(denial)) => Some(denial),
        _ => None,
    };
    let denials = called.outcome.denials.iter().filter(|denial| Some(*denial) != fatal);
    result.content.extend(denials.map(|denial| ContentBlock::text(denied(denial))));
    let mut meta = result.meta.take().unwrap_or_default();
    meta.0.extend(called.id.as_ref().map(|id| ("dev.jackfield/invocation".to_owned(), json!(id))));
    meta.0.insert("dev.jackfield/bill".to_owned(), json!(called.outcome.bill));
    result.meta = Some(meta);
    result
}

fn success(called: &Called) -> Result<CallToolResult, Failure> {
    let text = called.outcome.result.as_ref().map_err(Clone::clone)?;
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Failure::Host(HostFault::new(format!("the connector's answer is not JSON: {error}"))))?;
    // As the connector wrote it: numbers keep their digits.
    let mut content = vec![ContentBlock::text(text)];
    for (number, file) in called.outcome.files.iter().enumerate() {
        let uri = format!("jackfield:files/{}/{number}", called.id.as_deref().unwrap_or("0"));
        content.extend(created(file, uri)?);
    }
    let mut result = CallToolResult::success(content);
    result.structured_content = Some(value);
    Ok(result)
}

/// A file, after a line that says what it is called.
fn created(file: &OutputFile, uri: String) -> Result<[ContentBlock; 2], Failure> {
    let CreatedFile { id, name, media_type, base64, .. } = answer::created(file)?;
    let said = format!("The file `{}` ({media_type}, id `{}`):", name.escape_debug(), id.escape_debug());
    let text = || String::from_utf8(STANDARD.decode(&base64).ok()?).ok();
    let content = match media_type.split('/').next() {
        Some("image") => ContentBlock::image(base64, media_type),
        Some("audio") => ContentBlock::audio(base64, media_type),
        _ => ContentBlock::resource(match text() {
            Some(text) => ResourceContents::text(text, uri).with_mime_type(media_type),
            None => ResourceContents::blob(base64, uri).with_mime_type(media_type),
        }),
    };
    Ok([ContentBlock::text(said), content])
}

/// A denial beside what came of the call.
fn denied(denial: &Denial) -> String {
    let hint = denial.fix.as_ref().map(|fix| format!("\nHint: {}", by_a_person(fix)));
    format!("[denied] On the way: {denial}{}", hint.unwrap_or_default())
}

fn by_a_person(fix: &str) -> String {
    format!("only a person can allow this, and not by a tool: {fix}")
}

fn no_success(failure: &Failure, bill: &Bill) -> CallToolResult {
    let said = answer::say(failure);
    let hint = match failure {
        Failure::Denied(_) => said.hint.map(|fix| by_a_person(&fix)),
        _ => said.hint,
    };
    let words = Words {
        code: &said.code,
        message: failure.to_string(),
        hint,
        retryable: said.retryable,
        retry_after_s: said.retry_after_s,
        request_sent: answer::request_sent(failure, bill),
    };
    words.into_result()
}

/// What was refused before anything ran.
pub(super) fn of_problem(problem: &Problem) -> CallToolResult {
    let wait = problem.headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let words = Words {
        code: problem.code,
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        retryable: wait.map(|_: u64| true),
        retry_after_s: wait,
        request_sent: false,
    };
    words.into_result()
}

struct Words<'a> {
    code: &'a str,
    message: String,
    hint: Option<String>,
    retryable: Option<bool>,
    retry_after_s: Option<u64>,
    request_sent: bool,
}

impl Words<'_> {
    fn into_result(self) -> CallToolResult {
        let Self { code, message, hint, retryable, retry_after_s, request_sent } = self;
        let mut text = format!("[{code}] {message}");
        if let Some(hint) = &hint {
            let _ = write!(text, "\nHint: {hint}");
        }
        match (retryable, retry_after_s) {
            (Some(false), _) => text.push_str("\nThe same call will fail again."),
            (_, Some(seconds)) => {
                let _ = write!(text, "\nThe same call may go through in {seconds} s.");
            }
            (Some(true), None) => text.push_str("\nThe same call may go through later."),
            (None, None) => {}
        }
        if request_sent {
            text.push_str("\nRequests had been sent by then, and may have had an effect.");
        }
        let error = json!({ "code": code, "hint": hint, "retryable": retryable, "retry_after_s": retry_after_s, "request_sent": request_sent });
        let mut result = CallToolResult::error(vec![ContentBlock::text(text)]);
        let mut meta = MetaObject::new();
        meta.0.insert("dev.jackfield/error".to_owned(), error);
        result.meta = Some(meta);
        result
    }
}
