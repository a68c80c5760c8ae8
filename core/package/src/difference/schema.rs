//! Whether one JSON Schema takes everything that another takes.
//!
//! In general that can't be decided; this decides the common cases by their structure and says no to the rest. A property that
//! an open schema (no `additionalProperties`) does not name is no part of its contract: adding an optional one to an input,
//! or dropping an optional one from an output, is compatible.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords that say something to people only. `format` asserts nothing in 2020-12 unless asked to.
const ANNOTATIONS: [&str; 14] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "contentMediaType",
    "contentEncoding",
];

/// How many pairs of subschemas are compared before it is given up: a person's schema has some hundred.
const STEPS: usize = 20_000;
/// How deep.
const DEPTH: usize = 128;

const ALL_TYPES: [&str; 6] = ["null", "boolean", "number", "string", "array", "object"];

/// Whether both say the same, descriptions aside.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    bare(a) == bare(b)
}

/// Whether `outer` takes every value that `inner` takes.
///
/// # Errors
/// Where that can't be shown: the path within the schema, and why.
pub(super) fn contains(outer: &Value, inner: &Value) -> Result<(), String> {
    Comparison { outer, inner, open: Vec::new(), steps: 0 }.contains(outer, inner, "")
}

/// A schema without what is for people, at every level. `properties` and its like hold names, which are kept.
fn bare(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(key, _)| !ANNOTATIONS.contains(&key.as_str()) || key.as_str() == "$defs")
                .map(|(key, value)| match (key.as_str(), value) {
                    ("properties" | "patternProperties" | "dependentSchemas" | "$defs", Value::Object(named)) => {
                        let named = named.iter().map(|(name, schema)| (name.clone(), bare(schema))).collect();
                        (key.clone(), Value::Object(named))
                    }
                    ("const" | "enum", value) => (key.clone(), value.clone()),
                    ("required", Value::Array(names)) => {
                        let mut names = names.clone();
                        names.sort_by_key(Value::to_string);
                        (key.clone(), Value::Array(names))
                    }
                    (_, value) => (key.clone(), bare(value)),
                })
                .collect(),
        ),
        Value::Array(list) => Value::Array(list.iter().map(bare).collect()),
        other => other.clone(),
    }
}

struct Comparison<'s> {
    outer: &'s Value,
    inner: &'s Value,
    /// Pairs that are being compared: coming back to one proves nothing new and breaks nothing.
    open: Vec<(*const Value, *const Value)>,
    steps: usize,
}

type Verdict = Result<(), String>;

impl<'s> Comparison<'s> {
    fn contains(&mut self, outer: &'s Value, inner: &'s Value, path: &str) -> Verdict {
        self.steps += 1;
        if self.steps > STEPS || self.open.len() > DEPTH {
            return Err(at(path, "the schemas are too large to compare"));
        }
        let pair: (*const Value, *const Value) = (outer, inner);
        if self.open.contains(&pair) {
            return Ok(());
        }
        self.open.push(pair);
        let verdict = self.compare(outer, inner, path);
        self.open.pop();
        verdict
    }

