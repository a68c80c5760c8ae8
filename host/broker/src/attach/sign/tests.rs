use bytes::Bytes;
use http::{Method, Request};
use jackfield_package::manifest::{HmacHash, HmacScheme, SignatureEncoding, Sigv4Scope};

use super::*;
use crate::{clock::SECOND, testing::secret};

const KEYS: &str = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 2015-08-30T12:36:00Z, the time of the suite.
const AT: i64 = 1_440_938_160 * SECOND;

fn signed(method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let mut request = Request::builder().method(method).uri(target).body(()).unwrap();
    for (name, value) in headers {
        request.headers_mut().append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    let scope = Sigv4Scope { service: "service".to_owned(), region: "us-east-1".to_owned() };
    let body = Bytes::from(body.to_owned());
    Sigv4::new(&scope).sign(&mut request, "example.amazonaws.com", &body, &secret(KEYS), AT).unwrap();
    request.headers()["authorization"].to_str().unwrap().to_owned()
}

/// Cases of AWS's own test suite, `aws-sig-v4-test-suite.zip` of the AWS General Reference (signature-v4-test-suite.html), each held
/// against the copies of it in AWS's own SDKs. Left out are those that no HTTP/1.1 client sends: folded headers, a raw space in the path.
#[test]
fn aws_signatures_are_those_of_the_suite() {
    let prefix = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ";
    for (case, request, names, signature) in [
        (
            "get-vanilla",
            signed(Method::GET, "/", &[], ""),
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            signed(Method::GET, "/?Param2=value2&Param1=value1", &[], ""),
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-header-key-duplicate",
            signed(
                Method::GET,
                "/",
                &[("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
                "",
            ),
            "host;my-header1;x-amz-date",
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        (
            "get-slash-dot-slash",
            signed(Method::GET, "/./", &[], ""),
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-relative",
            signed(Method::GET, "/example/..", &[], ""),
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-slash-pointless-dot",
            signed(Method::GET, "/./example", &[], ""),
            "host;x-amz-date",
            "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
        ),
        (
            "get-slashes",
            signed(Method::GET, "//example//", &[], ""),
            "host;x-amz-date",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        (
            "get-unreserved",
            signed(Method::GET, &format!("/{UNRESERVED}"), &[], ""),
            "host;x-amz-date",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            "get-vanilla-query-unreserved",
            signed(Method::GET, &format!("/?{UNRESERVED}={UNRESERVED}"), &[], ""),
            "host;x-amz-date",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        (
            "get-vanilla-utf8-query",
            signed(Method::GET, "/?%E1%88%B4=bar", &[], ""),
            "host;x-amz-date",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "get-header-value-trim",
            signed(Method::GET, "/", &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")], ""),
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "post-x-www-form-urlencoded",
            signed(Method::POST, "/", &[("Content-Type", "application/x-www-form-urlencoded")], "Param1=value1"),
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            "post-vanilla",
            signed(Method::POST, "/", &[], ""),
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ] {
        assert_eq!(request, format!("{prefix}SignedHeaders={names}, Signature={signature}"), "{case}");
    }
}

/// The example "GET Object" of the Amazon S3 API Reference (sig-v4-header-based-auth.html).
#[test]
fn s3_signs_its_content() {
    let mut request = Request::get("/test.txt").header("range", "bytes=0-9").body(()).unwrap();
    let keys = secret("AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let scope = Sigv4Scope { service: "s3".to_owned(), region: "us-east-1".to_owned() };
    let at = 1_369_353_600 * SECOND;
    Sigv4::new(&scope).sign(&mut request, "examplebucket.s3.amazonaws.com", &Bytes::new(), &keys, at).unwrap();
    let value = request.headers()["authorization"].to_str().unwrap();
    let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    assert!(
        value.ends_with(&format!("SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature={signature}"))
    );
    assert!(request.headers()["authorization"].is_sensitive());
}

#[test]
fn a_session_token_goes_along_and_is_signed() {
    let mut request = Request::get("/").body(()).unwrap();
    let scope = Sigv4Scope { service: "execute-api".to_owned(), region: "eu-central-1".to_owned() };
    let keys = secret("AKID:secret:session-token");
    Sigv4::new(&scope).sign(&mut request, "api.example.com", &Bytes::new(), &keys, AT).unwrap();
    assert_eq!(request.headers()["x-amz-security-token"], "session-token");
    let value = request.headers()["authorization"].to_str().unwrap();
    assert!(value.contains("SignedHeaders=host;x-amz-date;x-amz-security-token"), "{value}");
}

fn scheme(over: &str) -> HmacScheme {
    HmacScheme {
        over: over.to_owned(),
        hash: HmacHash::Sha256,
        encoding: SignatureEncoding::Hex,
        header: "x-signature".to_owned(),
        prefix: "sha256=".to_owned(),
        timestamp_header: Some("x-timestamp".to_owned()),
        key_header: None,
    }
}

/// RFC 4231, test case 2 (section 4.3) of SHA-256 and test case 1 (section 4.2) of SHA-512.
#[test]
fn keyed_hashes_are_those_of_the_rfc() {
    let mac = hmac::mac::<::hmac::Hmac<sha2::Sha256>>(b"Jefe", b"what do ya want for nothing?").unwrap();
    assert_eq!(hex::encode(mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let mac = hmac::mac::<::hmac::Hmac<sha2::Sha512>>(&[0x0b; 20], b"Hi There").unwrap();
    let whole = "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
                 daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854";
    assert_eq!(hex::encode(mac), whole);
}

#[test]
fn a_declared_scheme_signs_what_it_declares() {
    let body = Bytes::from_static(b"{\"a\":1}");
    let mut request = Request::post("/v1/orders?dry=1").body(()).unwrap();
    let read = Hmac::new(&scheme("{timestamp}.{method}.{host}.{target}.{body}")).unwrap();
    assert!(read.needs_body());
    read.sign(&mut request, "api.example.com", &body, &secret("Jefe"), AT).unwrap();
    let message = format!("{}.POST.api.example.com./v1/orders?dry=1.{{\"a\":1}}", AT / SECOND);
    let expected = hmac::mac::<::hmac::Hmac<sha2::Sha256>>(b"Jefe", message.as_bytes()).unwrap();
    assert_eq!(request.headers()["x-signature"], format!("sha256={}", hex::encode(expected)));
    assert_eq!(request.headers()["x-timestamp"], (AT / SECOND).to_string());
}

#[test]
fn a_key_with_an_id_shows_the_id_only() {
    let with_id = HmacScheme {
        key_header: Some("x-key".to_owned()),
        encoding: SignatureEncoding::Base64,
        ..scheme("{timestamp-ms}{path}{query}{body-sha256}")
    };
    let read = Hmac::new(&with_id).unwrap();
    let mut request = Request::get("/a?b=c").body(()).unwrap();
    read.sign(&mut request, "h", &Bytes::new(), &secret("my-id:my-secret"), AT).unwrap();
    assert_eq!(request.headers()["x-key"], "my-id");
    assert_eq!(request.headers()["x-timestamp"], (AT / 1_000).to_string());
    assert!(!format!("{:?}", request.headers()).contains("my-secret"));
}

#[test]
fn a_scheme_that_makes_no_sense_is_refused() {
    for over in ["{unknown}", "{body", "{}"] {
        assert!(Hmac::new(&scheme(over)).is_err(), "{over}");
    }
    assert!(Hmac::new(&HmacScheme { header: "host".to_owned(), ..scheme("{body}") }).is_err());
    assert!(Hmac::new(&HmacScheme { prefix: "a\nb".to_owned(), ..scheme("{body}") }).is_err());
}
