//! One release's bytes, read and found good: a component that carries its manifest.

use std::{ops::Range, sync::Arc};

use wasmparser::{ComponentExternalKind, ComponentTypeRef, Parser, Payload, Validator, WasmFeatures};

use crate::{
    Digest, Manifest, Refusal,
    cassettes::Cassettes,
    limits::{
        CASSETTES_BYTES, CUSTOM_SECTION_BYTES, EXPORTS, EXTERN_NAME_BYTES, FUNCTIONS, ICON_BYTES, IMPORTS, NESTED,
        NESTING_DEPTH, README_BYTES, TOTAL_SECTIONS,
    },
    refusal::shown,
    section::{self, TopLevel},
    world,
};

/// A component with its manifest, both valid. Cheap to clone: the bytes are shared.
///
/// That a `Package` exists says nothing about who made it: that is [`crate::Verified`].
#[derive(Clone)]
pub struct Package {
    inner: Arc<Inner>,
}

struct Inner {
    bytes: Arc<[u8]>,
    digest: Digest,
    manifest: Manifest,
    manifest_digest: Digest,
    manifest_range: Range<usize>,
    readme: Option<Range<usize>>,
    icon: Option<Range<usize>>,
    cassettes: Option<Range<usize>>,
    imports: Vec<String>,
    denied_stubs: Vec<String>,
    exports: Vec<String>,
}

impl Package {
    /// Reads a package, cheapest rules first: size and section headers, then the shape of what is nested, then the
    /// manifest, imports and exports, and at last full validation. Nothing runs.
    ///
    /// # Errors
    /// A code of its own for each rule; docs/spec/package.md lists them with the numbers.
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Self, Refusal> {
        let bytes = bytes.into();
        let sections = section::top_level(&bytes)?;
        let shape = scan(&bytes)?;
        let manifest_range = find_manifest(&sections, &shape)?;
        let readme = find_optional(&sections, section::README, README_BYTES)?;
        let icon = find_optional(&sections, section::ICON, ICON_BYTES)?;
        let cassettes = find_optional(&sections, section::CASSETTES, CASSETTES_BYTES)?;
        if let Some(range) = &readme {
            std::str::from_utf8(&bytes[range.clone()]).map_err(|error| {
                Refusal::new("readme-not-utf8", format!("byte {} of the README is not UTF-8", error.valid_up_to()))
            })?;
        }
        let manifest_bytes = &bytes[manifest_range.clone()];
        let manifest = Manifest::parse(manifest_bytes)?;
        let manifest_digest = Digest::of(manifest_bytes);
        let denied_stubs = world::check(&shape.imports, &shape.exports)?;
        validate(&bytes)?;
        let digest = Digest::of(&bytes);
        let Shape { imports, exports, .. } = shape;
        let inner = Inner {
            digest,
            manifest,
            manifest_digest,
            manifest_range,
            readme,
            icon,
            cassettes,
            imports,
            denied_stubs,
            exports,
            bytes,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The digest of all the bytes: the release's identity.
    pub fn digest(&self) -> Digest {
        self.inner.digest
    }

    /// The component's bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.inner.bytes
    }

    /// How many bytes the component has.
    pub fn size(&self) -> usize {
        self.inner.bytes.len()
    }

    /// What the connector is and asks for.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// The digest of the section `jackfield:manifest`, byte for byte.
    pub fn manifest_digest(&self) -> Digest {
        self.inner.manifest_digest
    }

    /// The section `jackfield:manifest`, byte for byte: what [`Self::manifest_digest`] is of.
    pub fn manifest_text(&self) -> &str {
        // Strict JSON is UTF-8: otherwise there would be no package.
        std::str::from_utf8(&self.inner.bytes[self.inner.manifest_range.clone()]).unwrap_or_default()
    }

    /// The README: Markdown that nobody has made safe yet.
    pub fn readme(&self) -> Option<&str> {
        let range = self.inner.readme.clone()?;
        std::str::from_utf8(&self.inner.bytes[range]).ok()
    }

    /// The icon's bytes, as the author gave them.
    pub fn icon(&self) -> Option<&[u8]> {
        let range = self.inner.icon.clone()?;
        Some(&self.inner.bytes[range])
    }

    /// The recorded calls that it is tested by; none if it brings none. They are read each time: no host needs them.
    ///
    /// # Errors
    /// Those of [`Cassettes::parse`]. A package whose cassettes can't be read is a package all the same, and breaks a rule.
    pub fn cassettes(&self) -> Result<Option<Cassettes>, Refusal> {
        self.inner.cassettes.clone().map(|range| Cassettes::parse(&self.inner.bytes[range])).transpose()
    }

    /// Where the section `jackfield:cassettes` has its content.
    pub(crate) fn cassettes_range(&self) -> Option<Range<usize>> {
        self.inner.cassettes.clone()
    }

    /// The interfaces that the component imports, such as `wasi:http/outgoing-handler@0.2.12`, in its own order.
    pub fn imports(&self) -> &[String] {
        &self.inner.imports
    }

    /// Those of [`Self::imports`] that a host serves with stubs which deny every call: `wasi:sockets/*`.
    pub fn imports_denied_stubs(&self) -> &[String] {
        &self.inner.denied_stubs
    }

    /// What the component exports, in its own order.
    pub fn exports(&self) -> &[String] {
        &self.inner.exports
    }

    /// Whether it exports this interface of `jackfield:connector`, such as `polling`.
    pub fn offers(&self, interface: &str) -> bool {
        self.exports().iter().any(|export| world::connector_interface(export) == Some(interface))
    }

    /// Whether it imports this interface in any version, such as `wasi:http/outgoing-handler`.
    pub fn needs(&self, interface: &str) -> bool {
        self.imports().iter().any(|import| world::without_version(import) == interface)
    }
}

impl std::fmt::Debug for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Manifest { name, version, .. } = self.manifest();
        write!(f, "Package({name}@{version} {})", self.digest())
    }
}

