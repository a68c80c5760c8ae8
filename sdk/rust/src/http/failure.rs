//! What it means that no answer came, in the contract's words.

use wasip2::http::types::ErrorCode;

use crate::{Error, ErrorKind};

/// The error for a failed exchange. `subject` names the request.
///
/// `denied` is the code that the host recognises as its own refusal. Where the failure proves that nothing was
/// transmitted, `request_sent` is false; in doubt it is true.
pub(super) fn error(code: &ErrorCode, subject: &str) -> Error {
    use ErrorKind::{Forbidden, Internal, InvalidInput, Other, Unavailable, Upstream};
    let (kind, word, said, sent): (ErrorKind, &'static str, &str, bool) = match code {
        ErrorCode::HttpRequestDenied => (Forbidden, "denied", "the host denied the request", false),
        ErrorCode::DestinationIpProhibited => (Forbidden, "denied", "the host denied the address", false),

        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => {
            (Unavailable, "connection-dns", "the host name does not resolve", false)
        }
        ErrorCode::DestinationNotFound | ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            (Unavailable, "connection-unreachable", "the service is not reachable", false)
        }
        ErrorCode::ConnectionRefused => (Unavailable, "connection-refused", "the connection was refused", false),
        ErrorCode::ConnectionTimeout => (Unavailable, "connection-timeout", "no connection in time", false),
        ErrorCode::ConnectionLimitReached => (Unavailable, "connection-limit", "too many connections at once", false),
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            (Unavailable, "connection-tls", "no secure connection", false)
        }

        ErrorCode::ConnectionTerminated => (Unavailable, "connection-terminated", "the connection broke off", true),
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            (Unavailable, "connection-read-timeout", "no answer in time", true)
        }
        ErrorCode::ConnectionWriteTimeout => {
            (Unavailable, "connection-write-timeout", "the request could not be sent in time", true)
        }
        ErrorCode::HttpResponseIncomplete => (Unavailable, "connection-incomplete", "the answer broke off", true),

        ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_) => {
            (InvalidInput, "request-invalid", "the host refuses the request's form", false)
        }
        // The cap on the body is found while it leaves.
        ErrorCode::HttpRequestBodySize(_) => (Other, "request-too-large", "the request's body is too large", true),
        ErrorCode::HttpResponseBodySize(_) => (Other, "answer-too-large", "the answer is too large", true),
        ErrorCode::ConfigurationError | ErrorCode::LoopDetected => {
            (Internal, "host-configuration", "the host can't send the request", false)
        }
        ErrorCode::InternalError(_) => (Other, "host-failure", "the host failed to send the request", true),
        _ => (Upstream, "answer-malformed", "the answer is not proper HTTP", true),
    };
    let detail = match code {
        ErrorCode::InternalError(Some(detail)) => format!(" ({detail})"),
        ErrorCode::DnsError(payload) => payload.rcode.as_ref().map(|rcode| format!(" ({rcode})")).unwrap_or_default(),
        _ => String::new(),
    };
    Error::new(kind, format!("{subject}: {said}{detail}")).with_code(word).with_request_sent(sent)
}

#[cfg(test)]
mod tests {
    use wasip2::http::types::DnsErrorPayload;

    use super::*;

    #[test]
    fn a_denial_has_the_hosts_word() {
        for code in [ErrorCode::HttpRequestDenied, ErrorCode::DestinationIpProhibited] {
            let error = error(&code, "GET https://a/");
            assert_eq!((error.kind().as_str(), error.code(), error.request_sent()), ("forbidden", "denied", false));
        }
    }

    #[test]
    fn what_failed_before_anything_left_says_so() {
        let dns = ErrorCode::DnsError(DnsErrorPayload { rcode: Some("NXDOMAIN".to_owned()), info_code: None });
        let error_of = |code| error(&code, "GET https://a/");
        assert_eq!(error_of(dns).message(), "GET https://a/: the host name does not resolve (NXDOMAIN)");
        for (code, sent) in [
            (ErrorCode::ConnectionRefused, false),
            (ErrorCode::TlsCertificateError, false),
            (ErrorCode::ConnectionTimeout, false),
            (ErrorCode::ConnectionTerminated, true),
            (ErrorCode::ConnectionReadTimeout, true),
        ] {
            let error = error_of(code);
            assert_eq!(
                (error.kind().as_str(), error.request_sent(), error.retryable()),
                ("unavailable", sent, Some(true))
            );
            assert!(error.code().starts_with("connection-"), "{error}");
        }
    }
}
