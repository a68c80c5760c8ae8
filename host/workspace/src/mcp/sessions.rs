//! Whose a session is, and how many there are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rmcp::transport::streamable_http_server::session::{
    SessionManager as _,
    local::{LocalSessionManager, SessionConfig},
};

use crate::{
    Problem,
    caller::Caller,
    limits::{MCP_SESSIONS, MCP_SESSIONS_PER_CALLER},
};

/// The sessions of this process. A client whose session is not here any more is told so, and begins anew.
pub(super) struct Sessions {
    manager: Arc<LocalSessionManager>,
    owned: Mutex<Owned>,
}

#[derive(Default)]
struct Owned {
    by_id: HashMap<String, Session>,
    /// Counts uses, to tell which session was used longest ago.
    uses: u64,
}

struct Session {
    owner: (String, String),
    used: u64,
}

impl Sessions {
    /// Sessions that end when they have been idle so long.
    pub(super) fn new(idle: Duration) -> Self {
        let mut config = SessionConfig::default();
        config.keep_alive = Some(idle);
        let mut manager = LocalSessionManager::default();
        manager.session_config = config;
        Self { manager: Arc::new(manager), owned: Mutex::default() }
    }

    pub(super) fn manager(&self) -> Arc<LocalSessionManager> {
        self.manager.clone()
    }

    /// Whether it is that caller's. What is another's is as good as not there.
    pub(super) fn is_of(&self, id: &str, caller: &Caller) -> bool {
        let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.uses += 1;
        let used = owned.uses;
        match owned.by_id.get_mut(id) {
            Some(session) if session.owner == owner(caller) => {
                session.used = used;
                true
            }
            _ => false,
        }
    }

    /// Notes whose a new session is. Whoever has as many as he may loses the one that he used longest ago.
    ///
    /// # Errors
    /// 503 `too-many-sessions`; the new one has ended.
    pub(super) async fn opened(&self, id: &str, caller: &Caller) -> Result<(), Problem> {
        let (surplus, is_full) = {
            // Held meanwhile: a session is live before it is noted.
            let live = self.manager.sessions.read().await;
            let mut owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
            owned.by_id.retain(|known, _| live.contains_key(known.as_str()));
            owned.note(id, caller)
        };
        if let Some(id) = surplus {
            self.close(&id).await;
        }
        match is_full {
            true => Err(Problem::unavailable("too-many-sessions", format!("{MCP_SESSIONS} sessions are open"))),
            false => Ok(()),
        }
    }

    async fn close(&self, id: &str) {
        if let Err(error) = self.manager.close_session(&id.into()).await {
            tracing::debug!(%error, "a session did not end");
        }
    }
}

impl Owned {
    /// The session that has to end for it, and whether that is the new one.
    fn note(&mut self, id: &str, caller: &Caller) -> (Option<String>, bool) {
        let owner = owner(caller);
        let own = self.by_id.iter().filter(|(_, session)| session.owner == owner);
        let surplus = match own.clone().count() < MCP_SESSIONS_PER_CALLER {
            true => None,
            false => own.min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone()),
        };
        if let Some(oldest) = &surplus {
            self.by_id.remove(oldest);
        }
        if self.by_id.len() >= MCP_SESSIONS {
            return (Some(id.to_owned()), true);
        }
        self.uses += 1;
        self.by_id.insert(id.to_owned(), Session { owner, used: self.uses });
        (surplus, false)
    }
}

/// A name is unique within its workspace.
fn owner(caller: &Caller) -> (String, String) {
    (caller.workspace.to_string(), caller.name.clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use jackfield_package::Pattern;
    use rmcp::{ServerHandler, transport::StreamableHttpService};

    use super::*;
    use crate::role::Role;

    fn caller(name: &str) -> Caller {
        Caller {
            workspace: "main".parse().unwrap(),
            name: name.to_owned(),
            user: None,
            role: Role::Member,
            reach: Pattern::All,
            operator: false,
        }
    }

    #[test]
    fn a_session_is_its_callers_alone_and_the_oldest_makes_room() {
        let sessions = Sessions::new(Duration::from_secs(1));
        let (ann, bob) = (caller("token:ann"), caller("token:bob"));
        let note = |id: &str, who: &Caller| sessions.owned.lock().unwrap().note(id, who);
        for number in 0..MCP_SESSIONS_PER_CALLER {
            assert_eq!(note(&number.to_string(), &ann), (None, false));
        }
        assert!(sessions.is_of("0", &ann) && !sessions.is_of("0", &bob));
        let elsewhere = Caller { workspace: "other".parse().unwrap(), ..ann.clone() };
        assert!(!sessions.is_of("0", &elsewhere));
        // 0 was used a moment ago, and 1 was not.
        assert_eq!(note("more", &ann), (Some("1".to_owned()), false));
        assert!(!sessions.is_of("1", &ann) && sessions.is_of("0", &ann) && sessions.is_of("more", &ann));
        assert_eq!(note("bob", &bob), (None, false), "another's are another's");
    }

    #[test]
    fn there_are_not_more_than_there_may_be() {
        let mut owned = Owned::default();
        for number in 0..MCP_SESSIONS {
            assert_eq!(owned.note(&number.to_string(), &caller(&format!("token:{number}"))), (None, false));
        }
        assert_eq!(owned.note("more", &caller("token:more")), (Some("more".to_owned()), true));
        assert_eq!(owned.by_id.len(), MCP_SESSIONS);
    }

    /// A server without a tool.
    struct Nothing;

    impl ServerHandler for Nothing {}

    #[tokio::test]
    async fn what_is_idle_ends_and_is_forgotten() {
        let sessions = Sessions::new(Duration::from_millis(50));
        let service = StreamableHttpService::new(|| Ok(Nothing), sessions.manager(), Default::default());
        let hello = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
        let open = async || {
            let request =
                http::Request::post("/mcp").header("host", "localhost").header("content-type", "application/json");
            let request = request.header("accept", "application/json, text/event-stream");
            let response = service.handle(request.body(axum::body::Body::from(hello)).unwrap()).await;
            response.headers()["mcp-session-id"].to_str().unwrap().to_owned()
        };
        let ann = caller("token:ann");
        let first = open().await;
        sessions.opened(&first, &ann).await.unwrap();
        assert!(sessions.is_of(&first, &ann));
        while sessions.manager.has_session(&first.as_str().into()).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        sessions.opened(&open().await, &ann).await.unwrap();
        assert!(!sessions.is_of(&first, &ann) && sessions.owned.lock().unwrap().by_id.len() == 1);
    }
}
