//! One HTTP request to a host that the admin has named. Credentials are attached by the host, outside the sandbox;
//! redirects are not followed.

mod answer;
mod input;

use std::time::Duration;

use jackfield_sdk::prelude::*;

use answer::Answer;
use input::{Content, RequestInput};

/// Sends one HTTP request and gives the answer as JSON, text or a file. Redirects are not followed: the answer then has
/// a 3xx status and a `location` header. Statuses from 400 on are errors unless `accept_errors` is set.
#[operation(effect = "destructive", name = "request", title = "HTTP request")]
fn send(input: RequestInput, context: &Context) -> Result<Answer> {
    let mut request = Request::new(input.method.as_str(), &input.url);
    for (name, value) in &input.headers {
        request = request.header(name, value);
    }
    for (name, value) in &input.query {
        request = match value {
            input::Parameter::One(value) => request.query(name, value),
            input::Parameter::Many(values) => values.iter().fold(request, |request, value| request.query(name, value)),
        };
    }
    if let Some(timeout_ms) = input.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout_ms.into()));
    }
    let request = match &input.body {
        None => request,
        Some(Content::Json(value)) => request.json(value),
        Some(Content::Text(text)) => request.text(text),
        Some(Content::Form(fields)) => {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            request.form(&fields)
        }
        Some(Content::File(file)) => request.stream(context.open(file)?),
    };
    let response = request.send()?;
    let response = if input.accept_errors { response } else { response.error_for_status()? };
    answer::read(response, input.response, &input.url, context)
}

connector!(send);
