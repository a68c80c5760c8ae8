//! `jackfield invoke`: run one operation in the sandbox.

use std::{io, path::Path, sync::Arc};

use anstyle::{AnsiColor, Style};
use jackfield_host::{
    Bill, Denial, FileSource, Installation, Invocation, Level, LogLine, LogSink, Outcome, OutputFile,
    failure::{Failure, LimitExceeded},
};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags, installed,
    page::{Page, bytes, grouped, indent_json, plain_json},
    ui::{self, Ui},
    values::parse_json,
    words::{count, nearest},
};

pub(crate) async fn run(flags: flags::Invoke, context: &Context) -> Done {
    let host = context.host()?;
    let installation = installed::find(&host, &flags.name)?;
    let operations: Vec<_> = installation.manifest.operations.iter().map(|operation| operation.name.as_str()).collect();
    if !operations.contains(&flags.operation.as_str()) {
        return Err(unknown_operation(&flags, &operations));
    }
    let invocation = invocation(&flags, context.ui)?;
    let cancel = CancellationToken::new();
    tokio::spawn(cancel_on_interrupt(cancel.clone(), context.ui));
    let outcome = host.invoke(&installation.name, invocation.cancel(cancel.clone())).await;
    tell(&outcome, flags.bill || cancel.is_cancelled(), &flags, context)?;
    outcome.result.map(drop).map_err(|failure| failed(failure, &installation, &cancel))
}

fn unknown_operation(flags: &flags::Invoke, operations: &[&str]) -> Failed {
    let hint = match nearest(&flags.operation, operations.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has: {}", operations.join(", ")),
    };
    Failed::new(Kind::NotFound, "operation-unknown", format!("`{}` has no operation `{}`", flags.name, flags.operation))
        .hint(hint)
}

fn invocation(flags: &flags::Invoke, ui: Ui) -> Result<Invocation, Failed> {
    let input = flags.input.read("the input")?;
    parse_json(&input, "the input")?;
    let mut invocation = Invocation::new(&flags.operation, input);
    for file in &flags.file {
        // The connector would only hear `not-found`, and its caller something vague from it.
        if let Err(error) = openable(&file.path) {
            return Err(Failed::file(
                format!("cannot hand in `{}` as file `{}`", file.path.display(), file.id),
                &error,
            ));
        }
        invocation = invocation.file(&file.id, FileSource::Path(file.path.clone()));
    }
    if let Some(folder) = &flags.out {
        std::fs::create_dir_all(folder).map_err(|error| Failed::unwritable(folder, &error))?;
        invocation = invocation.output_directory(folder);
    }
    if let Some(key) = &flags.idempotency_key {
        invocation = invocation.idempotency_key(key);
    }
    if !ui.is_json() && !ui.is_quiet() {
        let sink: LogSink = Arc::new(move |line: &LogLine| write_log_line(ui, line));
        invocation = invocation.log_sink(sink);
    }
    Ok(invocation)
}

/// That a file can be opened, and is no folder. A named pipe is only looked at: opening it would wait for its writer.
fn openable(path: &Path) -> io::Result<()> {
    let found = std::fs::metadata(path)?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if found.is_file() {
        std::fs::File::open(path)?;
    }
    Ok(())
}

/// The first Ctrl-C ends the call, and its bill is still told. The second ends this process, in case the first did not.
async fn cancel_on_interrupt(cancel: CancellationToken, ui: Ui) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    ui.note("Cancelling… (once more to leave at once)");
    cancel.cancel();
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}

/// A connector's log line, on stderr.
pub(super) fn write_log_line(ui: Ui, line: &LogLine) {
    let (word, style) = match line.level {
        Level::Trace | Level::Debug if ui.verbosity() == 0 => return,
        Level::Trace => ("trace", Style::new().dimmed()),
        Level::Debug => ("debug", Style::new().dimmed()),
        Level::Info => ("info", AnsiColor::Blue.on_default()),
        Level::Warn => ("warn", AnsiColor::Yellow.on_default()),
        Level::Error => ("error", AnsiColor::Red.on_default()),
    };
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    ui.tagged(&format!("[{word}]"), style, &format!("{}{fields}", line.message));
}

/// All of an outcome, for `--output json`. The answer is passed on as the connector wrote it, since numbers would lose digits.
#[derive(Serialize)]
struct OutcomeForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    bill: &'a Bill,
    denials: &'a [Denial],
    log: &'a [LogLine],
    files: &'a [OutputFile],
}

