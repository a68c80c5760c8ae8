//! `{field}` in a host: the installation's config fills it in.

use jackfield_package::{
    Manifest,
    egress::{Egress, HostPattern, template_pattern},
};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::limits::TEMPLATE_HOSTS;

/// A manifest entry whose host is a template, with what the config makes of it.
pub(crate) struct Template {
    field: String,
    pattern: Option<Regex>,
    /// The hosts that the config names and the pattern takes: exact ones only.
    hosts: Vec<HostPattern>,
    /// One sentence for each value that was not taken.
    misfits: Vec<String>,
}

impl Template {
    /// Fills in a manifest entry; `None` where its host is no template.
    pub(crate) fn fill(entry: &Egress, config: &Map<String, Value>) -> Option<Self> {
        let HostPattern::Template(field) = &entry.host else { return None };
        let mut template = Self { field: field.clone(), pattern: None, hosts: Vec::new(), misfits: Vec::new() };
        match entry.pattern.as_deref().map(template_pattern) {
            Some(Ok(pattern)) => template.pattern = Some(pattern),
            Some(Err(_)) => template
                .misfits
                .push(format!("the manifest's pattern for `{{{field}}}` is no anchored regular expression")),
            None => template.misfits.push(format!("the manifest has no pattern for `{{{field}}}`")),
        }
        for value in values(config.get(field)) {
            match template.take(value) {
                Ok(host) => template.hosts.push(host),
                Err(misfit) => template.misfits.push(misfit),
            }
        }
        Some(template)
    }

    /// Reads one value of the config field as a host.
    fn take(&self, value: &str) -> Result<HostPattern, String> {
        let Self { field, .. } = self;
        let shown = value.chars().take(80).collect::<String>().escape_debug().to_string();
        let host: Result<HostPattern, _> = value.parse();
        let Ok(host @ HostPattern::Exact(_)) = host else {
            return Err(format!(
                "the config's `{field}` holds `{shown}`, which is not the name of one host in lower case"
            ));
        };
        if !self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(value)) {
            return Err(format!("the config's `{field}` holds `{shown}`, which the manifest's pattern does not take"));
        }
        if self.hosts.len() >= TEMPLATE_HOSTS {
            return Err(format!("the config's `{field}` holds more than {TEMPLATE_HOSTS} hosts"));
        }
        Ok(host)
    }

    /// The name of the config field.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// The hosts it stands for.
    pub(crate) fn hosts(&self) -> &[HostPattern] {
        &self.hosts
    }

    /// Why it does not stand for more.
    pub(crate) fn misfits(&self) -> &[String] {
        &self.misfits
    }

    /// The config that would make this template cover `host`, if its pattern takes it.
    pub(crate) fn config_with(&self, host: &str, manifest: &Schema, config: &Map<String, Value>) -> Option<Value> {
        self.take(host).ok()?;
        let mut config = config.clone();
        let value = match config.get(&self.field) {
            Some(Value::Array(list)) => list.iter().cloned().chain([json!(host)]).collect(),
            Some(_) => json!(host),
            None if manifest.is_list(&self.field) => json!([host]),
            None => json!(host),
        };
        config.insert(self.field.clone(), value);
        Some(config.into())
    }
}

/// What the manifest says about the shape of the config.
pub(crate) struct Schema(Option<Value>);

impl Schema {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self(manifest.config.clone())
    }

    fn is_list(&self, field: &str) -> bool {
        self.0.as_ref().and_then(|schema| schema.get("properties")?.get(field)?.get("type")) == Some(&json!("array"))
    }
}

/// A string, or a list of strings; anything else names no host.
fn values(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
