//! TLS by files, which may be renewed while the server runs.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::limits::TLS_LOOK_S;

/// A certificate and its key, as files of PEM: TLS 1.2 and 1.3, HTTP/1.1.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
    written: Mutex<Written>,
}

/// When both files were written.
type Written = Option<(SystemTime, SystemTime)>;

/// Why files make no TLS: which, and what is wrong with it.
#[derive(Debug)]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for TlsError {}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its private key.
    ///
    /// # Errors
    /// If one can't be read, is no PEM, or the key is not the certificate's.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let written = Mutex::new(written(certificate, key));
        let config = RwLock::new(config(certificate, key)?);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), config, written })
    }

    /// Looks now and then whether the files were renewed, and takes them then. What can't be used is told, and what there was
    /// goes on being used.
    pub(crate) async fn keep_up(&self) {
        loop {
            tokio::time::sleep(Duration::from_secs(TLS_LOOK_S)).await;
            self.look();
        }
    }

    /// One such look.
    pub fn look(&self) {
        let now = written(&self.certificate, &self.key);
        let mut before = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if now.is_none() || *before == now {
            return;
        }
        *before = now;
        match config(&self.certificate, &self.key) {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!(certificate = %self.certificate.display(), "took the renewed certificate");
            }
            Err(error) => tracing::error!(%error, "the renewed certificate can't be used; the one before stays"),
        }
    }

    pub(crate) async fn accept<T: AsyncRead + AsyncWrite + Unpin>(&self, stream: T) -> io::Result<TlsStream<T>> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner).clone();
        TlsAcceptor::from(config).accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn written(certificate: &Path, key: &Path) -> Written {
    let of = |path: &Path| std::fs::metadata(path)?.modified();
    Some((of(certificate).ok()?, of(key).ok()?))
}

fn config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |path: &Path, why: String| TlsError { path: path.to_owned(), why };
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).and_then(|certificates| certificates.collect());
    let chain = chain.map_err(|error| wrong(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificate, "there is no certificate in it".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong(certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
