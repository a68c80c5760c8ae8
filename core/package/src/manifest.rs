//! What a connector is and asks for: strict JSON in the component's custom section `jackfield:manifest`.

mod bounds;
mod words;

use std::fmt;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Label, PackageName, Refusal,
    egress::{Egress, HostPattern},
    limits,
    strict_json::{self, Floats},
    world,
};

/// The manifest. Unknown and duplicate keys are refused; at most [`crate::limits::MANIFEST_BYTES`] bytes.
///
/// The published JSON Schema (docs/spec/manifest.schema.json) is generated from this type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The package, `namespace:name`.
    pub name: PackageName,
    /// The release's version (semver 2.0.0, without build metadata).
    #[schemars(with = "String", regex(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"))]
    pub version: Version,
    /// The contract it is built against.
    pub world: World,
    /// Its name for a person.
    #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
    pub title: String,
    /// One sentence about what it does.
    #[schemars(length(min = 1, max = limits::SUMMARY_CHARS))]
    pub summary: String,
    /// SPDX licence expression.
    #[schemars(length(min = 1, max = limits::WORD_CHARS))]
    pub license: String,
    /// Where it stands in the marketplace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::CATEGORIES))]
    pub categories: Vec<Category>,
    /// More words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::KEYWORDS))]
    pub keywords: Vec<Label>,
    /// Where to read on.
    #[serde(default, skip_serializing_if = "Links::is_empty")]
    pub links: Links,
    /// What changed in this version, for the person who upgrades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::TEXT_CHARS))]
    pub changes: Option<String>,
    /// Where it asks to send requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::EGRESS_ENTRIES))]
    pub egress: Vec<Egress>,
    /// Which credentials it asks the host to attach.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::AUTH_ENTRIES))]
    pub auth: Vec<Auth>,
    /// JSON Schema (2020-12) of its non-secret settings, an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Value>,
    /// What it does: equal to what the component's `describe` answers.
    #[schemars(length(min = 1, max = limits::OPERATIONS))]
    pub operations: Vec<Operation>,
    /// Inputs to try, each valid against its operation's schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::EXAMPLES))]
    pub examples: Vec<Example>,
    /// What it needs of fuel, memory and time. The admin's ceiling always wins.
    #[serde(default, skip_serializing_if = "LimitWishes::is_empty")]
    pub limits: LimitWishes,
}

impl Manifest {
    /// Reads the section's bytes.
    ///
    /// # Errors
    /// `manifest-too-large`, the codes of [`strict_json::parse`], `world-version-unsupported` (built against a contract
    /// that this release does not know), `manifest-invalid` with the JSON path to the place.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > limits::MANIFEST_BYTES {
            return Err(Refusal::new(
                "manifest-too-large",
                format!("the manifest has {} bytes: at most {}", bytes.len(), limits::MANIFEST_BYTES),
            ));
        }
        let value = strict_json::parse_with(bytes, Floats::Allowed)
            .map_err(|refusal| Refusal { message: format!("the manifest: {}", refusal.message), ..refusal })?;
        if let Some(world) = value.get("world").and_then(Value::as_str)
            && let Some(version) = world.strip_prefix("jackfield:connector@")
            && world != World::V0_1_0.to_string()
        {
            return Err(world::version_unsupported(version));
        }
        let manifest: Self = strict_json::from_value(value, "manifest-invalid")
            .map_err(|refusal| Refusal { message: format!("the manifest, {}", refusal.message), ..refusal })?;
        manifest.check_bounds()?;
        Ok(manifest)
    }

    /// The manifest's JSON: keys sorted, without white space; the same bytes for the same manifest.
    pub fn to_bytes(&self) -> Vec<u8> {
        strict_json::to_canonical_string(self).into_bytes()
    }

    /// The JSON Schema (2020-12) of the manifest, as published in docs/spec/manifest.schema.json.
    pub fn json_schema() -> Value {
        let mut schema = schemars::schema_for!(Self);
        schema.insert("$id".to_owned(), "https://jackfield.dev/spec/manifest.schema.json".into());
        schema.insert("title".to_owned(), "Jackfield manifest".into());
        schema.to_value()
    }

    /// The operation of that name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name.as_str() == name)
    }
}

/// The WIT package a connector is built against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum World {
    /// `jackfield:connector@0.1.0`
    #[serde(rename = "jackfield:connector@0.1.0")]
    V0_1_0,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V0_1_0 => f.write_str("jackfield:connector@0.1.0"),
        }
    }
}

/// The closed list of categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "plain words")]
pub enum Category {
    Ai,
    Analytics,
    Communication,
    Crm,
    Data,
    Database,
    DeveloperTools,
    Documents,
    Ecommerce,
    Finance,
    Marketing,
    Monitoring,
    Productivity,
    Security,
    Storage,
    Utility,
}

/// Where to read on; https only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "plain words")]
pub struct Links {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::WORD_CHARS))]
    pub homepage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::WORD_CHARS))]
    pub repository: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::WORD_CHARS))]
    pub documentation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::WORD_CHARS))]
    pub support: Option<String>,
}

