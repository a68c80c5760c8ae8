//! What the attribute and the macro make of an author's functions.

use jackfield_sdk::prelude::*;

#[derive(Deserialize, JsonSchema)]
struct GreetInput {
    /// Who to greet.
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct Greeting {
    message: String,
}

/// Greets a person
/// by name.
#[operation(effect = "read", idempotent)]
fn greet(input: GreetInput, context: &Context) -> Result<Greeting> {
    Ok(Greeting { message: format!("Hello, {} ({})", input.name, context.idempotency_key()) })
}

mod issues {
    use super::*;

    #[operation(effect = "destructive", name = "remove-issue", title = "Remove an issue", scopes = ["issues:write"])]
    pub(super) fn remove(input: FileRef) -> Result<(), Error> {
        Err(Error::conflict(format!("{} is locked", input.id)).with_code("issue-locked"))
    }
}

connector!(greet, issues::remove);

#[test]
fn describe_states_the_operations() {
    let expect = concat!(
        r#"{"operations":[{"name":"greet","kind":"action","title":"Greet","description":"Greets a person by name.","#,
        r#""input":{"properties":{"name":{"description":"Who to greet.","type":"string"}},"required":["name"],"#,
        r#""type":"object"},"output":{"properties":{"message":{"type":"string"}},"required":["message"],"#,
        r#""type":"object"},"effect":"read","idempotent":true},"#,
        r#"{"name":"remove-issue","kind":"action","title":"Remove an issue","input":{"additionalProperties":false,"#,
        r#""description":"Names a file in JSON: `{\"$file\": \"<id>\"}`.","properties":{"$file":{"description":"#,
        r#""The file's id within the call.","type":"string"}},"required":["$file"],"type":"object"},"#,
        r#""output":{"type":"null"},"effect":"destructive","idempotent":false,"scopes":["issues:write"]}]}"#,
    );
    assert_eq!(__jackfield_describe(), expect);
    assert_eq!(__jackfield_describe(), __jackfield_describe());
}

/// Calls as the host does, but for the wire's context.
fn check(operation: &str, input: &str, expect: Result<&str, (&str, &str, &str)>) {
    let context = jackfield_sdk::__private::bindings::jackfield::connector::types::Context {
        config: "{}".to_owned(),
        connection: None,
        idempotency_key: "k1".to_owned(),
        deadline_ms: 1000,
    };
    match (jackfield_sdk::__private::invoke(__JACKFIELD_OPERATIONS, operation, input, context), expect) {
        (Ok(output), Ok(expect)) => assert_eq!(output, expect),
        (Err(error), Err((kind, code, message))) => {
            assert_eq!(
                (format!("{:?}", error.kind).as_str(), error.code.as_str(), error.message.as_str()),
                (kind, code, message)
            );
            assert!(!error.request_sent);
        }
        (found, expect) => panic!("{found:?} is not {expect:?}"),
    }
}

#[test]
fn calls() {
    check("greet", r#"{"name":"Ada"}"#, Ok(r#"{"message":"Hello, Ada (k1)"}"#));
    check("remove-issue", r#"{"$file":"f1"}"#, Err(("ErrorKind::Conflict", "issue-locked", "f1 is locked")));
    check(
        "greet",
        r#"{"name":1}"#,
        Err((
            "ErrorKind::InvalidInput",
            "invalid-input",
            "input: `name`: invalid type: integer `1`, expected a string at line 1 column 9",
        )),
    );
    check(
        "greet",
        "{}",
        Err(("ErrorKind::InvalidInput", "invalid-input", "input: missing field `name` at line 1 column 2")),
    );
    check(
        "greet",
        r#"{"name":"a"} x"#,
        Err(("ErrorKind::InvalidInput", "invalid-input", "input: trailing characters at line 1 column 14")),
    );
    check(
        "gret",
        "{}",
        Err((
            "ErrorKind::NotFound",
            "unknown-operation",
            "no operation `gret`: this connector has greet, remove-issue",
        )),
    );
}
