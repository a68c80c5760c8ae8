//! From a name to a release that a registry offers and this home admits.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jackfield_package::{
    Package, PackageName, Refusal,
    admission::{
        Admitted, Context as Admitting, Evidence, HostPolicy, Offer, Query, Resolution, Resolved, Seen,
        TrustedRegistry, admit, history::Head, resolve,
    },
    limits::{COMPONENT_BYTES, EVIDENCE_BYTES, INDEX_BUNDLE_BYTES, NOTE_BYTES},
    log::{Checkpoint, SignedNote, merkle},
    statement::{Bundle, IndexStatement},
    verify::Step,
};
use reqwest::Method;
use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::{
    context::Context,
    error::{Done, Failed},
    flags::RegistryUrl,
    near,
    remote::{Outgoing, Remote},
    taken_back::Against,
    trusted::Trusted,
};

/// How long a registry may take to count an installation.
const REPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// `namespace:name`, or `namespace:name@RANGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: PackageName,
    pub(crate) range: Option<VersionReq>,
}

impl Wanted {
    /// None if it is no package's name at all.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, Failed>> {
        let (name, range) = text.split_once('@').map_or((text, None), |(name, range)| (name, Some(range)));
        let name: PackageName = name.parse().ok()?;
        let range = match range {
            None => Ok(None),
            // A whole version means that version, not what is compatible with it.
            Some(text) => match text.parse::<Version>() {
                Ok(version) => VersionReq::parse(&format!("={version}")).map(Some),
                Err(_) => VersionReq::parse(text).map(Some),
            },
        };
        Some(range.map(|range| Self { name, range }).map_err(|error| {
            Failed::usage("range-malformed", format!("`{text}`: {error}"))
                .hint("such as acme:crm, acme:crm@1.2.3 or 'acme:crm@^1.2'")
        }))
    }
}

/// One registry that this home believes, and how to ask it.
#[derive(Debug)]
pub(crate) struct Supply<'c> {
    pub(crate) trusted: Trusted,
    pub(crate) policy: HostPolicy,
    pub(crate) registry: TrustedRegistry,
    remote: Remote,
    pub(crate) context: &'c Context,
}

/// What a registry says that there is of a package.
pub(crate) struct Listed {
    pub(crate) index: IndexStatement,
    /// The release that was asked for, or the reason against it.
    pub(crate) resolved: Result<Resolved, Failed>,
    /// What is known against the release that is installed.
    pub(crate) installed: Option<Against>,
}

/// What came of asking for a release.
pub(crate) struct Found {
    /// The registry's index, if it is one to be believed.
    pub(crate) index: Option<IndexStatement>,
    pub(crate) steps: Vec<Step>,
    pub(crate) verdict: Result<Good, Failed>,
    /// What is known against the release that is installed.
    pub(crate) installed: Option<Against>,
}

/// A release that may be installed, with all that shows it.
pub(crate) struct Good {
    pub(crate) resolved: Resolved,
    pub(crate) admitted: Admitted,
    pub(crate) index: Bundle,
    pub(crate) evidence: Evidence,
}

impl<'c> Supply<'c> {
    /// The registry that is named, or the one of that origin, or the only one.
    pub(crate) fn open(flags: &RegistryUrl, origin: Option<&str>, context: &'c Context) -> Result<Self, Failed> {
        let trusted = Trusted::of(context);
        let policy = trusted.policy()?;
        let found = match (&flags.registry, origin, policy.registries.as_slice()) {
            (Some(url), ..) => policy.registry_at(url),
            (None, Some(origin), _) => policy.registry(origin),
            (None, None, [only]) => Some(only),
            (None, None, _) => None,
        };
        let registry = found.cloned().ok_or_else(|| {
            let message = match (&flags.registry, policy.registries.len()) {
                (Some(url), _) => format!("the registry {url} is not among those that this host believes"),
                (None, 0) => "this host believes no registry".to_owned(),
                (None, _) => "this host believes several registries, and none is named".to_owned(),
            };
            let url = flags.registry.as_deref().unwrap_or("URL");
            Failed::usage("registry-not-trusted", message).hint(match (&flags.registry, policy.registries.len()) {
                (None, 1..) => "say which: --registry URL; see: jackfield registry list".to_owned(),
                _ => format!("pin its keys first: jackfield registry add {url}"),
            })
        })?;
        let remote = Remote::open(&RegistryUrl { registry: Some(registry.url.clone()) }, context)?;
        Ok(Self { trusted, policy, registry, remote, context })
    }

