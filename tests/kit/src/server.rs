//! A server on loopback that keeps every byte it was sent, and answers as the test scripts it.
//!
//! It is written on bare sockets, since what matters is what stood on the wire: a server that parses and tidies would hide
//! the very thing that a test looks for.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
};

use crate::tls::Authority;

/// Serves until it is dropped.
pub struct HttpServer {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    script: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    received: Mutex<Vec<Received>>,
    arrived: Notify,
    connections: AtomicUsize,
    open: AtomicUsize,
}

/// One request, as it stood on the wire.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request line and the headers, byte for byte, without the empty line.
    pub head: String,
    /// The body as it came, with the chunks' own framing if it was chunked.
    pub body: Vec<u8>,
    /// Which connection brought it, counted from 1.
    pub connection: usize,
}

impl Received {
    /// The request line's second word.
    pub fn target(&self) -> &str {
        self.head.split_whitespace().nth(1).unwrap_or_default()
    }

    /// Every value of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }
}

/// What the server answers.
#[derive(Clone, Debug)]
pub struct Reply {
    head: String,
    body: Body,
    closing: bool,
}

#[derive(Clone, Debug)]
enum Body {
    /// These bytes, with their length.
    Full(Vec<u8>),
    /// Chunks, for ever.
    Endless,
    /// One byte, and then silence until the other side gives up.
    Stalled,
    /// Not even a head.
    Silent,
    /// The head as it is, and these bytes after it.
    Raw(Vec<u8>),
}

impl Reply {
    /// 200 with a text.
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::with(200, Body::Full(text.into()))
    }

    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self::with(status, Body::Full(Vec::new()))
    }

    /// 302 to somewhere.
    pub fn redirect(to: &str) -> Self {
        Self::status(302).header("location", to)
    }

    /// 200 with a body that never ends.
    pub fn endless() -> Self {
        Self::with(200, Body::Endless)
    }

    /// 200 with a body that stops coming after its first byte.
    pub fn stalled() -> Self {
        Self::with(200, Body::Stalled)
    }

    /// Nothing at all.
    pub fn silent() -> Self {
        Self::with(200, Body::Silent)
    }

    /// These bytes, whatever they are.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { head: String::new(), body: Body::Raw(bytes.into()), closing: false }
    }

    /// The connection is closed after it.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.closing = true;
        self
    }

    /// One header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    fn with(status: u16, body: Body) -> Self {
        Self { head: format!("HTTP/1.1 {status} Scripted\r\n"), body, closing: false }
    }
}

impl HttpServer {
    /// Plain text, on 127.0.0.1 and a free port.
    pub async fn start(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(script, None).await
    }

    /// Answers everything with 200 and this text.
    pub async fn answering(text: &'static str) -> Self {
        Self::start(move |_| Reply::text(text)).await
    }

    /// TLS, with a certificate for these names.
    pub async fn start_tls(
        authority: &Authority,
        names: &[&str],
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen(script, Some(authority.acceptor(names))).await
    }

    async fn listen(
        script: impl Fn(&Received) -> Reply + Send + Sync + 'static,
        tls: Option<tokio_rustls::TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port on loopback");
        let address = listener.local_addr().expect("its address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            script: Box::new(script),
            received: Mutex::default(),
            arrived: Notify::new(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let task = tokio::spawn(accept(listener, tls, shared.clone()));
        Self { address, scheme, shared, task }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A URL with its address: `http://127.0.0.1:40000/path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// A URL with a name that the test's resolver leads here.
    pub fn url_as(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.port())
    }

    /// The requests so far.
    ///
    /// # Panics
    /// After a panic.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("no panic").clone()
    }

    /// Connections that were made so far, TLS or not, with a request or without.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until a request has come in.
    pub async fn arrived(&self) {
        loop {
            let notified = self.shared.arrived.notified();
            if !self.received().is_empty() {
                return;
            }
            notified.await;
        }
    }

    /// Waits until no connection is open any more.
    pub async fn left_alone(&self) {
        while self.shared.open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<tokio_rustls::TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Head and body are two writes; the second would wait for the other side's word about the first, 40 ms.
        let _ = stream.set_nodelay(true);
        let connection = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let (tls, shared) = (tls.clone(), shared.clone());
        shared.open.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            match tls {
                None => serve(stream, connection, &shared).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, connection, &shared).await;
                    }
                }
            }
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, connection: usize, shared: &Shared) {
    let mut buffer = Vec::new();
    while let Some(request) = receive(&mut stream, &mut buffer, connection).await {
        let reply = (shared.script)(&request);
        shared.received.lock().expect("no panic").push(request);
        shared.arrived.notify_waiters();
        let closing = reply.closing;
        if answer(&mut stream, reply).await.is_err() || closing {
            return;
        }
    }
}

/// One request: up to the empty line, and its body by `content-length` or chunked.
async fn receive(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, connection: usize) -> Option<Received> {
    let head_end = read_until(stream, buffer, b"\r\n\r\n", 0).await?;
    let head = String::from_utf8_lossy(&buffer[..head_end - 4]).into_owned();
    let mut request = Received { head, body: Vec::new(), connection };
    let length = request.header("content-length").first().and_then(|text| text.parse::<usize>().ok());
    let end = if request.header("transfer-encoding").contains(&"chunked") {
        read_until(stream, buffer, b"0\r\n\r\n", head_end).await?
    } else {
        let end = head_end + length.unwrap_or(0);
        while buffer.len() < end {
            (stream.read_buf(buffer).await.ok()? > 0).then_some(())?;
        }
        end
    };
    request.body = buffer[head_end..end].to_vec();
    buffer.drain(..end);
    Some(request)
}

async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
    mark: &[u8],
    from: usize,
) -> Option<usize> {
    let mut searched = from;
    loop {
        if let Some(at) = buffer[searched..].windows(mark.len()).position(|window| window == mark) {
            return Some(searched + at + mark.len());
        }
        searched = from.max(buffer.len().saturating_sub(mark.len()));
        (stream.read_buf(buffer).await.ok()? > 0).then_some(())?;
    }
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), reply: Reply) -> std::io::Result<()> {
    let Reply { head, body, .. } = reply;
    match body {
        Body::Full(bytes) => {
            stream.write_all(format!("{head}content-length: {}\r\n\r\n", bytes.len()).as_bytes()).await?;
            stream.write_all(&bytes).await?;
        }
        Body::Raw(bytes) => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&bytes).await?;
        }
        Body::Endless => {
            stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await?;
            let chunk = [b"4000\r\n".as_slice(), &[b'e'; 0x4000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Body::Stalled => {
            stream.write_all(format!("{head}transfer-encoding: chunked\r\n\r\n1\r\ns\r\n").as_bytes()).await?;
            stream.flush().await?;
            wait_for_the_end(stream).await?;
        }
        Body::Silent => wait_for_the_end(stream).await?,
    }
    stream.flush().await
}

/// Returns when the other side has closed.
async fn wait_for_the_end(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut sink = [0; 64];
    while stream.read(&mut sink).await? > 0 {}
    Err(std::io::ErrorKind::UnexpectedEof.into())
}