    fn compare(&mut self, outer: &'s Value, inner: &'s Value, path: &str) -> Verdict {
        let no_reference = |schema: &Value| !schema.to_string().contains("\"$ref\"");
        if same(outer, inner) && (no_reference(outer) || self.outer == self.inner) {
            return Ok(());
        }
        let outer_map = match outer {
            Value::Bool(true) => return Ok(()),
            Value::Object(map) => map,
            _ => return if *inner == Value::Bool(false) { Ok(()) } else { Err(at(path, "nothing is taken any more")) },
        };
        static ANYTHING: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        let inner_map: &'s Map<String, Value> = match inner {
            Value::Bool(false) => return Ok(()),
            Value::Object(map) => map,
            _ => &ANYTHING,
        };
        if let Some(target) = reference(self.inner, inner_map) {
            let target = target.map_err(|what| at(path, &what))?;
            return self.contains(outer, target, path);
        }
        if let Some(target) = reference(self.outer, outer_map) {
            let target = target.map_err(|what| at(path, &what))?;
            return self.contains(target, inner, path);
        }
        // Alternatives of the inner one: the outer one must take each.
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = inner_map.get(keyword) {
                let alone = branches.iter().try_for_each(|branch| self.contains(outer, branch, path));
                return match (alone, siblings(inner_map, keyword)) {
                    (Ok(()), _) => Ok(()),
                    // What stands beside the alternatives may suffice already.
                    (Err(_), true) => self.members(outer_map, inner_map, path),
                    (Err(error), false) => Err(error),
                };
            }
        }
        if let Some(Value::Array(parts)) = inner_map.get("allOf")
            && parts.iter().any(|part| self.contains(outer, part, path).is_ok())
        {
            return Ok(());
        }
        self.members(outer_map, inner_map, path)
    }

    /// Every demand of the outer schema must follow from the inner one's.
    fn members(&mut self, outer: &'s Map<String, Value>, inner: &'s Map<String, Value>, path: &str) -> Verdict {
        let types = types_of(inner);
        for (keyword, demand) in outer.iter().filter(|(key, _)| !ANNOTATIONS.contains(&key.as_str())) {
            let given = inner.get(keyword);
            match keyword.as_str() {
                "type" => {
                    let taken = types_named(demand);
                    let left: Vec<_> = types.iter().filter(|kind| !takes(&taken, kind)).copied().collect();
                    if !left.is_empty() {
                        return Err(at(path, &format!("`{}` is not taken", left.join("`, `"))));
                    }
                }
                "const" | "enum" => {
                    let (Some(taken), Some(given)) = (values_of(outer), values_of(inner)) else {
                        return Err(at(path, "only certain values are taken"));
                    };
                    if let Some(value) = given.iter().find(|value| !taken.contains(value)) {
                        return Err(at(path, &format!("the value {} is not taken", shortened(value))));
                    }
                }
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" if is_number(&types) => {
                    if !bounded(keyword, demand, inner) {
                        return Err(at(path, &format!("`{keyword}` is {demand}")));
                    }
                }
                "multipleOf" if is_number(&types) => {
                    let divides = given
                        .and_then(Value::as_i64)
                        .zip(demand.as_i64())
                        .is_some_and(|(given, demand)| demand != 0 && given % demand == 0);
                    let integers = demand.as_i64() == Some(1) && !types.contains("number");
                    if !(divides || integers) {
                        return Err(at(path, &format!("`multipleOf` is {demand}")));
                    }
                }
                "minLength" | "maxLength" if types.contains("string") => smaller(keyword, demand, given, path)?,
                "minItems" | "maxItems" if types.contains("array") => smaller(keyword, demand, given, path)?,
                "minProperties" | "maxProperties" if types.contains("object") => {
                    smaller(keyword, demand, given, path)?;
                }
                "uniqueItems" if types.contains("array") && demand == &Value::Bool(true) => {
                    if given != Some(demand) {
                        return Err(at(path, "elements must be unique"));
                    }
                }
                "required" if types.contains("object") => {
                    let given = names(given);
                    if let Some(name) = names(Some(demand)).into_iter().find(|name| !given.contains(name)) {
                        return Err(at(path, &format!("`{}` is required", name.escape_debug())));
                    }
                }
                "properties" if types.contains("object") => self.properties(demand, inner, path)?,
                "additionalProperties" if types.contains("object") => {
                    self.additional(outer, demand, inner, path)?;
                }
                "items" if types.contains("array") => {
                    if outer.get("prefixItems").map(bare) != inner.get("prefixItems").map(bare) {
                        return Err(at(path, "`prefixItems` differs"));
                    }
                    static ANY: Value = Value::Bool(true);
                    self.contains(demand, given.unwrap_or(&ANY), &format!("{path}/items"))?;
                }
                "allOf" => {
                    for part in demand.as_array().into_iter().flatten() {
                        self.rest(part, inner, path)?;
                    }
                }
                "anyOf" => {
                    let branches = demand.as_array().map(Vec::as_slice).unwrap_or_default();
                    if !branches.iter().any(|branch| self.rest(branch, inner, path).is_ok()) {
                        return Err(at(path, "no alternative takes it"));
                    }
                }
                "oneOf" => {
                    let branches = demand.as_array().map(Vec::as_slice).unwrap_or_default();
                    let apart = branches
                        .iter()
                        .enumerate()
                        .all(|(index, a)| branches[index + 1..].iter().all(|b| disjoint(self.outer, a, b)));
                    if !apart || !branches.iter().any(|branch| self.rest(branch, inner, path).is_ok()) {
                        return Err(at(path, "not exactly one alternative takes it, for all that can be told"));
                    }
                }
                // Keywords of other types don't matter to a value of this one.
                "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {}
                "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {}
                "uniqueItems" | "required" | "properties" | "additionalProperties" | "items" => {}
                "pattern" if !types.contains("string") => {}
                // Equal is contained; everything else is too deep a question.
                _ if given.map(bare).as_ref() == Some(&bare(demand)) && !demand.to_string().contains("\"$ref\"") => {}
                _ => return Err(at(path, &format!("`{keyword}` differs"))),
            }
        }
        Ok(())
    }

    fn rest(&mut self, outer: &'s Value, inner: &'s Map<String, Value>, path: &str) -> Verdict {
        match outer {
            Value::Bool(true) => Ok(()),
            Value::Object(map) => match reference(self.outer, map) {
                Some(target) => {
                    let target = target.map_err(|what| at(path, &what))?;
                    self.steps += 1;
                    if self.steps > STEPS {
                        return Err(at(path, "the schemas are too large to compare"));
                    }
                    self.rest(target, inner, path)
                }
                None => self.members(map, inner, path),
            },
            _ => Err(at(path, "nothing is taken")),
        }
    }

    fn properties(&mut self, demand: &'s Value, inner: &'s Map<String, Value>, path: &str) -> Verdict {
        let given = inner.get("properties").and_then(Value::as_object);
        for (name, outer) in demand.as_object().into_iter().flatten() {
            let path = format!("{path}/{}", name.escape_debug());
            match (given.and_then(|given| given.get(name)), inner.get("additionalProperties")) {
                (Some(inner), _) => self.contains(outer, inner, &path)?,
                // Not named by an open schema, or closed out: it is not there.
                (None, None | Some(Value::Bool(false))) => {}
                (None, Some(additional)) => self.contains(outer, additional, &path)?,
            }
        }
        Ok(())
    }

    fn additional(
        &mut self,
        outer: &'s Map<String, Value>,
        demand: &'s Value,
        inner: &'s Map<String, Value>,
        path: &str,
    ) -> Verdict {
        if outer.get("patternProperties").map(bare) != inner.get("patternProperties").map(bare) {
            return Err(at(path, "`patternProperties` differs"));
        }
        let named = outer.get("properties").and_then(Value::as_object);
        for (name, given) in inner.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if named.is_none_or(|named| !named.contains_key(name)) {
                self.contains(demand, given, &format!("{path}/{}", name.escape_debug()))?;
            }
        }
        match inner.get("additionalProperties") {
            Some(given) => self.contains(demand, given, &format!("{path}/additionalProperties")),
            None if demand == &Value::Bool(true) => Ok(()),
            None => Err(at(path, "properties that are not named are no longer taken")),
        }
    }
}