    /// For a server, which asks as nobody in particular: the registry that a package came from, or the one beside it, or the only
    /// one. `own` is where the one beside it listens now, whatever was written down when it was first believed.
    pub(crate) fn of(
        origin: Option<&str>,
        own: Option<&TrustedRegistry>,
        context: &'c Context,
    ) -> Result<Self, Failed> {
        let own_is_meant = own.filter(|own| origin.is_none_or(|origin| origin == own.origin));
        let mut supply = Self::open(
            &RegistryUrl { registry: None },
            origin.or(own_is_meant.map(|own| own.origin.as_str())),
            context,
        )?;
        let url = own_is_meant.map_or(supply.registry.url.clone(), |own| own.url.clone());
        supply.remote = Remote::with_token(&RegistryUrl { registry: Some(url) }, None, context)?;
        Ok(supply)
    }

    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The package's index, as the registry shows it now. Nothing is verified.
    async fn index(&self, name: &PackageName) -> Result<Bundle, Failed> {
        let path = format!("/v1/index/{}/{}", name.namespace(), name.name());
        match self.remote.get_bytes(&path, INDEX_BUNDLE_BYTES).await {
            Ok(bytes) => Ok(Bundle::parse_index(&bytes)?),
            Err(failed) => Err(near::unknown(failed, name, &self.remote).await),
        }
    }

    /// What there is now, and which release a query means.
    pub(crate) async fn list(&self, query: &Query, automatic: bool) -> Result<Listed, Failed> {
        let seen = self.trusted.seen(&self.registry, &query.name)?;
        let bundle = self.index(&query.name).await?;
        let Resolution { index, meant, verdict, misbehaviour, .. } =
            resolve(&bundle, query, &self.admitting(&seen, None, automatic)?);
        if let Some(lie) = &misbehaviour {
            self.caught(lie)?;
        }
        let (index, verdict) = match (index, verdict) {
            (Some(index), verdict) => (index, verdict),
            (None, Err(refusal)) => return Err(refusal.into()),
            (None, Ok(_)) => return Err(Failed::usage("index-malformed", "there is no index")),
        };
        self.trusted.saw_index(&self.registry, &index, &bundle)?;
        let installed = self.against_installed(&index).await?;
        let resolved = match verdict {
            Ok(resolved) => Ok(resolved),
            Err(refusal) => Err(self.explained(refusal, meant.as_ref(), installed.as_ref(), Some(&index)).await),
        };
        Ok(Listed { index, resolved, installed })
    }

    /// Asks for a release and holds it against everything. Installs nothing, but remembers what was seen.
    pub(crate) async fn find(&self, query: &Query, automatic: bool) -> Result<Found, Failed> {
        let name = &query.name;
        let origin = &self.registry.origin;
        let seen = self.trusted.seen(&self.registry, name)?;
        let index = self.index(name).await?;
        let Resolution { mut steps, index: listed, meant, verdict, misbehaviour } =
            resolve(&index, query, &self.admitting(&seen, None, automatic)?);
        if let Some(lie) = &misbehaviour {
            self.caught(lie)?;
        }
        let mut installed = None;
        if let Some(listed) = &listed {
            self.trusted.saw_index(&self.registry, listed, &index)?;
            installed = self.against_installed(listed).await?;
        }
        let resolved = match verdict {
            Ok(resolved) => resolved,
            Err(refusal) => {
                let failed = self.explained(refusal, meant.as_ref(), installed.as_ref(), listed.as_ref()).await;
                return Ok(Found { index: listed, steps, verdict: Err(failed), installed });
            }
        };

        let package = Package::parse(self.component(&resolved).await?)?;
        let evidence = self.evidence(name, &resolved.release().version).await?;
        let head = self.head(&seen, &evidence).await?;
        let context = self.admitting(&seen, Some(&head), automatic)?;
        let offer = Offer { resolved: &resolved, package: &package, evidence: &evidence };
        let admission = admit(&offer, &context);
        steps.extend(admission.steps);
        if let Some(lie) = &admission.misbehaviour {
            self.caught(lie)?;
        }
        let verdict = match admission.verdict {
            Ok(admitted) => {
                self.trusted.saw_checkpoint(origin, &admitted.checkpoint)?;
                Ok(Good { resolved, admitted, index, evidence })
            }
            Err(refusal) => {
                if let (None, Some(listed)) = (&installed, &listed) {
                    installed = self.against_silently(resolved.release(), &evidence, listed)?;
                }
                Err(refusal.into())
            }
        };
        Ok(Found { index: listed, steps, verdict, installed })
    }

    /// All that the registry has to show for a release. Nothing is verified.
    pub(crate) async fn evidence(&self, name: &PackageName, version: &Version) -> Result<Evidence, Failed> {
        let path = format!("/v1/packages/{}/{}/{version}/evidence", name.namespace(), name.name());
        Ok(Evidence::parse(&self.remote.get_bytes(&path, EVIDENCE_BYTES).await?)?)
    }