/// What one walk over all headers finds.
#[derive(Default)]
struct Shape {
    imports: Vec<String>,
    exports: Vec<String>,
    manifest_in_nested: bool,
}

/// Counts what is in the component, down to nested modules and components, and gives up at the first bound passed. Reads
/// headers and the names of imports and exports; function bodies are stepped over.
fn scan(bytes: &[u8]) -> Result<Shape, Refusal> {
    let mut shape = Shape::default();
    let mut depth = 0usize;
    let mut nested = 0usize;
    let mut sections = 0usize;
    let mut functions = 0u64;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(invalid)?;
        if !matches!(payload, Payload::CodeSectionEntry(_)) {
            sections += 1;
            // Every module adds a header and an end that are no sections; the bound is wide enough not to care.
            if sections > TOTAL_SECTIONS {
                return Err(Refusal::new(
                    "section-too-many",
                    format!("the component has more than {TOTAL_SECTIONS} sections, nested ones included"),
                ));
            }
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                nested += 1;
                depth += 1;
                if nested > NESTED {
                    return Err(Refusal::new(
                        "nested-too-many",
                        format!("the component holds more than {NESTED} modules and components"),
                    ));
                }
                if depth > NESTING_DEPTH {
                    return Err(Refusal::new(
                        "nested-too-deep",
                        format!("modules and components are nested deeper than {NESTING_DEPTH} levels"),
                    ));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::FunctionSection(reader) => {
                functions += u64::from(reader.count());
                if functions > FUNCTIONS {
                    return Err(Refusal::new(
                        "function-too-many",
                        format!("the component has more than {FUNCTIONS} functions"),
                    ));
                }
            }
            Payload::CustomSection(reader) if depth > 0 => {
                if reader.data().len() > CUSTOM_SECTION_BYTES {
                    return Err(Refusal::new(
                        "section-too-large",
                        format!(
                            "a nested custom section has {} bytes: at most {CUSTOM_SECTION_BYTES}",
                            reader.data().len()
                        ),
                    ));
                }
                shape.manifest_in_nested |= reader.name() == section::MANIFEST;
            }
            Payload::ComponentImportSection(reader) if depth == 0 => {
                let total = reader.count().saturating_add(shape.imports.len().try_into().unwrap_or(u32::MAX));
                if total > IMPORTS {
                    return Err(Refusal::new(
                        "import-too-many",
                        format!("the component has more than {IMPORTS} imports"),
                    ));
                }
                for import in reader {
                    let import = import.map_err(invalid)?;
                    let name = extern_name(import.name.name)?;
                    if !matches!(import.ty, ComponentTypeRef::Instance(_)) {
                        return Err(world::not_allowed(&[name]));
                    }
                    shape.imports.push(name);
                }
            }
            Payload::ComponentExportSection(reader) if depth == 0 => {
                let total = reader.count().saturating_add(shape.exports.len().try_into().unwrap_or(u32::MAX));
                if total > EXPORTS {
                    return Err(Refusal::new(
                        "export-too-many",
                        format!("the component has more than {EXPORTS} exports"),
                    ));
                }
                for export in reader {
                    let export = export.map_err(invalid)?;
                    let name = extern_name(export.name.name)?;
                    // Languages export more than the contract asks for; only an instance can be an interface of it.
                    let is_instance = export.kind == ComponentExternalKind::Instance;
                    if world::connector_interface(&name).is_some() && !is_instance {
                        return Err(Refusal::new(
                            "component-invalid",
                            format!("the export `{}` is not an instance of an interface", name.escape_debug()),
                        ));
                    }
                    shape.exports.push(name);
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

fn extern_name(name: &str) -> Result<String, Refusal> {
    if name.len() > EXTERN_NAME_BYTES {
        return Err(Refusal::new(
            "extern-name-too-long",
            format!("the name of an import or export has {} bytes: at most {EXTERN_NAME_BYTES}", name.len()),
        ));
    }
    Ok(name.to_owned())
}

fn find_manifest(sections: &[TopLevel<'_>], shape: &Shape) -> Result<Range<usize>, Refusal> {
    let mut found = sections.iter().filter(|section| section.custom_name == Some(section::MANIFEST));
    let hint = "build with `jackfield build`, which embeds the manifest at the component's top level";
    match (found.next(), found.next()) {
        (Some(section), None) => Ok(section.content.clone()),
        (Some(_), Some(_)) => Err(Refusal::new(
            "manifest-duplicated",
            format!("the component has more than one section `{}`: readers could disagree", section::MANIFEST),
        )
        .hint(hint)),
        (None, _) if shape.manifest_in_nested => Err(Refusal::new(
            "manifest-nested",
            format!(
                "the section `{}` stands in a nested module or component, where no reader looks",
                section::MANIFEST
            ),
        )
        .hint(hint)),
        (None, _) => Err(Refusal::new(
            "manifest-missing",
            format!("the component has no section `{}` at its top level", section::MANIFEST),
        )
        .hint(hint)),
    }
}

fn find_optional(
    sections: &[TopLevel<'_>],
    name: &'static str,
    bytes_at_most: usize,
) -> Result<Option<Range<usize>>, Refusal> {
    let mut found = sections.iter().filter(|section| section.custom_name == Some(name));
    let Some(section) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(Refusal::new("section-duplicated", format!("the component has more than one section `{name}`")));
    }
    if section.content.len() > bytes_at_most {
        return Err(Refusal::new(
            "section-too-large",
            format!("the section `{name}` has {} bytes: at most {bytes_at_most}", section.content.len()),
        ));
    }
    Ok(Some(section.content.clone()))
}

/// Full validation with what a host runs: WebAssembly 2.0, tail calls, extended constants, multiple memories, 64-bit
/// memories, relaxed SIMD and the synchronous component model. No threads, no garbage collection, no exceptions.
fn validate(bytes: &[u8]) -> Result<(), Refusal> {
    let features = WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::FLOATS
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL;
    Validator::new_with_features(features).validate_all(bytes).map(drop).map_err(invalid)
}

fn invalid(error: wasmparser::BinaryReaderError) -> Refusal {
    Refusal::new(
        "component-invalid",
        format!("the component is not valid WebAssembly: {} at byte {}", shown(error.message()), error.offset()),
    )
}
