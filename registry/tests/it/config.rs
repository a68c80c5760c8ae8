//! The page on configuration says what there is.

use jackfield_registry::Config;
use serde_json::Value;

#[test]
fn every_key_is_documented_with_its_default() {
    // What the command's own keys are, it says after that, and tests itself.
    let (page, _) = include_str!("../../../docs/reference/serve.md").split_once("Beside the registry's keys").unwrap();
    let Value::Object(keys) = serde_json::to_value(Config::default()).unwrap() else { panic!("a table") };
    for (key, default) in &keys {
        let default = match default {
            Value::Null => "none".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        assert!(page.contains(&format!("| `{key}` | {default} | ")), "serve.md does not say that `{key}` is {default}");
    }
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let key = line.trim_start_matches("| `").split('`').next().unwrap();
        assert!(keys.contains_key(key), "serve.md knows `{key}`, and nobody else does");
    }
}