/// What a `$ref` leads to.
fn reference<'s>(root: &'s Value, schema: &Map<String, Value>) -> Option<Result<&'s Value, String>> {
    let text = schema.get("$ref")?.as_str().unwrap_or_default();
    // Beside a reference anything may stand that narrows it; ours are written by tools that add nothing but descriptions.
    if schema.keys().any(|key| key != "$ref" && !ANNOTATIONS.contains(&key.as_str())) {
        return Some(Err("something stands beside a `$ref`".to_owned()));
    }
    let target = text.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
    Some(target.ok_or_else(|| "a `$ref` leads nowhere".to_owned()))
}

/// Whether no value fits both, as far as types and tags tell.
fn disjoint(root: &Value, a: &Value, b: &Value) -> bool {
    let resolve = |schema: &Value| match schema.as_object().and_then(|map| reference(root, map)) {
        Some(Ok(target)) => target.as_object().cloned(),
        Some(Err(_)) => None,
        None => schema.as_object().cloned(),
    };
    let (Some(a), Some(b)) = (resolve(a), resolve(b)) else { return false };
    if let (Some(a), Some(b)) = (values_of(&a), values_of(&b)) {
        return a.iter().all(|value| !b.contains(value));
    }
    let (types_a, types_b) = (types_of(&a), types_of(&b));
    if types_a.iter().all(|kind| !takes(&types_b, kind)) && types_b.iter().all(|kind| !takes(&types_a, kind)) {
        return true;
    }
    // A required property with other values in each: a tag.
    let (required_a, required_b) = (names(a.get("required")), names(b.get("required")));
    let only_objects = types_a.len() == 1 && types_a.contains("object") && types_a == types_b;
    only_objects
        && required_a.intersection(&required_b).any(|name| match (tag(&a, name), tag(&b, name)) {
            (Some(a), Some(b)) => a.iter().all(|value| !b.contains(value)),
            _ => false,
        })
        || only_objects
            && closed_without(&a, &required_b).is_some_and(|apart| apart)
            && closed_without(&b, &required_a).is_some_and(|apart| apart)
}

