//! From what an author writes to a [`Cassette`]: whatever a cassette could mean by mistake is refused here.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::{
    Answer, Break, Cassette, Connection, Content, Exchange, Expectation, Request,
    form::{
        BreakForm, CassetteForm, ContentForm, ExchangeForm, ExpectationForm, HeaderForm, Load, Problem, RequestForm,
        ResponseForm, load_beside, malformed,
    },
};
use crate::words::nearest;

/// What an `error` may be compared by.
const ERROR_KEYS: [&str; 7] = ["kind", "code", "message", "retryable", "retry_after_ms", "request_sent", "details"];

/// Gives a cassette its meaning; `load` reads the files that it names.
pub(super) fn read(form: CassetteForm, load: Load<'_>) -> Result<Cassette, Problem> {
    let exchanges = form.exchanges.into_iter().enumerate();
    Ok(Cassette {
        operation: form.operation,
        input: form.input,
        config: form.config,
        connection: match form.connection {
            None => Connection::All,
            Some(None) => Connection::None,
            Some(Some(id)) => Connection::One(id),
        },
        idempotency_key: form.idempotency_key.unwrap_or_else(|| "test".to_owned()),
        files: contents("files", form.files, load)?,
        exchanges: exchanges.map(|(at, form)| exchange(at, form, load)).collect::<Result<_, _>>()?,
        expect: expectation(form.expect, load)?,
    })
}

fn exchange(at: usize, form: ExchangeForm, load: Load<'_>) -> Result<Exchange, Problem> {
    let place = format!("exchanges[{at}]");
    let RequestForm { method, url, headers, body } = form.request;
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| malformed(format!("`{place}.request.method`: `{method}` is not a method")))?;
    let absolute = url.parse::<Uri>().ok().filter(|url| url.scheme().is_some() && url.authority().is_some());
    let url = absolute.ok_or_else(|| {
        malformed(format!(
            "`{place}.request.url`: `{url}` is not an absolute URL, such as https://api.example.com/v1/items"
        ))
    })?;
    let headers = headers
        .into_iter()
        .map(|(name, value)| Ok((header_name(&format!("{place}.request.headers"), &name)?, value)))
        .collect::<Result<_, Problem>>()?;
    let body = body.map(|form| content(&format!("{place}.request.body"), form, load)).transpose()?;
    let answer = match (form.response, form.failure) {
        (Some(response), None) => answer(&format!("{place}.response"), response, load)?,
        (None, Some(failure)) => Answer::Breaks(match failure {
            BreakForm::ConnectionRefused => Break::ConnectionRefused,
            BreakForm::ConnectionTimeout => Break::ConnectionTimeout,
            BreakForm::DnsError => Break::DnsError,
            BreakForm::TlsError => Break::TlsError,
        }),
        _ => return Err(malformed(format!("`{place}`: expected exactly one of `response` and `failure`"))),
    };
    Ok(Exchange { request: Request { method, url, headers, body }, answer })
}

fn answer(place: &str, form: ResponseForm, load: Load<'_>) -> Result<Answer, Problem> {
    let status = StatusCode::from_u16(form.status)
        .ok()
        .filter(|status| !status.is_informational())
        .ok_or_else(|| malformed(format!("`{place}.status`: {} is not a final status", form.status)))?;
    let mut headers = HeaderMap::new();
    for (name, values) in form.headers {
        let known = header_name(&format!("{place}.headers"), &name)?;
        let values = match values {
            HeaderForm::One(value) => vec![value],
            HeaderForm::Many(values) => values,
        };
        for value in values {
            let value = HeaderValue::from_str(&value)
                .map_err(|_| malformed(format!("`{place}.headers.{name}`: the value can't stand in a header")))?;
            headers.append(known.clone(), value);
        }
    }
    let body = form.body.map(|form| content(&format!("{place}.body"), form, load)).transpose()?;
    if matches!(body, Some(Content::Json(_))) && !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(Answer::Response { status, headers, body: body.map_or_else(Vec::new, |body| body.to_bytes()) })
}

fn header_name(place: &str, name: &str) -> Result<HeaderName, Problem> {
    name.to_ascii_lowercase().parse().map_err(|_| malformed(format!("`{place}`: `{name}` is not the name of a header")))
}

fn expectation(form: ExpectationForm, load: Load<'_>) -> Result<Expectation, Problem> {
    match (form.output, form.error) {
        (Some(output), None) => {
            let files = form.files.map(|files| contents("expect.files", files, load)).transpose()?;
            Ok(Expectation::Output { output, files })
        }
        (None, Some(error)) => {
            if form.files.is_some() {
                return Err(malformed("`expect.files`: a call that fails leaves no files"));
            }
            if let Some(unknown) = error.keys().find(|key| !ERROR_KEYS.contains(&key.as_str())) {
                let message = format!("`expect.error`: unknown field `{unknown}`");
                let hint = match nearest(unknown, ERROR_KEYS) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("expected some of {}", ERROR_KEYS.join(", ")),
                };
                return Err(Problem::Malformed { message, hint: Some(hint) });
            }
            Ok(Expectation::Error(error))
        }
        _ => Err(malformed("`expect`: expected exactly one of `output` and `error`")),
    }
}

