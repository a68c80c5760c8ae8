//! One exchange through `wasi:http`.

use std::io::{self, BufRead, Read, Write};

use wasip2::http::{
    outgoing_handler,
    types::{
        self as wasi, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
        OutgoingRequest, RequestOptions, Scheme,
    },
};

use crate::{
    Error, Result,
    error::note_request_sent,
    files::no_host,
    http::{Body, Headers, Request, Response, failure},
    streams::{CHUNK_BYTES, Explain, StreamReader, StreamWriter},
};

/// Sends the request, body and all, and waits for the head of the answer.
pub(super) fn send(request: Request<'_>) -> Result<Response> {
    let target = Target::parse(&request.url)?;
    if cfg!(not(target_arch = "wasm32")) {
        return Err(no_host("HTTP"));
    }
    let subject = format!("{} {}", request.method, request.url.split(['?', '#']).next().unwrap_or_default());
    let (outgoing, options) = assemble(&request, &target)?;
    let out = outgoing.body().map_err(|()| malformed("body"))?;
    let future = outgoing_handler::handle(outgoing, options).map_err(|code| failure::error(&code, &subject))?;
    let written = write_body(out, request.body);
    let answer = wait(&future).map_err(|code| {
        let error = failure::error(&code, &subject);
        if error.request_sent() {
            note_request_sent();
        }
        error
    });
    // A service may answer before it has read the whole body, and then close: its answer says more than the broken
    // pipe. Without an answer, a body that could not be read (the author's reader failed) says more than the silence.
    let answer = match (answer, written) {
        (Ok(answer), _) => answer,
        (Err(_), Err(BodyFault::Source(error))) => return Err(error.with_request_sent(true)),
        (Err(error), _) => return Err(error),
    };
    note_request_sent();
    receive(&answer, subject)
}

/// Where a request goes: the parts of an absolute URL.
#[derive(Debug, PartialEq)]
struct Target<'a> {
    https: bool,
    authority: &'a str,
    path_with_query: String,
}

