//! One file a command: `run(flags, &Context)`.

pub(crate) mod build;
pub(crate) mod new;
pub(crate) mod test;
