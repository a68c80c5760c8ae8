//! What a component says of itself, and nothing of it runs: its WIT, and the cassettes that it may be tried with.
//!
//! The WIT is decoded here, in the validator's child, by the `wit-component` crate. `core/package` would have been the place of what is known
//! of a component, but hosts link it too and trust its few parsers; the registry reads no hostile bytes itself. A parser that
//! ends its process ends nothing but an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jackfield_package::Package;
use jackfield_registry::{
    limits::WIT_BYTES,
    validator::{Contents, Fixture, Wit},
};
use serde_json::{Value, value::to_raw_value};
use wit_component::{DecodedWasm, OutputToString, WitPrinter, decode};

/// Characters of why there is no WIT. The component has a say in them.
const REASON_CHARS: usize = 300;

/// Reads a component. What is no package says nothing.
pub(crate) fn of(bytes: Vec<u8>) -> Contents {
    match Package::parse(bytes) {
        Ok(package) => Contents { wit: wit(&package), fixtures: fixtures(&package) },
        Err(refusal) => Contents { wit: Wit::None(refusal.to_string()), fixtures: Vec::new() },
    }
}

/// As `wasm-tools component wit` has it: the component's world first, then each package that it names.
fn wit(package: &Package) -> Wit {
    match catch_unwind(AssertUnwindSafe(|| printed(package))) {
        Ok(Ok(text)) if text.len() <= WIT_BYTES => Wit::Text(text),
        Ok(Ok(text)) => Wit::None(format!("it has {} bytes: at most {WIT_BYTES}", text.len())),
        Ok(Err(why)) => Wit::None(why.chars().filter(|c| !c.is_control()).take(REASON_CHARS).collect()),
        Err(_) => Wit::None("its types are beyond the parser".to_owned()),
    }
}

fn printed(package: &Package) -> Result<String, String> {
    let decoded = decode(package.bytes()).map_err(|error| format!("{error:#}"))?;
    if matches!(decoded, DecodedWasm::WitPackage(..)) {
        return Err("it is no component but a WIT package".to_owned());
    }
    let (resolve, main) = (decoded.resolve(), decoded.package());
    let others: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != main).collect();
    let mut printer = WitPrinter::<OutputToString>::default();
    printer.print(resolve, main, &others).map_err(|error| format!("{error:#}"))?;
    Ok(String::from(printer.output))
}

/// Those that end well first, since a form shows what the connector is for and not what it refuses; and before all the one that is named like
/// its operation.
fn fixtures(package: &Package) -> Vec<Fixture> {
    let cassettes = package.cassettes().ok().flatten().unwrap_or_default();
    let mut fixtures: Vec<_> = cassettes
        .iter()
        .filter_map(|(name, cassette)| {
            let input = cassette.get("input").cloned().unwrap_or_else(|| Value::Object(Default::default()));
            let files = cassette.get("files").and_then(Value::as_object);
            Some(Fixture {
                cassette: name.to_owned(),
                operation: cassette.get("operation")?.as_str()?.to_owned(),
                input: to_raw_value(&input).ok()?,
                files: files.map(|files| files.keys().cloned().collect()).unwrap_or_default(),
                fails: cassette.get("expect").is_some_and(|expect| expect.get("error").is_some()),
            })
        })
        .collect();
    fixtures.sort_by_key(|fixture| (fixture.cassette != fixture.operation, fixture.fails));
    fixtures
}

#[cfg(test)]
mod tests {
    use jackfield_test_kit::{PackageBuilder, programs};

    use super::*;

    #[test]
    fn a_component_is_written_as_its_wit() {
        let Contents { wit: Wit::Text(text), .. } = of(PackageBuilder::of(programs::ECHO).bytes()) else {
            panic!("no WIT")
        };
        assert!(text.starts_with("package root:component;\n\nworld root {\n"), "{text}");
        for expected in [
            "  export jackfield:connector/operations@0.1.0;\n",
            "package jackfield:connector@0.1.0 {\n",
            "  interface operations {\n",
            "    invoke: func(",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        // It is WIT that others read.
        let mut resolve = wit_parser::Resolve::default();
        resolve.push_str("it.wit", &text).unwrap();
    }

    #[test]
    fn what_is_no_component_is_an_answer_and_no_fault() {
        let whole = PackageBuilder::of(programs::ECHO).bytes();
        for bytes in [Vec::new(), b"\0asm\x0d\0\x01\0".to_vec(), whole[..whole.len() / 2].to_vec(), vec![0xff; 4096]] {
            assert!(matches!(of(bytes).wit, Wit::None(why) if !why.is_empty()));
        }
        // Bytes turned over one at a time: whatever comes of it, nothing ends the process.
        let step = whole.len() / 200;
        for at in (8..whole.len()).step_by(step) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            of(bytes);
        }
    }
}
