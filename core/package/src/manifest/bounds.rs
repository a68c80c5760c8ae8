//! What the manifest's types can't say: how many, how long, and that a version has no build metadata.

use super::Manifest;
use crate::{Refusal, limits::*};

impl Manifest {
    /// # Errors
    /// `manifest-invalid` with the JSON path to the first place that breaks a bound.
    pub(super) fn check_bounds(&self) -> Result<(), Refusal> {
        if !self.version.build.is_empty() {
            return Err(invalid(
                "version",
                format!("`{}` carries build metadata: two releases could be called the same", self.version),
            ));
        }
        text("title", &self.title, 1, TITLE_CHARS)?;
        text("summary", &self.summary, 1, SUMMARY_CHARS)?;
        text("license", &self.license, 1, WORD_CHARS)?;
        count("categories", self.categories.len(), 0, CATEGORIES)?;
        count("keywords", self.keywords.len(), 0, KEYWORDS)?;
        for (name, link) in self.links.named() {
            text(&format!("links.{name}"), link, 1, WORD_CHARS)?;
        }
        if let Some(changes) = &self.changes {
            text("changes", changes, 1, TEXT_CHARS)?;
        }
        count("egress", self.egress.len(), 0, EGRESS_ENTRIES)?;
        for (index, egress) in self.egress.iter().enumerate() {
            text(&format!("egress[{index}].reason"), &egress.reason, 1, SUMMARY_CHARS)?;
            if let Some(pattern) = &egress.pattern {
                text(&format!("egress[{index}].pattern"), pattern, 1, WORD_CHARS)?;
            }
            if let crate::egress::Ports::List(ports) = &egress.ports {
                count(&format!("egress[{index}].ports"), ports.len(), 1, 16)?;
            }
            if let crate::egress::Methods::List(methods) = &egress.methods {
                count(&format!("egress[{index}].methods"), methods.len(), 1, 7)?;
            }
        }
        count("auth", self.auth.len(), 0, AUTH_ENTRIES)?;
        for (index, auth) in self.auth.iter().enumerate() {
            let path = format!("auth[{index}]");
            count(&format!("{path}.hosts"), auth.hosts.len(), 1, EGRESS_ENTRIES)?;
            count(&format!("{path}.scopes"), auth.scopes.len(), 0, SCOPES)?;
            for (index, scope) in auth.scopes.iter().enumerate() {
                text(&format!("{path}.scopes[{index}].name"), &scope.name, 1, WORD_CHARS)?;
                text(&format!("{path}.scopes[{index}].reason"), &scope.reason, 1, SUMMARY_CHARS)?;
            }
            if let Some(hook) = &auth.hook {
                count(&format!("{path}.hook.reads"), hook.reads.len(), 0, HOOK_READS)?;
                for (index, pointer) in hook.reads.iter().enumerate() {
                    text(&format!("{path}.hook.reads[{index}]"), pointer, 1, WORD_CHARS)?;
                }
            }
            match &auth.attach {
                super::Attach::Header { name, prefix } => {
                    text(&format!("{path}.attach.name"), name, 1, TITLE_CHARS)?;
                    text(&format!("{path}.attach.prefix"), prefix, 0, TITLE_CHARS)?;
                }
                super::Attach::Query { name } => text(&format!("{path}.attach.name"), name, 1, TITLE_CHARS)?,
                super::Attach::Basic {} => {}
                super::Attach::Signature { hmac, sigv4 } => {
                    if let Some(scheme) = hmac {
                        let path = format!("{path}.attach.hmac");
                        text(&format!("{path}.over"), &scheme.over, 1, SUMMARY_CHARS)?;
                        text(&format!("{path}.header"), &scheme.header, 1, TITLE_CHARS)?;
                        text(&format!("{path}.prefix"), &scheme.prefix, 0, TITLE_CHARS)?;
                        let more = [("timestamp_header", &scheme.timestamp_header), ("key_header", &scheme.key_header)];
                        for (key, header) in more {
                            if let Some(header) = header {
                                text(&format!("{path}.{key}"), header, 1, TITLE_CHARS)?;
                            }
                        }
                    }
                    if let Some(scope) = sigv4 {
                        text(&format!("{path}.attach.sigv4.service"), &scope.service, 1, TITLE_CHARS)?;
                        text(&format!("{path}.attach.sigv4.region"), &scope.region, 1, TITLE_CHARS)?;
                    }
                }
            }
        }
        count("operations", self.operations.len(), 1, OPERATIONS)?;
        for (index, operation) in self.operations.iter().enumerate() {
            let path = format!("operations[{index}]");
            text(&format!("{path}.title"), &operation.title, 1, TITLE_CHARS)?;
            text(&format!("{path}.description"), &operation.description, 0, TEXT_CHARS)?;
            count(&format!("{path}.scopes"), operation.scopes.len(), 0, SCOPES)?;
            for (index, scope) in operation.scopes.iter().enumerate() {
                text(&format!("{path}.scopes[{index}]"), scope, 1, WORD_CHARS)?;
            }
        }
        count("examples", self.examples.len(), 0, EXAMPLES)?;
        for (index, example) in self.examples.iter().enumerate() {
            text(&format!("examples[{index}].title"), &example.title, 1, TITLE_CHARS)?;
        }
        Ok(())
    }
}

fn text(path: &str, value: &str, at_least: usize, at_most: usize) -> Result<(), Refusal> {
    let chars = value.chars().count();
    if chars > at_most {
        return Err(invalid(path, format!("{chars} characters: at most {at_most}")));
    }
    if chars < at_least || (at_least > 0 && value.trim().is_empty()) {
        return Err(invalid(path, "empty: expected something to read".to_owned()));
    }
    Ok(())
}

fn count(path: &str, entries: usize, at_least: usize, at_most: usize) -> Result<(), Refusal> {
    if (at_least..=at_most).contains(&entries) {
        return Ok(());
    }
    Err(invalid(path, format!("{entries} entries: expected {at_least} to {at_most}")))
}

fn invalid(path: &str, what: String) -> Refusal {
    Refusal::new("manifest-invalid", format!("the manifest, at `{path}`: {what}"))
}
