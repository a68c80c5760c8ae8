//! Turning the master key over, while everything goes on being read.

use jackfield_db::Db;

use super::{Owner, Vault, Wrapped, store};
use crate::{error::Result, limits::REWRAP_BATCH};

/// How far a rewrap is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrapping {
    /// Data keys that were looked at.
    pub done: u64,
    /// Data keys that were under other master keys when it began.
    pub of: u64,
}

/// What a rewrap did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rewrapped {
    /// Data keys that are under the current master key now and were not before.
    pub moved: u64,
    /// How many data keys each master key wraps, by its id. A key that is not here may be taken out.
    pub masters: Vec<(String, i64)>,
}

impl Vault {
    /// Wraps every data key by the current master key. Secrets stay as they are; readers see the old wrapping or the new one.
    /// It can be stopped at any point and begun again, and several processes may do it at once. `told` hears of each key.
    ///
    /// # Errors
    /// `master-key-unknown` for a key that is under a master key which is not here; what was moved before stays moved.
    pub async fn rewrap(&self, db: &Db, told: &mut (dyn FnMut(Rewrapping) + Send)) -> Result<Rewrapped> {
        let current = self.0.current().await?;
        let others = self.masters(db).await?.into_iter().filter(|(master, _)| *master != current);
        let of = others.map(|(_, keys)| u64::try_from(keys).unwrap_or(0)).sum();
        let (mut done, mut moved, mut after) = (0, 0, String::new());
        loop {
            let rows = store::wrapped_otherwise(&mut db.read().await?, &current, &after, REWRAP_BATCH).await?;
            let Some(last) = rows.last() else { break };
            after.clone_from(&last.connection);
            for row in &rows {
                let owner = Owner { tenant: row.tenant.clone(), connection: row.connection.parse()? };
                let old = Wrapped { master: row.master.clone(), bytes: row.wrapped.clone() };
                let key = self.0.unwrap(&owner, &old).await?;
                let new = self.0.wrap(&owner, &key).await?;
                let mut tx = db.begin().await?;
                moved += u64::from(store::replace_key(&mut tx, row, &new).await?);
                tx.commit().await?;
                done += 1;
                told(Rewrapping { done, of });
            }
        }
        Ok(Rewrapped { moved, masters: self.masters(db).await? })
    }

    /// How many data keys each master key wraps, by its id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn masters(&self, db: &Db) -> Result<Vec<(String, i64)>> {
        Ok(store::masters(&mut db.read().await?).await?)
    }

    /// The id of the master key that wraps now.
    ///
    /// # Errors
    /// Those of the key management.
    pub async fn current(&self) -> Result<String> {
        self.0.current().await
    }
}
