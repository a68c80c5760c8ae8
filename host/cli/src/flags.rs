//! Every command, on one page, with the flags that all of them have; the flags of a noun stand on its own page. What a flag's text means is parsed here or in [`crate::values`]; what it does
//! stands in `commands/`, one file a command.

mod account;
mod backup;
mod broker;
mod child;
mod connector;
mod installation;
mod key;
mod log;
mod publish;
mod registry;
mod release;
mod serve;

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum, ValueHint,
    builder::styling::{AnsiColor, Styles},
};

pub(crate) use self::{
    account::*, backup::*, broker::*, child::*, connector::*, installation::*, key::*, log::*, publish::*, registry::*,
    release::*, serve::*,
};

use crate::examples;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Build, sign, verify, install and invoke sandboxed connectors.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, styles = STYLES, after_help = examples::TOP, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Where keys, trust and installations stand [default: $XDG_DATA_HOME/jackfield or ~/.local/share/jackfield]
    #[arg(long, global = true, value_name = "DIR", env = "JACKFIELD_HOME", hide_env_values = true, value_hint = ValueHint::DirPath)]
    pub(crate) home: Option<PathBuf>,
    /// How answers (stdout) and errors (stderr) are written
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Human)]
    pub(crate) output: Format,
    /// When to colour; NO_COLOR is heeded
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Only answers and errors: no progress, no notes, no log lines of connectors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more on stderr; twice for more still
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Root certificates (PEM) that connectors' requests trust besides the built-in ones
    #[arg(long, global = true, value_name = "PEM", env = "JACKFIELD_CA_FILE", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Where connections are kept, if not in the home: a PostgreSQL URL, or a file of SQLite
    #[arg(long, global = true, value_name = "URL", env = "JACKFIELD_BROKER_DATABASE", hide_env_values = true, value_hint = ValueHint::Url)]
    pub(crate) broker_database: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(New),
    Build(Build),
    Check(Check),
    Test(Test),
    Inspect(Inspect),
    Key(Key),
    Trust(Trust),
    Sign(Sign),
    Verify(Verify),
    Install(Install),
    Grant(Grant),
    List(List),
    Search(Search),
    Info(Info),
    Registry(Registry),
    Upgrade(Upgrade),
    Outdated(Outdated),
    Status(Status),
    Audit(Audit),
    ExportEvidence(ExportEvidence),
    Uninstall(Name),
    Enable(Enable),
    Disable(Disable),
    Invoke(Invoke),
    Mcp(Mcp),
    Connect(Connect),
    Connections(Connections),
    Provider(Provider),
    Vault(Vault),
    Login(Login),
    Logout(Logout),
    Whoami(Whoami),
    User(User),
    Token(Token),
    Namespace(Namespace),
    Log(Log),
    Publish(Publish),
    Withdraw(Withdrawal),
    /// Take a release back: nobody installs it anew; whoever has locked it still gets it
    #[command(after_help = examples::YANK)]
    Yank(TakeBack),
    /// Hold a release back until somebody has looked, seven days at most
    #[command(after_help = examples::QUARANTINE)]
    Quarantine(TakeBack),
    /// Take a release back for good: nobody is to run it any more
    #[command(after_help = examples::REVOKE)]
    Revoke(TakeBack),
    /// Give back a release that was taken back
    #[command(after_help = examples::LIFT)]
    Lift(TakeBack),
    Deprecate(Deprecate),
    Advisory(Advisory),
    Review(Review),
    Serve(Serve),
    Backup(Backup),
    Restore(Restore),
    #[command(hide = true)]
    CompileComponent(CompileComponent),
    #[command(hide = true)]
    ExamineComponent(ExamineComponent),
    #[command(hide = true)]
    ReadComponent(ExamineComponent),
    #[command(hide = true)]
    TryComponent(ExamineComponent),
}
