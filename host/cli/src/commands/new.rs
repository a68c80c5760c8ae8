//! `jackfield new`: writes a connector that builds and passes its test as it stands.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jackfield_package::{Label, PackageName};
use serde_json::json;

use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags, template,
};

/// Whose a connector is until its author says so. Nobody can publish under it.
const NAMESPACE: &str = "example";

pub(crate) async fn run(flags: flags::New, context: &Context) -> Done {
    let (folder, package) = place(&flags)?;
    require_empty(&folder, flags.force)?;
    let files = template::files(&package)?;
    for (path, bytes) in &files {
        write(&folder.join(path), bytes)?;
    }

    let answer = json!({ "name": package.to_string(), "folder": folder, "files": files.len() });
    context.ui.answer(&answer, |page| {
        page.line(&format!("{package} stands in {}", folder.display()));
    })?;
    context.ui.note(&format!("\nNext:\n  cd {}\n  jackfield test\n  jackfield build", folder.display()));
    if package.namespace().as_str() == NAMESPACE {
        context.ui.note(&format!(
            "\nBefore you publish, put your namespace in the place of `{NAMESPACE}` in connector.toml."
        ));
    }
    Ok(())
}

/// Where to write, and what it is called. The last part of the path is the name, `name` or `namespace:name`.
fn place(flags: &flags::New) -> Result<(PathBuf, PackageName), Failed> {
    let last = flags.path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Failed::usage("name-missing", format!("`{}` does not end in a name", flags.path.display()))
            .hint("name the connector, or a folder that is called like it: jackfield new fetch-issues")
    })?;
    let (namespace, name) = match last.split_once(':') {
        Some((namespace, name)) => (Some(label(namespace)?), label(name)?),
        None => (None, label(last)?),
    };
    let namespace = match (namespace, &flags.namespace) {
        (Some(named), Some(flag)) if named != *flag => {
            let message = format!("two namespaces: `{named}` in the name, `{flag}` in --namespace");
            return Err(Failed::usage("namespace-ambiguous", message).hint("leave one of them out"));
        }
        (Some(named), _) => named,
        (None, Some(flag)) => flag.clone(),
        (None, None) => label(NAMESPACE)?,
    };
    let folder = flags.path.with_file_name(name.as_str());
    let package = format!("{namespace}:{name}").parse()?;
    Ok((folder, package))
}

fn label(text: &str) -> Result<Label, Failed> {
    text.parse().map_err(|refusal: jackfield_package::Refusal| {
        let failed = Failed::usage(refusal.code, refusal.message);
        let suggestion = kebab(text);
        match suggestion.parse::<Label>() {
            Ok(suggestion) if suggestion.as_str() != text => failed.hint(format!("how about `{suggestion}`?")),
            _ => failed,
        }
    })
}

/// `FetchIssues_v2` as `fetch-issues-v2`: what somebody means who doesn't know the rule.
fn kebab(text: &str) -> String {
    let mut kebab = String::new();
    let mut previous = ' ';
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            let new_word = character.is_ascii_uppercase() && previous.is_ascii_lowercase();
            if new_word && !kebab.ends_with('-') {
                kebab.push('-');
            }
            kebab.push(character.to_ascii_lowercase());
        } else if !kebab.is_empty() && !kebab.ends_with('-') {
            kebab.push('-');
        }
        previous = character;
    }
    kebab.trim_end_matches('-').trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned()
}

/// Nothing of somebody's is overwritten unasked.
fn require_empty(folder: &Path, force: bool) -> Done {
    let cannot_read = |error| Failed::file(format!("cannot look into `{}`", folder.display()), &error);
    if folder.exists() && !folder.is_dir() {
        let message = format!("`{}` is a file, expected a folder or nothing", folder.display());
        return Err(Failed::new(Kind::Refused, "folder-is-file", message));
    }
    if force || !folder.exists() || fs::read_dir(folder).map_err(cannot_read)?.next().is_none() {
        return Ok(());
    }
    let message = format!("`{}` is there already, and not empty", folder.display());
    Err(Failed::new(Kind::Refused, "folder-not-empty", message)
        .hint("choose another name, or write into it with --force: files of the same names are replaced"))
}

fn write(path: &Path, bytes: &[u8]) -> Done {
    let cannot_write = |error| Failed::file(format!("cannot write `{}`", path.display()), &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot_write)?;
    }
    fs::write(path, bytes).map_err(cannot_write)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(path: &str, namespace: Option<&str>) -> Result<(String, String), Failed> {
        let namespace = namespace.map(|namespace| namespace.parse().unwrap());
        let (folder, package) = place(&flags::New { path: path.into(), namespace, force: false })?;
        Ok((folder.display().to_string(), package.to_string()))
    }

    #[test]
    fn the_last_part_of_the_path_is_the_name() {
        for (path, namespace, folder, package) in [
            ("hello", None, "hello", "example:hello"),
            ("hello", Some("acme"), "hello", "acme:hello"),
            ("acme:hello", None, "hello", "acme:hello"),
            ("acme:hello", Some("acme"), "hello", "acme:hello"),
            ("./work/hello", None, "./work/hello", "example:hello"),
            ("/work/acme:hello", None, "/work/hello", "acme:hello"),
        ] {
            assert_eq!(place_of(path, namespace).unwrap(), (folder.to_owned(), package.to_owned()));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for path in ["", "..", "/", "Hello", "a b", "acme:", ":hello", "a:b:c", "1st", "hello-"] {
            assert!(place_of(path, None).is_err(), "{path} was taken");
        }
        assert!(place_of("acme:hello", Some("other")).is_err());
        assert_eq!(kebab("FetchIssues_v2"), "fetch-issues-v2");
    }
}
