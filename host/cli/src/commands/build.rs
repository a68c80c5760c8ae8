//! `jackfield build`.

use crate::{
    context::Context,
    error::{Done, Failed},
    flags,
};

pub(crate) async fn run(_flags: flags::Build, _context: &Context) -> Done {
    Err(Failed::usage("command-missing", "`build` is not built in yet"))
}
