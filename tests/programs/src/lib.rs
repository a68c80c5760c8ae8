//! What every guest program shares: bindings of the whole of WASI 0.2 (a hostile guest does not ask a polite SDK) and one
//! macro that makes a component of a function.
//!
//! A program is one file in examples/. It has one operation, `run`.

use serde_json::{Value, json};

#[allow(clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: r#"
            package test:programs;

            world program {
                include jackfield:connector/connector@0.1.0;
                import wasi:http/types@0.2.12;
                import wasi:io/poll@0.2.12;
                import wasi:clocks/monotonic-clock@0.2.12;
                import wasi:clocks/wall-clock@0.2.12;
                import wasi:random/random@0.2.12;
                import wasi:cli/environment@0.2.12;
                import wasi:cli/exit@0.2.12;
                import wasi:cli/stdin@0.2.12;
                import wasi:filesystem/preopens@0.2.12;
                import wasi:sockets/instance-network@0.2.12;
                import wasi:sockets/ip-name-lookup@0.2.12;
                import wasi:sockets/tcp@0.2.12;
                import wasi:sockets/tcp-create-socket@0.2.12;
            }
        "#,
        world: "test:programs/program",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "program",
    });
}

pub use bindings::{
    exports,
    jackfield::connector::{
        files, log,
        types::{Context, Error, ErrorKind},
    },
    wasi,
};

#[doc(hidden)]
pub use bindings::*;

pub mod fetch;
pub mod hook;

/// What `describe` answers, and the manifest says: the kit reads the same file.
pub const OPERATIONS: &str = include_str!("../operations.json");

/// One call of `run`.
pub struct Call {
    pub operation: String,
    pub input: String,
    pub context: Context,
}

impl Call {
    /// The input, parsed.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.input).expect("the input is JSON")
    }
}

pub type Answer = Result<String, Error>;

/// An error of the program's own.
pub fn error(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error {
        kind,
        code: "test".to_owned(),
        message: message.into(),
        retryable: None,
        retry_after_ms: None,
        request_sent: false,
        details: None,
    }
}

/// An answer `{"error": what}`: what the sandbox refused, by the word the guest sees.
pub fn refused(what: impl std::fmt::Debug) -> Value {
    json!({ "error": format!("{what:?}") })
}

/// Makes the component: `program!(run)`, or `program!(run, describe)` where its word about itself matters.
#[macro_export]
macro_rules! program {
    ($run:path) => {
        fn describe() -> String {
            $crate::OPERATIONS.to_owned()
        }
        $crate::program!($run, describe);
    };
    ($run:path, $describe:path) => {
        struct Component;

        impl $crate::exports::jackfield::connector::descriptor::Guest for Component {
            fn describe() -> String {
                $describe()
            }
        }

        impl $crate::exports::jackfield::connector::operations::Guest for Component {
            fn invoke(operation: String, input: String, context: $crate::Context) -> $crate::Answer {
                $run($crate::Call { operation, input, context })
            }
        }

        $crate::export!(Component with_types_in $crate);
    };
}
