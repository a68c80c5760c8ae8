//! The registry's signed indexes against the log: what is released was logged. Not only those of packages that the log has just
//! spoken of: a release that was never logged changes nothing there.

use std::collections::BTreeSet;

use jackfield_package::{
    PackageName,
    statement::{Bundle, IndexStatement},
};
use serde_json::Value;

use super::{Monitor, Report, Seen};
use crate::{believed_log::newest, error::Failed, remote::Remote};

/// Packages of the log, and as many that the registry lists, whose indexes one look holds against the log; the rest has its
/// turn in the next. With one look a minute, a million packages are gone through in a day.
pub(super) const PACKAGES_A_LOOK: usize = 1000;
/// Packages on a page of the registry's list: the most it gives.
const PAGE: usize = 100;

impl Monitor {
    /// Holds the indexes of these packages against the log, and those of others whose turn it is.
    pub(super) async fn hold_indexes(
        &self,
        remote: &Remote,
        mut names: BTreeSet<PackageName>,
        seen: &mut Seen,
        report: &mut Report,
    ) -> Result<(), Failed> {
        names.extend(seen.next_logged(PACKAGES_A_LOOK));
        names.extend(next_listed(remote, seen, PACKAGES_A_LOOK).await?);
        for name in &names {
            self.hold_index(remote, name, seen, report).await?;
        }
        Ok(())
    }

    async fn hold_index(
        &self,
        remote: &Remote,
        name: &PackageName,
        seen: &Seen,
        report: &mut Report,
    ) -> Result<(), Failed> {
        let path = format!("/v1/index/{}", name.to_string().replacen(':', "/", 1));
        let bytes = match remote.get_bytes(&path, jackfield_package::limits::INDEX_BUNDLE_BYTES).await {
            Ok(bytes) => bytes,
            Err(failed) if failed.is_not_found() => {
                report.notes.push(format!("{name} has no index (yet)"));
                return Ok(());
            }
            Err(failed) => return Err(failed),
        };
        let index = Bundle::parse_index(&bytes).and_then(|bundle| {
            IndexStatement::from_verified_payload(bundle.envelope().verified_payload(&self.statements_key)?)
        });
        let index = match index {
            Ok(index) => index,
            Err(refusal) => {
                report.alarm("index-invalid", None, format!("the index of {name}: {refusal}"));
                return Ok(());
            }
        };
        if index.log_size > report.checkpoint.size {
            // It was signed after the checkpoint was read, so that it waits for the next look; or it is a way out of all looks.
            let (now, _) = newest(remote, &self.log).await?;
            if index.log_size > now.size {
                let message =
                    format!("the index of {name} speaks of {} entries, and the log has {}", index.log_size, now.size);
                report.alarm("index-ahead", None, message);
            }
            return Ok(());
        }
        for release in &index.releases {
            let logged = seen.published.get(&format!("{name}@{}", release.version));
            if logged != Some(&release.component.to_string()) {
                let message =
                    format!("{name} {} ({}) is released, and not in the log", release.version, release.component);
                report.alarm("release-unlogged", None, message);
            }
        }
        let of_package = format!("{name}@");
        for version in seen.published.keys().filter_map(|key| key.strip_prefix(&of_package)) {
            if !index.releases.iter().any(|release| release.version.to_string() == version) {
                report.notes.push(format!("{name} {version} is in the log, and not in the index (yet)"));
            }
        }
        Ok(())
    }
}

impl Seen {
    /// The next packages of the log, in the order of their names, from where the last look ended; all over again at the end.
    fn next_logged(&mut self, at_most: usize) -> Vec<PackageName> {
        let of = |key: &String| key.rsplit_once('@').map_or("", |(name, _)| name).to_owned();
        let names: BTreeSet<String> = self.published.keys().map(of).collect();
        let after = std::mem::take(&mut self.held_to);
        let next: Vec<String> = names.into_iter().filter(|name| *name > after).take(at_most).collect();
        if let Some(last) = next.last().filter(|_| next.len() == at_most) {
            self.held_to.clone_from(last);
        }
        next.iter().filter_map(|name| name.parse().ok()).collect()
    }
}

/// The next packages that the registry lists.
async fn next_listed(remote: &Remote, seen: &mut Seen, at_most: usize) -> Result<Vec<PackageName>, Failed> {
    let mut names = Vec::new();
    let mut cursor = seen.listed_to.take();
    loop {
        let from = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page: Value = match remote.get(&format!("/v1/packages?sort=newest&limit={PAGE}{from}")).await {
            Ok(page) => page,
            // What was kept from the last look is no place in the list any more.
            Err(_) if cursor.is_some() && names.is_empty() => {
                cursor = None;
                continue;
            }
            Err(failed) => return Err(failed),
        };
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        names.extend(items.iter().filter_map(|item| item["name"].as_str()?.parse().ok()));
        cursor = page["next"].as_str().map(str::to_owned);
        if items.is_empty() || cursor.is_none() || names.len() >= at_most {
            seen.listed_to = cursor;
            return Ok(names);
        }
    }
}
