//! Control of a name, proven by a TXT record.

use std::fmt::Debug;

use async_trait::async_trait;

/// What looks up TXT records.
#[async_trait]
pub trait TxtResolver: Debug + Send + Sync {
    /// Every TXT record of that name, each with its strings joined; empty if there is none.
    async fn txt(&self, name: &str) -> Result<Vec<String>, String>;
}

/// The machine's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl TxtResolver for SystemResolver {
    async fn txt(&self, _name: &str) -> Result<Vec<String>, String> {
        Err("not there yet".to_owned())
    }
}
