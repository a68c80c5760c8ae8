//! What an agent is answered, whatever it speaks through.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use jackfield_host::{Host, Level, LogLine, LogSink};
use jackfield_package::PackageName;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, Extensions, Implementation, ListToolsResult,
        PaginatedRequestParams, ProgressNotificationParam, ProgressToken, ServerCapabilities, ServerConfig,
        SubscriptionFilter, Tool,
    },
    service::{NotificationContext, Peer, RequestContext, SubscriptionContext},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{result, tool};
use crate::{
    Problem,
    answer::HostError,
    invoke::{Asked, Called, fits},
    limits::{MCP_LINES_WAITING, MCP_TOOLS_PAGE},
};

const INSTRUCTIONS: &str = "Each tool is an operation of a connector that an admin has installed here, run in a sandbox. A tool that fails \
    says so in words: a code in brackets, what happened, and what helps. What is denied, or not connected, only a person can allow: tell \
    the user what the hint says, and do not try to work around it. Where something may have been sent already, look before you repeat it.";

/// What is behind the tools: a workspace, or the home of whoever runs the command.
pub trait Behind: Send + Sync + 'static {
    /// Who asks.
    type Who: Send + Sync + 'static;

    /// Who asks, by what came beside the message.
    ///
    /// # Errors
    /// If nobody does.
    fn who(&self, extensions: &Extensions, traceparent: Option<&str>) -> Result<Self::Who, Problem>;

    /// Where the connectors are installed.
    ///
    /// # Errors
    /// If it can't be opened.
    fn host(&self, who: &Self::Who) -> Result<Host, Problem>;

    /// Whether a connector is there for whoever asks.
    fn reaches(&self, who: &Self::Who, package: &PackageName) -> bool;

    /// Changes when the tools may have changed.
    fn changes(&self, who: &Self::Who) -> watch::Receiver<()>;

    /// When whoever listens for changes has listened long enough.
    fn ends(&self) -> impl Future<Output = ()> + Send;

    /// Calls an operation, to its end even where it is cancelled.
    fn call(
        &self,
        who: &Self::Who,
        package: &PackageName,
        asked: Asked,
    ) -> impl Future<Output = Result<Called, Problem>> + Send;
}

/// The protocol's server: of one session, or of one request.
#[derive(Debug)]
pub struct Agent<B> {
    behind: Arc<B>,
    ended: CancellationToken,
    _ends: DropGuard,
    is_watching: AtomicBool,
}

impl<B: Behind> Agent<B> {
    /// An agent's server.
    pub fn new(behind: B) -> Self {
        let ended = CancellationToken::new();
        let _ends = ended.clone().drop_guard();
        Self { behind: Arc::new(behind), ended, _ends, is_watching: AtomicBool::new(false) }
    }

    /// All tools that there are for whoever asks, by name.
    fn tools(&self, who: &B::Who) -> Result<Vec<Tool>, Problem> {
        let installations = self.behind.host(who)?.installations().map_err(HostError)?;
        let reached = installations.iter().filter(|it| self.behind.reaches(who, &it.name));
        let mut tools: Vec<Tool> = reached.flat_map(tool::all).collect();
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tools)
    }

    /// None if there is no such tool.
    async fn invoke(
        &self,
        who: &B::Who,
        request: CallToolRequestParams,
        asked: Asked,
    ) -> Result<Option<CallToolResult>, Problem> {
        let found = tool::find(&self.behind.host(who)?, &request.name)?;
        let found = found.filter(|(installation, _)| self.behind.reaches(who, &installation.name));
        let Some((installation, operation)) = found else { return Ok(None) };
        let input = tool::unwrapped(&operation, request.arguments.unwrap_or_default());
        fits(&operation, &input)?;
        let asked = Asked { operation: operation.name.to_string(), input: input.to_string(), ..asked };
        let called = self.behind.call(who, &installation.name, asked).await?;
        Ok(Some(result::of(&called)))
    }
}

