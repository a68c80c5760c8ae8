//! `jackfield login`, `logout`, `whoami`: as whom a registry is asked.

use std::{fs::File, path::Path};

use jackfield_package::Label;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    context::Context,
    error::{Done, Failed},
    flags,
    passphrase::{ask, first_line},
    remote::{Credentials, Kept, Remote},
};

/// What `/v1/me` answers.
#[derive(Debug, Serialize, Deserialize)]
struct Me {
    name: String,
    user: Option<String>,
    operator: bool,
    token: Option<String>,
    pattern: String,
    actions: Vec<String>,
    namespaces: Vec<Value>,
}

#[derive(Deserialize)]
struct Issued {
    token: String,
}

pub(crate) async fn login(flags: flags::Login, context: &Context) -> Done {
    let token = match &flags.user {
        Some(user) => {
            let password =
                password(flags.password_file.as_deref(), &format!("Password of {user}: "), "--password-file")?;
            let label = format!("jackfield login by {user}");
            let body = json!({ "user": user, "password": &*password, "token": { "label": label } });
            let remote = Remote::with_token(&flags.registry, None, context)?;
            match remote.post::<Issued>("/v1/login", &body).await {
                Ok(issued) => Zeroizing::new(issued.token),
                Err(failed) if failed.code() == "login-failed" => return Err(no_account(failed, user, &remote).await),
                Err(failed) => return Err(failed),
            }
        }
        None => token(&flags)?,
    };
    let remote = Remote::with_token(&flags.registry, Some(token.to_string()), context)?;
    let me: Me = remote.get("/v1/me").await?;
    let kept = Kept { id: me.token.clone(), user: me.user.clone(), token: token.to_string() };
    Credentials::change(context, |credentials| credentials.keep(&remote, kept))?;
    context.ui.answer(&json!({ "registry": remote.base(), "me": me }), |page| {
        page.line(&format!("Signed in to {} as {}.", remote.base(), me.name));
    })
}

/// A registry does not say whether there is such a user: who has never had an account is told how one comes about.
async fn no_account(failed: Failed, user: &Label, remote: &Remote) -> Failed {
    let base = remote.base();
    let is_open = remote.about().await.is_ok_and(|about| about.open_registration);
    failed.hint(match is_open {
        true => format!("no account yet? Make one: jackfield user create {user} --registry {base}"),
        false => format!("no account yet? An operator of {base} makes them: jackfield user create {user}"),
    })
}

fn token(flags: &flags::Login) -> Result<Zeroizing<String>, Failed> {
    if flags.token_stdin {
        let bytes =
            first_line(std::io::stdin().lock()).map_err(|error| Failed::file("cannot read the token", &error))?;
        return text(bytes);
    }
    if let Some(path) = &flags.token_file {
        return from_file(path, "the token");
    }
    text(
        ask("Token: ").map_err(|failed| {
            failed.hint("hand it in: --token-file PATH or --token-stdin; or sign in with --user NAME")
        })?,
    )
}

/// From a file, or from the person at the terminal; `flag` is what names the file.
pub(crate) fn password(file: Option<&Path>, prompt: &str, flag: &str) -> Result<Zeroizing<String>, Failed> {
    match file {
        Some(path) => from_file(path, "the password"),
        None => text(ask(prompt).map_err(|failed| failed.hint(format!("hand it in: {flag} PATH")))?),
    }
}

fn from_file(path: &Path, what: &str) -> Result<Zeroizing<String>, Failed> {
    let fail = |error: &std::io::Error| Failed::file(format!("cannot read {what} from `{}`", path.display()), error);
    let file = File::open(path).map_err(|error| fail(&error))?;
    text(first_line(file).map_err(|error| fail(&error))?)
}

fn text(bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Failed> {
    std::str::from_utf8(&bytes)
        .map(|text| Zeroizing::new(text.to_owned()))
        .map_err(|_| Failed::usage("credential-not-text", "what was handed in is not text"))
}

/// The registry may be gone for ever; what is kept here goes in any case.
pub(crate) async fn logout(flags: flags::Logout, context: &Context) -> Done {
    let remote = Remote::open(&flags.registry, context)?;
    let Some(kept) = Credentials::change(context, |credentials| credentials.forget(&remote))? else {
        return Err(Failed::usage("not-signed-in", format!("this home has no token of {}", remote.base())));
    };
    let revoked = match &kept.id {
        Some(id) => {
            let remote = Remote::with_token(&flags.registry, Some(kept.token.clone()), context)?;
            remote.delete(&format!("/v1/tokens/{id}")).await
        }
        None => Ok(()),
    };
    if revoked.is_err() {
        context.ui.warn("the token is forgotten here, but the registry did not revoke it");
    }
    context.ui.answer(&json!({ "registry": remote.base(), "revoked": revoked.is_ok() }), |page| {
        page.line(&format!("Signed out of {}.", remote.base()));
    })
}

pub(crate) async fn whoami(flags: flags::Whoami, context: &Context) -> Done {
    let remote = Remote::signed_in(&flags.registry, context)?;
    let me: Me = remote.get("/v1/me").await?;
    context.ui.answer(&me, |page| {
        page.line(&format!("{} at {}", me.name, remote.base()));
        page.fields([
            ("operator", if me.operator { "yes" } else { "no" }.to_owned()),
            ("packages", me.pattern.clone()),
            ("actions", me.actions.join(", ")),
        ]);
        let rows: Vec<_> =
            me.namespaces.iter().map(|row| vec![shown(&row["namespace"]), shown(&row["role"])]).collect();
        if !rows.is_empty() {
            page.gap().table(&["namespace", "role"], &rows);
        }
    })
}

/// A value's text, for a table.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
