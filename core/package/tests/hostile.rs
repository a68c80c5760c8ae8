//! Files made to break readers: each is refused by its own code, at once, without a panic.

mod common;

use std::time::{Duration, Instant};

use common::{Builder, manifest, manifest_with};
use jackfield_package::{Package, limits, section};
use serde_json::json;
use wasm_encoder::{
    Component, ComponentSectionId, CustomSection, Module, ModuleSection, NestedComponentSection, RawSection,
};

fn code(bytes: Vec<u8>) -> &'static str {
    Package::parse(bytes).map_or_else(|refusal| refusal.code, |_| "ok")
}

/// What stands in front of a number of 32 bits, in unsigned LEB128.
fn leb(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn nested_components(levels: usize) -> Vec<u8> {
    let mut inner = Component::new();
    for _ in 0..levels {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&inner));
        inner = outer;
    }
    inner.finish()
}

fn nested_module(module: &Module) -> Component {
    let mut component = Builder::default().no_sections().component();
    component.section(&ModuleSection(module));
    component
}

fn raw_json(text: &str) -> Vec<u8> {
    Builder::default().manifest_bytes(text.as_bytes()).bytes()
}

#[test]
fn each_hostile_file_is_refused_by_its_own_code() {
    let good = Builder::default().bytes();
    assert_eq!(code(good.clone()), "ok");
    let text = manifest().to_string();
    let manifest_section = CustomSection { name: section::MANIFEST.into(), data: text.as_bytes().into() };

    let mut module_with_manifest = Module::new();
    module_with_manifest.section(&manifest_section);
    let mut component_with_manifest = Component::new();
    component_with_manifest.section(&manifest_section);
    let mut manifest_in_component = Builder::default().no_sections().component();
    manifest_in_component.section(&NestedComponentSection(&component_with_manifest));

    let mut many_sections = good.clone();
    many_sections.extend([0u8, 1, 0].repeat(500_000));
    let mut many_nested_sections = Module::new();
    for _ in 0..200_000 {
        many_nested_sections.section(&RawSection { id: 0, data: &[0] });
    }
    let mut claims_64_mib = good.clone();
    claims_64_mib.push(0);
    claims_64_mib.extend(leb(64 << 20));
    claims_64_mib.extend(b"\x01x");
    let mut many_modules = Builder::default().component();
    for _ in 0..1_100 {
        many_modules.section(&ModuleSection(&Module::new()));
    }
    let mut many_functions = Module::new();
    let claimed = [leb(50_000_000), vec![0; 16]].concat();
    many_functions.section(&RawSection { id: 3, data: &claimed });
    let mut many_imports = Builder::default().component();
    let claimed = [leb(1_000_000), vec![0; 16]].concat();
    many_imports.section(&RawSection { id: ComponentSectionId::Import.into(), data: &claimed });
    let mut many_exports = Builder::default().component();
    many_exports.section(&RawSection { id: ComponentSectionId::Export.into(), data: &claimed });
    let long_name = format!("a:b/{}@0.1.0", "c".repeat(300));
    let mut garbage = Builder::default().component();
    garbage.section(&RawSection { id: ComponentSectionId::Alias.into(), data: &[0xff; 40] });
    let mut unknown_section = good.clone();
    unknown_section.extend([99, 1, 0]);
    let mut overlong_number = good.clone();
    overlong_number.extend([0, 0x80, 0x80, 0x80, 0x80, 0x80, 0]);
    let mut huge_number = good.clone();
    huge_number.extend([0, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    let mut bad_section_name = good.clone();
    bad_section_name.extend([0, 3, 2, 0xff, 0xfe]);
    let mut too_large = good.clone();
    too_large.resize(limits::COMPONENT_BYTES + 1, 0);
    let mut later_version = good.clone();
    later_version[4] = 0x0e;

    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let bom = format!("\u{feff}{text}");
    let mut build_metadata = manifest();
    build_metadata["version"] = json!("1.2.3+linux");
    let big_manifest = format!("{text}{}", " ".repeat(limits::MANIFEST_BYTES));

    let rows: Vec<(&str, &str, Vec<u8>)> = vec![
        // The file.
        ("component-not-wasm", "empty", Vec::new()),
        ("component-not-wasm", "ELF", b"\x7fELF\x02\x01\x01\0".to_vec()),
        ("component-not-wasm", "text format", b"(component)".to_vec()),
        ("component-truncated", "magic only", b"\0asm".to_vec()),
        ("component-truncated", "cut in the middle", good[..good.len() - 7].to_vec()),
        ("component-truncated", "cut within a header", {
            let mut bytes = good.clone();
            bytes.extend([0, 0x80]);
            bytes
        }),
        ("component-truncated", "claims 64 MiB", claims_64_mib),
        ("component-is-a-module", "module", Module::new().finish()),
        ("component-version-unknown", "version 14", later_version),
        ("component-too-large", "64 MiB and one", too_large),
        ("component-invalid", "unknown section id", unknown_section),
        ("component-invalid", "number of six bytes", overlong_number),
        ("component-invalid", "number of 35 bits", huge_number),
        ("component-invalid", "section name is not UTF-8", bad_section_name),
        ("component-invalid", "garbage in a section", garbage.finish()),
        ("section-too-large", "48 MiB custom section", Builder::default().section("x", &vec![0; 48 << 20]).bytes()),
        ("section-too-large", "custom section in a module", {
            let mut module = Module::new();
            module.section(&CustomSection { name: "x".into(), data: vec![0; 17 << 20].into() });
            nested_module(&module).finish()
        }),
        ("section-too-large", "README", Builder::default().readme(&vec![b'a'; limits::README_BYTES + 1]).bytes()),
        ("section-too-large", "cassettes", {
            let cassettes = vec![b' '; limits::CASSETTES_BYTES + 1];
            let manifest = manifest().to_string();
            let builder = Builder::default().no_sections().section(section::MANIFEST, manifest.as_bytes());
            builder.section(section::CASSETTES, &cassettes).bytes()
        }),
        ("section-too-many", "500 000 at the top", many_sections),
        ("section-too-many", "200 000 in a module", nested_module(&many_nested_sections).finish()),
        ("nested-too-deep", "12 levels", nested_components(12)),
        ("nested-too-deep", "2 000 levels", nested_components(2_000)),
        ("nested-too-many", "1 100 modules", many_modules.finish()),
        ("function-too-many", "claims 50 million", nested_module(&many_functions).finish()),
        ("import-too-many", "claims a million", many_imports.finish()),
        ("export-too-many", "claims a million", many_exports.finish()),
        ("extern-name-too-long", "300 bytes", Builder::default().imports(&[&long_name]).bytes()),
        // The sections.
        ("manifest-missing", "none", Builder::default().no_sections().bytes()),
        ("manifest-duplicated", "two", Builder::default().section(section::MANIFEST, text.as_bytes()).bytes()),
        ("manifest-nested", "in a module", nested_module(&module_with_manifest).finish()),
        ("manifest-nested", "in a component", manifest_in_component.finish()),
        ("section-duplicated", "two READMEs", Builder::default().section(section::README, b"b").bytes()),
        ("section-duplicated", "cassettes twice", Builder::default().section(section::CASSETTES, b"{}").bytes()),
        ("readme-not-utf8", "README", Builder::default().readme(b"\xff").bytes()),
        // The manifest.
        ("manifest-too-large", "256 KiB of spaces", raw_json(&big_manifest)),
        ("json-duplicate-key", "at the top", raw_json(r#"{"name":"a:b","name":"a:c"}"#)),
        ("json-duplicate-key", "deep inside", raw_json(r#"{"config":{"properties":{"a":1,"a":2}}}"#)),
        ("json-too-deep", "40 levels", raw_json(&deep)),
        ("json-too-deep", "100 000 levels", raw_json(&"[".repeat(100_000))),
        ("json-trailing", "two values", raw_json(&format!("{text}{text}"))),
        ("json-bom", "byte order mark", raw_json(&bom)),
        ("json-not-utf8", "a lone byte", Builder::default().manifest_bytes(b"{\"name\":\"\xff\"}").bytes()),
        ("json-malformed", "empty", raw_json("")),
        ("manifest-invalid", "build metadata", Builder::default().manifest(&build_metadata).bytes()),
        ("manifest-invalid", "unknown key", Builder::default().manifest(&manifest_with("/extra", json!(1))).bytes()),
        ("manifest-invalid", "bad name", Builder::default().manifest(&manifest_with("/name", json!("Acme:x"))).bytes()),
        (
            "manifest-invalid",
            "no operations",
            Builder::default().manifest(&manifest_with("/operations", json!([]))).bytes(),
        ),
        (
            "manifest-invalid",
            "long title",
            Builder::default().manifest(&manifest_with("/title", json!("x".repeat(81)))).bytes(),
        ),
        (
            "manifest-invalid",
            "bare star",
            Builder::default().manifest(&manifest_with("/egress/0/host", json!("*"))).bytes(),
        ),
        (
            "world-version-unsupported",
            "manifest of 0.3",
            Builder::default().manifest(&manifest_with("/world", json!("jackfield:connector@0.3.0"))).bytes(),
        ),
        // The contract.
        (
            "world-version-unsupported",
            "exports of 0.3",
            Builder::default().exports(&["jackfield:connector/descriptor@0.3.0"]).bytes(),
        ),
        ("world-missing-export", "no exports", Builder::default().exports(&[]).bytes()),
        (
            "world-missing-export",
            "descriptor only",
            Builder::default().exports(&["jackfield:connector/descriptor@0.1.0"]).bytes(),
        ),
        ("import-not-allowed", "wasi:keyvalue", Builder::default().imports(&["wasi:keyvalue/store@0.2.0"]).bytes()),
        ("import-not-allowed", "a name of its own", Builder::default().imports(&["exec"]).bytes()),
    ];
    for (expected, what, bytes) in rows {
        let size = bytes.len();
        let started = Instant::now();
        let found = code(bytes);
        let took = started.elapsed();
        assert_eq!(found, expected, "{what}");
        // Generous, for slow machines: what is refused is refused before anything grows with it.
        assert!(took < Duration::from_secs(2), "{what}: {size} bytes took {took:?}");
    }
}

#[test]
fn refusals_name_versions_and_what_to_do() {
    let refusal = Package::parse(Builder::default().exports(&["jackfield:connector/descriptor@0.3.0"]).bytes())
        .expect_err("too new");
    assert_eq!(refusal.message, "needs jackfield:connector@0.3, this host serves 0.1");
    assert!(refusal.hint.expect("a hint").contains("update the host, or rebuild"));

    let refusal =
        Package::parse(Builder::default().manifest(&manifest_with("/operations/0/effect", json!("harmless"))).bytes())
            .expect_err("no such effect");
    assert!(refusal.message.contains("`operations[0].effect`"), "{}", refusal.message);
}

#[test]
fn cassettes_that_break_their_frame_are_refused_by_their_own_code() {
    let many: serde_json::Map<_, _> =
        (0..=limits::CASSETTES).map(|number| (format!("number-{number}"), json!({}))).collect();
    let named = |name: &str| json!({ name: {} }).to_string();
    let rows = [
        ("cassettes-too-many", json!(many).to_string()),
        ("cassettes-malformed", named("")),
        ("cassettes-malformed", named(&"n".repeat(limits::CASSETTE_NAME_BYTES + 1))),
        ("cassettes-malformed", json!([{}]).to_string()),
        ("cassettes-malformed", json!({"greet": "no cassette"}).to_string()),
        ("json-duplicate-key", r#"{"greet": {}, "greet": {}}"#.to_owned()),
        ("json-duplicate-key", r#"{"greet": {"operation": "a", "operation": "b"}}"#.to_owned()),
        ("json-too-deep", format!(r#"{{"greet": {}1{}}}"#, r#"{"a":"#.repeat(200), "}".repeat(200))),
        ("json-trailing", "{}{}".to_owned()),
        ("json-malformed", String::new()),
    ];
    for (expected, text) in rows {
        let mut builder = Builder::default();
        builder.sections[2].1 = text.into_bytes();
        // A package all the same: no host reads them.
        let refusal = builder.package().cassettes().expect_err(expected);
        assert_eq!(refusal.code, expected, "{refusal}");
        let report = jackfield_package::check::check(&builder.package());
        let outcome = report.outcome("cassettes-present").expect("the rule");
        assert!(outcome.message.contains(expected), "{outcome:?}");
    }
}
