//! `jackfield sign`: say that these bytes are that version of that package.

use std::path::Path;

use jackfield_package::{
    Refusal,
    check::{Level, State, check},
    key::PublicKey,
    statement::{Bundle, sign_publish},
};
use serde_json::json;

use crate::{
    context::Context,
    error::{Done, Failed},
    flags,
    packages::{bundle_path, read_bundle, read_package},
    store::{KeyStore, write_aside},
    words::{count, shell_path},
};

pub(crate) async fn run(flags: flags::Sign, context: &Context) -> Done {
    let package = read_package(&flags.component, context)?;
    // A signature spends the version for good, so what the registry would turn away is not signed.
    let report = check(&package);
    let broken: Vec<_> = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.level == Level::Error && outcome.state != State::Pass)
        .collect();
    if !broken.is_empty() {
        let ids: Vec<_> = broken.iter().map(|outcome| &*outcome.id).collect();
        return Err(Refusal::new(
            "check-failed",
            format!("`{}` fails {}: {}", flags.component.display(), count(broken.len(), "check"), ids.join(", ")),
        )
        .hint(format!("see what is wrong: jackfield check {}", shell_path(&flags.component)))
        .into());
    }
    let key = KeyStore::of(context).secret(&flags.key, || flags.passphrase.read(flags.key.as_str()))?;
    let bundle = sign_publish(&package, &key);
    let path = bundle_path(&flags.component);
    if let Some(other) = signer_at(&path).filter(|other| *other != key.key_id().to_string()) {
        context.ui.warn(&format!("`{}` held a signature of key {other}, which this one replaces", path.display()));
    }
    write_aside(&path, &bundle.to_bytes(), 0o644)?.replace()?;
    if let Some(folder) = &flags.evidence {
        write_evidence(folder, &bundle, &key.public_key())?;
    }
    let manifest = package.manifest();
    let answer = json!({
        "name": manifest.name, "version": manifest.version, "digest": package.digest(), "keyid": key.key_id(), "bundle": path,
        "evidence": flags.evidence,
    });
    context.ui.answer(&answer, |page| {
        page.line(&format!("Signed {} {} with key `{}`.", manifest.name, manifest.version, flags.key));
        page.fields([
            ("component", package.digest().to_string()),
            ("keyid", key.key_id().to_string()),
            ("bundle", path.display().to_string()),
        ]);
        if let Some(folder) = &flags.evidence {
            page.fields([("evidence ", folder.display().to_string())]);
        }
    })?;
    if let Some(folder) = &flags.evidence {
        let file = |name: &str| shell_path(&folder.join(name));
        context.ui.note(&format!(
            "Check it with openssl: openssl pkeyutl -verify -rawin -in {} -sigfile {} -pubin -inkey {}",
            file("pae.bin"),
            file("sig.bin"),
            file("public.pem")
        ));
    }
    Ok(())
}

/// Who is said to have signed the bundle that stands there, if one does.
fn signer_at(path: &Path) -> Option<String> {
    if !path.exists() {
        return None;
    }
    // What can't be read is no signature to lose.
    read_bundle(path).ok().map(|bundle| bundle.key_hint().to_string())
}

fn write_evidence(folder: &Path, bundle: &Bundle, key: &PublicKey) -> Done {
    std::fs::create_dir_all(folder).map_err(|error| Failed::unwritable(folder, &error))?;
    let envelope = bundle.envelope();
    let (pae, pem) = (envelope.pae(), key.to_pem());
    let files: [(&str, &[u8]); 4] = [
        ("payload.json", envelope.unverified_payload()),
        ("pae.bin", &pae),
        ("sig.bin", envelope.signature()),
        ("public.pem", pem.as_bytes()),
    ];
    for (name, bytes) in files {
        write_aside(&folder.join(name), bytes, 0o644)?.replace()?;
    }
    Ok(())
}
