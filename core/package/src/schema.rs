//! JSON Schemas from strangers: compiled offline, with bounds on what holding a value against one may cost.

use std::collections::HashMap;

use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use crate::{
    Fault, Refusal,
    limits::{PATTERN_BYTES, SCHEMA_COST},
    refusal,
};

/// The only dialect: JSON Schema 2020-12.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// How many `$ref`s and subschemas may stand within each other.
const DEPTH: usize = 200;

/// A schema that can be used: valid, without references to elsewhere, and of bearable cost.
#[derive(Clone, Debug)]
pub struct Schema {
    validator: jsonschema::Validator,
}

impl Schema {
    /// Compiles a schema. Regular expressions run in linear time, so look-around and back-references are refused.
    ///
    /// # Errors
    /// `schema-invalid`, `schema-dialect`, `schema-reference` (not `#…` within the same schema), `schema-recursive` (a
    /// reference that comes back to itself without going down into the value), `schema-too-costly`.
    pub fn compile(schema: &Value) -> Result<Self, Refusal> {
        if !(schema.is_object() || schema.is_boolean()) {
            return Err(Refusal::new("schema-invalid", "a schema is an object"));
        }
        if let Some(dialect) = schema.get("$schema")
            && dialect.as_str().map(|dialect| dialect.trim_end_matches('#')) != Some(DIALECT)
        {
            return Err(Refusal::new("schema-dialect", format!("`$schema` is {dialect}: expected `{DIALECT}`")));
        }
        Walk { root: schema, weights: HashMap::new(), open: Vec::new() }.weigh(schema, Edge::Down)?;
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .offline()
            .with_pattern_options(
                jsonschema::PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES),
            )
            .build(schema)
            .map_err(|error| {
                let shown = error.to_string().chars().take(300).collect::<String>();
                Refusal::new("schema-invalid", format!("not a JSON Schema: {}", refusal::shown(&shown)))
            })?;
        Ok(Self { validator })
    }

    /// Where the value breaks the schema, at most ten places; none if it is valid.
    pub fn faults(&self, value: &Value) -> Vec<Fault> {
        self.validator
            .iter_errors(value)
            .take(10)
            .map(|error| {
                let place = error.instance_path().to_string();
                let pointer = match error.kind() {
                    ValidationErrorKind::Required { property: Value::String(name) } => {
                        format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
                    }
                    _ => place,
                };
                // Masked: a value may be large, or private.
                let what = error.masked().to_string().chars().take(300).collect::<String>();
                Fault { pointer, detail: refusal::shown(&what) }
            })
            .collect()
    }

    /// Whether the value is valid.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }
}

/// How one schema leads to another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// It is held against the same value.
    Same,
    /// It is held against a part of the value.
    Down,
}

const SAME_ONE: [&str; 4] = ["not", "if", "then", "else"];
const SAME_LIST: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const SAME_MAP: [&str; 1] = ["dependentSchemas"];
const DOWN_ONE: [&str; 6] =
    ["additionalProperties", "propertyNames", "items", "contains", "unevaluatedItems", "unevaluatedProperties"];
const DOWN_LIST: [&str; 1] = ["prefixItems"];
const DOWN_MAP: [&str; 2] = ["properties", "patternProperties"];

/// What a value meets below a schema.
#[derive(Clone, Copy, Default)]
struct Weight {
    /// How many schemas, references followed; each reference counts anew.
    cost: u64,
    /// How many levels of schemas within each other.
    height: usize,
}

struct Walk<'s> {
    root: &'s Value,
    weights: HashMap<*const Value, Weight>,
    open: Vec<(*const Value, Edge)>,
}

impl<'s> Walk<'s> {
    fn weigh(&mut self, schema: &'s Value, edge: Edge) -> Result<Weight, Refusal> {
        let Value::Object(map) = schema else { return Ok(Weight { cost: 1, height: 1 }) };
        let identity: *const Value = schema;
        if let Some(position) = self.open.iter().position(|(open, _)| *open == identity) {
            // The edges that lead from the schema back to itself.
            let goes_down = edge == Edge::Down || self.open[position + 1..].iter().any(|(_, edge)| *edge == Edge::Down);
            return if goes_down {
                // Such recursion ends with the value.
                Ok(Weight { cost: 1, height: 1 })
            } else {
                let what = "a `$ref` comes back to itself on the same value: checking never ends";
                Err(Refusal::new("schema-recursive", what))
            };
        }
        if let Some(weight) = self.weights.get(&identity) {
            return Ok(*weight);
        }
        if self.open.len() == DEPTH {
            return Err(too_deep());
        }
        self.open.push((identity, edge));
        let mut weight = Weight { cost: 1, height: 0 };
        for (key, value) in map {
            let below = self.weigh_keyword(schema, key, value)?;
            weight.cost = weight.cost.saturating_add(below.cost);
            weight.height = weight.height.max(below.height);
            if weight.cost > SCHEMA_COST {
                let what = format!("a value would be held against more than {SCHEMA_COST} schemas");
                return Err(Refusal::new("schema-too-costly", what));
            }
        }
        weight.height += 1;
        if weight.height > DEPTH {
            return Err(too_deep());
        }
        self.open.pop();
        self.weights.insert(identity, weight);
        Ok(weight)
    }

