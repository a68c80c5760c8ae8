//! Secrets at rest: envelope encryption.
//!
//! Each connection has a data key of its own, which seals its secrets (XChaCha20-Poly1305, random nonces). A master key wraps the
//! data key, and never touches a secret. What is sealed says in its associated data whose it is: tenant, connection, field and
//! generation, so that a row or a column put in another's place does not open. Turning the master key over means wrapping
//! data keys anew, while everything goes on being read.

mod envelope;
mod keys;
mod rewrap;
pub(crate) mod store;
#[cfg(test)]
mod tests;

pub use keys::{FileKeys, KeyManagement, MasterKeys, Wrapped};
pub use rewrap::{Rewrapped, Rewrapping};

use std::{fmt, sync::Arc};

use jackfield_db::Conn;

use crate::{
    Secret,
    connection::ConnectionId,
    error::Result,
    token::{Held, TokenSet},
};
use envelope::DataKey;

/// Whose secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The workspace.
    pub tenant: String,
    /// The connection.
    pub connection: ConnectionId,
}

/// Which of a connection's secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The access token, or whatever else requests carry.
    Access,
    /// The refresh token.
    Refresh,
    /// The client's secret or private key.
    Client,
}

impl Field {
    const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Client];

    fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<dyn KeyManagement>);

/// What seals and opens the secrets of one connection: its data key, unwrapped.
pub(crate) struct Sealer {
    owner: Owner,
    key: DataKey,
    /// As it lies in its row, for a connection that is new.
    wrapped: Wrapped,
}

impl Vault {
    /// A vault under these master keys.
    pub fn new(keys: Arc<dyn KeyManagement>) -> Self {
        Self(keys)
    }

    /// A data key for a connection that has none yet; [`Sealer::create`] puts it in its row. Asks the key management, so
    /// no transaction should be waiting.
    pub(crate) async fn new_key(&self, owner: Owner) -> Result<Sealer> {
        let key = DataKey::random()?;
        let wrapped = self.0.wrap(&owner, &key).await?;
        Ok(Sealer { owner, key, wrapped })
    }

    /// The data key of a connection. `None`: it has none, because it was deleted.
    pub(crate) async fn key(&self, conn: &mut Conn, owner: Owner) -> Result<Option<Sealer>> {
        let Some(wrapped) = store::key(conn, &owner.connection).await? else { return Ok(None) };
        let key = self.0.unwrap(&owner, &wrapped).await?;
        Ok(Some(Sealer { owner, key, wrapped }))
    }
}

impl Sealer {
    /// Puts the wrapped data key in its row.
    pub(crate) async fn create(&self, conn: &mut Conn) -> Result<()> {
        Ok(store::insert_key(conn, &self.owner.connection, &self.wrapped).await?)
    }

    /// Seals a secret into its row, in place of the one before.
    pub(crate) async fn put(&self, conn: &mut Conn, field: Field, generation: i64, secret: &Secret) -> Result<()> {
        let sealed = envelope::seal(&self.key, &self.owner, field, generation, secret)?;
        Ok(store::put_secret(conn, &self.owner.connection, field.as_str(), generation, &sealed).await?)
    }

    /// Seals a token set. A set without a refresh token leaves the one there is in force (RFC 6749 section 6).
    pub(crate) async fn put_tokens(&self, conn: &mut Conn, generation: i64, tokens: &TokenSet) -> Result<()> {
        self.put(conn, Field::Access, generation, &tokens.access).await?;
        match &tokens.refresh {
            Some(refresh) => self.put(conn, Field::Refresh, generation, refresh).await,
            None => Ok(()),
        }
    }

    /// Opens all of the connection's secrets.
    pub(crate) async fn open(&self, conn: &mut Conn) -> Result<Held> {
        let mut held = Held::default();
        for row in store::secrets(conn, &self.owner.connection).await? {
            let field = Field::ALL.into_iter().find(|field| field.as_str() == row.field);
            let field = field.ok_or_else(|| envelope::does_not_open(&self.owner))?;
            let secret = envelope::open(&self.key, &self.owner, field, row.generation, &row.sealed)?;
            *match field {
                Field::Access => &mut held.access,
                Field::Refresh => &mut held.refresh,
                Field::Client => &mut held.client,
            } = Some(secret);
        }
        Ok(held)
    }
}
