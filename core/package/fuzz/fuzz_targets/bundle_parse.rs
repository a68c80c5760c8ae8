//! A bundle from a stranger, and statements as if their signatures had held.
#![no_main]

use jackfield_package::statement::{
    AuditStatement, Bundle, ChecksStatement, IndexStatement, KeysetStatement, PublishStatement, ReceiptStatement,
    StatusStatement,
};
use libfuzzer_sys::fuzz_target;

macro_rules! round_trip {
    ($bytes:ident: $($statement:ty),*) => {$(
        if let Ok(statement) = <$statement>::from_verified_payload($bytes) {
            let again = <$statement>::from_verified_payload(&statement.to_payload()).expect("its own bytes");
            assert_eq!(again, statement);
        }
    )*};
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(bundle) = Bundle::parse(bytes) {
        let written = bundle.to_bytes();
        assert_eq!(Bundle::parse(&written).expect("its own bytes").to_bytes(), written);
    }
    round_trip!(bytes: PublishStatement, KeysetStatement, ChecksStatement, AuditStatement);
    round_trip!(bytes: StatusStatement, IndexStatement, ReceiptStatement);
});
