//! The HTTP server that the demo's requests go to: real, on loopback, on a port that the system picks.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use tiny_http::{Header, Response, Server};

use crate::Failure;

/// A server that answers every request with a small JSON document, until the process ends.
pub(crate) struct Loopback {
    address: SocketAddr,
    requests: Arc<AtomicU32>,
}

impl Loopback {
    pub(crate) fn start() -> Result<Self, Failure> {
        let server = Server::http("127.0.0.1:0").map_err(|error| format!("no server on loopback: {error}"))?;
        let address = server.server_addr().to_ip().ok_or("the server has no address")?;
        let requests = Arc::new(AtomicU32::new(0));
        let counted = requests.clone();
        std::thread::spawn(move || {
            for request in server.incoming_requests() {
                counted.fetch_add(1, Ordering::SeqCst);
                let body = format!(r#"{{"method":"{}","path":"{}"}}"#, request.method(), request.url());
                let mut response = Response::from_string(body);
                if let Ok(json) = Header::from_bytes("content-type", "application/json") {
                    response.add_header(json);
                }
                // A client that went away is its own business.
                let _ = request.respond(response);
            }
        });
        Ok(Self { address, requests })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have arrived.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}