    fn weigh_keyword(&mut self, schema: &'s Value, key: &str, value: &'s Value) -> Result<Weight, Refusal> {
        match key {
            "$ref" => self.weigh_reference(value),
            "$dynamicRef" | "$recursiveRef" | "$dynamicAnchor" | "$anchor" => {
                Err(Refusal::new("schema-reference", format!("`{key}` is not supported: use `$ref` with `#/$defs/…`")))
            }
            "$id" if !std::ptr::eq(schema, self.root) => {
                Err(Refusal::new("schema-reference", "`$id` may stand at the top of a schema only"))
            }
            "$defs" => {
                // Not held against anything unless referred to, but each must be sound all the same.
                self.weigh_each(members(value), Edge::Down)?;
                Ok(Weight::default())
            }
            _ if SAME_ONE.contains(&key) => self.weigh(value, Edge::Same),
            _ if SAME_LIST.contains(&key) => self.weigh_each(elements(value), Edge::Same),
            _ if SAME_MAP.contains(&key) => self.weigh_each(members(value), Edge::Same),
            _ if DOWN_ONE.contains(&key) => self.weigh(value, Edge::Down),
            _ if DOWN_LIST.contains(&key) => self.weigh_each(elements(value), Edge::Down),
            _ if DOWN_MAP.contains(&key) => self.weigh_each(members(value), Edge::Down),
            _ => Ok(Weight::default()),
        }
    }

    fn weigh_each(&mut self, schemas: impl Iterator<Item = &'s Value>, edge: Edge) -> Result<Weight, Refusal> {
        let mut all = Weight::default();
        for schema in schemas {
            let weight = self.weigh(schema, edge)?;
            all.cost = all.cost.saturating_add(weight.cost);
            all.height = all.height.max(weight.height);
        }
        Ok(all)
    }

    fn weigh_reference(&mut self, value: &'s Value) -> Result<Weight, Refusal> {
        let text = value.as_str().unwrap_or_default();
        let target = text.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(target) = target else {
            return Err(Refusal::new(
                "schema-reference",
                format!(
                    "`$ref` to `{}`: expected `#` or a JSON pointer such as `#/$defs/name` to a place in the same schema",
                    text.chars().take(120).collect::<String>().escape_debug()
                ),
            ));
        };
        self.weigh(target, Edge::Same)
    }
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_object().into_iter().flat_map(|map| map.values())
}

fn too_deep() -> Refusal {
    Refusal::new("schema-too-costly", format!("schemas stand within each other deeper than {DEPTH} levels"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hostile_schemas_are_refused_before_they_are_compiled() {
        let mut bomb = json!({"$defs": {"d0": {"type": "string"}}, "$ref": "#/$defs/d20"});
        for level in 1..=20 {
            let below = format!("#/$defs/d{}", level - 1);
            bomb["$defs"][format!("d{level}")] = json!({"allOf": [{"$ref": below}, {"$ref": below}]});
        }
        let mut chain = json!({"$defs": {"d0": {}}, "$ref": "#/$defs/d400"});
        for level in 1..=400 {
            chain["$defs"][format!("d{level}")] = json!({"$ref": format!("#/$defs/d{}", level - 1)});
        }
        let rows = [
            ("ok", json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^a+$"}}})),
            (
                "ok",
                json!({"$schema": DIALECT, "$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}),
            ),
            ("ok", json!(true)),
            ("schema-invalid", json!("string")),
            ("schema-invalid", json!({"type": "strnig"})),
            ("schema-invalid", json!({"pattern": "(?=a)b"})),
            ("schema-invalid", json!({"pattern": "(((a{1,999}){1,999}){1,999})"})),
            ("schema-dialect", json!({"$schema": "http://json-schema.org/draft-07/schema#"})),
            ("schema-reference", json!({"$ref": "https://evil.example/schema.json"})),
            ("schema-reference", json!({"items": {"allOf": [{"$ref": "file:///etc/passwd"}]}})),
            ("schema-reference", json!({"$defs": {"unused": {"$ref": "http://evil.example"}}})),
            ("schema-reference", json!({"$ref": "#/$defs/missing"})),
            ("schema-reference", json!({"items": {"$id": "https://evil.example/"}})),
            ("schema-recursive", json!({"$ref": "#"})),
            (
                "schema-recursive",
                json!({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
            ),
            ("schema-too-costly", bomb),
            ("schema-too-costly", chain),
        ];
        for (expected, schema) in rows {
            let code = Schema::compile(&schema).map_or_else(|refusal| refusal.code, |_| "ok");
            assert_eq!(code, expected, "{}", schema.to_string().chars().take(120).collect::<String>());
        }
    }

    #[test]
    fn faults_name_the_place_and_not_the_value() {
        let schema =
            Schema::compile(&json!({"properties": {"n": {"type": "integer"}}, "required": ["m/x"]})).expect("valid");
        let faults = schema.faults(&json!({"n": "private"}));
        let mut places: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        places.sort_unstable();
        // What is missing is named where it should be.
        assert_eq!(places, ["/m~1x", "/n"]);
        assert!(!format!("{faults:?}").contains("private"), "{faults:?}");
    }
}