fn contents(
    place: &str,
    forms: BTreeMap<String, ContentForm>,
    load: Load<'_>,
) -> Result<Vec<(String, Content)>, Problem> {
    forms.into_iter().map(|(name, form)| Ok((name.clone(), content(&format!("{place}.{name}"), form, load)?))).collect()
}

fn content(place: &str, form: ContentForm, load: Load<'_>) -> Result<Content, Problem> {
    match form {
        ContentForm::Text(text) => Ok(Content::Bytes(text.into_bytes())),
        ContentForm::Json(value) => Ok(Content::Json(value)),
        ContentForm::Base64(text) => match STANDARD.decode(&text) {
            Ok(bytes) => Ok(Content::Bytes(bytes)),
            Err(error) => Err(malformed(format!("`{place}`: not base64: {error}"))),
        },
        ContentForm::Path(path) => load_beside(place, &path, load).map(Content::Bytes),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(cassette: Value) -> Result<Cassette, String> {
        let form = CassetteForm::parse(cassette.to_string().as_bytes());
        form.and_then(|form| super::read(form, &|_| Ok(b"from a file".to_vec()))).map_err(|problem| match problem {
            Problem::Malformed { message, hint } => format!("{message} | {}", hint.unwrap_or_default()),
            Problem::File(_) => "a file".to_owned(),
        })
    }

    #[test]
    fn the_least_that_is_a_cassette() {
        let cassette = read(json!({"operation": "greet", "expect": {"output": null}})).unwrap();
        assert_eq!(cassette.input, json!({}));
        assert_eq!(cassette.connection, Connection::All);
        assert!(cassette.exchanges.is_empty());
        assert!(matches!(cassette.expect, Expectation::Output { output: Value::Null, files: None }));
    }

    #[test]
    fn every_key_is_read() {
        let cassette = read(json!({
            "operation": "list", "input": {"a": 1}, "config": {"b": 2}, "connection": null, "idempotency_key": "k",
            "files": {"table": {"path": "table.csv"}, "bytes": {"base64": "AAE="}},
            "exchanges": [
                {"request": {"method": "POST", "url": "https://api.example.com", "headers": {"Accept": "x"}, "body": {"text": "y"}},
                 "response": {"status": 429, "headers": {"Set-Cookie": ["a", "b"]}, "body": {"json": {"z": 1}}}},
                {"request": {"method": "GET", "url": "https://api.example.com/"}, "failure": "dns-error"},
            ],
            "expect": {"error": {"kind": "rate-limited", "retryable": true}},
        }))
        .unwrap();
        assert_eq!(cassette.connection, Connection::None);
        assert_eq!(cassette.files[1].1, Content::Bytes(b"from a file".to_vec()));
        assert_eq!(cassette.exchanges[0].request.url.to_string(), "https://api.example.com/");
        let Answer::Response { status, headers, body } = &cassette.exchanges[0].answer else { panic!("no response") };
        assert_eq!(
            (status.as_u16(), headers.get_all("set-cookie").iter().count(), &body[..]),
            (429, 2, &b"{\"z\":1}"[..])
        );
        assert_eq!(headers["content-type"], "application/json");
        assert!(matches!(cassette.exchanges[1].answer, Answer::Breaks(Break::DnsError)));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let exchange = |request: Value, rest: Value| {
            let mut exchange = json!({"request": request});
            exchange.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            json!({"operation": "x", "exchanges": [exchange], "expect": {"output": 1}})
        };
        let get = json!({"method": "GET", "url": "https://a.example/"});
        for (cassette, expected) in [
            (json!({"operation": "x"}), "missing field `expect` at line 1 column 17 | "),
            (
                json!({"operaton": "x", "expect": {"output": 1}}),
                "`operaton`: unknown field `operaton` | did you mean `operation`?",
            ),
            (json!({"operation": "x", "expect": {}}), "`expect`: expected exactly one of `output` and `error` | "),
            (
                json!({"operation": "x", "expect": {"error": {"kin": 1}}}),
                "`expect.error`: unknown field `kin` | did you mean `kind`?",
            ),
            (exchange(get.clone(), json!({})), "`exchanges[0]`: expected exactly one of `response` and `failure` | "),
            (
                exchange(get.clone(), json!({"response": {"body": {"txt": ""}}})),
                "`exchanges[0].response.body`: unknown variant `txt` | did you mean `text`?",
            ),
            (
                exchange(get, json!({"response": {"body": {"path": "../../etc/passwd"}}})),
                "`exchanges[0].response.body`: `../../etc/passwd` does not stay beside the cassette | ",
            ),
            (
                exchange(json!({"method": "GET", "url": "/v1"}), json!({"response": {}})),
                "`exchanges[0].request.url`: `/v1` is not an absolute URL, such as https://api.example.com/v1/items | ",
            ),
        ] {
            assert_eq!(read(cassette).unwrap_err(), expected);
        }
    }
}
