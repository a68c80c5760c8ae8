//! How a command fails: one type, one rendering, one table of exit codes.

use std::{borrow::Cow, io, process::ExitCode};

use anstyle::AnsiColor;
use jackfield_host::failure::{Failure, HostFault};
use jackfield_package::{Fault, Refusal};
use serde_json::{Map, Value, json};

use crate::{
    flags::Format,
    page::{plain, plain_json},
    words::nearest,
};

/// What a command says when it can't do what it was asked.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Whose matter it is; decides the exit code.
    kind: Kind,
    /// Stable kebab-case word.
    code: Cow<'static, str>,
    /// What failed, on what, and what was expected.
    message: String,
    /// The next command to try.
    hint: Option<String>,
    /// Where a value is wrong, if that is why.
    faults: Vec<Fault>,
    /// More for a machine, merged into the JSON.
    details: Map<String, Value>,
}

pub(crate) type Done = Result<(), Failed>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The host, a file or the network.
    Fault,
    /// The command line.
    Usage,
    /// A check, a signature or a policy said no.
    Refused,
    /// The connector's own answer.
    Connector,
    /// The host denied what the call could not do without.
    Denied,
    /// A limit was used up.
    Limit,
    /// The connector panicked or trapped.
    Crashed,
    /// What was named does not exist here.
    NotFound,
    /// Somebody stopped it.
    Cancelled,
}

impl Kind {
    /// The exit code, as `jackfield --help` and docs/reference/cli.md list it.
    fn exit_code(self) -> u8 {
        match self {
            Self::Fault => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Connector => 4,
            Self::Denied => 5,
            Self::Limit => 6,
            Self::Crashed => 7,
            Self::NotFound => 8,
            // What a shell reports for a program that SIGINT ended.
            Self::Cancelled => 130,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Connector => "connector",
            Self::Denied => "denied",
            Self::Limit => "limit",
            Self::Crashed => "crashed",
            Self::NotFound => "not-found",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Failed {
    pub(crate) fn new(kind: Kind, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into(), hint: None, faults: Vec::new(), details: Map::new() }
    }

    /// The command line asks for what can't be.
    pub(crate) fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, code, message)
    }

    /// A file operation failed. `message` says what was tried, on which path. A file that is not there is `not found`.
    pub(crate) fn file(message: impl std::fmt::Display, error: &io::Error) -> Self {
        let (kind, code) = match error.kind() {
            io::ErrorKind::NotFound => (Kind::NotFound, "file-not-found"),
            _ => (Kind::Fault, "file-fault"),
        };
        Self::new(kind, code, format!("{message}: {}", cause(error)))
    }

    /// Something could not be written or made there; that a folder on the way is missing is no `not found`.
    pub(crate) fn unwritable(path: &std::path::Path, error: &io::Error) -> Self {
        Self::new(Kind::Fault, "file-fault", format!("cannot write `{}`: {}", path.display(), cause(error)))
    }

    /// The next command to try.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What it says.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Whether something was not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }

    /// Whether it is nobody's mistake: trying again may help.
    pub(crate) fn is_fault(&self) -> bool {
        self.kind == Kind::Fault
    }

    /// The same, with the place where it went wrong before its message.
    #[must_use]
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// One more key of the JSON form.
    #[must_use]
    pub(crate) fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// The stable word.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Whose matter it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Its code, and the rest of what a refusal says.
    pub(crate) fn into_parts(self) -> (Cow<'static, str>, String, Option<String>, Vec<Fault>) {
        (self.code, self.message, self.hint, self.faults)
    }

    /// Writes it to stderr and gives the exit code. The one place where errors are rendered.
    pub(crate) fn report(&self, format: Format) -> ExitCode {
        let mut stderr = anstream::stderr().lock();
        // Nobody is left to tell if stderr is gone.
        let _ = match format {
            Format::Human => write_human(self, &mut stderr),
            Format::Json => write_json(self, &mut stderr),
        };
        ExitCode::from(self.kind.exit_code())
    }
}

fn write_human(failed: &Failed, to: &mut dyn io::Write) -> io::Result<()> {
    let error = AnsiColor::Red.on_default().bold();
    writeln!(to, "{error}error:{error:#} {}", plain(&failed.message))?;
    failed.hint.as_ref().map_or(Ok(()), |hint| write_hint(hint, to))
}

/// What to do about the line before it; further lines stand under the first.
pub(crate) fn write_hint(text: &str, to: &mut dyn io::Write) -> io::Result<()> {
    let hint = AnsiColor::Cyan.on_default().bold();
    let mut lines = text.lines();
    writeln!(to, "  {hint}hint:{hint:#} {}", plain(lines.next().unwrap_or_default()))?;
    lines.try_for_each(|line| writeln!(to, "        {}", plain(line)))
}

