//! Tests on the wire.