impl<B: Behind> ServerHandler for Agent<B> {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        let server = Implementation::new("jackfield", env!("CARGO_PKG_VERSION")).with_title("Jackfield");
        ServerConfig::new(capabilities).with_server_info(server).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let who = self.behind.who(&context.extensions, None).map_err(unlisted)?;
        let after = request.and_then(|request| request.cursor);
        Ok(page(self.tools(&who).map_err(unlisted)?, after.as_deref()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.clone();
        let (log, lines) = lines();
        let wants_lines = context.meta.get_progress_token();
        let log = wants_lines.is_some().then_some(log);
        let asked = Asked { cancel: context.ct.clone(), log, ..Asked::default() };
        let who = self.behind.who(&context.extensions, context.meta.get_traceparent());
        let calling = async { self.invoke(&who?, request, asked).await };
        let called = match wants_lines {
            None => calling.await,
            Some(token) => telling(calling, lines, token, &context.peer).await,
        };
        match called {
            Ok(Some(result)) => Ok(result.into()),
            Ok(None) => {
                let name: String = name.chars().take(100).collect();
                Err(ErrorData::invalid_params(format!("there is no tool `{}`", name.escape_debug()), None))
            }
            Err(problem) => Ok(result::of_problem(&problem).into()),
        }
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let Ok(who) = self.behind.who(&context.extensions, None) else { return };
        if self.is_watching.swap(true, Ordering::Relaxed) {
            return;
        }
        let (mut changes, ended) = (self.behind.changes(&who), self.ended.clone());
        let tell = async move {
            while changes.changed().await.is_ok() && context.peer.notify_tool_list_changed().await.is_ok() {}
        };
        tokio::spawn(async move { ended.run_until_cancelled(tell).await });
    }

    fn accepted_subscription_filter(&self, _requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(SubscriptionFilter::builder().tools_list_changed().build())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let asked = context.request_context();
        let who = self.behind.who(&asked.extensions, None).map_err(unlisted)?;
        let mut changes = self.behind.changes(&who);
        let tell = async {
            while changes.changed().await.is_ok() && context.sink().notify_tool_list_changed().await.is_ok() {}
        };
        tokio::select! {
            () = tell => {}
            () = context.cancelled() => {}
            () = self.behind.ends() => {}
        }
        Ok(())
    }
}

/// The next tools after that name.
fn page(mut tools: Vec<Tool>, after: Option<&str>) -> ListToolsResult {
    if let Some(after) = after {
        tools.retain(|tool| *tool.name > *after);
    }
    let has_more = tools.len() > MCP_TOOLS_PAGE;
    tools.truncate(MCP_TOOLS_PAGE);
    let last = tools.last().map(|tool| tool.name.to_string());
    ListToolsResult { next_cursor: last.filter(|_| has_more), ..ListToolsResult::with_all_items(tools) }
}

/// A no to what is no call: the protocol has no other form for it.
fn unlisted(problem: Problem) -> ErrorData {
    ErrorData::internal_error(problem.to_string(), None)
}

/// What a connector logs, on its way to whoever wants to hear it. Beyond the bound lines are dropped: they stand in the answer's place, and
/// not in its way.
fn lines() -> (LogSink, mpsc::Receiver<String>) {
    let (sender, receiver) = mpsc::channel(MCP_LINES_WAITING);
    let sink = Arc::new(move |line: &LogLine| {
        if line.level >= Level::Info {
            let _ = sender.try_send(line.message.clone());
        }
    });
    (sink, receiver)
}

/// Tells lines as progress while a call runs.
async fn telling<T>(
    calling: impl Future<Output = T>,
    mut lines: mpsc::Receiver<String>,
    token: ProgressToken,
    peer: &Peer<RoleServer>,
) -> T {
    tokio::pin!(calling);
    let mut told = 0.0;
    let mut tell = async |line: String| {
        told += 1.0;
        let progress = ProgressNotificationParam::new(token.clone(), told).with_message(line);
        if let Err(error) = peer.notify_progress(progress).await {
            tracing::debug!(%error, "nobody hears what a connector logs");
        }
    };
    let called = loop {
        tokio::select! {
            Some(line) = lines.recv() => tell(line).await,
            called = &mut calling => break called,
        }
    };
    while let Ok(line) = lines.try_recv() {
        tell(line).await;
    }
    called
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use rmcp::model::JsonObject;

    use super::*;

    #[test]
    fn a_list_comes_in_pages_and_each_tool_once() {
        let name = |number: usize| format!("acme_crm_t{number:04}");
        let tools: Vec<Tool> = (0..MCP_TOOLS_PAGE * 2).map(|it| Tool::new(name(it), "", JsonObject::new())).collect();
        let first = page(tools.clone(), None);
        assert_eq!((first.tools.len(), first.next_cursor.clone()), (MCP_TOOLS_PAGE, Some(name(MCP_TOOLS_PAGE - 1))));
        let second = page(tools.clone(), first.next_cursor.as_deref());
        assert_eq!((second.tools.len(), second.next_cursor), (MCP_TOOLS_PAGE, None));
        assert_eq!([first.tools, second.tools].concat(), tools);
    }

    #[test]
    fn more_lines_than_anybody_hears_are_dropped() {
        let (sink, mut lines) = lines();
        for level in [Level::Debug, Level::Info] {
            for _ in 0..MCP_LINES_WAITING * 2 {
                sink(&LogLine { level, message: format!("{level:?}"), fields: Vec::new() });
            }
        }
        let heard: Vec<_> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
        assert_eq!(heard, vec!["Info"; MCP_LINES_WAITING]);
    }
}
