//! The `jackfield` command: the door to packages, keys and the host.
//!
//! [`flags`] has every command on one page; [`commands`] has one file a command, each a `run(flags, &Context)`; [`ui`] and
//! [`page`] write answers to stdout and everything else to stderr; [`error`] renders every failure and owns the exit
//! codes.

mod asks;
mod backup;
mod believed_log;
mod broker;
mod cargo;
mod cassette;
mod commands;
mod context;
mod difference;
mod error;
mod examine;
mod examples;
mod flags;
mod installed;
mod key_names;
mod monitor;
mod near;
mod packages;
mod page;
mod passphrase;
mod project;
mod remote;
mod sandbox;
mod secret;
mod serving;
mod standing;
mod statements;
mod store;
mod supply;
mod taken_back;
mod template;
mod trusted;
mod ui;
mod upload;
mod validator;
mod values;
mod words;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory as _, Parser as _};
use jackfield_package::statement::StatusAction;

use crate::{
    context::Context,
    error::{Done, Failed},
    flags::{Arguments, Command, Format},
};

/// Of 100 samples of a busy server this takes 10, and glibc's own allocator took 13.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let typed: Vec<_> = std::env::args_os().skip(1).collect();
            return error::command_line(&error, &typed_commands(&typed), wanted_format(&typed));
        }
    };
    let Arguments { global, command } = arguments;
    let format = global.output;
    match start(global, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => failed.report(format),
    }
}

fn start(global: flags::Global, command: Command) -> Done {
    if let Command::CompileComponent(flags) = command {
        return commands::compile_component::run(&flags);
    }
    match command {
        Command::ExamineComponent(flags) => return commands::examine_component::examine(&flags),
        Command::ReadComponent(flags) => return commands::examine_component::read(&flags),
        Command::TryComponent(flags) => return commands::examine_component::try_out(&flags),
        _ => {}
    }
    let context = Context::new(global)?;
    // A server's telemetry is begun once it has read its configuration.
    if !matches!(command, Command::Serve(_)) {
        init_tracing(&context);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::file("cannot start the runtime", &error))?;
    let done = runtime.block_on(async {
        let done = run(command, &context).await;
        // A token that a provider gives only once is kept before this ends.
        jackfield_broker::refresh::settled().await;
        done
    });
    // A thread may still wait for a pipe that nobody writes to; the command is over nevertheless.
    runtime.shutdown_background();
    done
}

async fn run(command: Command, context: &Context) -> Done {
    match command {
        Command::New(flags) => commands::new::run(flags, context).await,
        Command::Build(flags) => commands::build::run(flags, context).await,
        Command::Check(flags) => commands::check::run(flags, context).await,
        Command::Test(flags) => commands::test::run(flags, context).await,
        Command::Inspect(flags) => commands::inspect::run(flags, context).await,
        Command::Key(flags) => commands::key::run(flags, context).await,
        Command::Trust(flags) => commands::trust::run(flags, context).await,
        Command::Sign(flags) => commands::sign::run(flags, context).await,
        Command::Verify(flags) => commands::verify::run(flags, context).await,
        Command::Install(flags) => commands::install::run(flags, context).await,
        Command::Grant(flags) => commands::grant::run(flags, context).await,
        Command::List(flags) => commands::list::run(flags, context).await,
        Command::Search(flags) => commands::search::search(flags, context).await,
        Command::Info(flags) => commands::search::info(flags, context).await,
        Command::Withdraw(flags) => commands::withdraw::withdraw(flags, context).await,
        Command::Yank(flags) => commands::withdraw::run(flags, StatusAction::Yank, context).await,
        Command::Quarantine(flags) => commands::withdraw::run(flags, StatusAction::Quarantine, context).await,
        Command::Revoke(flags) => commands::withdraw::run(flags, StatusAction::Revoke, context).await,
        Command::Lift(flags) => commands::withdraw::run(flags, StatusAction::Lift, context).await,
        Command::Deprecate(flags) => commands::withdraw::deprecate(flags, context).await,
        Command::Advisory(flags) => commands::advisory::run(flags, context).await,
        Command::Review(flags) => commands::review::run(flags, context).await,
        Command::Registry(flags) => commands::registry::run(flags, context).await,
        Command::Upgrade(flags) => commands::upgrade::run(flags, context).await,
        Command::Outdated(flags) => commands::outdated::run(flags, context).await,
        Command::Status(flags) => commands::status::run(flags, context).await,
        Command::Audit(flags) => commands::audit::run(flags, context).await,
        Command::ExportEvidence(flags) => commands::export_evidence::run(flags, context).await,
        Command::Uninstall(flags) => commands::uninstall::run(flags, context).await,
        Command::Enable(flags) => commands::switch::run(&flags.name, true, context).await,
        Command::Disable(flags) => commands::switch::run(&flags.name, false, context).await,
        Command::Invoke(flags) => commands::invoke::run(flags, context).await,
        Command::Mcp(flags) => commands::mcp::run(flags, context).await,
        Command::Connect(flags) => commands::connect::run(flags, context).await,
        Command::Connections(flags) => commands::connections::run(flags, context).await,
        Command::Provider(flags) => commands::provider::run(flags, context).await,
        Command::Vault(flags) => commands::vault::run(flags, context).await,
        Command::Login(flags) => commands::login::login(flags, context).await,
        Command::Logout(flags) => commands::login::logout(flags, context).await,
        Command::Whoami(flags) => commands::login::whoami(flags, context).await,
        Command::User(flags) => commands::user::run(flags, context).await,
        Command::Token(flags) => commands::token::run(flags, context).await,
        Command::Log(flags) => commands::log::run(flags, context).await,
        Command::Namespace(flags) => commands::namespace::run(flags, context).await,
        Command::Publish(flags) => commands::publish::run(flags, context).await,
        Command::Serve(flags) => commands::serve::run(flags, context).await,
        Command::Backup(flags) => commands::backup::run(flags, context).await,
        Command::Restore(flags) => commands::restore::run(&flags, context),
        // Handled before the runtime and its threads are there.
        Command::CompileComponent(flags) => commands::compile_component::run(&flags),
        Command::ExamineComponent(flags) => commands::examine_component::examine(&flags),
        Command::ReadComponent(flags) => commands::examine_component::read(&flags),
        Command::TryComponent(flags) => commands::examine_component::try_out(&flags),
    }
}

/// Diagnostics of the host's own, for `-v`: never part of an answer, so never there unasked.
fn init_tracing(context: &Context) {
    let level = match context.ui.verbosity() {
        0 => return,
        1 => "jackfield_host=info,jackfield=info",
        _ => "jackfield_host=debug,jackfield=debug",
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .init();
}

/// The commands at the start of a command line that could not be parsed, such as `key new `; none if the first word is no
/// command.
fn typed_commands(arguments: &[OsString]) -> String {
    let mut command = Arguments::command();
    let mut typed = String::new();
    for argument in arguments.iter().filter_map(|argument| argument.to_str()) {
        let Some(next) = command.find_subcommand(argument).cloned() else { break };
        typed.push_str(argument);
        typed.push(' ');
        command = next;
    }
    typed
}

/// What `--output` says on a command line that could not be parsed, so that a program gets its error as JSON even so.
fn wanted_format(arguments: &[OsString]) -> Format {
    let after_output = arguments.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json");
    if after_output || arguments.iter().any(|argument| argument == "--output=json") {
        Format::Json
    } else {
        Format::Human
    }
}
