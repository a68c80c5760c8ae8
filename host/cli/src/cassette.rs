//! A cassette: one call of one operation, the exchanges that it makes, and what must come of it. docs/guide/cassettes.md
//! has the format for authors.
//!
//! It holds no secret by construction, since the connector never had one.

mod form;
mod format;
mod replay;
mod stage;
mod verdict;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use jackfield_package::Label;
use serde_json::{Map, Value};

use crate::{
    context,
    error::{Failed, Kind},
    words::shown,
};

use form::{CassetteForm, Load, Problem};

pub(crate) use stage::{Ceilings, Stage};

/// Bytes of one cassette. The largest answer that a host passes on by default is 16 MiB; base64 adds a third.
const CASSETTE_BYTES: u64 = 32 << 20;
/// Bytes of a file that a cassette names.
const CONTENT_BYTES: u64 = 256 << 20;

/// One recorded call.
#[derive(Debug)]
pub(crate) struct Cassette {
    /// What is called.
    pub(crate) operation: String,
    /// With what.
    pub(crate) input: Value,
    /// The installation's settings.
    pub(crate) config: Map<String, Value>,
    /// Which credentials are there.
    pub(crate) connection: Connection,
    /// What the call is told to pass on to services that know repeats by it.
    pub(crate) idempotency_key: String,
    /// Files that are handed in, by id.
    pub(crate) files: Vec<(String, Content)>,
    /// Requests and their answers, in order.
    pub(crate) exchanges: Vec<Exchange>,
    /// What must come of it.
    pub(crate) expect: Expectation,
}

/// Which entries of the manifest's `auth` are bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    All,
    None,
    One(Label),
}

/// Bytes, and how they are compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// Compared by what it means.
    Json(Value),
    /// Compared byte for byte.
    Bytes(Vec<u8>),
}

impl Content {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

/// A request, and what it is answered.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) answer: Answer,
}

/// What a request must be like.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Uri,
    /// Only these are looked at.
    pub(crate) headers: Vec<(HeaderName, String)>,
    /// Looked at if it is there.
    pub(crate) body: Option<Content>,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// What a request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Response { status: StatusCode, headers: HeaderMap, body: Vec<u8> },
    Breaks(Break),
}

/// How an exchange breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    ConnectionRefused,
    ConnectionTimeout,
    DnsError,
    TlsError,
}

/// What must come of a call.
#[derive(Debug)]
pub(crate) enum Expectation {
    Output {
        output: Value,
        /// What is created, by file name; not looked at if absent.
        files: Option<Vec<(String, Content)>>,
    },
    /// Every key that is given must be equal.
    Error(Map<String, Value>),
}

impl Cassette {
    /// Reads one. Errors name the file, and the place in it.
    pub(crate) fn read(path: &Path) -> Result<Self, Failed> {
        in_file(path, |form, load| format::read(form, load))
    }

    /// One that a package carries: it names no file.
    pub(crate) fn carried(cassette: Map<String, Value>) -> Result<Self, Failed> {
        let no_file = |file: &Path| {
            let message = format!("it names the file `{}`, and a package carries none", file.display());
            Err(Failed::new(Kind::Refused, "cassette-malformed", message)
                .hint("jackfield build puts its content there"))
        };
        CassetteForm::of(cassette).and_then(|form| format::read(form, &no_file)).map_err(Problem::into_failed)
    }

    /// Another file beside its own, or in the place of the one of that id.
    pub(crate) fn hand_in(&mut self, id: &str, bytes: Vec<u8>) {
        self.files.retain(|(known, _)| known != id);
        self.files.push((id.to_owned(), Content::Bytes(bytes)));
    }
}

/// A cassette as a package carries it: with the content of the files that it names in it, and known to be a good one.
pub(crate) fn to_carry(path: &Path) -> Result<Map<String, Value>, Failed> {
    let carried = in_file(path, CassetteForm::alone)?;
    Cassette::carried(carried.clone()).map_err(|failed| failed.within(&shown(path).to_string()))?;
    Ok(carried)
}

/// The cassettes in a folder, with their names, in the order of those; none if there is no such folder.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failed> {
    let cannot_list = |error| Failed::file(format!("cannot list the cassettes in `{}`", folder.display()), &error);
    let mut found = Vec::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        if let Some(name) = name
            && path.extension().is_some_and(|extension| extension == "json")
            && !name.starts_with('.')
        {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads the cassette in this file, and what it needs of the files beside it.
fn in_file<T>(path: &Path, read: impl FnOnce(CassetteForm, Load<'_>) -> Result<T, Problem>) -> Result<T, Failed> {
    let bytes = context::read_bounded(path, "the cassette", CASSETTE_BYTES)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let load = |file: &Path| context::read_bounded(&folder.join(file), "the cassette's file", CONTENT_BYTES);
    CassetteForm::parse(&bytes).and_then(|form| read(form, &load)).map_err(|problem| match problem {
        Problem::Malformed { .. } => problem.into_failed().within(&shown(path).to_string()),
        Problem::File(failed) => failed,
    })
}

impl Problem {
    fn into_failed(self) -> Failed {
        match self {
            Self::File(failed) => failed,
            Self::Malformed { message, hint } => {
                let failed = Failed::new(Kind::Refused, "cassette-malformed", message);
                match hint {
                    Some(hint) => failed.hint(hint),
                    None => failed,
                }
            }
        }
    }
}
