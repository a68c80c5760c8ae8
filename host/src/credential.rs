//! The only module of the host that can name a plaintext secret.
//!
//! A [`Credential`] says which secret goes where; it holds no secret, only the path of the file that does. For each request the file
//! is read anew, so that a rotated secret is in force at once, and [`Attached`] carries the secret through that one
//! exchange: onto the request once TLS stands, and then over everything that comes back, to blot it out wherever the
//! service repeats it.
//!
//! What is blotted out are the forms in which the secret was sent: plain, percent-encoded, and base64 for RFC 7617. A service that
//! transforms it otherwise (hashes it, reverses it, compresses the answer unasked) gets past this net; the first line of defence is
//! that a credential only ever goes to the hosts which its manifest entry names and the admin granted.

use std::{
    fs::OpenOptions,
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header, uri::PathAndQuery};
use jackfield_package::{
    Label, Refusal,
    egress::HostPattern,
    manifest::{Attach, Auth, AuthType},
};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::limits::{SECRET_BYTES, SECRET_BYTES_LEAST};

/// A plaintext secret. No Debug, Display or Serialize; zeroed when dropped.
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

/// Which secret goes where.
pub(crate) struct Credential {
    id: Label,
    hosts: Vec<HostPattern>,
    place: Place,
    form: Form,
    file: PathBuf,
}

/// Where on a request a credential stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A header.
    Header(HeaderName),
    /// A query parameter.
    Query(String),
}

/// How the secret is written there.
enum Form {
    /// After these words.
    Prefixed(String),
    /// RFC 7617.
    Basic,
}

impl Credential {
    /// Binds an `auth` entry of a manifest to the file that holds its secret. Reads nothing yet.
    pub(crate) fn bind(auth: &Auth, hosts: Vec<HostPattern>, file: &Path) -> Result<Self, Refusal> {
        let id = &auth.id;
        let refuse =
            |reason: &str| Err(Refusal::new("credential-not-attachable", format!("the credential `{id}` {reason}")));
        if matches!(auth.r#type, AuthType::Hmac | AuthType::Sigv4) || matches!(auth.attach, Attach::Signature { .. }) {
            return refuse("signs requests, which a secret in a file can't do: signing is the credential broker's");
        }
        let (place, form) = match &auth.attach {
            _ if auth.r#type == AuthType::Basic => (Place::Header(header::AUTHORIZATION), Form::Basic),
            Attach::Basic {} => (Place::Header(header::AUTHORIZATION), Form::Basic),
            Attach::Header { name, prefix } => match name.parse::<HeaderName>() {
                Ok(name)
                    if !crate::egress::is_host_header(&name)
                        && prefix.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) =>
                {
                    (Place::Header(name), Form::Prefixed(prefix.clone()))
                }
                _ => return refuse("names a header that can't carry a credential"),
            },
            Attach::Query { name } if !name.is_empty() => (Place::Query(name.clone()), Form::Prefixed(String::new())),
            Attach::Query { .. } | Attach::Signature { .. } => return refuse("names no query parameter"),
        };
        Ok(Self { id: id.clone(), hosts, place, form, file: file.to_owned() })
    }

    /// The `auth` entry's id.
    pub(crate) fn id(&self) -> &Label {
        &self.id
    }

    /// Where it stands on a request.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether it may be sent to this host.
    pub(crate) fn is_for(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }

    /// Whether both could stand in the same place of one request.
    pub(crate) fn is_rival_of(&self, other: &Self) -> bool {
        let may_meet = self.hosts.iter().any(|own| {
            other.hosts.iter().any(|theirs| match (own, theirs) {
                (HostPattern::Exact(own), _) => theirs.matches(own),
                (_, HostPattern::Exact(theirs)) => own.matches(theirs),
                (HostPattern::Suffix(a), HostPattern::Suffix(b)) => a == b || own.matches(b) || theirs.matches(a),
                _ => false,
            })
        });
        may_meet && self.place == other.place
    }

    /// Reads the secret from its file.
    pub(crate) fn load(&self) -> Result<Secret, Refusal> {
        let secret = Secret::load(&self.file).map_err(|refusal| {
            let message = format!("the credential `{}` can't be read: {}", self.id, refusal.message);
            Refusal { message, ..refusal }
        })?;
        if matches!(self.form, Form::Basic) && !secret.0.contains(&b':') {
            let message = format!("the credential `{}` is not of the form `user:password`", self.id);
            return Err(Refusal::new("secret-malformed", message));
        }
        Ok(secret)
    }
}

