//! What reaches the person or the program that called: answers on stdout, everything else on stderr.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::{
    error::{Done, Failed, Kind, warning_json, write_hint},
    flags::{Color, Format, Global},
    page::{Page, plain, plain_json},
};

/// How this process talks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    format: Format,
    quiet: bool,
    verbose: u8,
}

impl Ui {
    /// Reads the flags, and sets once for the process whether there is colour.
    pub(crate) fn new(flags: &Global) -> Self {
        match flags.color {
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
            // anstream looks at the terminal, NO_COLOR, CLICOLOR and TERM by itself.
            Color::Auto => {}
        }
        Self { format: flags.output, quiet: flags.quiet, verbose: flags.verbose }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub(crate) fn verbosity(&self) -> u8 {
        self.verbose
    }

    /// The command's answer: one JSON document, or a page for a person.
    pub(crate) fn answer<T: Serialize + ?Sized>(&self, json: &T, human: impl FnOnce(&mut Page)) -> Done {
        if self.is_json() {
            let text = serde_json::to_string_pretty(json).map_err(|error| {
                Failed::new(Kind::Fault, "json-fault", format!("cannot write the answer as JSON: {error}"))
            })?;
            return write_stdout(&format!("{}\n", plain_json(&text)));
        }
        let mut page = Page::new();
        human(&mut page);
        write_stdout(page.as_str())
    }

    /// A line beside the answer for a person, on stderr. Dropped with `--quiet`, and for programs.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && !self.is_json() {
            let _ = writeln!(anstream::stderr(), "{}", plain(text));
        }
    }

    /// A line that the caller should not miss, on stderr, `--quiet` or not.
    pub(crate) fn warn(&self, text: &str) {
        if self.is_json() {
            let _ = writeln!(anstream::stderr(), "{}", plain_json(&warning_json(text).to_string()));
            return;
        }
        let style = AnsiColor::Yellow.on_default().bold();
        let _ = writeln!(anstream::stderr(), "{style}warning:{style:#} {}", plain(text));
    }

    /// What to do about the line before it, on stderr.
    pub(crate) fn hint(&self, text: &str) {
        if self.is_json() {
            let _ = writeln!(anstream::stderr(), "{}", plain_json(&json!({ "hint": text }).to_string()));
            return;
        }
        let _ = write_hint(text, &mut anstream::stderr());
    }

    /// A line with a coloured word before it, on stderr.
    pub(crate) fn tagged(&self, tag: &str, style: Style, text: &str) {
        let _ = writeln!(anstream::stderr(), "{style}{tag}{style:#} {}", plain(text));
    }

    /// A page on stderr that was asked for.
    pub(crate) fn page_always(&self, page: &Page) {
        let _ = write!(anstream::stderr(), "{}", page.as_str());
    }

    /// Whether a person reads the answer.
    pub(crate) fn stdout_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// A page on stderr. Dropped with `--quiet`.
    pub(crate) fn page_beside(&self, page: &Page) {
        if !self.quiet {
            let _ = write!(anstream::stderr(), "{}", page.as_str());
        }
    }

    /// Says what is going on until the value is dropped: a spinner on a terminal, one line elsewhere.
    pub(crate) fn progress(&self, text: &str) -> Progress {
        if self.quiet {
            return Progress(None);
        }
        if self.is_json() || !io::stderr().is_terminal() {
            self.note(text);
            return Progress(None);
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(plain(text).into_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(Some(bar))
    }

    /// Whether a person sits there who can be asked and reads what is written.
    pub(crate) fn can_ask(&self) -> bool {
        !self.is_json() && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks for one of `answers`, the first of which is what a bare return means. Call only if [`Ui::can_ask`].
    pub(crate) fn ask(&self, question: &str, answers: &[&str]) -> Result<String, Failed> {
        let strong = Style::new().bold();
        loop {
            let _ = write!(anstream::stderr(), "{strong}{}{strong:#} [{}] ", plain(question), answers.join("/"));
            let _ = anstream::stderr().flush();
            let mut line = String::new();
            let count = io::stdin()
                .lock()
                .read_line(&mut line)
                .map_err(|error| Failed::file("cannot read the answer from the terminal", &error))?;
            if count == 0 {
                return Err(Failed::new(Kind::Cancelled, "cancelled", "cancelled: no answer was given"));
            }
            let line = line.trim();
            let chosen = match line {
                "" => answers.first(),
                _ => answers.iter().find(|answer| answer.eq_ignore_ascii_case(line)),
            };
            if let Some(chosen) = chosen {
                return Ok((*chosen).to_owned());
            }
        }
    }
}

/// Ends its line on stderr when dropped.
#[must_use]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// What is done now.
    pub(crate) fn say(&self, text: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(plain(text).into_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Writes an answer. A reader that has gone away (`| head -1`) has what it wanted.
pub(crate) fn write_stdout(text: &str) -> Done {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::file("cannot write to stdout", &error)),
        _ => Ok(()),
    }
}
