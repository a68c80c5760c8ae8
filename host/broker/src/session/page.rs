//! The pages' HTML. Plain, readable by a screen reader and on a telephone, complete without a script.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jackfield_package::manifest::Auth;
use maud::{DOCTYPE, Markup, html};

use super::{Trouble, Wish, attempt::CodeToEnter, hand_in};
use crate::token::GrantKind;

/// What is asked for, and a way to go on or not to.
pub(super) fn start(id: &str, wish: &Wish, provider: Option<&str>, form: &str, trouble: Option<&Trouble>) -> Response {
    let Wish { connector, title, auth, terms, .. } = wish;
    let heading = match provider {
        Some(provider) => format!("Connect {provider} to {title}"),
        None => format!("Give {title} a {}", kind_of(auth)),
    };
    let again = wish.again.is_some();
    let body = html! {
        h1 { (heading) }
        @if let Some(trouble) = trouble {
            p.trouble role="alert" { (sentence(&trouble.refusal.message)) }
        }
        p {
            "The connector " strong { (title) } " (" code { (connector) } ") "
            @if again { "needs you to sign in again." } @else { "asks to act in your name." }
            " It never sees what you sign in with: that stays in this program, which puts it on the connector's requests."
        }
        @if !auth.scopes.is_empty() {
            h2 { "What it asks for" }
            ul {
                @for scope in &auth.scopes {
                    li { code { (scope.name) } ": " (scope.reason) }
                }
            }
        }
        h2 { "Where it may be used" }
        ul {
            @for host in &auth.hosts {
                li { code { (host) } }
            }
        }
        form method="post" action={ "/connect/" (id) } autocomplete="off" {
            input type="hidden" name="form" value=(form);
            @if terms.grant == GrantKind::HandedIn {
                (inputs(auth))
            }
            button type="submit" { (button(wish, provider)) }
        }
        form method="post" action={ "/connect/" (id) "/cancel" } {
            input type="hidden" name="form" value=(form);
            button.quiet type="submit" { "Don't connect" }
        }
    };
    let status = trouble.map_or(StatusCode::OK, |trouble| trouble.status);
    respond(status, &heading, None, body)
}

fn inputs(auth: &Auth) -> Markup {
    let (user, secret) = match hand_in::pair_of(auth.r#type) {
        Some((user, password)) => (Some(user), password),
        None => (None, kind_of(auth)),
    };
    html! {
        @if let Some(user) = user {
            label for="user" { (capital(user)) }
            input id="user" name="user" required autocomplete="off" autocapitalize="none" spellcheck="false";
        }
        label for="secret" { (capital(secret)) }
        input id="secret" name="secret" type="password" required autocomplete="off" spellcheck="false";
    }
}

fn button(wish: &Wish, provider: Option<&str>) -> String {
    match (wish.terms.grant, provider) {
        (GrantKind::HandedIn, _) => "Connect".to_owned(),
        (GrantKind::DeviceCode, _) => "Show me a code".to_owned(),
        (_, provider) => format!("Go on to {}", provider.unwrap_or("the provider")),
    }
}

fn kind_of(auth: &Auth) -> &'static str {
    use jackfield_package::manifest::AuthType;
    match auth.r#type {
        AuthType::ApiKey => "key",
        AuthType::Basic => "password",
        AuthType::Hmac => "signing key",
        AuthType::Sigv4 => "signing key",
        AuthType::Bearer | AuthType::Oauth2 => "token",
    }
}

/// On the way to the provider. A page and no redirect: a browser holds every redirect after a form against `form-action`, and a
/// provider may send on to hosts that nobody knows beforehand.
pub(super) fn leave(url: &str, provider: &str) -> Response {
    let heading = format!("On to {provider}");
    let body = html! {
        h1 { (heading) }
        p { a href=(url) rel="noreferrer" { "Go on to " (provider) } " if this page does not by itself." }
    };
    respond(StatusCode::OK, &heading, Some(&format!("0; url={url}")), body)
}

/// A code to enter on another device. Comes again by itself.
pub(super) fn device(shown: &CodeToEnter) -> Response {
    let body = html! {
        h1 { "Enter this code" }
        p.code { strong { (shown.user_code) } }
        p { "Enter it at " a href=(shown.place) target="_blank" rel="noopener noreferrer" { (shown.place) } ", on this device or another." }
        p role="status" { "Waiting for you there. This page looks again by itself every " (shown.refresh_s) " seconds." }
    };
    respond(StatusCode::OK, "Enter this code", Some(&shown.refresh_s.to_string()), body)
}

/// It is connected.
pub(super) fn connected(account: Option<&str>, missing: &[String]) -> Response {
    let body = html! {
        h1 { "Connected" }
        @match account {
            Some(account) => p { "The account " strong { (account) } " is connected. You may close this page." },
            None => p { "It is connected. You may close this page." },
        }
        @if !missing.is_empty() {
            h2 { "Not given" }
            p { "The provider did not give all that was asked for. What needs these will not work:" }
            ul { @for scope in missing { li { code { (scope) } } } }
        }
    };
    respond(StatusCode::OK, "Connected", None, body)
}

/// What went wrong, and what to do.
pub(super) fn trouble(trouble: &Trouble, way_back: Option<&str>) -> Response {
    let Trouble { status, refusal, .. } = trouble;
    let body = html! {
        h1 { "Not connected" }
        p.trouble role="alert" { (sentence(&refusal.message)) }
        @if let Some(hint) = &refusal.hint {
            p { (sentence(hint)) }
        }
        @if let Some(target) = way_back {
            p { a href=(target) rel="noreferrer" { "Back to where you came from" } }
        }
        p.small { "For your admin: " code { (refusal.code) } }
    };
    respond(*status, "Not connected", None, body)
}

fn respond(status: StatusCode, title: &str, refresh: Option<&str>, body: Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                @if let Some(refresh) = refresh {
                    meta http-equiv="refresh" content=(refresh);
                }
                title { (title) " - Jackfield" }
                link rel="stylesheet" href="/connect/style.css";
            }
            body { main { (body) } }
        }
    };
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], document.into_string()).into_response()
}

/// With a capital and a full stop, as prose has them.
fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{}{end}", capital(text))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
