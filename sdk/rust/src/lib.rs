//! Write a Jackfield connector: one function, ordinary types, ordinary errors.
//!
//! ```
//! use jackfield_sdk::prelude::*;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct GreetInput {
//!     /// Who to greet.
//!     name: String,
//! }
//!
//! #[derive(Serialize, JsonSchema)]
//! struct Greeting {
//!     message: String,
//! }
//!
//! /// Greets a person by name.
//! #[operation(effect = "read", idempotent)]
//! fn greet(input: GreetInput, _context: &Context) -> Result<Greeting> {
//!     Ok(Greeting { message: format!("Hello, {}", input.name) })
//! }
//!
//! connector!(greet);
//! ```
//!
//! The words: an [operation] is one function that callers reach by name; its [`Context`] tells it about the call it
//! serves; an [`Error`] is an answer that says no, in words a caller can act upon; a [`FileRef`] names bytes too large
//! for JSON.
//!
//! The path of a call: the host calls `operations.invoke` → [`connector!`] finds the operation by name → the input is
//! read into the function's input type (or refused with the path of what is wrong) → the function runs → its output is
//! written as JSON. `descriptor.describe` states the same operations, with schemas taken from the same types.
//!
//! On another target than wasm32 everything compiles, so that plain logic is tested with `cargo test`; what needs the
//! host (HTTP, files) answers with an error of the code `no-host`.
//!
//! [operation]: macro@operation

pub mod context;
pub mod error;
pub mod files;
pub mod hook;
pub mod http;
pub mod log;
mod operation;
mod streams;

pub use context::Context;
pub use error::{Error, ErrorKind, Result};
pub use files::{FileReader, FileRef, FileWriter};
pub use jackfield_sdk_macros::operation;
pub use operation::Effect;
// For authors who need no version of their own.
pub use {schemars, serde, serde_json};

/// What a connector's source usually needs.
pub mod prelude {
    pub use crate::{
        Context, Error, ErrorKind, FileRef, Result, connector,
        http::{self, Request, Response},
        log, operation,
    };
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}

/// What the macros expand to. Not for authors: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        bindings,
        operation::{Effect, Entry, OkOf, Operation, describe, invoke},
    };
}

/// The bindings of `wit/`, a copy of the contract that travels with this crate. WASI's own types are those of the
/// crate `wasip2`, so that a stream from here is the same type as a stream from there.
#[doc(hidden)]
#[allow(missing_docs, unreachable_pub, unsafe_code, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "connector",
        with: {
            "wasi:io/error@0.2.12": ::wasip2::io::error,
            "wasi:io/poll@0.2.12": ::wasip2::io::poll,
            "wasi:io/streams@0.2.12": ::wasip2::io::streams,
            "wasi:clocks/monotonic-clock@0.2.12": ::wasip2::clocks::monotonic_clock,
            "wasi:http/types@0.2.12": ::wasip2::http::types,
            "wasi:http/outgoing-handler@0.2.12": ::wasip2::http::outgoing_handler,
        },
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "jackfield_sdk::bindings",
    });
}

/// Makes a connector of the operations that it names: `connector!(greet, issues::list)`.
///
/// Once a crate, at its root. The names are paths of functions under `#[operation]`.
#[macro_export]
macro_rules! connector {
    ($($operation:ty),+ $(,)?) => {
        #[doc(hidden)]
        const __JACKFIELD_OPERATIONS: &[$crate::__private::Entry] =
            &[$($crate::__private::Entry::of::<$operation>()),+];

        /// What this connector does, as `descriptor.describe` answers it.
        #[doc(hidden)]
        pub fn __jackfield_describe() -> ::std::string::String {
            $crate::__private::describe(__JACKFIELD_OPERATIONS)
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::__private::bindings::exports::jackfield::connector::descriptor::Guest for Component {
                fn describe() -> ::std::string::String {
                    __jackfield_describe()
                }
            }

            impl $crate::__private::bindings::exports::jackfield::connector::operations::Guest for Component {
                fn invoke(
                    operation: ::std::string::String,
                    input: ::std::string::String,
                    context: $crate::__private::bindings::jackfield::connector::types::Context,
                ) -> ::core::result::Result<
                    ::std::string::String,
                    $crate::__private::bindings::jackfield::connector::types::Error,
                > {
                    $crate::__private::invoke(__JACKFIELD_OPERATIONS, &operation, &input, context)
                }
            }

            $crate::__private::bindings::export!(Component with_types_in $crate::__private::bindings);
        };
    };
}