fn write_json(failed: &Failed, to: &mut dyn io::Write) -> io::Result<()> {
    let mut error = json!({ "kind": failed.kind.word(), "code": failed.code, "message": failed.message });
    if let Some(error) = error.as_object_mut() {
        if let Some(hint) = &failed.hint {
            error.insert("hint".to_owned(), json!(hint));
        }
        if !failed.faults.is_empty() {
            error.insert("errors".to_owned(), json!(failed.faults));
        }
        error.extend(failed.details.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    writeln!(to, "{}", plain_json(&json!({ "error": error }).to_string()))
}

/// Characters of a connector's details that a person is shown; JSON has all.
const DETAILS_SHOWN: usize = 500;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(DETAILS_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A warning as a program reads it, one line of JSON like an error.
pub(crate) fn warning_json(message: &str) -> Value {
    json!({ "warning": { "message": message } })
}

/// The words of the operating system, without Rust's `(os error 2)`.
fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, message, hint, faults } = refusal;
        Self { hint, faults, ..Self::new(Kind::Refused, code, message) }
    }
}

impl From<HostFault> for Failed {
    fn from(fault: HostFault) -> Self {
        Self { hint: fault.hint, ..Self::new(Kind::Fault, "host-fault", fault.message) }
    }
}

impl From<jackfield_host::Error> for Failed {
    fn from(error: jackfield_host::Error) -> Self {
        match error {
            jackfield_host::Error::Refused(refusal) => refusal.into(),
            jackfield_host::Error::NotInstalled { name, installed } => {
                let installed: Vec<String> = installed.iter().map(ToString::to_string).collect();
                not_installed(&name.to_string(), installed.iter().map(String::as_str))
            }
            jackfield_host::Error::Fault(fault) => fault.into(),
        }
    }
}

/// Nothing is installed under that name; says which one may have been meant.
pub(crate) fn not_installed<'a>(name: &str, installed: impl IntoIterator<Item = &'a str>) -> Failed {
    let hint = match nearest(name, installed) {
        Some(near) => format!("did you mean `{near}`? See: jackfield list"),
        None => "see what is: jackfield list".to_owned(),
    };
    Failed::new(Kind::NotFound, "not-installed", format!("`{name}` is not installed")).hint(hint)
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        let message = failure.to_string();
        let details = serde_json::to_value(&failure).ok();
        let failed = match failure {
            Failure::Guest(error) => {
                let hint = match (error.retry_after, error.retryable, error.request_sent) {
                    (Some(after), ..) => Some(format!("the connector says to try again after {} ms", after.as_millis())),
                    (None, Some(true), false) => Some("the connector says that the same call may succeed later".to_owned()),
                    (None, Some(true), true) => Some(
                        "the connector says that the same call may succeed later, but a request was sent and may have had \
                         an effect: try again with the same --idempotency-key"
                            .to_owned(),
                    ),
                    _ => None,
                };
                let message = match &error.details {
                    Some(details) => format!("{message}\n  details: {}", shortened(&details.to_string())),
                    None => message,
                };
                Self { hint, ..Self::new(Kind::Connector, error.code, message) }
            }
            Failure::Panic(panic) => {
                let frames: Vec<_> = panic.backtrace.iter().map(|frame| format!("  at {frame}")).collect();
                let message = if frames.is_empty() { message } else { format!("{message}\n{}", frames.join("\n")) };
                Self::new(Kind::Crashed, "connector-crashed", message)
                    .hint("this is a fault of the connector: report it to its author with the lines above")
            }
            Failure::Limit(exceeded) => Self::new(Kind::Limit, format!("limit-{}", exceeded.limit), message),
            Failure::Denied(denial) => Self {
                hint: denial.fix.clone(),
                ..Self::new(Kind::Denied, format!("denied-{}", denial.layer), message)
            },
            Failure::Host(fault) => return fault.into(),
            Failure::Refused(refusal) => {
                let kind = match refusal.code {
                    "not-installed" | "operation-unknown" => Kind::NotFound,
                    _ => Kind::Usage,
                };
                Self { kind, ..refusal.into() }
            }
            Failure::Cancelled => Self::new(Kind::Cancelled, "cancelled", message),
        };
        match details {
            Some(details) => failed.detail("failure", details),
            None => failed,
        }
    }
}

/// Tells a wrong command line in the same two parts as everything else; `--help` and `--version` are answers. `commands`
/// are the words before the first flag, such as `key new`, whose help is the next thing to read.
pub(crate) fn command_line(error: &clap::Error, commands: &str, format: Format) -> ExitCode {
    use clap::error::ErrorKind;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Whoever stopped reading has what he wanted.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let see = format!("see `jackfield {commands}--help`");
    if matches!(error.kind(), ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        return Failed::usage("command-missing", "a command is missing").hint(see).report(format);
    }
    // clap has no parts to take, only a text: `error: …`, then paragraphs of tips and usage.
    let text = error.render().to_string();
    let (mut message, mut hints) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(tip) = line.strip_prefix("tip: ") {
            hints.push(tip.to_owned());
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            // clap shows options that the environment sets as if they were required.
            hints.push(format!(
                "usage: {}",
                usage
                    .replace(" --home <DIR>", "")
                    .replace(" --ca-file <PEM>", "")
                    .replace(" --broker-database <URL>", "")
            ));
        } else if !line.starts_with("For more information") {
            message.push(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    hints.push(see);
    Failed::usage("command-line", message.join(" ")).hint(hints.join("\n")).report(format)
}
