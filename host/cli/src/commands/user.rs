//! `jackfield user`: who there is.

use jackfield_package::Label;
use serde_json::{Value, json};

use super::login::password;
use crate::{
    context::Context,
    error::Done,
    flags::{self, RegistryUrl, UserCommand},
    remote::Remote,
};

pub(crate) async fn run(flags: flags::User, context: &Context) -> Done {
    match flags.command {
        UserCommand::Create { registry, name, password_file, operator } => {
            let remote = Remote::open(&registry, context)?;
            let password = password(password_file.as_deref(), &format!("Password for the new user {name}: "))?;
            let body = json!({ "name": name, "password": &*password, "operator": operator });
            let made: Value = remote.post("/v1/users", &body).await?;
            context.ui.answer(&made, |page| {
                page.line(&format!("Made the user `{name}`."));
            })
        }
        UserCommand::Disable { registry, name } => set(&registry, &name, true, context).await,
        UserCommand::Enable { registry, name } => set(&registry, &name, false, context).await,
    }
}

async fn set(registry: &RegistryUrl, name: &Label, disabled: bool, context: &Context) -> Done {
    let remote = Remote::open(registry, context)?;
    let _: Value = remote.post(&format!("/v1/moderation/users/{name}"), &json!({ "disabled": disabled })).await?;
    context.ui.answer(&json!({ "user": name, "disabled": disabled }), |page| {
        page.line(&format!("`{name}` is {}.", if disabled { "shut out" } else { "let in" }));
    })
}
