//! Bytes by digest: a folder, an S3-compatible store, or memory.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::{Config, Problem};

/// The blob store. Immutable bytes under names; what is written is durable when the call returns.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
}

impl Blobs {
    /// As configured.
    pub(crate) fn open(config: &Config) -> Result<Self, Problem> {
        let folder = config.blobs.clone().map_or_else(|| config.data.join("blobs"), Into::into);
        std::fs::create_dir_all(&folder).map_err(|error| Problem::internal(&error))?;
        let store = object_store::local::LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| Problem::internal(&error))?
            .with_fsync(true);
        Ok(Self { store: Arc::new(store) })
    }

    /// Writes bytes under a name; the same again is fine. `tiles/…` for the log, `blobs/sha256/…` for OCI, `index/…`.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Problem> {
        self.store.put(&name.into(), bytes.into()).await.map(drop).map_err(unavailable)
    }

    /// Reads a whole object; none if there is none of that name.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, Problem> {
        match self.store.get(&name.into()).await {
            Ok(found) => found.bytes().await.map(Some).map_err(unavailable),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn unavailable(error: object_store::Error) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "the blob store failed");
    Problem::unavailable("storage-unavailable", "the registry's blob store does not answer")
}
