//! `jackfield provider`: which providers are known, and one more.

use jackfield_broker::{
    clock::{Clock as _, SystemClock, rfc3339},
    home::PROVIDERS_FOLDER,
    provider::{self, Catalogue, Entry, Pkce, RefreshKind, discovery},
    token::GrantKind,
};
use serde_json::json;

use crate::{
    context::Context,
    error::Done,
    flags::{self, ProviderCommand},
    page::Page,
};

pub(crate) async fn run(flags: flags::Provider, context: &Context) -> Done {
    let mut catalogue = Catalogue::open(&context.home().join(PROVIDERS_FOLDER))?;
    match flags.command {
        ProviderCommand::List => list(&catalogue, context),
        ProviderCommand::Show { name } => {
            let entry = catalogue.find(&name)?;
            context.ui.answer(entry, |page| show(entry, page))
        }
        ProviderCommand::Add { file, issuer, name, address } => {
            let entry = match (file, issuer, name) {
                (Some(file), ..) => provider::read(&file)?,
                (None, Some(issuer), Some(name)) => {
                    let at = discovery::Issuer { url: &issuer, addresses: &address };
                    let (network, today) = (context.host()?.provider_network(), rfc3339(SystemClock.now()));
                    discovery::discover(name, at, &today[..10], &*network).await?
                }
                // The flags say that one of the two is there.
                _ => return Ok(()),
            };
            let path = catalogue.add(entry.clone())?;
            context.ui.answer(&json!({ "added": entry.name, "file": path }), |page| {
                page.line(&format!("Added {} as {}", entry.name, path.display()));
                show(&entry, page);
            })
        }
    }
}

fn list(catalogue: &Catalogue, context: &Context) -> Done {
    let providers: Vec<_> = catalogue
        .entries()
        .map(|entry| {
            json!({
                "name": entry.name, "title": entry.title, "flows": flows(entry), "own": !provider::is_built_in(&entry.name),
                "docs": entry.docs, "read": entry.read,
            })
        })
        .collect();
    context.ui.answer(&json!({ "providers": providers }), |page| {
        let rows: Vec<_> = catalogue
            .entries()
            .map(|entry| {
                let own = if provider::is_built_in(&entry.name) { "" } else { "yours" };
                vec![entry.name.to_string(), entry.title.clone(), flows(entry).join(", "), own.to_owned()]
            })
            .collect();
        page.table(&["name", "title", "flows", ""], &rows);
    })
}

/// In the words of `--flow`.
fn flows(entry: &Entry) -> Vec<&'static str> {
    let words = entry.flows().into_iter().map(|flow| match flow {
        GrantKind::HandedIn => "handed-in",
        GrantKind::AuthorizationCode => "browser",
        GrantKind::DeviceCode => "device",
        GrantKind::ClientCredentials => "client-credentials",
        GrantKind::JwtBearer => "jwt-bearer",
    });
    words.collect()
}

fn show(entry: &Entry, page: &mut Page) {
    page.heading(&entry.title);
    let mut field = |name: &str, value: &str| {
        page.line(&format!("  {name:<12} {value}"));
    };
    field("flows", &flows(entry).join(", "));
    if let Some(authorize) = &entry.authorize {
        field("consent", &authorize.url);
        match &authorize.pkce {
            Pkce::S256 => field("PKCE", "S256"),
            Pkce::Off(why) => field("PKCE", &format!("off: {why}")),
        }
        if !authorize.scopes.is_empty() {
            field("always asks", &authorize.scopes.join(" "));
        }
    }
    field("tokens", &entry.token.url);
    for (step, url) in &entry.token.steps {
        field("", &format!("{url} (a hook's `{step}`)"));
    }
    field(
        "refresh",
        match entry.refresh.kind {
            RefreshKind::Rotating => "a new refresh token each time",
            RefreshKind::Stable => "the refresh token stays",
            RefreshKind::None => "none",
        },
    );
    field("taken back", entry.revoke.as_ref().map_or("not by a request", |revoke| &revoke.url));
    for (name, variable) in &entry.variables {
        let default = variable.default.as_ref().filter(|default| !default.is_empty());
        let default = default.map_or(String::new(), |default| format!(" [default: {default}]"));
        field("--set", &format!("{name}=…  {}{default}", variable.title));
    }
    field("documented", &format!("{}, read {}", entry.docs, entry.read));
}