impl<'a> Target<'a> {
    fn parse(url: &'a str) -> Result<Self> {
        let malformed = |expected: &str| {
            let shown: String = url.chars().take(200).collect();
            Error::invalid_input(format!("`{}` is not a URL: expected {expected}", shown.escape_debug()))
                .with_code("url-malformed")
        };
        if let Some(bad) = url.chars().find(|c| c.is_control() || c.is_whitespace() || *c == '\\') {
            return Err(malformed(&format!("no {bad:?} in it (percent-encode it)")));
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(|| malformed("`https://host/…`"))?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(malformed("https or http")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.is_empty() {
            return Err(malformed("a host"));
        }
        if authority.contains('@') {
            return Err(malformed("no user and password in it: connect an account instead"));
        }
        let path_with_query = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { https, authority, path_with_query })
    }
}

fn assemble(request: &Request<'_>, target: &Target<'_>) -> Result<(OutgoingRequest, Option<RequestOptions>)> {
    let mut headers: Vec<(String, Vec<u8>)> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    if let Some(length) = known_length(request)
        && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
    {
        headers.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
    let fields = Fields::from_list(&headers).map_err(|refused| {
        Error::invalid_input(format!("the request's headers: {refused}")).with_code("header-invalid")
    })?;
    let outgoing = OutgoingRequest::new(fields);
    let scheme = if target.https { Scheme::Https } else { Scheme::Http };
    outgoing.set_method(&method(&request.method)).map_err(|()| malformed("method"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| malformed("scheme"))?;
    outgoing.set_authority(Some(target.authority)).map_err(|()| malformed("host"))?;
    outgoing.set_path_with_query(Some(&target.path_with_query)).map_err(|()| malformed("path"))?;
    let options = request.timeout.map(|timeout| {
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let options = RequestOptions::new();
        // A host that knows no such timeout says so here, and keeps its own.
        let _ = options.set_connect_timeout(Some(nanoseconds));
        let _ = options.set_first_byte_timeout(Some(nanoseconds));
        let _ = options.set_between_bytes_timeout(Some(nanoseconds));
        options
    });
    Ok((outgoing, options))
}

/// The length to announce. A method that usually has a body announces an empty one too: some services insist.
fn known_length(request: &Request<'_>) -> Option<usize> {
    match &request.body {
        Body::Bytes(bytes) => Some(bytes.len()),
        Body::Empty => matches!(&*request.method, "POST" | "PUT" | "PATCH").then_some(0),
        Body::Stream(_) => None,
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    }
}

fn malformed(part: &str) -> Error {
    Error::invalid_input(format!("the host refuses the request's {part}")).with_code("request-invalid")
}

/// Why a body did not go out whole.
enum BodyFault {
    /// What the author gave to read from failed.
    Source(Error),
    /// The connection took no more.
    Sink,
}

fn write_body(out: OutgoingBody, body: Body<'_>) -> Result<(), BodyFault> {
    let sent = match body {
        Body::Empty => Ok(()),
        Body::Bytes(bytes) => write_all(&out, &bytes),
        Body::Stream(reader) => copy(&out, reader),
    };
    match sent {
        Ok(()) => OutgoingBody::finish(out, None).map_err(|_| BodyFault::Sink),
        // Dropped unfinished, the body ends the exchange: half a body never passes for a whole one.
        Err(fault) => Err(fault),
    }
}

fn write_all(out: &OutgoingBody, bytes: &[u8]) -> Result<(), BodyFault> {
    let mut sink = sink(out)?;
    sink.write_all(bytes).and_then(|()| sink.finish()).map_err(|_| BodyFault::Sink)
}

fn copy(out: &OutgoingBody, mut reader: Box<dyn Read + '_>) -> Result<(), BodyFault> {
    let mut sink = sink(out)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return sink.finish().map_err(|_| BodyFault::Sink),
            Ok(count) => sink.write_all(&chunk[..count]).map_err(|_| BodyFault::Sink)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(BodyFault::Source(error.into())),
        }
    }
}

fn sink(out: &OutgoingBody) -> Result<StreamWriter, BodyFault> {
    Ok(StreamWriter::new(out.write().map_err(|()| BodyFault::Sink)?, EXPLAIN))
}

fn wait(future: &FutureIncomingResponse) -> Result<IncomingResponse, wasi::ErrorCode> {
    loop {
        match future.get() {
            Some(Ok(answer)) => return answer,
            Some(Err(())) => return Err(wasi::ErrorCode::InternalError(Some("the answer was taken twice".to_owned()))),
            None => future.subscribe().block(),
        }
    }
}

fn receive(answer: &IncomingResponse, subject: String) -> Result<Response> {
    let headers: Headers = answer
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let taken = |()| Error::internal(format!("{subject}: the body was taken twice")).with_code("host-failure");
    let body = answer.consume().map_err(taken)?;
    let stream = body.stream().map_err(taken)?;
    let reader = BodyReader { stream: StreamReader::new(stream, EXPLAIN), _body: body };
    Ok(Response::new(answer.status(), headers, reader).with_subject(subject))
}

/// An answer's body. The stream is a child of the body resource and must go first: fields drop in this order.
struct BodyReader {
    stream: StreamReader,
    _body: IncomingBody,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl BufRead for BodyReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stream.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.stream.consume(amount);
    }
}

const EXPLAIN: Explain = |fault| match wasi::http_error_code(fault) {
    Some(code) => failure::error(&code, "the answer's body").with_request_sent(true),
    None => Error::unavailable(format!("the answer's body: {}", fault.to_debug_string()))
        .with_code("connection-broken")
        .with_request_sent(true),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expect: Option<(bool, &str, &str)>) {
        let found = Target::parse(url);
        let found = found.as_ref().ok().map(|target| (target.https, target.authority, target.path_with_query.as_str()));
        assert_eq!(found, expect, "{url}");
    }

    #[test]
    fn urls() {
        check("https://a.example/b?c=d#e", Some((true, "a.example", "/b?c=d")));
        check("HTTP://a:8080", Some((false, "a:8080", "/")));
        check("https://[::1]:8/x", Some((true, "[::1]:8", "/x")));
        check("https://a?q=1", Some((true, "a", "/?q=1")));
        check("https://user:word@a/", None);
        check("ftp://a/", None);
        check("//a/", None);
        check("https:///a", None);
        check("https://a/b c", None);
        check("https://a/\r\nx: y", None);
        check("https://a\\b/", None);
    }
}