impl Secret {
    /// Reads a secret from a file that holds it and nothing else. Whoever else could read that file could use the secret without
    /// being asked, so it must be a regular file of this process's user, closed to everybody else.
    pub(crate) fn load(path: &Path) -> Result<Self, Refusal> {
        let shown = path.display();
        let refuse = |code, reason: String| Refusal::new(code, format!("`{shown}` {reason}"));
        // Without NONBLOCK, opening a named pipe would wait for a writer.
        let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
        let file = file.map_err(|error| refuse("secret-unreadable", format!("can't be opened: {error}")))?;
        // Asked of the open file, so that nobody swaps it between the question and the reading.
        let metadata =
            file.metadata().map_err(|error| refuse("secret-unreadable", format!("can't be examined: {error}")))?;
        if !metadata.is_file() {
            return Err(refuse("secret-not-a-file", "is not a regular file".into()));
        }
        if metadata.mode() & 0o077 != 0 {
            let mode = metadata.mode() & 0o777;
            return Err(refuse("secret-exposed", format!("has mode {mode:04o}: others than its owner may use it"))
                .hint(format!("chmod 600 {shown}")));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(refuse("secret-foreign", format!("belongs to the user {}", metadata.uid()))
                .hint(format!("chown {} {shown}", rustix::process::geteuid().as_raw())));
        }
        // All the room at once: a vector that grows leaves copies behind that nobody zeroes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES + 3));
        file.take(SECRET_BYTES as u64 + 3)
            .read_to_end(&mut bytes)
            .map_err(|error| refuse("secret-unreadable", format!("can't be read: {error}")))?;
        if bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
        }
        if bytes.len() > SECRET_BYTES {
            return Err(refuse("secret-malformed", format!("holds more than {SECRET_BYTES} bytes")));
        }
        if bytes.len() < SECRET_BYTES_LEAST {
            let reason =
                format!("holds fewer than {SECRET_BYTES_LEAST} characters, too few to tell it from ordinary text");
            return Err(refuse("secret-malformed", reason));
        }
        if !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(refuse("secret-malformed", "holds more than one line of visible ASCII characters".into()));
        }
        Ok(Self(bytes))
    }
}

/// The secrets of one exchange.
pub(crate) struct Attached {
    secrets: Vec<(Arc<Credential>, Secret)>,
    blot: Arc<Blot>,
}

/// Why nothing was attached.
pub(crate) enum NotAttached {
    /// The file does not hold a secret as it should.
    Unreadable(Refusal),
    /// The request holds the secret already.
    AlreadyThere(Label),
}

impl Attached {
    /// Reads the secrets of these credentials. Blocks on files.
    pub(crate) fn load(credentials: Vec<Arc<Credential>>) -> Result<Self, Refusal> {
        let mut secrets = Vec::with_capacity(credentials.len());
        for credential in credentials {
            let secret = credential.load()?;
            secrets.push((credential, secret));
        }
        let needles = secrets.iter().flat_map(|(credential, secret)| credential.forms_of(secret)).collect();
        Ok(Self { secrets, blot: Arc::new(Blot { needles }) })
    }

    /// Puts every secret in its place, after making sure that none is anywhere on the request. The caller vouches for the
    /// place being free and for TLS.
    pub(crate) fn put_on<B>(&self, request: &mut http::Request<B>) -> Result<(), NotAttached> {
        for (credential, secret) in &self.secrets {
            let own = Blot { needles: credential.forms_of(secret) };
            let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
            if own.is_in(target.as_bytes()) || request.headers().values().any(|value| own.is_in(value.as_bytes())) {
                return Err(NotAttached::AlreadyThere(credential.id.clone()));
            }
        }
        for (credential, secret) in &self.secrets {
            let unwritable = || {
                let message = format!("the credential `{}` can't be written on a request", credential.id);
                NotAttached::Unreadable(Refusal::new("secret-malformed", message))
            };
            match &credential.place {
                Place::Header(name) => {
                    let mut value = HeaderValue::from_bytes(&credential.written(secret)).map_err(|_| unwritable())?;
                    value.set_sensitive(true);
                    request.headers_mut().insert(name, value);
                }
                Place::Query(name) => {
                    let uri = with_query(request.uri(), name, &encode_query(&secret.0)).ok_or_else(unwritable)?;
                    *request.uri_mut() = uri;
                }
            }
        }
        if !self.secrets.is_empty() {
            // A compressed answer can't be searched, and the guest chooses what it accepts.
            request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        Ok(())
    }

    /// Takes out of a response's headers what the guest must not see: the secret, and cookies, since a session that was opened
    /// with a credential is one.
    pub(crate) fn clean_headers(&self, headers: &mut HeaderMap) {
        if self.secrets.is_empty() {
            return;
        }
        headers.remove(header::SET_COOKIE);
        for value in headers.values_mut() {
            let mut bytes = Zeroizing::new(value.as_bytes().to_vec());
            if self.blot.out(&mut bytes) {
                *value = HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| HeaderValue::from_static("*"));
            }
        }
    }

    /// What cleans the response's body; `None` where no secret was attached.
    pub(crate) fn cleaner(&self) -> Option<StreamCleaner> {
        (!self.secrets.is_empty()).then(|| StreamCleaner {
            blot: self.blot.clone(),
            held: Zeroizing::default(),
            mask: Vec::new(),
        })
    }
}

impl Credential {
    /// What stands in the header.
    fn written(&self, secret: &Secret) -> Zeroizing<Vec<u8>> {
        match &self.form {
            Form::Prefixed(prefix) => {
                let mut value = Zeroizing::new(Vec::with_capacity(prefix.len() + secret.0.len()));
                value.extend_from_slice(prefix.as_bytes());
                value.extend_from_slice(&secret.0);
                value
            }
            Form::Basic => {
                let encoded = Zeroizing::new(STANDARD.encode(&*secret.0));
                Zeroizing::new([b"Basic ", encoded.as_bytes()].concat())
            }
        }
    }

