//! What programs with an auth hook share: bindings of their own, since a component exports only what it has.

#[allow(clippy::all, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: r#"
            package test:hooked;

            world hook {
                export jackfield:connector/auth-hook@0.1.0;
            }
        "#,
        world: "test:hooked/hook",
        with: { "jackfield:connector/types@0.1.0": crate::bindings::jackfield::connector::types },
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "program::hook",
    });
}

#[doc(hidden)]
pub use bindings::*;
pub use exports::jackfield::connector::auth_hook::{Body, Derived, Exchange, Request, Step, Tokens};

pub use crate::hook;

/// Gives the component a hook: `hook!(next)`, beside `program!`.
#[macro_export]
macro_rules! hook {
    ($next:path) => {
        struct Hook;

        impl $crate::hook::exports::jackfield::connector::auth_hook::Guest for Hook {
            fn next(exchange: $crate::hook::Exchange) -> Result<$crate::hook::Step, $crate::Error> {
                $next(exchange)
            }
        }

        $crate::hook::export!(Hook with_types_in $crate::hook);
    };
}