impl Links {
    /// Those that are given, with their keys.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Self { homepage, repository, documentation, support } = self;
        [("homepage", homepage), ("repository", repository), ("documentation", documentation), ("support", support)]
            .into_iter()
            .filter_map(|(name, link)| Some((name, link.as_deref()?)))
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One credential that the connector asks the host to attach, outside the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// What the connector and the admin call it.
    pub id: Label,
    /// What kind of credential.
    pub r#type: AuthType,
    /// The provider's name in the catalogue, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Label>,
    /// What the credential must be allowed to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::SCOPES))]
    pub scopes: Vec<Scope>,
    /// The hosts that it may be sent to: each within `egress`.
    #[schemars(length(min = 1, max = limits::EGRESS_ENTRIES))]
    pub hosts: Vec<HostPattern>,
    /// How it is put on a request.
    #[serde(default)]
    pub attach: Attach,
    /// The operation that shows whether it works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Label>,
    /// That the component itself words the requests for its tokens, by the interface `auth-hook`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Hook>,
}

/// Code of the connector that words the requests for a credential's tokens. It sees no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hook {
    /// What it is shown of the provider's answers: JSON pointers (RFC 6901). What is shown can't become a token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::HOOK_READS))]
    pub reads: Vec<String>,
}

/// What kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthType {
    /// RFC 6749.
    Oauth2,
    /// A key in a header or in the query.
    ApiKey,
    /// RFC 7617.
    Basic,
    /// RFC 6750, a token that somebody hands in.
    Bearer,
    /// A keyed hash over the request.
    Hmac,
    /// AWS Signature Version 4.
    Sigv4,
}

/// What a credential must be allowed to do, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// As the provider spells it.
    #[schemars(length(min = 1, max = limits::WORD_CHARS))]
    pub name: String,
    /// For the person who grants it.
    #[schemars(length(min = 1, max = limits::SUMMARY_CHARS))]
    pub reason: String,
}

/// How a credential is put on a request. Left out: `Authorization: Bearer …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "in", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Attach {
    /// A header: `prefix` and then the secret.
    Header {
        /// The header's name, lower case.
        #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
        name: String,
        /// What stands before the secret, such as `Bearer `.
        #[serde(default)]
        #[schemars(length(max = limits::TITLE_CHARS))]
        prefix: String,
    },
    /// A query parameter.
    Query {
        /// The parameter's name.
        #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
        name: String,
    },
    /// RFC 7617: the secret is `user:password`.
    Basic {},
    /// A signature over the request, by the credential's type.
    Signature {
        /// How a credential of type `hmac` signs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hmac: Option<HmacScheme>,
        /// What a credential of type `sigv4` signs for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sigv4: Option<Sigv4Scope>,
    },
}

/// A keyed hash over the request, in a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HmacScheme {
    /// What is signed: text with `{method}`, `{host}`, `{path}`, `{query}`, `{target}` (path and query), `{body}`,
    /// `{body-sha256}` (hex), `{timestamp}` (seconds) and `{timestamp-ms}` filled in.
    #[schemars(length(min = 1, max = limits::SUMMARY_CHARS))]
    pub over: String,
    /// By which hash.
    #[serde(default)]
    pub hash: HmacHash,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: SignatureEncoding,
    /// The header it stands in, lower case.
    #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
    pub header: String,
    /// What stands before it there, such as `sha256=`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = limits::TITLE_CHARS))]
    pub prefix: String,
    /// The header that the timestamp stands in, where `over` has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
    pub timestamp_header: Option<String>,
    /// The header that the key's id stands in; then the secret is `key-id:secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
    pub key_header: Option<String>,
}

/// A hash function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "plain words")]
pub enum HmacHash {
    #[default]
    Sha256,
    Sha512,
}

/// How bytes are written in a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "plain words")]
pub enum SignatureEncoding {
    #[default]
    Hex,
    Base64,
}

/// Whom an AWS signature is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sigv4Scope {
    /// Such as `s3` or `execute-api`.
    #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
    pub service: String,
    /// Such as `eu-central-1`.
    #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
    pub region: String,
}

impl Default for Attach {
    fn default() -> Self {
        Self::Header { name: "authorization".to_owned(), prefix: "Bearer ".to_owned() }
    }
}

/// One thing a connector does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// What callers call it.
    pub name: Label,
    /// How it is called.
    pub kind: OperationKind,
    /// Its name for a person.
    #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
    pub title: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = limits::TEXT_CHARS))]
    pub description: String,
    /// JSON Schema (2020-12) of the input.
    pub input: Value,
    /// JSON Schema (2020-12) of the output.
    pub output: Value,
    /// What it may change at the service.
    pub effect: Effect,
    /// Whether doing it twice is the same as doing it once.
    #[serde(default)]
    pub idempotent: bool,
    /// Scopes that this operation needs, of those in `auth`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = limits::SCOPES))]
    pub scopes: Vec<String>,
}

/// How an operation is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// By name, through the interface `operations`.
    Action,
    /// Again and again, through `polling`.
    Poll,
    /// By the service, through `webhooks`.
    Webhook,
}

/// What an operation may change at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing.
    Read,
    /// It adds or changes.
    Write,
    /// It removes, or can't be undone.
    Destructive,
}

/// An input to try.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Of which operation.
    pub operation: Label,
    /// What it shows.
    #[schemars(length(min = 1, max = limits::TITLE_CHARS))]
    pub title: String,
    /// Valid against the operation's input schema.
    pub input: Value,
    /// Valid against the operation's output schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// What a connector asks for, where the host's defaults are too little. Left out: the host's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitWishes {
    /// Bytes of linear memory and tables, summed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Units of fuel a call (about one a WebAssembly instruction).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Milliseconds a call, host calls included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// Bytes of one HTTP response's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_bytes: Option<u64>,
}

impl LimitWishes {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
