//! One file a command: `run(flags, &Context)`.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod compile_component;
pub(crate) mod examine_component;
pub(crate) mod grant;
pub(crate) mod inspect;
pub(crate) mod install;
pub(crate) mod invoke;
pub(crate) mod key;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod namespace;
pub(crate) mod new;
pub(crate) mod publish;
pub(crate) mod serve;
pub(crate) mod sign;
pub(crate) mod switch;
pub(crate) mod test;
pub(crate) mod token;
pub(crate) mod trust;
pub(crate) mod uninstall;
pub(crate) mod user;
pub(crate) mod verify;
