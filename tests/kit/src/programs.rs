//! Where each guest program of tests/programs stands once it is built.

include!(concat!(env!("OUT_DIR"), "/programs.rs"));
