//! Lines for the operator.
//!
//! ```
//! use jackfield_sdk::log;
//! log::info("page read", &[("page", "3")]);
//! ```

use crate::bindings::jackfield::connector::log::{self as wire, Level};

macro_rules! levels {
    ($($(#[$doc:meta])* $name:ident => $level:ident;)+) => {$(
        $(#[$doc])*
        pub fn $name(message: &str, fields: &[(&str, &str)]) {
            write(Level::$level, message, fields);
        }
    )+};
}

levels! {
    /// Step by step.
    trace => Trace;
    /// For whoever looks for a fault.
    debug => Debug;
    /// What a run did.
    info => Info;
    /// What went on in spite of something.
    warn => Warn;
    /// What did not go.
    error => Error;
}

fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    if cfg!(target_arch = "wasm32") {
        let fields: Vec<(String, String)> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        wire::log(level, message, &fields);
    } else {
        eprintln!("{level:?}: {message} {fields:?}");
    }
}
