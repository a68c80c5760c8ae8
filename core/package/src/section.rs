//! The custom sections that make a component a package: reading them from, and writing them to, its top level.

use std::ops::Range;

use wasm_encoder::Section as _;

use crate::{
    Refusal,
    limits::{COMPONENT_BYTES, CUSTOM_SECTION_BYTES, TOP_LEVEL_SECTIONS},
};

/// The manifest: strict JSON.
pub const MANIFEST: &str = "jackfield:manifest";
/// The README: Markdown, UTF-8.
pub const README: &str = "jackfield:readme";
/// The icon: SVG or PNG.
pub const ICON: &str = "jackfield:icon";
/// The recorded calls that the package is tested by: strict JSON. See [`crate::cassettes`].
pub const CASSETTES: &str = "jackfield:cassettes";

/// The preamble of a component: `\0asm`, version 13, layer 1 (component-model, Binary.md).
const COMPONENT_PREAMBLE: [u8; 8] = *b"\0asm\x0d\0\x01\0";
const MODULE_PREAMBLE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// One section at the top level of a component.
#[derive(Clone, Debug)]
pub(crate) struct TopLevel<'a> {
    /// The name of a custom section; none for the others.
    pub(crate) custom_name: Option<&'a str>,
    /// The section's content; of a custom section what follows its name.
    pub(crate) content: Range<usize>,
    /// The whole section, with its header.
    pub(crate) whole: Range<usize>,
}

/// The sections at the component's top level, in order. Looks at nothing but headers, so that it costs the same
/// whatever the sections hold.
///
/// # Errors
/// `component-not-wasm`, `component-is-a-module`, `component-version-unknown`, `component-truncated`,
/// `component-invalid`, `component-too-large`, `section-too-many`, `section-too-large`.
pub(crate) fn top_level(component: &[u8]) -> Result<Vec<TopLevel<'_>>, Refusal> {
    check_preamble(component)?;
    let mut sections = Vec::new();
    let mut at = COMPONENT_PREAMBLE.len();
    while at < component.len() {
        if sections.len() == TOP_LEVEL_SECTIONS {
            return Err(Refusal::new(
                "section-too-many",
                format!("the component has more than {TOP_LEVEL_SECTIONS} sections at its top level"),
            ));
        }
        let start = at;
        let id = component[at];
        at += 1;
        let size = read_u32(component, &mut at, component.len())? as usize;
        let end = at.checked_add(size).filter(|end| *end <= component.len()).ok_or_else(|| {
            Refusal::new(
                "component-truncated",
                format!("the section at byte {start} claims {size} bytes, and {} are left", component.len() - at),
            )
        })?;
        let custom_name = if id == 0 { Some(custom_name(component, &mut at, end)?) } else { None };
        if let Some(name) = custom_name
            && end - at > CUSTOM_SECTION_BYTES
        {
            return Err(Refusal::new(
                "section-too-large",
                format!(
                    "the custom section `{}` has {} bytes: at most {CUSTOM_SECTION_BYTES}",
                    name.chars().take(80).collect::<String>().escape_debug(),
                    end - at
                ),
            )
            .hint("strip debug information: `wasm-tools strip`, or `strip = true` in the release profile"));
        }
        sections.push(TopLevel { custom_name, content: at..end, whole: start..end });
        at = end;
    }
    Ok(sections)
}

/// Puts custom sections into a component: any of the same name at its top level goes, the new ones stand at the end
/// in the order given. The same input gives the same bytes.
///
/// # Errors
/// Those of reading the component's top level, and `section-too-large` or `component-too-large` for what would come out.
pub fn embed(component: &[u8], sections: &[(&str, &[u8])]) -> Result<Vec<u8>, Refusal> {
    let added: usize = sections.iter().map(|(name, content)| name.len() + content.len() + 16).sum();
    let mut embedded = Vec::with_capacity(component.len().saturating_add(added));
    embedded.extend_from_slice(&COMPONENT_PREAMBLE);
    for section in top_level(component)? {
        let replaced = section.custom_name.is_some_and(|name| sections.iter().any(|(new, _)| *new == name));
        if !replaced {
            embedded.extend_from_slice(&component[section.whole]);
        }
    }
    for (name, content) in sections {
        wasm_encoder::CustomSection { name: (*name).into(), data: (*content).into() }.append_to(&mut embedded);
    }
    // What is written must be readable by the same rules.
    top_level(&embedded)?;
    Ok(embedded)
}

fn check_preamble(component: &[u8]) -> Result<(), Refusal> {
    let known = component.len().min(4);
    if component[..known] != COMPONENT_PREAMBLE[..known] || component.is_empty() {
        return Err(Refusal::new("component-not-wasm", "the file is not WebAssembly: it does not begin with `\\0asm`"));
    }
    if component.len() < COMPONENT_PREAMBLE.len() {
        return Err(Refusal::new("component-truncated", "the file ends within the first eight bytes"));
    }
    if component.starts_with(&MODULE_PREAMBLE) {
        return Err(Refusal::new("component-is-a-module", "the file is a core WebAssembly module, not a component")
            .hint("build for the target `wasm32-wasip2`, or make a component of it with `wasm-tools component new`"));
    }
    if !component.starts_with(&COMPONENT_PREAMBLE) {
        return Err(Refusal::new(
            "component-version-unknown",
            format!(
                "the file is WebAssembly of an unknown version ({}): expected a component",
                hex::encode(&component[4..8])
            ),
        ));
    }
    if component.len() > COMPONENT_BYTES {
        return Err(Refusal::new(
            "component-too-large",
            format!("the component has {} bytes: at most {COMPONENT_BYTES}", component.len()),
        ));
    }
    Ok(())
}

fn custom_name<'a>(component: &'a [u8], at: &mut usize, end: usize) -> Result<&'a str, Refusal> {
    let invalid =
        |at: usize| Refusal::new("component-invalid", format!("the custom section at byte {at} has no valid name"));
    let length = read_u32(component, at, end)? as usize;
    let name_end = at.checked_add(length).filter(|name_end| *name_end <= end).ok_or_else(|| invalid(*at))?;
    let name = std::str::from_utf8(&component[*at..name_end]).map_err(|_| invalid(*at))?;
    *at = name_end;
    Ok(name)
}

/// Unsigned LEB128 of at most 32 bits.
fn read_u32(component: &[u8], at: &mut usize, end: usize) -> Result<u32, Refusal> {
    let mut value = 0u64;
    for shift in (0..35).step_by(7) {
        if *at >= end {
            return Err(Refusal::new("component-truncated", format!("the file ends within a number at byte {at}")));
        }
        let byte = component[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(value).map_err(|_| {
                Refusal::new("component-invalid", format!("the number before byte {at} exceeds 32 bits"))
            });
        }
    }
    Err(Refusal::new("component-invalid", format!("the number before byte {at} is longer than five bytes")))
}