/// The values that a property is limited to.
fn tag<'s>(schema: &'s Map<String, Value>, name: &str) -> Option<Vec<&'s Value>> {
    values_of(schema.get("properties")?.get(name)?.as_object()?)
}

/// Whether a closed object schema leaves out one of these names.
fn closed_without(schema: &Map<String, Value>, required: &BTreeSet<&str>) -> Option<bool> {
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) || schema.contains_key("patternProperties") {
        return None;
    }
    let named = schema.get("properties").and_then(Value::as_object);
    Some(required.iter().any(|name| named.is_none_or(|named| !named.contains_key(*name))))
}

fn siblings(schema: &Map<String, Value>, keyword: &str) -> bool {
    schema.keys().any(|key| key != keyword && !ANNOTATIONS.contains(&key.as_str()))
}

fn types_named(demand: &Value) -> BTreeSet<&str> {
    match demand {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

/// The types that a value of this schema can have.
fn types_of(schema: &Map<String, Value>) -> BTreeSet<&str> {
    if let Some(demand) = schema.get("type") {
        return types_named(demand);
    }
    if let Some(values) = values_of(schema) {
        return values
            .iter()
            .map(|value| match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(number) if number.is_f64() => "number",
                Value::Number(_) => "integer",
                Value::String(_) => "string",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
            })
            .collect();
    }
    ALL_TYPES.into_iter().collect()
}

fn takes(taken: &BTreeSet<&str>, kind: &str) -> bool {
    taken.contains(kind) || (kind == "integer" && taken.contains("number"))
}

fn is_number(types: &BTreeSet<&str>) -> bool {
    types.contains("number") || types.contains("integer")
}

/// The values a schema is limited to, by `const` or `enum`.
fn values_of(schema: &Map<String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(Value::Array(values))) => Some(values.iter().collect()),
        _ => None,
    }
}

fn names(list: Option<&Value>) -> BTreeSet<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether the inner schema's bounds imply the outer one's.
fn bounded(keyword: &str, demand: &Value, inner: &Map<String, Value>) -> bool {
    let Some(demand) = demand.as_f64() else { return false };
    let bound = |name: &str| inner.get(name).and_then(Value::as_f64);
    let values = values_of(inner).map(|values| values.iter().filter_map(|value| value.as_f64()).collect::<Vec<_>>());
    let all = |holds: &dyn Fn(f64) -> bool| values.as_ref().is_some_and(|values| values.iter().all(|v| holds(*v)));
    match keyword {
        "minimum" => {
            bound("minimum").is_some_and(|given| given >= demand)
                || bound("exclusiveMinimum").is_some_and(|given| given >= demand)
                || all(&|value| value >= demand)
        }
        "maximum" => {
            bound("maximum").is_some_and(|given| given <= demand)
                || bound("exclusiveMaximum").is_some_and(|given| given <= demand)
                || all(&|value| value <= demand)
        }
        "exclusiveMinimum" => {
            bound("minimum").is_some_and(|given| given > demand)
                || bound("exclusiveMinimum").is_some_and(|given| given >= demand)
                || all(&|value| value > demand)
        }
        _ => {
            bound("maximum").is_some_and(|given| given < demand)
                || bound("exclusiveMaximum").is_some_and(|given| given <= demand)
                || all(&|value| value < demand)
        }
    }
}

fn smaller(keyword: &str, demand: &Value, given: Option<&Value>, path: &str) -> Verdict {
    let given = given.and_then(Value::as_f64);
    let Some(demand_number) = demand.as_f64() else { return Err(at(path, &format!("`{keyword}` is {demand}"))) };
    let holds = if keyword.starts_with("min") {
        demand_number <= given.unwrap_or(0.0)
    } else {
        given.is_some_and(|given| given <= demand_number)
    };
    if holds { Ok(()) } else { Err(at(path, &format!("`{keyword}` is {demand}"))) }
}

fn at(path: &str, what: &str) -> String {
    if path.is_empty() { what.to_owned() } else { format!("at `{path}`: {what}") }
}

fn shortened(value: &Value) -> String {
    crate::refusal::shown(&value.to_string().chars().take(80).collect::<String>())
}
