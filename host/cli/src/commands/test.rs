//! `jackfield test`.

use crate::{
    context::Context,
    error::{Done, Failed},
    flags,
};

pub(crate) async fn run(_flags: flags::Test, _context: &Context) -> Done {
    Err(Failed::usage("command-missing", "`test` is not built in yet"))
}
