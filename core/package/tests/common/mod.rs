//! A builder of components for tests: as good as they come by default, and bad in one place on request.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use jackfield_package::{Package, section};
use serde_json::{Value, json};
use wasm_encoder::{
    Component, ComponentExportKind, ComponentExportSection, ComponentImportSection, ComponentInstanceSection,
    ComponentTypeRef, ComponentTypeSection, CustomSection, InstanceType, Module, ModuleSection,
};

/// A manifest that passes every check.
pub fn manifest() -> Value {
    json!({
        "name": "acme:weather",
        "version": "1.2.3",
        "world": "jackfield:connector@0.1.0",
        "title": "Weather",
        "summary": "Tells the weather.",
        "license": "Apache-2.0",
        "categories": ["data"],
        "keywords": ["weather"],
        "links": {"homepage": "https://acme.example/weather"},
        "egress": [
            {"host": "api.acme.example", "methods": ["GET", "POST"], "reason": "The weather is there."},
            {"host": "{station}", "pattern": "^[a-z0-9-]+\\.stations\\.acme\\.example$", "reason": "Your own station."}
        ],
        "auth": [{
            "id": "account", "type": "oauth2", "provider": "acme",
            "scopes": [{"name": "weather.read", "reason": "To read the weather."}],
            "hosts": ["api.acme.example"], "test": "current"
        }],
        "config": {"type": "object", "properties": {"station": {"type": "string"}}},
        "operations": [{
            "name": "current", "kind": "action", "title": "Current weather",
            "input": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            "output": {"type": "object", "properties": {"celsius": {"type": "number"}}},
            "effect": "read", "idempotent": true, "scopes": ["weather.read"]
        }],
        "examples": [{"operation": "current", "title": "Zürich", "input": {"city": "Zürich"}, "output": {"celsius": 21.5}}],
        "limits": {"time_ms": 5000}
    })
}

/// The manifest with one change: the value at a JSON pointer, whose parent exists.
pub fn manifest_with(pointer: &str, value: Value) -> Value {
    let mut manifest = manifest();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match manifest.pointer_mut(parent).expect("the parent exists") {
        Value::Array(values) => match key.parse::<usize>() {
            Ok(index) => values[index] = value,
            Err(_) => values.push(value),
        },
        parent => parent[key] = value,
    }
    manifest
}

/// A cassette of its one operation.
pub fn cassette() -> Value {
    json!({
        "operation": "current",
        "input": {"city": "Zürich"},
        "exchanges": [{
            "request": {"method": "GET", "url": "https://api.acme.example/v1/zurich"},
            "response": {"body": {"json": {"celsius": 21.5}}}
        }],
        "expect": {"output": {"celsius": 21.5}}
    })
}

/// Builds a component section by section.
pub struct Builder {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    pub sections: Vec<(String, Vec<u8>)>,
    pub data: Vec<u8>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            imports: vec!["wasi:io/streams@0.2.6".into(), "wasi:http/outgoing-handler@0.2.12".into()],
            exports: vec!["jackfield:connector/descriptor@0.1.0".into(), "jackfield:connector/operations@0.1.0".into()],
            sections: vec![
                (section::MANIFEST.into(), manifest().to_string().into_bytes()),
                (section::README.into(), b"# Weather\n\nTells the weather.\n".to_vec()),
                (section::CASSETTES.into(), json!({"zürich": cassette()}).to_string().into_bytes()),
            ],
            data: b"harmless".to_vec(),
        }
    }
}

impl Builder {
    pub fn manifest(mut self, manifest: &Value) -> Self {
        self.sections[0].1 = manifest.to_string().into_bytes();
        self
    }

    pub fn manifest_bytes(mut self, bytes: &[u8]) -> Self {
        self.sections[0].1 = bytes.to_vec();
        self
    }

    pub fn readme(mut self, readme: &[u8]) -> Self {
        self.sections[1].1 = readme.to_vec();
        self
    }

    pub fn cassettes(mut self, cassettes: &Value) -> Self {
        self.sections[2].1 = cassettes.to_string().into_bytes();
        self
    }

    pub fn imports(mut self, imports: &[&str]) -> Self {
        self.imports = imports.iter().map(|import| (*import).to_owned()).collect();
        self
    }

    pub fn exports(mut self, exports: &[&str]) -> Self {
        self.exports = exports.iter().map(|export| (*export).to_owned()).collect();
        self
    }

    pub fn section(mut self, name: &str, content: &[u8]) -> Self {
        self.sections.push((name.to_owned(), content.to_vec()));
        self
    }

    pub fn no_sections(mut self) -> Self {
        self.sections.clear();
        self
    }

    pub fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self
    }

    /// The component, with a nested module that holds `data`.
    pub fn component(&self) -> Component {
        let mut component = Component::new();
        let mut types = ComponentTypeSection::new();
        types.instance(&InstanceType::new());
        component.section(&types);
        let mut imports = ComponentImportSection::new();
        for import in &self.imports {
            imports.import(import.as_str(), ComponentTypeRef::Instance(0));
        }
        component.section(&imports);
        component.section(&ModuleSection(&module_with_data(&self.data)));
        let mut instances = ComponentInstanceSection::new();
        for _ in &self.exports {
            instances.export_items(std::iter::empty::<(&str, ComponentExportKind, u32)>());
        }
        component.section(&instances);
        let mut exports = ComponentExportSection::new();
        for (index, export) in self.exports.iter().enumerate() {
            let index = u32::try_from(self.imports.len() + index).expect("few");
            exports.export(export.as_str(), ComponentExportKind::Instance, index, None);
        }
        component.section(&exports);
        for (name, content) in &self.sections {
            component.section(&CustomSection { name: name.as_str().into(), data: content.as_slice().into() });
        }
        component
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.component().finish()
    }

    pub fn package(&self) -> Package {
        Package::parse(self.bytes()).expect("a good package")
    }
}

pub fn module_with_data(data: &[u8]) -> Module {
    let mut module = Module::new();
    let mut memories = wasm_encoder::MemorySection::new();
    memories.memory(wasm_encoder::MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    module.section(&memories);
    let mut segments = wasm_encoder::DataSection::new();
    segments.passive(data.iter().copied());
    module.section(&segments);
    module
}
