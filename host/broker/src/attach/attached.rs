//! The secrets of one exchange.

use std::sync::Arc;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header, uri::PathAndQuery};
use jackfield_package::{Label, Refusal};
use zeroize::Zeroizing;

use super::{
    Binding, Place, StreamCleaner,
    binding::Form,
    blot::Blot,
    query::{encode_query, with_query},
};
use crate::{Connection, Secret, clock::Micros};

/// What was got for one exchange.
pub struct Attached {
    pub(super) loaded: Vec<Arc<Loaded>>,
    /// When requests are signed.
    pub(super) now: Micros,
    pub(super) blot: Arc<Blot>,
}

pub(super) struct Loaded {
    pub(super) binding: Arc<Binding>,
    pub(super) secret: Secret,
    /// Where it comes from the vault.
    pub(super) connection: Option<Connection>,
}

/// Why nothing was attached.
pub enum NotAttached {
    /// There is no secret to attach, or not as it should be.
    Unreadable(Refusal),
    /// The request holds the secret already.
    AlreadyThere(Label),
}

impl Attached {
    pub(super) fn new(loaded: Vec<Loaded>, now: Micros) -> Self {
        let blot = Blot::of(loaded.iter().flat_map(|loaded| loaded.binding.forms_of(&loaded.secret)));
        Self { loaded: loaded.into_iter().map(Arc::new).collect(), now, blot: Arc::new(blot) }
    }

    /// Nothing to attach.
    pub fn none() -> Self {
        Self { loaded: Vec::new(), now: 0, blot: Arc::default() }
    }

    /// The same once more, for what is to be said about it after the exchange has taken it over.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { loaded: self.loaded.clone(), now: self.now, blot: self.blot.clone() }
    }

    /// The providers of what is attached, by their names in the catalogue.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &str> {
        self.loaded.iter().filter_map(|loaded| loaded.connection.as_ref()?.terms.provider.as_deref())
    }

    /// Whether there is anything to attach.
    pub fn is_empty(&self) -> bool {
        self.loaded.is_empty()
    }

    /// Puts every secret in its place, after making sure that none is anywhere on the request. The caller vouches for the
    /// place being free and for TLS. `body` is what signatures are computed over: the whole of it where
    /// [`Binding::needs_body`], and ignored otherwise. `host` is what stands in `Host:`.
    ///
    /// # Errors
    /// Why nothing was attached; then the request is as it was, or must be thrown away.
    pub fn put_on<B>(&mut self, request: &mut http::Request<B>, host: &str, body: &Bytes) -> Result<(), NotAttached> {
        for Loaded { binding, secret, .. } in self.loaded.iter().map(|loaded| &**loaded) {
            let own = Blot::of(binding.forms_of(secret));
            let target = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
            let in_headers = request
                .headers()
                .iter()
                .any(|(name, value)| own.is_in(value.as_bytes()) || own.is_in_name(name.as_str()));
            if own.is_in(target.as_bytes()) || in_headers {
                return Err(NotAttached::AlreadyThere(binding.id.clone()));
            }
        }
        let mut signatures = Vec::new();
        for Loaded { binding, secret, .. } in self.loaded.iter().map(|loaded| &**loaded) {
            let unwritable = || {
                let message = format!("the credential `{}` can't be written on a request", binding.id);
                NotAttached::Unreadable(Refusal::new("secret-malformed", message))
            };
            match (&binding.form, binding.place()) {
                (Form::Hmac(scheme), _) => {
                    let signed = scheme.sign(request, host, body, secret, self.now).ok_or_else(unwritable)?;
                    signatures.push(signed);
                }
                (Form::Sigv4(scope), _) => {
                    let signed = scope.sign(request, host, body, secret, self.now).ok_or_else(unwritable)?;
                    signatures.push(signed);
                }
                (form, Place::Header(name)) => {
                    let value = HeaderValue::from_bytes(&written(form, secret)).map_err(|_| unwritable())?;
                    put(request.headers_mut(), name.clone(), value);
                }
                (_, Place::Query(name)) => {
                    let uri = with_query(request.uri(), name, &encode_query(secret.expose())).ok_or_else(unwritable)?;
                    *request.uri_mut() = uri;
                }
            }
        }
        if !self.loaded.is_empty() {
            // A compressed answer can't be searched, and the guest chooses what it accepts.
            request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if !signatures.is_empty() {
            // A signature lets whoever has it repeat the request, so it does not come back either.
            let secrets = self.loaded.iter().flat_map(|loaded| loaded.binding.forms_of(&loaded.secret));
            self.blot = Arc::new(Blot::of(secrets.chain(signatures)));
        }
        Ok(())
    }

    /// Takes out of a response's headers what the guest must not see: the secret, and cookies, since a session that was opened
    /// with a credential is one.
    pub fn clean_headers(&self, headers: &mut HeaderMap) {
        if self.loaded.is_empty() {
            return;
        }
        headers.remove(header::SET_COOKIE);
        let telling: Vec<HeaderName> =
            headers.keys().filter(|name| self.blot.is_in_name(name.as_str())).cloned().collect();
        for name in telling {
            headers.remove(name);
        }
        for value in headers.values_mut() {
            let mut bytes = Zeroizing::new(value.as_bytes().to_vec());
            if self.blot.out(&mut bytes) {
                *value = HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| HeaderValue::from_static("*"));
            }
        }
    }

    /// What cleans the response's body; `None` where no secret was attached.
    pub fn cleaner(&self) -> Option<StreamCleaner> {
        (!self.loaded.is_empty()).then(|| StreamCleaner::new(self.blot.clone()))
    }
}

