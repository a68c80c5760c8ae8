//! Names of namespaces and packages, spelled as WIT and `wkg` spell them.

use std::{fmt, str::FromStr};

use crate::{Refusal, limits::LABEL_BYTES};

/// One part of a name: lower-case kebab words, `[a-z][a-z0-9]*(-[a-z0-9]+)*`, at most [`LABEL_BYTES`] bytes. Also the
/// form of operation names and of ids in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(String);

impl Label {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let words_are_good = text
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        let starts_with_a_letter = text.starts_with(|c: char| c.is_ascii_lowercase());
        if !words_are_good || !starts_with_a_letter || text.len() > LABEL_BYTES {
            return Err(Refusal::new(
                "name-malformed",
                format!(
                    "`{}` is not a name: expected lower-case letters and digits in words joined by `-`, \
                     beginning with a letter, at most {LABEL_BYTES} characters",
                    text.chars().take(80).collect::<String>().escape_debug()
                ),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A package: `namespace:name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName {
    namespace: Label,
    name: Label,
}

impl PackageName {
    /// Who publishes it.
    pub fn namespace(&self) -> &Label {
        &self.namespace
    }

    /// What it is called there.
    pub fn name(&self) -> &Label {
        &self.name
    }
}

impl FromStr for PackageName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (namespace, name) = text.split_once(':').ok_or_else(|| {
            Refusal::new(
                "name-malformed",
                format!(
                    "`{}` is not a package name: expected `namespace:name`",
                    text.chars().take(80).collect::<String>().escape_debug()
                ),
            )
        })?;
        Ok(Self { namespace: namespace.parse()?, name: name.parse()? })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}

/// Serde and JSON Schema for types whose text form is the whole of them.
macro_rules! text_form {
    ($type:ty, $schema_name:literal, $schema:tt) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(|refusal: $crate::Refusal| serde::de::Error::custom(refusal.message))
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $schema_name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}
pub(crate) use text_form;

text_form!(Label, "Label", {
    "type": "string",
    "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    "maxLength": 64
});
text_form!(PackageName, "PackageName", {
    "type": "string",
    "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*:[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    "maxLength": 129
});
