//! A service on loopback that writes down every byte it receives.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What the service does with a request.
pub(super) enum Answer {
    /// Sends these bytes, each piece after a pause, and waits for the next request.
    Say(Vec<(u64, Vec<u8>)>),
    /// Sends these bytes and closes.
    SayAndClose(Vec<u8>),
    /// Never answers.
    Silence,
    /// Sends these bytes again and again for ever, with a pause in milliseconds.
    Forever(Vec<u8>, u64),
}

impl Answer {
    pub(super) fn ok(body: &str) -> Self {
        Self::raw(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }

    pub(super) fn raw(text: &str) -> Self {
        Self::Say(vec![(0, text.as_bytes().to_vec())])
    }
}

type Script = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

pub(super) struct Service {
    pub(super) address: SocketAddr,
    pub(super) root: Option<CertificateDer<'static>>,
    received: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

impl Service {
    pub(super) async fn plain(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::start("127.0.0.1:0", None, script).await
    }

    /// Over TLS, with a certificate for these names.
    pub(super) async fn tls(names: &[&str], script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self::start("127.0.0.1:0", Some((Arc::new(config).into(), authority.der().clone())), script).await
    }

    async fn start(
        at: &str,
        tls: Option<(TlsAcceptor, CertificateDer<'static>)>,
        script: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let (acceptor, root) = tls.unzip();
        let service = Self {
            address: listener.local_addr().unwrap(),
            root,
            received: Arc::default(),
            connections: Arc::default(),
            closed: Arc::default(),
        };
        let (received, connections, closed) =
            (service.received.clone(), service.connections.clone(), service.closed.clone());
        let script: Script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, SeqCst);
                let (received, script, acceptor, closed) =
                    (received.clone(), script.clone(), acceptor.clone(), closed.clone());
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, received, script).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, received, script).await;
                            }
                        }
                    }
                    closed.fetch_add(1, SeqCst);
                });
            }
        });
        service
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request so far: head and body, as they came.
    pub(super) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }

    pub(super) fn last(&self) -> String {
        self.received().pop().expect("nothing arrived")
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    /// Waits until this many connections have ended.
    pub(super) async fn closed(&self, count: usize) {
        super::within(3_000, async {
            while self.closed.load(SeqCst) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, received: Arc<Mutex<Vec<String>>>, script: Script) {
    let mut buffer = Vec::new();
    loop {
        let length = loop {
            if let Some(length) = complete(&buffer) {
                break length;
            }
            let mut piece = [0; 8192];
            match stream.read(&mut piece).await {
                Ok(count) if count > 0 => buffer.extend_from_slice(&piece[..count]),
                _ => {
                    if !buffer.is_empty() {
                        received.lock().unwrap().push(format!("INCOMPLETE {}", String::from_utf8_lossy(&buffer)));
                    }
                    return;
                }
            }
        };
        let request = String::from_utf8_lossy(&buffer.drain(..length).collect::<Vec<_>>()).into_owned();
        received.lock().unwrap().push(request.clone());
        match script(&request) {
            Answer::Say(pieces) => {
                for (pause, piece) in pieces {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    if stream.write_all(&piece).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
            }
            Answer::SayAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            // Reading notices the other side's going away.
            Answer::Silence => {
                let _ = stream.read(&mut [0; 1]).await;
                return;
            }
            Answer::Forever(bytes, pause) => loop {
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(pause)).await;
            },
        }
    }
}

/// The length of the first request in the buffer, once it is there.
fn complete(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
    if text.contains("transfer-encoding: chunked") {
        return buffer[head..].windows(5).position(|five| five == b"0\r\n\r\n").map(|at| head + at + 5);
    }
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    (buffer.len() >= head + length).then_some(head + length)
}
