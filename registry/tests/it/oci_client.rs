//! A client of the distribution API over TCP, which fetches tokens as the challenges tell it: what the conformance
//! suite, skopeo and oras do.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// A body, or the lack of one.
#[derive(Clone, Debug)]
pub enum Sent {
    Nothing,
    Bytes(Vec<u8>),
    /// Of a length that is not told.
    Stream(Vec<u8>),
}

pub struct OciClient {
    http: reqwest::Client,
    pub base: String,
    login: Option<(String, String)>,
    /// Whether tokens are kept for the next request of the same kind.
    cache: Option<HashMap<String, String>>,
    pub requests: usize,
}

impl OciClient {
    pub fn new(address: &str, login: Option<(&str, &str)>, caching: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            base: format!("http://{address}"),
            login: login.map(|(user, secret)| (user.to_owned(), secret.to_owned())),
            cache: caching.then(HashMap::new),
            requests: 0,
        }
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Sent::Nothing).await
    }

    pub async fn head(&mut self, path: &str) -> Reply {
        self.send(Method::HEAD, path, &[], Sent::Nothing).await
    }

    pub async fn delete(&mut self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], Sent::Nothing).await
    }

    /// Sends it, once more with a token if it is asked for one.
    pub async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: Sent) -> Reply {
        let kind = match method {
            Method::GET | Method::HEAD => "pull",
            Method::DELETE => "delete",
            _ => "push",
        };
        let repository = path.strip_prefix("/v2/").unwrap_or_default();
        let repository = ["/blobs/", "/manifests/", "/tags/", "/referrers/"]
            .iter()
            .find_map(|part| repository.split_once(part))
            .map_or("", |(name, _)| name);
        let key = format!("{repository}:{kind}");
        let known = self.cache.as_ref().and_then(|cache| cache.get(&key).cloned());
        let reply = self.once(&method, path, headers, body.clone(), known.as_deref()).await;
        let Some(challenge) = (reply.status == 401).then(|| reply.header("www-authenticate")).flatten() else {
            return reply;
        };
        let token = self.token(challenge).await;
        if let Some(cache) = &mut self.cache {
            cache.insert(key, token.clone());
        }
        self.once(&method, path, headers, body, Some(&token)).await
    }

    async fn once(
        &mut self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Sent,
        token: Option<&str>,
    ) -> Reply {
        self.requests += 1;
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request = match body {
            Sent::Nothing if *method == Method::POST => request.header("content-length", "0"),
            Sent::Nothing => request,
            Sent::Bytes(bytes) => request.body(bytes),
            Sent::Stream(bytes) => {
                let parts: Vec<_> = bytes.chunks(100).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect();
                request.body(reqwest::Body::wrap_stream(futures_util::stream::iter(parts)))
            }
        };
        let reply = request.send().await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        Reply { status, headers, body: reply.bytes().await.unwrap() }
    }

    /// Answers a challenge.
    pub async fn token(&self, challenge: &str) -> String {
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        let field = |name: &str| {
            let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let mut query = vec![("service", field("service").unwrap())];
        query.extend(field("scope").map(|scope| ("scope", scope)));
        let mut request = self.http.get(field("realm").unwrap()).query(&query);
        // A client without a login sends an empty one.
        let (user, secret) = self.login.clone().unwrap_or_default();
        request = request.basic_auth(user, Some(secret));
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let answer: serde_json::Value = reply.json().await.unwrap();
        assert_eq!(answer["token"], answer["access_token"]);
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Begins an upload and says where it goes on.
    pub async fn begin(&mut self, repository: &str) -> String {
        let reply = self.send(Method::POST, &format!("/v2/{repository}/blobs/uploads/"), &[], Sent::Nothing).await;
        assert_eq!(reply.status, 202, "{:?}", reply.body);
        reply.header("location").unwrap().to_owned()
    }

    pub async fn push_manifest(
        &mut self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: impl Into<Vec<u8>>,
    ) -> Reply {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.send(Method::PUT, &path, &[("content-type", media_type)], Sent::Bytes(bytes.into())).await
    }
}
