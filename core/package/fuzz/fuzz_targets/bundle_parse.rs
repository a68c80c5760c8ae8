//! A bundle from a stranger, and a statement as if its signature had held.
#![no_main]

use jackfield_package::statement::{Bundle, PublishStatement};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(bundle) = Bundle::parse(bytes) {
        let written = bundle.to_bytes();
        assert_eq!(Bundle::parse(&written).expect("its own bytes").to_bytes(), written);
    }
    if let Ok(statement) = PublishStatement::from_verified_payload(bytes) {
        let again = PublishStatement::from_verified_payload(&statement.to_payload()).expect("its own bytes");
        assert_eq!(again, statement);
    }
});
