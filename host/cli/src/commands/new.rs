//! `jackfield new`.

use crate::{
    context::Context,
    error::{Done, Failed},
    flags,
};

pub(crate) async fn run(_flags: flags::New, _context: &Context) -> Done {
    Err(Failed::usage("command-missing", "`new` is not built in yet"))
}