/// Sets a header that no log shows.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, mut value: HeaderValue) {
    value.set_sensitive(true);
    headers.insert(name, value);
}

/// What stands in the header.
fn written(form: &Form, secret: &Secret) -> Zeroizing<Vec<u8>> {
    match form {
        Form::Prefixed(prefix) => {
            let mut value = Zeroizing::new(Vec::with_capacity(prefix.len() + secret.expose().len()));
            value.extend_from_slice(prefix.as_bytes());
            value.extend_from_slice(secret.expose());
            value
        }
        _ => {
            let encoded = Zeroizing::new(STANDARD.encode(secret.expose()));
            Zeroizing::new([b"Basic ", encoded.as_bytes()].concat())
        }
    }
}

/// Every form in which the secret may come back.
pub(super) fn forms(form: &Form, secret: &Secret) -> Vec<Zeroizing<Vec<u8>>> {
    let mut plain = vec![Zeroizing::new(secret.expose().to_vec())];
    // A service may repeat one half without the other.
    if !matches!(form, Form::Prefixed(_)) {
        let halves = secret.expose().splitn(2, |byte| *byte == b':').skip(1);
        plain.extend(halves.map(|half| Zeroizing::new(half.to_vec())));
    }
    if matches!(form, Form::Sigv4(_)) {
        plain.extend(secret.expose().split(|byte| *byte == b':').skip(1).map(|part| Zeroizing::new(part.to_vec())));
    }
    let mut all: Vec<_> = plain.iter().flat_map(|plain| as_json(plain)).collect();
    // What stands on the wire, and base64 of it, in which some services repeat a whole request.
    let mut sent: Vec<_> = plain.iter().map(|plain| Zeroizing::new(encode_query(plain).as_bytes().to_vec())).collect();
    sent.extend(plain);
    if matches!(form, Form::Basic) {
        sent.push(Zeroizing::new(STANDARD.encode(secret.expose()).into_bytes()));
    }
    for sent in sent {
        all.extend(as_base64(&sent));
        all.push(sent);
    }
    all
}

/// As base64 writes it, whatever stands before and after it: those characters that are made of nothing else.
pub(crate) fn as_base64(plain: &[u8]) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    [STANDARD, URL_SAFE].into_iter().flat_map(move |alphabet| {
        (0..3).map(move |before| {
            let shifted = Zeroizing::new([&[0; 3][..before], plain].concat());
            let encoded = Zeroizing::new(alphabet.encode(&*shifted));
            let own = (8 * before).div_ceil(6)..8 * shifted.len() / 6;
            Zeroizing::new(encoded.as_bytes()[own].to_vec())
        })
    })
}

/// As JSON writers escape it: `/` as it is or as `\/`, and for HTML's sake.
fn as_json(plain: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let escaped = |slash: bool, html: bool| {
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() * 6));
        for byte in plain {
            match byte {
                b'"' | b'\\' => text.extend([b'\\', *byte]),
                b'/' if slash => text.extend(*b"\\/"),
                b'<' | b'>' | b'&' | b'\'' if html => text.extend(format!("\\u{byte:04x}").into_bytes()),
                _ => text.push(*byte),
            }
        }
        text
    };
    vec![escaped(false, false), escaped(true, false), escaped(false, true), escaped(true, true)]
}