    pub(crate) fn admitting<'a>(
        &'a self,
        seen: &'a Seen,
        head: Option<&'a Head>,
        automatic: bool,
    ) -> Result<Admitting<'a>, Failed> {
        Ok(Admitting { registry: &self.registry, policy: &self.policy, seen, head, now: now()?, automatic })
    }

    /// The bytes, from this home if they are here already.
    async fn component(&self, resolved: &Resolved) -> Result<Vec<u8>, Failed> {
        let release = resolved.release();
        if let Some(bytes) = self.trusted.component(release.component) {
            return Ok(bytes);
        }
        let most = usize::try_from(release.size).unwrap_or(usize::MAX);
        if most > COMPONENT_BYTES {
            let message = format!("the index names a component of {most} bytes: at most {COMPONENT_BYTES}");
            return Err(Refusal::new("component-too-large", message).into());
        }
        let name = resolved.name();
        let path = format!("/v2/{}/{}/blobs/{}", name.namespace(), name.name(), release.component);
        self.remote.get_bytes(&path, most).await
    }

    /// What the log shows now, and how it grew from what was seen and from the evidence.
    async fn head(&self, seen: &Seen, evidence: &Evidence) -> Result<Head, Failed> {
        let checkpoint = SignedNote::parse(&self.remote.get_bytes("/log/checkpoint", NOTE_BYTES).await?)?;
        let to = Checkpoint::parse(checkpoint.text())?.size;
        let from_seen = match &seen.checkpoint {
            Some(note) => self.consistency(Checkpoint::parse(note.text())?.size, to).await?,
            None => Vec::new(),
        };
        let from_evidence = self.consistency(Checkpoint::parse(evidence.checkpoint.text())?.size, to).await?;
        Ok(Head { checkpoint, from_seen, from_evidence })
    }

    async fn consistency(&self, from: u64, to: u64) -> Result<Vec<merkle::Hash>, Failed> {
        // Nothing lies between equal sizes, and a smaller one can't be joined: admission says so.
        if from >= to || from == 0 {
            return Ok(Vec::new());
        }
        #[derive(Deserialize)]
        struct Proof {
            hashes: Vec<String>,
        }
        let proof: Proof = self.remote.get(&format!("/v1/log/consistency?from={from}&to={to}")).await?;
        let hash = |text: &String| {
            let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.map(merkle::Hash).ok_or_else(|| {
                Refusal::new("log-proof-malformed", "the consistency proof holds what is not the base64 of 32 bytes")
            })
        };
        Ok(proof.hashes.iter().map(hash).collect::<Result<_, _>>()?)
    }

    fn caught(&self, lie: &jackfield_package::admission::EvidenceOfMisbehaviour) -> Done {
        let folder = self.trusted.keep_lie(lie, now()?)?;
        self.context.ui.warn(&format!("the registry `{}` contradicts itself: {}", lie.registry, lie.message));
        self.context.ui.hint(&format!("what proves it is kept in {}", folder.display()));
        Ok(())
    }

    /// Tells the registry that a release is installed, for its count: which one, and nothing of who. Nobody waits for it long,
    /// and nothing depends on it.
    pub(crate) async fn report_install(&self, good: &Good) {
        let (name, version) = (good.resolved.name(), &good.resolved.release().version);
        let path = format!("/v1/packages/{}/{}/{version}/installs", name.namespace(), name.name());
        let remote = self.remote.as_nobody();
        let told = remote.send(Method::POST, &path, Outgoing::default());
        let _ = tokio::time::timeout(REPORT_TIMEOUT, told).await;
    }

    /// Writes down what is installed and why.
    pub(crate) fn keep(&self, good: &Good) -> Result<jackfield_package::Digest, Failed> {
        self.trusted.pin(good.resolved.name().namespace(), &good.admitted.pin)?;
        self.trusted.keep(good.resolved.release().component, &good.index, &good.evidence)
    }

    /// The last line of an installation.
    pub(crate) fn lock(&self, good: &Good, evidence: jackfield_package::Digest) -> Done {
        self.trusted.put_locked(jackfield_package::admission::LockedPackage {
            name: good.resolved.name().clone(),
            version: good.resolved.release().version.clone(),
            digest: good.resolved.release().component,
            registry: self.registry.origin.clone(),
            log_index: good.admitted.log_index,
            keyset_version: good.admitted.keyset_version,
            evidence,
            admitted_at: now()?,
        })
    }
}

/// Microseconds since 1970.
pub(crate) fn now() -> Result<i64, Failed> {
    let since =
        SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_micros()).ok());
    since.ok_or_else(|| Failed::usage("clock-wrong", "this machine's clock stands before 1970"))
}
