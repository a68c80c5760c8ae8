//! A service like GitHub: issues over TLS, for whoever the OpenID provider says that a token is of. It repeats what it was sent, as
//! services that are being debugged do.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use serde_json::{Value, json};

use crate::{Failure, http::ask};

/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until the process ends.
pub(crate) struct Service {
    address: SocketAddr,
    /// The certificate of the authority that vouches for it, PEM.
    pub(crate) authority: String,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Service {
    /// One that asks this provider whose a token is.
    pub(crate) fn start(issuer: &str) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (tls, authority) = certified()?;
        let tokens = Arc::new(Mutex::new(Vec::new()));
        let (userinfo, seen) = (format!("{issuer}/me"), tokens.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, userinfo, seen) = (tls.clone(), userinfo.clone(), seen.clone());
                // A client that went away, or that speaks something else, is its own business.
                std::thread::spawn(move || drop(serve(stream, tls, &userinfo, &seen)));
            }
        });
        Ok(Self { address, authority, tokens })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The token of each request that it answered, as it stood on the wire; empty for one without.
    pub(crate) fn tokens(&self) -> Result<Vec<String>, Failure> {
        Ok(self.tokens.lock().map_err(|_| "the service has failed")?.clone())
    }
}

fn serve(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    userinfo: &str,
    tokens: &Mutex<Vec<String>>,
) -> Result<(), Failure> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(tls)?, stream));
    let (mut path, mut token) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("authorization") {
                token = value.trim().trim_start_matches("Bearer ").to_owned();
            }
        } else if line.is_empty() {
            break;
        } else {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
    }
    let (status, body) = answer(&path, &token, userinfo)?;
    tokens.lock().map_err(|_| "the service has failed")?.push(token);
    let stream = stream.get_mut();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} It is so\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    stream.conn.send_close_notify();
    Ok(stream.flush()?)
}

fn answer(path: &str, token: &str, userinfo: &str) -> Result<(u16, String), Failure> {
    let asked = ask(userinfo, &[("authorization", &format!("Bearer {token}"))], None)?;
    let Some(who) = serde_json::from_str::<Value>(&asked.body).ok().filter(|_| asked.status == 200) else {
        return Ok((401, json!({ "message": "Bad credentials" }).to_string()));
    };
    Ok(match path {
        "/user" => (200, json!({ "login": who["sub"] }).to_string()),
        "/repos/octocat/hello-world/issues" => {
            let greet = json!({ "number": 1, "title": "It does not greet" });
            let debugging = json!({ "number": 2, "title": format!("You have sent: {token}") });
            (200, json!([greet, debugging]).to_string())
        }
        _ => (404, json!({ "message": "Not Found" }).to_string()),
    })
}

/// A certificate for loopback, of an authority of its own.
fn certified() -> Result<(Arc<ServerConfig>, String), Failure> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let own_key = KeyPair::generate()?;
    let certificate: CertificateDer<'static> =
        CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&own_key, &Issuer::new(params, key))?.into();
    let own_key = PrivateKeyDer::try_from(own_key.serialize_der()).map_err(str::to_owned)?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], own_key)?;
    Ok((Arc::new(config), authority))
}