/// The answer alone on stdout; with `--output json` all of the outcome. Denials, files and bill beside it.
fn tell(outcome: &Outcome, with_bill: bool, flags: &flags::Invoke, context: &Context) -> Done {
    let Outcome { result, bill, denials, log, files, .. } = outcome;
    let ui = &context.ui;
    if ui.is_json() {
        let result = result.as_ref().ok().and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        return ui.answer(&OutcomeForm { result, bill, denials, log, files }, |_| {});
    }
    if let Ok(result) = result {
        write_result(result, ui)?;
    }
    // A denial that the call failed by is the error below.
    let fatal = match result {
        Err(Failure::Denied(denial)) => Some(denial),
        _ => None,
    };
    for denial in denials.iter().filter(|denial| Some(*denial) != fatal) {
        write_denial(ui, denial);
    }
    write_files(files, flags.out.as_deref(), ui);
    if with_bill {
        ui.page_always(&bill_page(bill));
    }
    Ok(())
}

/// The failure, with the next command where this side knows it.
fn failed(failure: Failure, installation: &Installation, cancel: &CancellationToken) -> Failed {
    let hint = match &failure {
        Failure::Limit(exceeded) => Some(raise(*exceeded, installation)),
        Failure::Cancelled if !cancel.is_cancelled() => {
            Some("the installation was disabled or removed while it ran: jackfield list".to_owned())
        }
        _ => None,
    };
    let failed = Failed::from(failure);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

fn raise(exceeded: LimitExceeded, installation: &Installation) -> String {
    let LimitExceeded { limit, allowed, used } = exceeded;
    let name = &installation.name;
    let granted = installation.grant.limits.get(&limit).copied().unwrap_or(limit.default_value());
    if limit.wish(&installation.manifest.limits).is_some_and(|wish| wish <= granted) {
        return format!("`{name}` asks for no more than this itself; a smaller input may do, or another release");
    }
    // At least what was used, since the call may have been stopped long before its end.
    let more = allowed.max(used).saturating_mul(2).min(limit.ceiling());
    if more <= allowed {
        return "this host can give no more than this".to_owned();
    }
    format!("raise it: jackfield grant {name} --limit {limit}={more}")
}

/// Indented for a person, and as the connector wrote it for a program.
fn write_result(result: &str, ui: &Ui) -> Done {
    if ui.stdout_is_terminal() {
        return ui::write_stdout(&format!("{}\n", plain_json(&indent_json(result))));
    }
    ui::write_stdout(&format!("{result}\n"))
}

fn write_denial(ui: &Ui, denial: &Denial) {
    ui.warn(&denial.to_string());
    if let Some(fix) = &denial.fix {
        ui.hint(fix);
    }
}

fn write_files(files: &[OutputFile], out: Option<&Path>, ui: &Ui) {
    if files.is_empty() {
        return;
    }
    let rows: Vec<_> = files
        .iter()
        .map(|file| vec![file.id.clone(), file.name.clone(), file.media_type.clone(), bytes(file.bytes)])
        .collect();
    let mut page = Page::new();
    match out {
        Some(folder) => page.line(&format!("It created {} in {}:", count(files.len(), "file"), folder.display())),
        None => page.line(&format!("It created {}, not kept for want of --out DIR:", count(files.len(), "file"))),
    };
    page.table(&["id", "name", "type", "size"], &rows);
    ui.page_always(&page);
}

/// What the call used, one number a line, with its unit.
fn bill_page(bill: &Bill) -> Page {
    let mut page = Page::new();
    let milliseconds = |us: u64| format!("{}.{:03} ms", us / 1_000, us % 1_000);
    page.strong("Bill");
    let rows = [
        ("fuel", grouped(bill.fuel)),
        ("peak memory", bytes(bill.peak_memory_bytes)),
        ("wall time", milliseconds(bill.wall_us)),
        ("  in host calls", milliseconds(bill.host_us)),
        ("  making the instance", milliseconds(bill.instance_us)),
        ("host calls", grouped(bill.host_calls)),
        ("HTTP requests", grouped(bill.http_requests)),
        ("  denied", grouped(bill.http_denied)),
        ("  bytes out", bytes(bill.http_bytes_out)),
        ("  bytes in", bytes(bill.http_bytes_in)),
        ("file bytes read", bytes(bill.file_bytes_in)),
        ("file bytes written", bytes(bill.file_bytes_out)),
        ("log lines", grouped(bill.log_lines)),
    ];
    let width = rows.iter().map(|(_, value)| value.chars().count()).max().unwrap_or(0);
    page.fields(rows.map(|(name, value)| (name, format!("{value:>width$}"))));
    page
}
