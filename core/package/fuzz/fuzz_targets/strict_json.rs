//! JSON, manifests and schemas from a stranger.
#![no_main]

use jackfield_package::{
    Manifest,
    schema::Schema,
    strict_json::{self, Floats},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Manifest::parse(bytes);
    if let Ok(value) = strict_json::parse(bytes) {
        let text = strict_json::to_canonical_string(&value);
        assert_eq!(strict_json::parse(text.as_bytes()).expect("its own text"), value);
        if let Ok(schema) = Schema::compile(&value) {
            let _ = schema.faults(&value);
        }
    }
    if strict_json::parse_with(bytes, Floats::Refused).is_ok() {
        assert!(strict_json::parse(bytes).is_ok());
    }
});
