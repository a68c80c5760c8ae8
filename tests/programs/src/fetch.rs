//! One HTTP request exactly as the test words it, through bare wasi:http: nothing is tidied on the way.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    refused,
    wasi::{
        http::{
            outgoing_handler,
            types::{
                Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
                RequestOptions, Scheme,
            },
        },
        io::streams::StreamError,
    },
};

/// What to send, and how much of the answer to read.
#[derive(Deserialize)]
pub struct Request {
    #[serde(default = "get")]
    pub method: String,
    /// Split at `://` and at the first `/`, `?` or `#` after it; what stands between is the authority, whatever it is.
    pub url: String,
    /// Sent instead of the path of `url`.
    pub path: Option<String>,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    pub read: Read,
    pub first_byte_timeout_ms: Option<u64>,
    /// Where the request fails, the program fails too, with an error of this code.
    pub fail_as: Option<String>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Read {
    #[default]
    All,
    None,
}

fn get() -> String {
    "GET".to_owned()
}

/// Sends it, and says what came of it: `{"status", "headers", "body"}` or `{"error"}`.
pub fn fetch(request: &Request) -> Value {
    let response = match begin(request).and_then(|response| finish(&response)) {
        Ok(response) => response,
        Err(error) => return error,
    };
    let headers: Vec<_> = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let mut answer = json!({ "status": response.status(), "headers": headers });
    if request.read == Read::All {
        let mut body = Vec::new();
        if let Err(error) = read(&response, |chunk| body.extend(chunk)) {
            return error;
        }
        answer["body"] = String::from_utf8_lossy(&body).into();
    }
    answer
}

/// Hands the request to the host; the response is in flight.
pub fn begin(request: &Request) -> Result<FutureIncomingResponse, Value> {
    let (response, body) = open(request)?;
    let stream = body.write().map_err(|()| refused("no-body"))?;
    for chunk in request.body.as_bytes().chunks(4096) {
        stream.blocking_write_and_flush(chunk).map_err(stream_error)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(refused)?;
    Ok(response)
}

/// Hands the request to the host, and leaves its body to be written.
pub fn open(request: &Request) -> Result<(FutureIncomingResponse, OutgoingBody), Value> {
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields.append(name, value.as_bytes()).map_err(|error| refused(format_args!("header {name}: {error:?}")))?;
    }
    let (scheme, rest) = request.url.split_once("://").ok_or_else(|| refused("not a url"))?;
    let path_at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_at);
    let path = request.path.as_deref().unwrap_or(if path.is_empty() { "/" } else { path });
    let outgoing = OutgoingRequest::new(fields);
    outgoing.set_method(&method(&request.method)).map_err(|()| refused("method"))?;
    outgoing.set_scheme(Some(&scheme_of(scheme))).map_err(|()| refused("scheme"))?;
    outgoing.set_authority(Some(authority)).map_err(|()| refused("authority"))?;
    outgoing.set_path_with_query(Some(path)).map_err(|()| refused("path"))?;
    let body = outgoing.body().map_err(|()| refused("no-body"))?;
    let options = request.first_byte_timeout_ms.map(|timeout| {
        let options = RequestOptions::new();
        options.set_first_byte_timeout(Some(timeout * 1_000_000)).expect("a timeout can be set");
        options
    });
    let response = outgoing_handler::handle(outgoing, options).map_err(refused)?;
    Ok((response, body))
}

/// Waits for the response's head.
pub fn finish(response: &FutureIncomingResponse) -> Result<IncomingResponse, Value> {
    loop {
        match response.get() {
            Some(result) => return result.expect("it is taken once").map_err(refused),
            None => response.subscribe().block(),
        }
    }
}

/// Reads the body to its end.
pub fn read(response: &IncomingResponse, mut take: impl FnMut(Vec<u8>)) -> Result<(), Value> {
    let body = response.consume().map_err(|()| refused("consumed"))?;
    let stream = body.stream().map_err(|()| refused("taken"))?;
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(chunk) => take(chunk),
            Err(StreamError::Closed) => break,
            Err(error) => return Err(stream_error(error)),
        }
    }
    drop(stream);
    drop(IncomingBody::finish(body));
    Ok(())
}

/// The word for a stream's end that is not a good one.
pub fn stream_error(error: StreamError) -> Value {
    match error {
        StreamError::Closed => refused("closed"),
        StreamError::LastOperationFailed(fault) => match crate::wasi::http::types::http_error_code(&fault) {
            Some(code) => refused(code),
            None => refused(fault.to_debug_string()),
        },
    }
}

fn method(text: &str) -> Method {
    match text {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme_of(text: &str) -> Scheme {
    match text {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}
