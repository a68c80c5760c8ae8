//! `jackfield user`: who there is.

use std::path::PathBuf;

use jackfield_package::Label;
use serde_json::{Value, json};

use super::login::{password, shown};
use crate::{
    context::Context,
    error::Done,
    flags::{self, RegistryUrl, UserCommand},
    remote::Remote,
};

pub(crate) async fn run(flags: flags::User, context: &Context) -> Done {
    match flags.command {
        UserCommand::Create { registry, name, password_file, operator } => {
            // Where registration is open, nobody in particular makes himself an account.
            let remote = Remote::open(&registry, context)?;
            let password =
                password(password_file.as_deref(), &format!("Password for the new user {name}: "), "--password-file")?;
            let body = json!({ "name": name, "password": &*password, "operator": operator });
            let made: Value = remote.post("/v1/users", &body).await?;
            context.ui.answer(&made, |page| {
                page.line(&format!("Made the user `{name}`."));
            })
        }
        UserCommand::Password { registry, old_file, new_file } => {
            change_password(&registry, &old_file, &new_file, context).await
        }
        UserCommand::Disable { registry, name } => set(&registry, &name, true, context).await,
        UserCommand::Enable { registry, name } => set(&registry, &name, false, context).await,
    }
}

/// The caller's own. Tokens that were given out stay: whoever fears for one ends it by itself.
async fn change_password(
    registry: &RegistryUrl,
    old: &Option<PathBuf>,
    new: &Option<PathBuf>,
    context: &Context,
) -> Done {
    let remote = Remote::signed_in(registry, context)?;
    let me: Value = remote.get("/v1/me").await?;
    let name = shown(&me["user"]);
    // Who has had none until now, has nothing to say.
    let old = match me["password"].as_bool() {
        Some(false) => None,
        _ => Some(password(old.as_deref(), &format!("Password of {name} until now: "), "--old-file")?),
    };
    let new = password(new.as_deref(), &format!("New password of {name}: "), "--new-file")?;
    let old = old.as_deref().filter(|old| !old.is_empty());
    let _: Value = remote.put("/v1/me/password", &json!({ "old": old, "new": &**new })).await?;
    context.ui.answer(&json!({ "user": name, "changed": true }), |page| {
        page.line(&format!("Changed the password of `{name}`."));
    })?;
    context.ui.note("Tokens stay good: see jackfield token list");
    Ok(())
}

async fn set(registry: &RegistryUrl, name: &Label, disabled: bool, context: &Context) -> Done {
    let remote = Remote::signed_in(registry, context)?;
    let _: Value = remote.post(&format!("/v1/moderation/users/{name}"), &json!({ "disabled": disabled })).await?;
    context.ui.answer(&json!({ "user": name, "disabled": disabled }), |page| {
        page.line(&format!("`{name}` is {}.", if disabled { "shut out" } else { "let in" }));
    })
}
