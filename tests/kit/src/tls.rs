//! A certificate authority of the test's own.

use std::{path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio_rustls::TlsAcceptor;

/// Issues certificates that a host believes if it is given [`Self::root`].
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

impl Authority {
    /// A new one, with a new key.
    ///
    /// # Panics
    /// Where keys can't be made.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a root certificate").der().clone();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// The root certificate.
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// The same as a file has it.
    pub fn root_pem(&self) -> String {
        let base64 = STANDARD.encode(&self.root);
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    }

    /// Writes a certificate for `names` and its key, as files of PEM.
    ///
    /// # Panics
    /// Where they can't be written.
    pub fn write(&self, names: &[&str], certificate: &Path, key: &Path) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let pair = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let issued = params.signed_by(&pair, &self.issuer).expect("a certificate");
        std::fs::write(certificate, issued.pem()).expect("the certificate's file");
        std::fs::write(key, pair.serialize_pem()).expect("the key's file");
    }

    /// What a server with a certificate for `names` (DNS names or addresses) accepts connections with.
    pub(crate) fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let certificate =
            CertificateParams::new(names).expect("names").signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a PKCS#8 key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a server's configuration");
        TlsAcceptor::from(Arc::new(config))
    }
}
