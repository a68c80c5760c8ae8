//! The tests of the whole: one binary, one file a story. The guest programs of tests/programs are what is tested with, and
//! each has a test of its name somewhere in here, or this does not compile.

#[allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod architecture;
#[allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod canary;
mod egress_addresses;
#[allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod egress_connections;
mod egress_credentials;
mod egress_grants;
#[allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod egress_injection;
mod egress_limits;
mod egress_wire;
#[allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod events;
mod failures;
mod files;
#[allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
mod hooks;
mod installed_state;
mod limits;
mod outcome;
mod sandbox;
mod trust;

/// Every program has its test.
mod tested {
    #[allow(unused_imports, reason = "not every story has a program of its own")]
    use crate::{egress_grants::*, egress_limits::*, failures::*, files::*, hooks::*, limits::*, sandbox::*, trust::*};

    macro_rules! there_is_a_test {
        ($program:ident) => {
            #[expect(unused_imports, reason = "here only to show that it exists")]
            use $program as _;
        };
    }
    jackfield_test_kit::for_every_program!(there_is_a_test);
}
