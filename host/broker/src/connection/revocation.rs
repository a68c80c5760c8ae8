//! Giving tokens back (RFC 7009), until the provider has taken them.

use super::{Caller, ConnectionId, State, Who, audit::Deed, store};
use crate::{
    Broker, Error,
    clock::SECOND,
    error::Result,
    limits::{EVENT_BATCH, REVOCATION_RETRIES_S},
    token::Revocation,
    vault,
};

impl Broker {
    /// Gives back what is due to be given back. The secrets stay sealed until the provider has taken them, or has failed to for
    /// a week; then they are gone for good.
    ///
    /// # Errors
    /// Those of the vault and the database; what a provider answers is only recorded.
    pub async fn revoke_due(&self) -> Result<()> {
        let due = store::due_revocations(&mut self.db().read().await?, self.now(), EVENT_BATCH).await?;
        for (id, attempts) in due {
            let wait = usize::try_from(attempts).ok().and_then(|attempt| REVOCATION_RETRIES_S.get(attempt));
            let mut tx = self.db().begin().await?;
            let next = self.now() + wait.unwrap_or(&0) * SECOND;
            let claimed = store::claim_revocation(&mut tx, &id, attempts, next).await?;
            tx.commit().await?;
            if claimed {
                self.give_back(&id.parse()?, wait.is_none()).await?;
            }
        }
        Ok(())
    }

    async fn give_back(&self, id: &ConnectionId, last: bool) -> Result<()> {
        let mut conn = self.db().read().await?;
        let Some(connection) = store::connection(&mut conn, id).await? else { return Ok(()) };
        let sealer = self.vault().key(&mut conn, connection.owner()).await?;
        let held = match &sealer {
            Some(sealer) => sealer.open(&mut conn).await?,
            None => crate::token::Held::default(),
        };
        drop(conn);
        let answer = if held.access.is_none() && held.refresh.is_none() {
            Ok(Revocation::NotOffered)
        } else {
            self.source().revoke(&connection.terms, &held).await
        };
        let over = last || answer.as_ref().map_or_else(|error| error.permanent, |_| true);
        let detail = match &answer {
            Ok(Revocation::Done) => "the provider has forgotten the tokens",
            Ok(Revocation::NotOffered) => "there is nothing that the provider could forget",
            Err(error) => error.refusal.message.as_str(),
        };
        let outcome = answer.as_ref().map(drop).map_err(|error| Error::Refused(error.refusal.clone()));
        let caller = Caller { tenant: connection.tenant.clone(), who: Who::Broker };
        let now = self.now();
        let mut tx = self.db().begin().await?;
        let deed = Deed { caller: &caller, connection: Some(id), action: "give-back", detail: Some(detail) };
        deed.record(&mut tx, &outcome, now).await?;
        if over {
            store::delete_revocation(&mut tx, id).await?;
            match connection.state {
                State::Deleted => vault::store::destroy(&mut tx, id).await?,
                State::Revoked => vault::store::forget_tokens(&mut tx, id).await?,
                _ => {}
            }
        }
        Ok(tx.commit().await?)
    }
}
