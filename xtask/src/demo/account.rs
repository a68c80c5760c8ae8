//! The chapter of the demo in which an account is connected: a connector acts in somebody's name, and the token stays outside.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    process::Output,
    thread,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{Story, bill, text, unquoted};
use crate::{
    Failure,
    person::Person,
    provider::{CLIENT, OpenId},
    service::Service,
};

/// How long the first tokens live: long enough for a call, short enough to wait for the end of it.
const SHORT_S: u64 = 6;

/// How long later ones live: longer than fifty calls take anywhere.
const LONG_S: u64 = 3_600;

/// How many calls meet a token that has ended.
const CALLS: usize = 50;

const ISSUES: [&str; 5] =
    ["invoke", "example:issues", "list-issues", "--input", r#"{"owner": "octocat", "repo": "hello-world"}"#];

impl Story {
    /// From a sign-in to a token that is renewed, and one that is no more.
    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let mut provider = OpenId::start(&format!("http://127.0.0.1:{port}/connect/callback/acme"))?;
        let service = Service::start(provider.issuer())?;
        std::fs::write(self.folder.join("authority.pem"), &service.authority)?;
        std::fs::write(self.folder.join("app-secret"), CLIENT.1)?;

        self.chapter("An account is connected, and its token stays outside the sandbox");
        let component = self.build("examples/issues")?;
        self.sign(&component)?;
        let config = format!(r#"{{"host": "127.0.0.1", "port": {}}}"#, service.port());
        let allow = format!("GET https://127.0.0.1:{}", service.port());
        self.jackfield(&["install", &component.text(), "--config", &config, "--allow", &allow])?
            .done("installed issues, with one destination granted")?;
        self.jackfield(&ISSUES)?.refused(4, "http-401", "without an account the service answers 401")?;
        eprintln!("      the provider is {}", provider.words());
        provider.set_lifetime(SHORT_S)?;
        let issuer = provider.issuer().to_owned();
        self.jackfield(&["provider", "add", "--issuer", &issuer, "--name", "acme", "--address", "127.0.0.1/32"])?
            .done("learned how the OpenID provider works from its issuer")?;

        let app_secret = self.folder.join("app-secret").display().to_string();
        let app = ["--client-id", CLIENT.0, "--client-secret-from", &app_secret];
        let connect = [&["connect", "example:issues", "--provider", "acme", "--port", &port], &app[..]].concat();
        let mut ann = Person::new("ann");
        let connection = self.signed_in(&connect, &mut ann)?;
        self.tell("  ok  Ann has signed in and consented: connected as ann@example.com (ann)");
        let first = self.issues()?;
        let sent = service.tokens()?;
        let sent = sent.iter().rfind(|token| !token.is_empty()).ok_or("the service got a token")?;
        if !first.contains(&format!("You have sent: {}", "*".repeat(sent.len()))) || first.contains(sent.as_str()) {
            return Err(format!("the token should have been blotted out: {first}").into());
        }
        self.tell("  ok  the connector lists 2 issues; the token that the service repeats, it sees as `*`");

        // From now on tokens live long; the one that is there does not.
        provider.set_lifetime(LONG_S)?;
        self.wait_for_the_end_of_a_token(&connection)?;
        let before = provider.refreshes()?;
        self.all_at_once()?;
        self.tell(&format!("  ok  the token has ended; {CALLS} calls at once, in {CALLS} processes, are all answered"));
        let asked = provider.refreshes()? - before;
        if asked != 1 {
            return Err(format!("the provider should have been asked for one token, and was for {asked}").into());
        }
        self.tell("  ok  the provider was asked for a new token once");

        provider.withdraw()?;
        let step = self.jackfield(&ISSUES)?;
        let fix = text(&step.error["hint"])?;
        step.refused(
            5,
            "denied-credential",
            "Ann takes her consent back; the next call needs her again, and says how",
        )?;
        if fix != format!("jackfield connections reconnect {connection}") {
            return Err(format!("the hint should be a command that reconnects: {fix}").into());
        }
        eprintln!("      fix: {fix}");
        let words = unquoted(fix.trim_start_matches("jackfield "));
        let again: Vec<&str> = words.iter().map(String::as_str).chain(["--port", &port]).collect();
        if self.signed_in(&again, &mut ann)? != connection {
            return Err("who signs in again keeps the connection".into());
        }
        self.tell("  ok  by that command Ann has signed in again, on the same connection");
        self.issues()?;
        self.tell("  ok  the connector lists 2 issues again");
        Ok(())
    }

    /// Runs a command that waits for somebody at the link that it prints, and has them sign in there. Gives the connection's id.
    fn signed_in(&mut self, words: &[&str], person: &mut Person) -> Result<String, Failure> {
        let words = [words, &["--no-browser"]].concat();
        eprintln!("    $ jackfield {}", words.join(" "));
        let mut child = self.command("home", &words).spawn()?;
        let mut says = BufReader::new(child.stderr.take().ok_or("the command has an error output")?);
        let mut line = String::new();
        says.read_line(&mut line)?;
        let asks: Value = serde_json::from_str(&line).unwrap_or_default();
        let met = asks["open"].as_str().map(|link| person.sign_in(link));
        if !matches!(met, Some(Ok(_))) {
            // It would wait for a quarter of an hour.
            child.kill()?;
        }
        let mut stderr = line.into_bytes();
        says.read_to_end(&mut stderr)?;
        let Output { status, stdout, .. } = child.wait_with_output()?;
        if let Some(Err(failure)) = met {
            return Err(failure);
        }
        let answer = self.step(&words, &Output { status, stdout, stderr }).expect(0)?;
        let connection = &answer["connection"];
        if connection["state"] != "active" || connection["account"] != "ann@example.com (ann)" {
            return Err(format!("the account should be Ann's, and connected: {answer}").into());
        }
        text(&connection["id"])
    }

    /// One call that lists two issues; gives all that it answered.
    fn issues(&mut self) -> Result<String, Failure> {
        let answer = self.jackfield(&[&ISSUES[..], &["--bill"]].concat())?.expect(0)?;
        bill(&answer["bill"]);
        if answer["result"]["issues"].as_array().map(Vec::len) != Some(2) {
            return Err(format!("there should be two issues: {answer}").into());
        }
        Ok(answer.to_string())
    }

    fn wait_for_the_end_of_a_token(&mut self, connection: &str) -> Result<(), Failure> {
        let shown = self.jackfield(&["connections", "show", connection])?.expect(0)?;
        let ends = shown["connection"]["expires_at"].as_u64().ok_or("a token has an end")?;
        let ends = SystemTime::UNIX_EPOCH + Duration::from_micros(ends);
        thread::sleep(ends.duration_since(SystemTime::now()).unwrap_or_default());
        Ok(())
    }

    /// As many processes as there are calls, begun together; each must answer.
    fn all_at_once(&mut self) -> Result<(), Failure> {
        eprintln!("    $ jackfield {} (in {CALLS} processes)", ISSUES.join(" "));
        let commands: Vec<_> = std::iter::repeat_with(|| self.command("home", &ISSUES)).take(CALLS).collect();
        let children = commands.into_iter().map(|mut command| command.spawn()).collect::<Result<Vec<_>, _>>()?;
        for child in children {
            let output = child.wait_with_output()?;
            let answer = self.step(&ISSUES, &output).expect(0)?;
            if answer["result"]["issues"].as_array().map(Vec::len) != Some(2) {
                return Err(format!("each call should list two issues: {answer}").into());
            }
        }
        Ok(())
    }
}
