//! `jackfield mcp`: what is installed here, as an agent's tools over stdin and stdout.

use std::{sync::Arc, time::Duration};

use jackfield_host::{Host, Invocation, LogLine, LogSink};
use jackfield_package::{PackageName, Pattern};
use jackfield_workspace::{
    Problem,
    limits::INVOKE_BODY_BYTES,
    mcp::{Agent, Asked, Behind, Called, tool},
};
use rmcp::{
    ServiceExt as _,
    model::Extensions,
    service::ServerInitializeError,
    transport::{async_rw::AsyncRwTransport, stdio},
};
use tokio::sync::watch;

use super::invoke::write_log_line;
use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    ui::Ui,
};

/// How often it is looked whether the tools have changed: by another command, in the same home.
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(crate) async fn run(flags: flags::Mcp, context: &Context) -> Done {
    let host = context.host()?;
    let (changed, changes) = watch::channel(());
    tokio::spawn(watch_tools(host.clone(), changed));
    let home = Home { host, only: flags.only, changes, ui: context.ui };
    let (input, output) = stdio();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(INVOKE_BODY_BYTES);
    let failed = |error: &dyn std::error::Error| Failed::new(Kind::Fault, "mcp-failed", error.to_string());
    let served = match Agent::new(home).serve(transport).await {
        Ok(served) => served,
        // Whoever started it has gone.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(failed(&error)),
    };
    served.waiting().await.map(drop).map_err(|error| failed(&error))
}

async fn watch_tools(host: Host, changed: watch::Sender<()>) {
    let look = || host.installations().unwrap_or_default().iter().flat_map(tool::all).collect::<Vec<_>>();
    let mut known = look();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = look();
        if now != known {
            known = now;
            changed.send_replace(());
        }
    }
}

/// What is behind the tools here: this home.
struct Home {
    host: Host,
    only: Pattern,
    changes: watch::Receiver<()>,
    ui: Ui,
}

impl Behind for Home {
    /// Whoever started this process.
    type Who = ();

    fn who(&self, _extensions: &Extensions, _traceparent: Option<&str>) -> Result<(), Problem> {
        Ok(())
    }

    fn host(&self, (): &()) -> Result<Host, Problem> {
        Ok(self.host.clone())
    }

    fn reaches(&self, (): &(), package: &PackageName) -> bool {
        self.only.covers(package)
    }

    fn changes(&self, (): &()) -> watch::Receiver<()> {
        self.changes.clone()
    }

    async fn ends(&self) {
        std::future::pending().await
    }

    async fn call(&self, (): &(), package: &PackageName, asked: Asked) -> Result<Called, Problem> {
        let Asked { operation, input, cancel, log, .. } = asked;
        let ui = self.ui;
        let sink: LogSink = Arc::new(move |line: &LogLine| {
            if !ui.is_quiet() {
                write_log_line(ui, line);
            }
            if let Some(log) = &log {
                log(line);
            }
        });
        let invocation = Invocation::new(operation, input).cancel(cancel).log_sink(sink);
        Ok(Called { id: None, outcome: self.host.invoke(package, invocation).await })
    }
}
