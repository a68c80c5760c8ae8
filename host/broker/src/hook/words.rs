//! The values behind placeholders, and where each may go.

use jackfield_package::Refusal;
use serde_json::Value;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::{Derived, derive, refused};
use crate::{
    Secret,
    limits::{HOOK_FILLED_BYTES, HOOK_PARTS, SECRET_BYTES_LEAST},
};

/// Where a value comes from, which decides where it may go. The later, the closer to what must never leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// The hook's own text: no secret.
    Plain,
    /// An answer of this exchange, or a keyed hash or signature: may become a token.
    Earned,
    /// The vault, or a person's redirect: goes to the provider's endpoints and nowhere else.
    Held,
}

/// Every value of one exchange, by name. Zeroed when dropped.
pub(crate) struct Words {
    values: Vec<Word>,
    /// What the hook has been shown: it can't be kept any more.
    shown: Vec<String>,
}

struct Word {
    name: String,
    text: Zeroizing<String>,
    origin: Origin,
    /// Whether whoever knows it could do harm: the hook's own text that was hashed is none.
    is_secret: bool,
}

/// A text with its placeholders filled in.
pub(super) struct Filled {
    pub(super) text: Zeroizing<String>,
    pub(super) origin: Origin,
}

impl Words {
    /// Of these secrets, by their names.
    pub(crate) fn of(held: &[(&str, &Secret)]) -> Result<Self, Refusal> {
        let mut words = Self { values: Vec::new(), shown: Vec::new() };
        for (name, secret) in held {
            let text = Zeroizing::new(secret.expose_str()?.to_owned());
            words.put((*name).to_owned(), text, Origin::Held);
        }
        Ok(words)
    }

    /// The names so far.
    pub(crate) fn names(&self) -> Vec<String> {
        self.values.iter().map(|word| word.name.clone()).collect()
    }

    /// Fills a text in.
    pub(crate) fn fill(&self, text: &str) -> Result<Zeroizing<String>, Refusal> {
        Ok(self.filled(text)?.text)
    }

    /// Fills in what becomes a token: made of what this exchange has earned, and of nothing that was held before it.
    pub(crate) fn fill_token(&self, text: &str) -> Result<Zeroizing<String>, Refusal> {
        let filled = self.filled(text)?;
        match filled.origin {
            Origin::Earned => Ok(filled.text),
            Origin::Held => Err(refused("makes a token of a secret that only the provider's token endpoint is given")),
            Origin::Plain => Err(refused("makes a token of its own text")),
        }
    }

    /// Fills in every text of a JSON value.
    pub(crate) fn fill_json(&self, text: &str) -> Result<Zeroizing<String>, Refusal> {
        let mut json: Value = serde_json::from_str(text).map_err(|_| refused("gives a body that is not JSON"))?;
        self.fill_value(&mut json)?;
        let written = Zeroizing::new(json.to_string());
        wipe(&mut json);
        if written.len() > HOOK_FILLED_BYTES {
            return Err(too_long());
        }
        Ok(written)
    }

    fn fill_value(&self, json: &mut Value) -> Result<(), Refusal> {
        match json {
            Value::String(text) => *text = self.fill(text)?.to_string(),
            Value::Array(list) => list.iter_mut().try_for_each(|value| self.fill_value(value))?,
            Value::Object(map) => map.values_mut().try_for_each(|value| self.fill_value(value))?,
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        Ok(())
    }

    pub(super) fn filled(&self, text: &str) -> Result<Filled, Refusal> {
        let mut filled = Zeroizing::new(String::with_capacity(text.len()));
        let (mut rest, mut origin) = (text, Origin::Plain);
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or_else(|| refused("writes `{{` without its `}}`"))?;
            let word = self.values.iter().rev().find(|word| word.name == name);
            let word =
                word.ok_or_else(|| refused(format!("writes `{{{{{}}}}}`, which stands for nothing", shown(name))))?;
            origin = origin.max(word.origin);
            if filled.len() + before.len() + word.text.len() > HOOK_FILLED_BYTES {
                return Err(too_long());
            }
            push(&mut filled, before);
            push(&mut filled, &word.text);
            rest = after;
        }
        if filled.len() + rest.len() > HOOK_FILLED_BYTES {
            return Err(too_long());
        }
        push(&mut filled, rest);
        Ok(Filled { text: filled, origin })
    }

    /// Works values out, each of which may be used by the next.
    pub(crate) fn derive(&mut self, all: &[Derived]) -> Result<(), Refusal> {
        for derived in all {
            let (text, origin) = derive::work_out(derived, self)?;
            self.name(&derived.name)?;
            self.put(derived.name.clone(), text, origin);
        }
        Ok(())
    }

    /// Keeps a value of an answer.
    pub(crate) fn keep(&mut self, name: &str, text: Zeroizing<String>) -> Result<(), Refusal> {
        if self.shown.iter().any(|shown| shown.contains(text.as_str())) {
            return Err(refused(format!("keeps as `{}` what it is shown", self::shown(name))));
        }
        self.name(name)?;
        self.put(name.to_owned(), text, Origin::Earned);
        Ok(())
    }

