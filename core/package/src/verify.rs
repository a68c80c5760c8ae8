//! Holding a package's statements against trusted keys. The only place where a [`Verified`] is made.

use serde::{Deserialize, Serialize};

use crate::{
    Label, Package, Refusal,
    key::{KeyId, PublicKey},
    limits::BUNDLES,
    statement::{Bundle, PAYLOAD_TYPE, PublishStatement},
};

/// Whom a host believes, for what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// The keys.
    #[serde(default)]
    pub keys: Vec<TrustedKey>,
    /// The registry this host takes releases from, a bare host name. A statement that names another is refused; none:
    /// the statement's audience is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

impl Trust {
    /// Trust in these keys, for statements of any audience.
    pub fn new(keys: Vec<TrustedKey>) -> Self {
        Self { keys, registry: None }
    }
}

/// One key, and the namespaces it may publish in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// The key; as text its 32 bytes in hex.
    pub key: PublicKey,
    /// What it may publish.
    pub namespaces: Namespaces,
}

/// Which namespaces a key may publish in. As text `"all"`, or a list of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "NamespacesForm", into = "NamespacesForm")]
pub enum Namespaces {
    /// Any.
    All,
    /// These.
    List(Vec<Label>),
}

impl Namespaces {
    /// Whether it covers this one.
    pub fn contains(&self, namespace: &Label) -> bool {
        match self {
            Self::All => true,
            Self::List(list) => list.contains(namespace),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum NamespacesForm {
    Word(AllWord),
    List(Vec<Label>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum AllWord {
    All,
}

impl From<NamespacesForm> for Namespaces {
    fn from(form: NamespacesForm) -> Self {
        match form {
            NamespacesForm::Word(AllWord::All) => Self::All,
            NamespacesForm::List(list) => Self::List(list),
        }
    }
}

impl From<Namespaces> for NamespacesForm {
    fn from(namespaces: Namespaces) -> Self {
        match namespaces {
            Namespaces::All => Self::Word(AllWord::All),
            Namespaces::List(list) => Self::List(list),
        }
    }
}

/// A package whose publisher is known and trusted. Made in this file only: [`verify`] holds a file against the keys that
/// this host trusts, and [`crate::admission::admit()`] a registry's release against its evidence.
#[derive(Clone, Debug)]
pub struct Verified {
    package: Package,
    signer: KeyId,
    statement: PublishStatement,
}

impl Verified {
    /// The one maker: what a trusted signer said in `statement` is true of these bytes, in every point. The caller has held
    /// the signature, and goes on to refuse for whatever else is wrong.
    ///
    /// # Errors
    /// `subject-mismatch`, `name-mismatch`, `version-mismatch`, `world-mismatch`, `manifest-mismatch`.
    pub(crate) fn hold(
        package: &Package,
        signer: KeyId,
        statement: PublishStatement,
        log: &mut StepLog,
    ) -> Result<Self, Refusal> {
        let manifest = package.manifest();
        let Comparison { code, what, signed, found } = Comparison {
            code: "subject-mismatch",
            what: "the component's digest",
            signed: statement.component.to_string(),
            found: package.digest().to_string(),
        };
        log.step("subject", compared(&signed, &found), || {
            equal(code, what, &signed, &found).map_err(|refusal| {
                refusal.hint("the component was changed after signing: get it anew, or sign it again")
            })
        })?;
        for (step, comparison) in [
            (
                "name",
                Comparison {
                    code: "name-mismatch",
                    what: "the package's name",
                    signed: statement.name.to_string(),
                    found: manifest.name.to_string(),
                },
            ),
            (
                "version",
                Comparison {
                    code: "version-mismatch",
                    what: "the version",
                    signed: statement.version.to_string(),
                    found: manifest.version.to_string(),
                },
            ),
            (
                "world",
                Comparison {
                    code: "world-mismatch",
                    what: "the contract",
                    signed: escape(&statement.world),
                    found: manifest.world.to_string(),
                },
            ),
            (
                "manifest",
                Comparison {
                    code: "manifest-mismatch",
                    what: "the manifest's digest",
                    signed: statement.manifest_digest.to_string(),
                    found: package.manifest_digest().to_string(),
                },
            ),
        ] {
            let Comparison { code, what, signed, found } = comparison;
            log.step(step, compared(&signed, &found), || equal(code, what, &signed, &found))?;
        }
        Ok(Self { package: package.clone(), signer, statement })
    }

    /// The package.
    pub fn package(&self) -> &Package {
        &self.package
    }

    /// Whose statement it was.
    pub fn signer(&self) -> &KeyId {
        &self.signer
    }

    /// The publisher's statement.
    pub fn statement(&self) -> &PublishStatement {
        &self.statement
    }
}

/// One thing that was looked at, with its inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which check: a stable word.
    pub name: &'static str,
    /// Whether it held.
    pub ok: bool,
    /// What was compared with what.
    pub detail: String,
}

/// All steps in the order they were taken, and what follows from them.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// What was looked at. Where several bundles were tried, the steps of one follow those of the other.
    pub steps: Vec<Step>,
    /// The package as verified, or the first reason against it; of several bundles that of the one that came furthest.
    #[serde(serialize_with = "serialize_verdict")]
    pub verdict: Result<Verified, Refusal>,
}

/// Holds a package's statements against trusted keys: one good publish statement of a trusted key is enough.
///
/// Verdict codes: `signature-missing`, `bundle-too-many`, `signer-unknown`, `statement-type`, `signature-invalid`,
/// `statement-malformed` and the `json-…` codes, `subject-mismatch`, `name-mismatch`, `version-mismatch`,
/// `world-mismatch`, `manifest-mismatch`, `audience-mismatch`, `signer-not-for-namespace`.
pub fn verify(package: &Package, bundles: &[Bundle], trust: &Trust) -> Verification {
    let mut log = StepLog::default();
    log.pass("component", format!("{} bytes, {}", package.size(), package.digest()));
    if let Err(refusal) = log.step("bundles", format!("{} found", bundles.len()), || check_count(bundles)) {
        return Verification { steps: log.steps, verdict: Err(refusal) };
    }
    let mut furthest: Option<(usize, Refusal)> = None;
    for bundle in bundles {
        let before = log.steps.len();
        match verify_one(package, bundle, trust, &mut log) {
            Ok(verified) => return Verification { steps: log.steps, verdict: Ok(verified) },
            Err(refusal) => {
                let taken = log.steps.len() - before;
                if furthest.as_ref().is_none_or(|(most, _)| taken > *most) {
                    furthest = Some((taken, refusal));
                }
            }
        }
    }
    let refusal = furthest.map_or_else(signature_missing, |(_, refusal)| refusal);
    Verification { steps: log.steps, verdict: Err(refusal) }
}

fn check_count(bundles: &[Bundle]) -> Result<(), Refusal> {
    match bundles.len() {
        0 => Err(signature_missing()),
        count if count > BUNDLES => {
            Err(Refusal::new("bundle-too-many", format!("{count} bundles for one component: at most {BUNDLES}")))
        }
        _ => Ok(()),
    }
}

fn signature_missing() -> Refusal {
    Refusal::new("signature-missing", "nobody has signed this component: there is no bundle for it")
        .hint("put `<component>.wasm.sigstore.json` beside it; its author makes it with `jackfield sign`")
}

fn verify_one(package: &Package, bundle: &Bundle, trust: &Trust, log: &mut StepLog) -> Result<Verified, Refusal> {
    let envelope = bundle.envelope();
    let hint = bundle.key_hint();
    let manifest = package.manifest();

    log.step("payload-type", format!("`{}`", escape(envelope.payload_type())), || {
        equal("statement-type", "the envelope's payload type", PAYLOAD_TYPE, &escape(envelope.payload_type()))
    })?;
    let trusted = log.step("signer", format!("key {hint}, {} keys are trusted", trust.keys.len()), || {
        trust.keys.iter().find(|trusted| trusted.key.id() == *hint).ok_or_else(|| {
            Refusal::new("signer-unknown", format!("key {hint} has signed, and this host does not trust it"))
                .hint("if you trust its owner, add the key: jackfield trust add <public.pem>")
        })
    })?;
    let payload = log.step("signature", format!("Ed25519 over {} bytes of DSSE v1", envelope.pae().len()), || {
        envelope.verified_payload(&trusted.key)
    })?;
    // Nothing of the payload has been looked at before this line.
    let statement = log.step("statement", format!("{} bytes of in-toto Statement v1", payload.len()), || {
        PublishStatement::from_verified_payload(payload)
    })?;

    let verified = Verified::hold(package, *hint, statement, log)?;
    check_audience(verified.statement(), trust, log)?;
    let namespace = manifest.name.namespace();
    log.step("namespace", format!("key {hint} for `{namespace}`"), || {
        if trusted.namespaces.contains(namespace) {
            return Ok(());
        }
        Err(Refusal::new(
            "signer-not-for-namespace",
            format!("key {hint} is trusted, and not for the namespace `{namespace}`"),
        )
        .hint(format!("if its owner owns `{namespace}`: jackfield trust add <public.pem> --namespace {namespace}")))
    })?;
    Ok(verified)
}

fn check_audience(statement: &PublishStatement, trust: &Trust, log: &mut StepLog) -> Result<(), Refusal> {
    match (&statement.registry, &trust.registry) {
        (Some(signed), Some(ours)) => log.step("audience", compared(&escape(signed), ours), || {
            equal("audience-mismatch", "the registry", signed, ours)
        }),
        (Some(signed), None) => {
            log.pass("audience", format!("signed for `{}`; this host asks for none", escape(signed)));
            Ok(())
        }
        (None, _) => {
            log.pass("audience", "signed for any registry".to_owned());
            Ok(())
        }
    }
}

struct Comparison {
    code: &'static str,
    what: &'static str,
    signed: String,
    found: String,
}

fn equal(code: &'static str, what: &str, expected: &str, found: &str) -> Result<(), Refusal> {
    if expected == found {
        return Ok(());
    }
    Err(Refusal::new(
        code,
        format!("{what} is not as signed: expected {expected}, found {found}", found = escape(found)),
    ))
}

fn compared(signed: &str, found: &str) -> String {
    if signed == found { format!("{found}, as signed") } else { format!("signed {signed}, found {found}") }
}

fn escape(text: &str) -> String {
    text.chars().take(120).collect::<String>().escape_debug().to_string()
}

/// Takes steps down.
#[derive(Debug, Default)]
pub(crate) struct StepLog {
    pub(crate) steps: Vec<Step>,
}

impl StepLog {
    pub(crate) fn pass(&mut self, name: &'static str, detail: String) {
        self.steps.push(Step { name, ok: true, detail });
    }

    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        detail: String,
        check: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let result = check();
        let detail = match &result {
            Ok(_) => detail,
            Err(refusal) => format!("{detail}: {refusal}"),
        };
        self.steps.push(Step { name, ok: result.is_ok(), detail });
        result
    }
}

/// `{"signer": …, "digest": …}` or the refusal.
fn serialize_verdict<S: serde::Serializer>(
    verdict: &Result<Verified, Refusal>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    match verdict {
        Ok(verified) => {
            let mut map = serializer.serialize_map(Some(2))?;
            map.serialize_entry("signer", verified.signer())?;
            map.serialize_entry("digest", &verified.package().digest())?;
            map.end()
        }
        Err(refusal) => refusal.serialize(serializer),
    }
}
