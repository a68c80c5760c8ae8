//! What stands behind `#[operation]` and `connector!`: operations as data, found by name.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Context, Error, Result,
    bindings::jackfield::connector::types::{Context as WireContext, Error as WireError},
};

/// What an operation may change at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing.
    Read,
    /// It adds or changes.
    Write,
    /// It removes, or can't be undone.
    Destructive,
}

/// One function under `#[operation]`. Implemented by that attribute alone.
pub trait Operation {
    /// What callers call it.
    const NAME: &'static str;
    /// Its name for a person.
    const TITLE: &'static str;
    /// What it does.
    const DESCRIPTION: &'static str;
    /// What it may change.
    const EFFECT: Effect;
    /// Whether doing it twice is the same as doing it once.
    const IDEMPOTENT: bool;
    /// Scopes it needs.
    const SCOPES: &'static [&'static str];
    /// What it takes.
    type Input: DeserializeOwned + JsonSchema;
    /// What it gives.
    type Output: Serialize + JsonSchema;

    /// Runs it.
    fn call(input: Self::Input, context: &Context) -> Result<Self::Output>;
}

/// Takes the `Output` out of `Result<Output>`, whatever alias the author spelt it with.
pub trait OkOf {
    /// The type of the good answer.
    type Ok;
}

impl<T> OkOf for Result<T> {
    type Ok = T;
}

/// An operation whose types are forgotten.
pub struct Entry {
    name: &'static str,
    describe: fn() -> Description,
    invoke: fn(&str, &Context) -> Result<String>,
}

impl Entry {
    /// The entry of `T`.
    pub const fn of<T: Operation>() -> Self {
        Self { name: T::NAME, describe: describe_one::<T>, invoke: invoke_one::<T> }
    }
}

/// One of the manifest's `operations`; field for field what the host reads.
#[derive(Serialize)]
struct Description {
    name: &'static str,
    kind: &'static str,
    title: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'static str,
    input: Value,
    output: Value,
    effect: Effect,
    idempotent: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes: &'static [&'static str],
}

#[derive(Serialize)]
struct Descriptor {
    operations: Vec<Description>,
}

/// What `descriptor.describe` answers: pure, and the same bytes every time.
pub fn describe(entries: &[Entry]) -> String {
    let operations = entries.iter().map(|entry| (entry.describe)()).collect();
    serde_json::to_string(&Descriptor { operations }).expect("schemas and names are JSON")
}

/// What `operations.invoke` answers.
pub fn invoke(entries: &[Entry], name: &str, input: &str, context: WireContext) -> Result<String, WireError> {
    run(entries, name, input, &context.into()).map_err(Error::into_wire)
}

fn run(entries: &[Entry], name: &str, input: &str, context: &Context) -> Result<String> {
    let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
        let known: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
        return Err(Error::not_found(format!("no operation `{name}`: this connector has {}", known.join(", ")))
            .with_code("unknown-operation"));
    };
    (entry.invoke)(input, context)
}

fn describe_one<T: Operation>() -> Description {
    Description {
        name: T::NAME,
        kind: "action",
        title: T::TITLE,
        description: T::DESCRIPTION,
        input: schema_of::<T::Input>(SchemaSettings::draft2020_12()),
        output: schema_of::<T::Output>(SchemaSettings::draft2020_12().for_serialize()),
        effect: T::EFFECT,
        idempotent: T::IDEMPOTENT,
        scopes: T::SCOPES,
    }
}

fn invoke_one<T: Operation>(input: &str, context: &Context) -> Result<String> {
    let input: T::Input = read_json(input).map_err(|why| Error::invalid_input(format!("input: {why}")))?;
    let output = T::call(input, context)?;
    serde_json::to_string(&output)
        .map_err(|why| Error::internal(format!("output of `{}`: {why}", T::NAME)).with_code("output-not-json"))
}

/// The schema of `T`, without `$schema` (the manifest's format says which draft) and without the type's Rust name as a
/// title (no word for a person).
fn schema_of<T: JsonSchema>(mut settings: SchemaSettings) -> Value {
    settings.meta_schema = None;
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<T>();
    if schema.get("title").and_then(Value::as_str) == Some(&*T::schema_name()) {
        schema.remove("title");
    }
    schema.to_value()
}

/// Reads JSON text; what is wrong comes with its path and place: `` `repo.name`: invalid type … at line 1 column 9 ``.
pub(crate) fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        if path == "." { error.inner().to_string() } else { format!("`{path}`: {}", error.inner()) }
    })?;
    deserializer.end().map_err(|error| error.to_string())?;
    Ok(value)
}
