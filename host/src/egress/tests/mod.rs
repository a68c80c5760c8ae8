//! Stories of requests. Most end at a real listener on loopback that writes down the bytes which arrived: what a
//! test of a header map says about the wire is nothing.

mod address;
mod credential;
mod header;
mod limit;
mod policy;
mod pool;
mod service;

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use jackfield_package::Manifest;
use serde_json::{Value, json};

use self::service::{Answer, Service};
use super::*;
use crate::{denial::Denial, grant::OperationGrant, limits::Limits};

/// A manifest with these `egress` and `auth` entries.
fn manifest(egress: Value, auth: Value) -> Manifest {
    serde_json::from_value(json!({
        "name": "demo:http", "version": "0.1.0", "world": "jackfield:connector@0.1.0", "title": "HTTP", "summary": "Sends requests.",
        "license": "Apache-2.0", "operations": [], "egress": egress, "auth": auth,
        "config": {"type": "object", "properties": {"hosts": {"type": "array"}, "host": {"type": "string"}}},
    }))
    .unwrap()
}

/// One that asks for every port and method of these hosts.
fn manifest_for(hosts: &[&str]) -> Manifest {
    let egress =
        hosts.iter().map(|host| json!({"host": host, "ports": "any", "methods": "any", "reason": "tests"})).collect();
    manifest(Value::Array(egress), json!([]))
}

fn grant(allowed: &[&str]) -> Grant {
    Grant {
        egress: allowed.iter().map(|text| text.parse().unwrap()).collect(),
        operations: OperationGrant::default(),
        limits: BTreeMap::new(),
        credentials: BTreeMap::new(),
        config: serde_json::Map::new(),
    }
}

/// One installation under test, its resolver, and one call of it.
struct Bench {
    call: CallEgress,
    meter: Arc<Meter>,
    resolver: Arc<Answers>,
    idle: Arc<Wire>,
}

struct Shared(Arc<Wire>);

impl Transport for Shared {
    fn send(&self, outgoing: Outgoing) -> Sending<'_> {
        self.0.send(outgoing)
    }
}

impl Bench {
    fn new(manifest: &Manifest, grant: &Grant, services: &[&Service]) -> Self {
        Self::with_limits(manifest, grant, services, &[])
    }

    fn with_limits(manifest: &Manifest, grant: &Grant, services: &[&Service], limits: &[(&str, u64)]) -> Self {
        Self::idling(manifest, grant, services, limits, crate::limits::IDLE_MS)
    }

    fn idling(manifest: &Manifest, grant: &Grant, services: &[&Service], limits: &[(&str, u64)], idle_ms: u64) -> Self {
        let roots: Vec<_> = services.iter().filter_map(|service| service.root.clone()).collect();
        let resolver = Arc::new(Answers::default());
        let wire =
            Arc::new(Wire::idling(resolver.clone(), &tls_config(&roots).unwrap(), Duration::from_millis(idle_ms)));
        let egress = Arc::new(Egress::new(manifest, grant, Box::new(Shared(wire.clone()))).unwrap());
        let meter = Arc::new(Meter::default());
        let limits = limits.iter().map(|(name, value)| (name.parse().unwrap(), *value)).collect();
        let limits = Limits::in_force(&manifest.limits, &limits);
        let call = CallEgress::new(egress, "fetch".into(), &limits, meter.clone());
        Self { call, meter, resolver, idle: wire }
    }

    /// Names with the addresses that they have from now on; of several answers for one name, the last stays.
    fn resolve(self, name: &str, answers: &[&[&str]]) -> Self {
        let answers =
            answers.iter().map(|list| list.iter().map(|address| address.parse().unwrap()).collect()).collect();
        self.resolver.answers.lock().unwrap().insert(name.to_owned(), answers);
        self
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        self.call.clone().send(request, None).await
    }

    /// Sends and reads the whole response.
    async fn fetch(&self, request: Request<Body>) -> Result<Response<String>, HttpError> {
        let (parts, body) = self.send(request).await?.into_parts();
        let text = String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap();
        Ok(Response::from_parts(parts, text))
    }

    async fn get(&self, uri: &str) -> Result<Response<String>, HttpError> {
        self.fetch(request("GET", uri, &[], "")).await
    }

    /// Asks for what must be denied, and gives the denial.
    async fn denied(&self, request: Request<Body>) -> Denial {
        let before = self.meter.denials().len();
        let error = self.send(request).await.map(|response| response.status()).unwrap_err();
        let denial = self.meter.denials().get(before).cloned().unwrap_or_else(|| panic!("{error} without a denial"));
        match denial.layer {
            Layer::Address => assert!(matches!(error, HttpError::DestinationIpProhibited), "{error:?}"),
            _ => assert!(matches!(error, HttpError::HttpRequestDenied), "{error:?}"),
        }
        denial
    }
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &'static str) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync()).unwrap()
}

/// A body that comes in these pieces, as a guest's does: nobody knows its length.
fn pieces(pieces: Vec<Vec<u8>>) -> Body {
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(Bytes::from(piece))));
    Pieces(frames.collect::<Vec<_>>().into_iter()).boxed_unsync()
}

struct Pieces(std::vec::IntoIter<Result<Frame<Bytes>, HttpError>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        std::task::Poll::Ready(self.0.next())
    }
}

/// A resolver with its answers written down, and the questions that it was asked.
#[derive(Default)]
struct Answers {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Answers {
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Resolve for Answers {
    fn resolve<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.get_mut(host).map(|list| if list.len() > 1 { list.remove(0) } else { list[0].clone() });
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such host")) })
    }
}

async fn within<T>(ms: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_millis(ms), future).await.expect("it takes too long")
}
