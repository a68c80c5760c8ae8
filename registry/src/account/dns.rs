//! Control of a name, proven by a TXT record.

use std::{fmt, fmt::Debug, time::Duration};

use async_trait::async_trait;
use hickory_resolver::{TokioResolver, net::NetError, proto::rr::RData};
use tokio::sync::OnceCell;

/// How long a lookup may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What looks up TXT records.
#[async_trait]
pub trait TxtResolver: Debug + Send + Sync {
    /// Every TXT record of that name, each with its strings joined; empty if there is none.
    async fn txt(&self, name: &str) -> Result<Vec<String>, String>;
}

/// The machine's resolver, as its configuration says.
#[derive(Default)]
pub struct SystemResolver {
    resolver: OnceCell<TokioResolver>,
}

impl Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemResolver")
    }
}

#[async_trait]
impl TxtResolver for SystemResolver {
    async fn txt(&self, name: &str) -> Result<Vec<String>, String> {
        let resolver = self
            .resolver
            .get_or_try_init(|| async { TokioResolver::builder_tokio()?.build() })
            .await
            .map_err(|error: NetError| error.to_string())?;
        // With the dot at its end: never completed by a search list.
        let lookup = tokio::time::timeout(TIMEOUT, resolver.txt_lookup(format!("{name}.")));
        match lookup.await {
            Err(_) => Err("no answer in time".to_owned()),
            Ok(Err(error)) if error.is_no_records_found() => Ok(Vec::new()),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(found)) => {
                let texts = found.answers().iter().filter_map(|record| match &record.data {
                    RData::TXT(txt) => Some(txt.txt_data.concat()),
                    _ => None,
                });
                Ok(texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect())
            }
        }
    }
}
