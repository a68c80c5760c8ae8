//! Where a home's events go: what its admin wrote down.
//!
//! ```toml
//! # events.toml
//! url = "https://ops.acme.example/jackfield"
//! secret_file = "events.secret"     # mode 0600; `whsec_` and base64, one a line; relative to the home
//! addresses = ["10.0.0.0/8"]        # networks that it may lie in although they are not public; left out: none
//! ```
//!
//! or [`EVENTS_URL`] and [`EVENTS_SECRET`] in the environment, which go before the file.

use std::{env, fs::File, io, io::Read as _, path::Path};

use ipnet::IpNet;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::EventEndpoint;
use crate::{
    Error, Secret,
    error::Result,
    limits::{EVENTS_FILE_BYTES, SECRET_BYTES},
    private_file,
};

/// The file, within a home.
const EVENTS_FILE: &str = "events.toml";

/// The endpoint in the environment.
pub const EVENTS_URL: &str = "JACKFIELD_EVENTS_URL";

/// Its secrets there, one a line.
pub const EVENTS_SECRET: &str = "JACKFIELD_EVENTS_SECRET";

/// What the file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
    secret_file: std::path::PathBuf,
    #[serde(default)]
    addresses: Vec<IpNet>,
}

impl EventEndpoint {
    /// The endpoint of a home, if it has one. Every process that uses the home must find the same: an event is due only where there is
    /// somebody to send it to.
    ///
    /// # Errors
    /// `events-malformed`, those of [`EventEndpoint::new`], and those of a file that holds a secret.
    pub fn of_home(home: &Path) -> Result<Option<Self>> {
        if let Ok(url) = env::var(EVENTS_URL) {
            let secret = Zeroizing::new(env::var(EVENTS_SECRET).unwrap_or_default().into_bytes());
            return Self::new(&url, &Secret::new(secret).map_err(|_| unset())?).map(Some);
        }
        let path = home.join(EVENTS_FILE);
        let malformed = |reason: &dyn std::fmt::Display| {
            Error::refused("events-malformed", format!("`{}` can't be used: {reason}", path.display()))
                .hint("it has `url`, `secret_file`, and if need be `addresses`")
        };
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| malformed(&error))?,
        };
        let mut text = String::new();
        file.take(EVENTS_FILE_BYTES).read_to_string(&mut text).map_err(|error| malformed(&error))?;
        let Settings { url, secret_file, addresses } = toml::from_str(&text).map_err(|error| malformed(&error))?;
        let secret = Secret::new(private_file::read(&home.join(secret_file), SECRET_BYTES)?)?;
        Ok(Some(Self::new(&url, &secret)?.within(addresses)))
    }
}

fn unset() -> Error {
    Error::refused("event-secret-malformed", format!("{EVENTS_URL} is set, and {EVENTS_SECRET} is not"))
        .hint("echo whsec_$(openssl rand -base64 32)")
}
