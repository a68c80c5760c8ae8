//! Running a connector's auth hook: a call like any other, in a sandbox that nothing can be reached from.
//!
//! A hook is shown no secret, so there is nothing for it to take along; that it reaches nobody besides is what makes this hold if the
//! broker should ever show one by mistake. Whatever it asks for is denied, and one denial ends the exchange. Its log
//! and its files are dropped with the instance.

use std::{collections::HashMap, time::Duration, time::Instant};

use async_trait::async_trait;
use jackfield_broker::hook::{
    Answer, Body, Derived, Exchange, HookError, HookOf, Hooks, Request, Said, SaidMeaning, Step, Tokens,
};
use jackfield_package::{Refusal, manifest::Hook};
use tokio_util::sync::CancellationToken;

use crate::{
    bindings::auth_hook as wire,
    call::{self, Ended, Entry},
    engine::Use,
    failure::{ErrorKind, Failure, GuestError, LimitExceeded},
    grant::Grant,
    host::{Host, WeakHost},
    limits::{HOOK_CAPS, Limit, LimitGrants},
    live::Live,
};

/// The hooks of the connectors that are installed in one home, whichever tenant that is.
pub(crate) struct HomeHooks(pub(crate) WeakHost);

#[async_trait]
impl Hooks for HomeHooks {
    async fn reads(&self, hook: &HookOf) -> Result<Vec<String>, Refusal> {
        let host = self.host()?;
        let live = host.live(&hook.connector).map_err(|error| not_run(hook, &error))?;
        Ok(of_manifest(&live, hook)?.reads.clone())
    }

    async fn next(&self, hook: &HookOf, exchange: &Exchange) -> Result<Step, HookError> {
        let host = self.host().map_err(HookError::Failed)?;
        host.hook_step(hook, exchange).await.map_err(|failure| match failure {
            Failure::Guest(error) => HookError::Said(said(error)),
            Failure::Refused(refusal) => HookError::Failed(refusal),
            failure => HookError::Failed(not_run(hook, &failure)),
        })
    }
}

impl HomeHooks {
    fn host(&self) -> Result<Host, Refusal> {
        self.0.upgrade().ok_or_else(|| Refusal::new("hook-failed", "the host that runs hooks is gone"))
    }
}

impl Host {
    async fn hook_step(&self, hook: &HookOf, exchange: &Exchange) -> Result<Step, Failure> {
        let started = Instant::now();
        let live = self.live(&hook.connector)?;
        of_manifest(&live, hook).map_err(Failure::Refused)?;
        let cell = self.cell(&live)?;
        let allowed = cell.limits.get(Limit::TimeMs);
        // It waits for no turn of the installation's: calls that wait for this very step may hold them all.
        let (_place, prepared) = tokio::time::timeout(Duration::from_millis(allowed), self.placed(&live, Use::Hook))
            .await
            .unwrap_or_else(|_| Err(Failure::Limit(LimitExceeded { limit: Limit::TimeMs, allowed, used: allowed })))?;
        let call = self.call(&cell, Entry::Hook(exchange.into()), HashMap::new(), None, None, Instant::now());
        let never = CancellationToken::new();
        let Ended { result, denials, .. } = call::run(prepared, call, self.stopped(&live, &never)).await;
        tracing::debug!(%hook, ms = started.elapsed().as_millis(), went_well = result.is_ok(), "a hook took a step");
        if let Some(denial) = denials.first() {
            return Err(Failure::Refused(
                Refusal::new("hook-refused", format!("{hook}, asked {}: a hook reaches nobody", denial.asked))
                    .hint("the connector is at fault: what a hook wants sent is sent for it; tell its author"),
            ));
        }
        serde_json::from_str(&result?)
            .map_err(|error| Failure::Refused(not_run(hook, &format!("its answer can't be read: {error}"))))
    }

    /// The same installation with nothing granted, within a hook's limits.
    fn cell(&self, live: &Live) -> Result<Live, Failure> {
        let limits: LimitGrants =
            HOOK_CAPS.into_iter().map(|(limit, cap)| (limit, cap.min(live.limits.get(limit)))).collect();
        let mut installation = live.installation.clone();
        installation.grant = Grant { limits, ..Grant::default() };
        let egress = self.egress(&installation.manifest, &installation.grant).map_err(Failure::Refused)?;
        Ok(Live::new(live.stamp, installation, egress, 1, None))
    }
}

/// What the installed release says of its hook.
fn of_manifest<'a>(live: &'a Live, hook: &HookOf) -> Result<&'a Hook, Refusal> {
    if !live.installation.enabled {
        return Err(not_run(hook, &"the installation is disabled").hint(format!("jackfield enable {}", hook.connector)));
    }
    let entry = live.installation.manifest.auth.iter().find(|entry| entry.id == hook.auth);
    entry.and_then(|entry| entry.hook.as_ref()).ok_or_else(|| {
        not_run(hook, &"the installed release has none")
            .hint("install a release that has it, or delete the connection: jackfield connections delete")
    })
}

fn not_run(hook: &HookOf, why: &dyn std::fmt::Display) -> Refusal {
    Refusal::new("hook-failed", format!("{hook}, gives no answer: {why}"))
        .hint("what works now goes on working; if it stays so, the connector is at fault")
}

fn said(error: GuestError) -> Said {
    let meaning = match error.kind {
        ErrorKind::Unauthenticated => SaidMeaning::Gone,
        ErrorKind::Forbidden => SaidMeaning::Forbidden,
        ErrorKind::RateLimited | ErrorKind::Unavailable => SaidMeaning::Later,
        _ => SaidMeaning::Other,
    };
    Said { meaning, code: error.code, message: error.message }
}

impl From<&Exchange> for wire::Exchange {
    fn from(exchange: &Exchange) -> Self {
        let answer = |answer: &Answer| wire::Answer {
            status: answer.status,
            read: serde_json::Value::Object(answer.read.clone()).to_string(),
            kept: answer.kept.clone(),
        };
        Self {
            purpose: exchange.purpose.as_str().to_owned(),
            terms: exchange.terms.to_string(),
            secrets: exchange.secrets.clone(),
            now_ms: exchange.now_ms,
            answers: exchange.answers.iter().map(answer).collect(),
        }
    }
}

impl From<wire::Step> for Step {
    fn from(step: wire::Step) -> Self {
        let derived = |all: Vec<wire::Derived>| {
            all.into_iter()
                .map(|wire::Derived { name, function, key, over, encoding }| Derived {
                    name,
                    function,
                    key,
                    over,
                    encoding,
                })
                .collect()
        };
        match step {
            wire::Step::Send(wire::Request { endpoint, method, query, headers, body, derive, keep }) => {
                let body = body.map(|body| match body {
                    wire::Body::Form(fields) => Body::Form(fields),
                    wire::Body::Json(json) => Body::Json(json),
                });
                Self::Send(Request { endpoint, method, query, headers, body, derive: derived(derive), keep })
            }
            wire::Step::Done(tokens) => Self::Done(Tokens {
                access: tokens.access,
                refresh: tokens.refresh,
                derive: derived(tokens.derive),
                expires_in_s: tokens.expires_in_s,
                refresh_expires_in_s: tokens.refresh_expires_in_s,
                scopes: tokens.scopes,
                account: tokens.account,
            }),
        }
    }
}