    /// Every form in which the secret may come back.
    fn forms_of(&self, secret: &Secret) -> Vec<Zeroizing<Vec<u8>>> {
        let mut forms =
            vec![Zeroizing::new(secret.0.to_vec()), Zeroizing::new(encode_query(&secret.0).as_bytes().to_vec())];
        if matches!(self.form, Form::Basic) {
            forms.push(Zeroizing::new(STANDARD.encode(&*secret.0).into_bytes()));
            // A service may repeat the password without the user.
            if let Some(colon) = secret.0.iter().position(|byte| *byte == b':') {
                forms.push(Zeroizing::new(secret.0[colon + 1..].to_vec()));
            }
        }
        forms.retain(|form| form.len() >= SECRET_BYTES_LEAST);
        forms.sort_by(|a, b| a.as_slice().cmp(b.as_slice()));
        forms.dedup_by(|a, b| a.as_slice() == b.as_slice());
        forms
    }
}

/// Finds secrets and writes `*` over them: the length stays, so framing stays.
struct Blot {
    needles: Vec<Zeroizing<Vec<u8>>>,
}

impl Blot {
    fn is_in(&self, haystack: &[u8]) -> bool {
        self.needles.iter().any(|needle| occurrences(haystack, needle).next().is_some())
    }

    /// Blots out every occurrence; says whether there was one.
    fn out(&self, bytes: &mut [u8]) -> bool {
        let mut mask = vec![false; bytes.len()];
        self.mark(bytes, &mut mask);
        apply(bytes, &mask);
        mask.contains(&true)
    }

    fn mark(&self, bytes: &[u8], mask: &mut [bool]) {
        for needle in &self.needles {
            for at in occurrences(bytes, needle) {
                mask[at..at + needle.len()].fill(true);
            }
        }
    }

    /// Bytes at the end that may be the beginning of a secret.
    fn unfinished(&self, bytes: &[u8]) -> usize {
        let longest = |needle: &Zeroizing<Vec<u8>>| {
            (1..needle.len().min(bytes.len() + 1)).rev().find(|length| bytes.ends_with(&needle[..*length]))
        };
        self.needles.iter().filter_map(longest).max().unwrap_or(0)
    }
}

/// Blots secrets out of a stream, also where a secret is cut in two by the network. Holds back only bytes that may be the
/// beginning of a secret.
pub(crate) struct StreamCleaner {
    blot: Arc<Blot>,
    /// Bytes held back, as they came.
    held: Zeroizing<Vec<u8>>,
    /// Which of them belong to a secret that has been seen whole.
    mask: Vec<bool>,
}

impl StreamCleaner {
    /// Takes the next bytes and gives those that are safe to pass on.
    pub(crate) fn clean(&mut self, next: &[u8]) -> Vec<u8> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.held.len() + next.len()));
        bytes.extend_from_slice(&self.held);
        bytes.extend_from_slice(next);
        let mut mask = std::mem::take(&mut self.mask);
        mask.resize(bytes.len(), false);
        self.blot.mark(&bytes, &mut mask);
        let passed = bytes.len() - self.blot.unfinished(&bytes);
        self.held = Zeroizing::new(bytes[passed..].to_vec());
        self.mask = mask.split_off(passed);
        let mut clean = bytes[..passed].to_vec();
        apply(&mut clean, &mask);
        clean
    }

    /// Gives what was held back, since nothing follows.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut *self.held);
        apply(&mut rest, &std::mem::take(&mut self.mask));
        rest
    }
}

fn apply(bytes: &mut [u8], mask: &[bool]) {
    for (byte, masked) in bytes.iter_mut().zip(mask) {
        if *masked {
            *byte = b'*';
        }
    }
}

fn occurrences<'a>(haystack: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let last = (haystack.len() + 1).saturating_sub(needle.len());
    let first = needle.first().copied();
    (0..last).filter(move |at| Some(haystack[*at]) == first && haystack[*at..].starts_with(needle))
}

/// Appends a parameter to a URI's query.
fn with_query(uri: &Uri, name: &str, value: &str) -> Option<Uri> {
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let joint = match uri.query() {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    let mut parts = uri.clone().into_parts();
    let with = Zeroizing::new(format!("{target}{joint}{}={value}", &*encode_query(name.as_bytes())));
    parts.path_and_query = Some(with.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode_query(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 3));
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            _ => {
                let hex = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble & 15)]);
                text.extend(['%', hex(byte >> 4), hex(*byte)]);
            }
        }
    }
    text
}

/// Decodes a name in a query as servers do: `%41` and `+`. What is not valid UTF-8 shows as replacement characters.
pub(crate) fn decode_query(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let value = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        decoded.push(match (value, bytes[at]) {
            (Some(value), _) => value,
            (None, b'+') => b' ',
            (None, byte) => byte,
        });
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
