//! Getting the secrets of one exchange, and new ones for those that a service refuses.

use std::sync::Arc;

use jackfield_package::Refusal;

use super::{Attached, Binding, Source, attached::Loaded};
use crate::{Broker, Caller, Connection, Error, clock::Micros, error::Result, refresh::Need, token::GrantKind};

impl Binding {
    /// Whether the broker's rows are needed for it.
    pub fn is_of_a_connection(&self) -> bool {
        matches!(self.source, Source::Connection(_))
    }
}

impl Attached {
    /// Reads the secrets of credentials that lie in files. Blocks on them.
    ///
    /// # Errors
    /// As [`Binding::check`]; `connection-not-found` for one of a connection.
    pub fn from_files(bindings: &[Arc<Binding>], now: Micros) -> std::result::Result<Self, Refusal> {
        let mut loaded = Vec::with_capacity(bindings.len());
        for binding in bindings {
            let secret = binding.load_file()?.ok_or_else(|| {
                let message = format!("the credential `{}` is of a connection, and there is no broker", binding.id);
                Refusal::new("connection-not-found", message)
            })?;
            loaded.push(Loaded { binding: binding.clone(), secret, connection: None });
        }
        Ok(Self::new(loaded, now))
    }
}

impl Broker {
    /// Gets the secrets of these credentials for one request of the caller. Each use of a connection is authorised and recorded in
    /// one; a token that is due is renewed first. `purpose` is what the record says, and holds no secret: a method and an origin.
    ///
    /// # Errors
    /// Why there is no secret: the file's fault, or the connection's state, with what mends it.
    pub async fn attach(&self, caller: &Caller, bindings: &[Arc<Binding>], purpose: &str) -> Result<Attached> {
        let mut loaded = Vec::with_capacity(bindings.len());
        for binding in bindings {
            loaded.push(match &binding.source {
                Source::File(_) => {
                    let reading = binding.clone();
                    let read = tokio::task::spawn_blocking(move || reading.load_file()).await;
                    let secret = read.map_err(|_| Error::Fault("reading a file broke off".into()))??;
                    let secret = secret.ok_or_else(|| Error::Fault("a file without a secret".into()))?;
                    Loaded { binding: binding.clone(), secret, connection: None }
                }
                Source::Connection(id) => {
                    let connection = self.use_credential(caller, id, purpose).await?;
                    if connection.auth != binding.id {
                        let message =
                            format!("the connection `{id}` is for `{}`, not `{}`", connection.auth, binding.id);
                        return Err(Error::refused("connection-mismatch", message));
                    }
                    let fresh = self.fresh(&connection, Need::Use).await?;
                    self.loaded(binding.clone(), fresh).await?
                }
            });
        }
        Ok(Attached::new(loaded, self.now()))
    }

    /// A service has answered 401 to what was attached. Gives what may be tried instead: `None` if nothing newer is to be had.
    ///
    /// # Errors
    /// Why a connection that could be renewed was not.
    pub async fn attach_anew(&self, attached: &Attached) -> Result<Option<Attached>> {
        let mut loaded = Vec::with_capacity(attached.loaded.len());
        let mut newer = false;
        for Loaded { binding, secret, connection } in attached.loaded.iter().map(|loaded| &**loaded) {
            let fresh = match connection {
                Some(connection) => self.rejected(&connection.id, connection.generation).await?,
                None => None,
            };
            loaded.push(match fresh {
                Some(fresh) => {
                    newer = true;
                    self.loaded(binding.clone(), fresh).await?
                }
                None => Loaded { binding: binding.clone(), secret: secret.copy(), connection: connection.clone() },
            });
        }
        Ok(newer.then(|| Attached::new(loaded, self.now())))
    }

    /// A service has taken what was attached: what another answer has put in doubt, is not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn taken(&self, attached: &Attached) -> Result<()> {
        for connection in attached.loaded.iter().filter_map(|loaded| loaded.connection.as_ref()) {
            if connection.is_rejected() && connection.terms.grant == GrantKind::HandedIn {
                self.proved(connection).await?;
            }
        }
        Ok(())
    }

    async fn loaded(&self, binding: Arc<Binding>, connection: Connection) -> Result<Loaded> {
        let held = self.held(&connection).await?;
        let secret = held.access.ok_or_else(|| connection.unusable())?;
        binding.fits(&secret)?;
        Ok(Loaded { binding, secret, connection: Some(connection) })
    }
}
