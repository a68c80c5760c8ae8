//! GitHub's REST API: where it is, what every request carries, and what its errors mean.

use std::time::{Duration, UNIX_EPOCH};

use jackfield_sdk::prelude::*;

/// The API's version, by date.
const VERSION: &str = "2022-11-28";

/// The installation's settings.
#[derive(Deserialize)]
struct Config {
    #[serde(default = "public_host")]
    api_host: String,
}

fn public_host() -> String {
    "api.github.com".to_owned()
}

/// The URL that paths are added to. GitHub Enterprise Server has its API below a path of the product's own host;
/// github.com and ghe.com have a host for it.
pub(crate) fn base(context: &Context) -> Result<String> {
    let Config { api_host } = context.config()?;
    let own_host = api_host == public_host() || api_host.ends_with(".ghe.com");
    Ok(format!("https://{api_host}{}", if own_host { "" } else { "/api/v3" }))
}

/// The URL of a repository: `owner` and `repo` as they stand in `github.com/owner/repo`.
pub(crate) fn repository(owner: &str, repo: &str, context: &Context) -> Result<String> {
    for (field, name) in [("owner", owner), ("repo", repo)] {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 100 || !name.chars().all(known) || name == "." || name == ".." {
            let message = format!("{field}: `{}` is no name on GitHub", name.escape_debug());
            return Err(Error::invalid_input(message).with_code("name-invalid"));
        }
    }
    Ok(format!("{}/repos/{owner}/{repo}", base(context)?))
}

/// What every request carries.
pub(crate) fn headers<'a>(request: Request<'a>) -> Request<'a> {
    request
        .header("accept", "application/vnd.github+json")
        .header("user-agent", concat!("jackfield-github/", env!("CARGO_PKG_VERSION")))
        .header("x-github-api-version", VERSION)
}

/// Asks for something only if it is no longer what `etag` names.
pub(crate) fn unless_matching<'a>(request: Request<'a>, etag: Option<&str>) -> Request<'a> {
    match etag {
        Some(etag) => request.header("if-none-match", etag),
        None => request,
    }
}

/// The answer itself if it is a good one (304 included); else what GitHub means by it.
pub(crate) fn check(response: Response) -> Result<Response> {
    let status = response.status();
    if status < 300 || status == 304 {
        return Ok(response);
    }
    if status < 400 {
        // A repository that moved: the answer names it, and following would be another request to judge.
        let target = response.header("location").unwrap_or("elsewhere").to_owned();
        return Err(Error::not_found(format!("{}: moved to {target}", response.subject()))
            .with_code("moved")
            .with_request_sent(true)
            .with_details(serde_json::json!({ "location": target })));
    }
    let exhausted = response.header("x-ratelimit-remaining") == Some("0");
    let asked_to_wait = response.header("retry-after").is_some();
    let reset = reset(&response);
    let error = response.into_error();
    // A secondary limit may come without either header: its message is all there is.
    let limited = exhausted || asked_to_wait || error.message().to_ascii_lowercase().contains("rate limit");
    Err(match status {
        403 | 429 if limited => {
            let code = if exhausted { "rate-limited" } else { "secondary-rate-limited" };
            let wait = error.retry_after().or(reset.filter(|_| exhausted)).unwrap_or(Duration::from_secs(60));
            let details = error.details().cloned();
            Error::rate_limited(error.message())
                .with_code(code)
                .with_retry_after(wait)
                .with_request_sent(true)
                .with_details(details)
        }
        401 => error.with_code("token-not-accepted"),
        403 => error.with_code("token-lacks-permission"),
        404 => error.with_code("not-found-or-hidden"),
        410 => error.with_code("gone-or-disabled"),
        422 => error.with_code("validation-failed"),
        _ => error,
    })
}

/// How long until the limit is lifted, by `x-ratelimit-reset` (seconds since 1970).
fn reset(response: &Response) -> Option<Duration> {
    let reset = response.header("x-ratelimit-reset")?.trim().parse().ok()?;
    let reset = UNIX_EPOCH.checked_add(Duration::from_secs(reset))?;
    Some(reset.duration_since(response.now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_answer(status: u16, headers: &[(&str, &str)], body: &'static str, expect: (&str, &str, Option<u64>)) {
        let dated = headers.iter().copied().chain([("date", "Sun, 06 Nov 1994 08:49:37 GMT")]);
        let error = check(Response::new(status, dated.collect(), body.as_bytes())).err().unwrap();
        let wait = error.retry_after().map(|wait| wait.as_secs());
        assert_eq!((error.kind().as_str(), error.code(), wait), expect);
        assert!(error.request_sent());
    }

    #[test]
    fn answers_that_say_no() {
        let exhausted = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "784111837")];
        check_answer(403, &exhausted, "{}", ("rate-limited", "rate-limited", Some(60)));
        check_answer(429, &exhausted, "{}", ("rate-limited", "rate-limited", Some(60)));
        check_answer(403, &[("retry-after", "30")], "{}", ("rate-limited", "secondary-rate-limited", Some(30)));
        let message = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        check_answer(403, &[], message, ("rate-limited", "secondary-rate-limited", Some(60)));
        check_answer(403, &[("x-ratelimit-remaining", "9")], "{}", ("forbidden", "token-lacks-permission", None));
        check_answer(404, &[], "{}", ("not-found", "not-found-or-hidden", None));
        check_answer(422, &[], "{}", ("invalid-input", "validation-failed", None));
        check_answer(301, &[("location", "https://api.github.com/repositories/1")], "", ("not-found", "moved", None));
        check_answer(502, &[], "", ("unavailable", "http-502", None));
    }

    #[test]
    fn hosts() {
        for (config, expect) in [
            ("{}", "https://api.github.com/repos/o/r.js"),
            (r#"{"api_host":"api.acme.ghe.com"}"#, "https://api.acme.ghe.com/repos/o/r.js"),
            (r#"{"api_host":"github.acme.example"}"#, "https://github.acme.example/api/v3/repos/o/r.js"),
        ] {
            assert_eq!(repository("o", "r.js", &Context::for_test(config)).as_deref(), Ok(expect));
        }
        for bad in ["", "..", "a/b", "a?b", "é"] {
            assert!(repository(bad, "r", &Context::for_test("{}")).is_err());
            assert!(repository("o", bad, &Context::for_test("{}")).is_err());
        }
    }
}