    /// A value of an answer, as the hook may see it: without any secret that the provider repeats in it.
    pub(crate) fn show(&mut self, value: &Value) -> Option<Value> {
        let text = match value {
            Value::Bool(_) => return Some(value.clone()),
            Value::String(text) => self.blot(text),
            Value::Number(number) => self.blot(&number.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        if text.len() > crate::limits::HOOK_SHOWN_BYTES {
            return None;
        }
        self.shown.push(text.clone());
        match value {
            Value::Number(number) if number.to_string() == text => Some(value.clone()),
            _ => Some(text.into()),
        }
    }

    /// The text without the secrets.
    pub(crate) fn blot(&self, text: &str) -> String {
        let told = self.values.iter().filter(|word| word.is_secret && word.text.len() >= SECRET_BYTES_LEAST);
        told.fold(text.to_owned(), |text, word| {
            // As it is, and as a form has it, which is how it may have been sent.
            let in_a_form: Zeroizing<String> = Zeroizing::new(byte_serialize(word.text.as_bytes()).collect());
            text.replace(word.text.as_str(), "*").replace(in_a_form.as_str(), "*")
        })
    }

    /// Every secret, for blotting it out of what comes back.
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        self.values.iter().filter(|word| word.is_secret).map(|word| word.text.clone()).collect()
    }

    /// Whether a name may be given to one more value.
    fn name(&self, name: &str) -> Result<(), Refusal> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(is_word) {
            return Err(refused(format!("calls a value `{}`", shown(name))));
        }
        // What was held keeps its name: else a step could be read one way and filled in another.
        if self.values.iter().any(|word| word.name == name && word.origin == Origin::Held) {
            return Err(refused(format!("calls another value `{name}`")));
        }
        if self.values.len() >= 4 * HOOK_PARTS {
            return Err(refused("keeps too many values"));
        }
        Ok(())
    }

    fn put(&mut self, name: String, text: Zeroizing<String>, origin: Origin) {
        self.values.push(Word { name, text, origin, is_secret: origin != Origin::Plain });
    }
}

/// Without leaving a copy behind where the text has to grow.
fn push(into: &mut Zeroizing<String>, text: &str) {
    if into.capacity() - into.len() < text.len() {
        let mut larger = Zeroizing::new(String::with_capacity((into.len() + text.len()) * 2));
        larger.push_str(into);
        *into = larger;
    }
    into.push_str(text);
}

fn wipe(json: &mut Value) {
    use zeroize::Zeroize as _;
    match json {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn too_long() -> Refusal {
    refused(format!("fills in more than {HOOK_FILLED_BYTES} bytes"))
}

fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(text: &str) -> Secret {
        crate::testing::secret(text)
    }

    fn derived(name: &str, function: &str, key: Option<&str>, over: &str, encoding: &str) -> Derived {
        let own = str::to_owned;
        Derived {
            name: own(name),
            function: own(function),
            key: key.map(own),
            over: own(over),
            encoding: own(encoding),
        }
    }

    #[test]
    fn secrets_are_filled_in_wherever_they_are_written() {
        let client = secret("s3cret-of-the-client");
        let words = Words::of(&[("client_secret", &client)]).unwrap();
        assert_eq!(
            *words.fill("a={{client_secret}}&b={{client_secret}}").unwrap(),
            "a=s3cret-of-the-client&b=s3cret-of-the-client"
        );
        let filled = words.fill_json(r#"{"a": ["{{client_secret}}", 1], "{{b}}": "c"}"#).unwrap();
        let json: Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(json, json!({ "a": ["s3cret-of-the-client", 1], "{{b}}": "c" }));
        for nonsense in ["{{nobody}}", "{{client_secret", "{{}}"] {
            assert_eq!(words.fill(nonsense).unwrap_err().code, "hook-refused", "{nonsense}");
        }
        let much = "{{client_secret}}".repeat(HOOK_FILLED_BYTES / 20 + 1);
        assert!(words.fill(&much).unwrap_err().message.contains("bytes"));
    }

    #[test]
    fn a_token_is_earned_and_never_what_was_held() {
        let client = secret("s3cret-of-the-client");
        let mut words = Words::of(&[("client_secret", &client)]).unwrap();
        words.keep("session", Zeroizing::new("from-an-answer".to_owned())).unwrap();
        words
            .derive(&[
                derived("signed", "hmac-sha256", Some("{{client_secret}}"), "header.claims", "base64url"),
                derived("wrapped", "text", None, "user:{{client_secret}}", "base64"),
                derived("hashed", "sha256", None, "{{client_secret}}", "hex"),
                derived("again", "text", None, "{{wrapped}}", "hex"),
                derived("mine", "text", None, "chosen by the hook", "hex"),
                derived("pair", "text", None, "{{session}}:x", "base64"),
                derived("tried", "hmac-sha256", Some("{{session}}"), "{{client_secret}}", "hex"),
            ])
            .unwrap();
        for earned in ["{{session}}", "header.claims.{{signed}}", "{{pair}}"] {
            assert!(words.fill_token(earned).is_ok(), "{earned}");
        }
        for kept_back in [
            "{{client_secret}}",
            "{{session}}{{client_secret}}",
            "{{wrapped}}",
            "{{hashed}}",
            "{{again}}",
            "{{mine}}",
            "{{tried}}",
            "text",
        ] {
            assert_eq!(words.fill_token(kept_back).unwrap_err().code, "hook-refused", "{kept_back}");
        }
        // Neither can a name be taken over.
        assert!(words.keep("client_secret", Zeroizing::new("another-value".to_owned())).is_err());
    }

    #[test]
    fn nothing_is_both_shown_and_kept() {
        let client = secret("s3cret-of-the-client");
        let mut words = Words::of(&[("client_secret", &client)]).unwrap();
        assert_eq!(words.show(&json!("no s3cret-of-the-client here")), Some(json!("no * here")));
        assert_eq!(words.show(&json!(7)), Some(json!(7)));
        assert_eq!(words.show(&json!({ "token": "t" })), None);
        assert_eq!(words.show(&json!("a-token-in-clear")), Some(json!("a-token-in-clear")));
        assert!(words.keep("token", Zeroizing::new("a-token-in-clear".to_owned())).is_err());
        words.keep("token", Zeroizing::new("another-token".to_owned())).unwrap();
        assert_eq!(words.show(&json!("is another-token")), Some(json!("is *")));
    }
}
