//! What the policy says, without any network.

use http::{HeaderMap, Method, Uri};

use super::*;

fn judge(policy: &Policy, line: &str) -> Result<Destination, Refused> {
    let (method, uri) = line.split_once(' ').unwrap();
    policy.judge(&uri.parse::<Uri>().unwrap(), &method.parse::<Method>().unwrap(), &HeaderMap::new())
}

/// Layer, reason and fix, or the destination.
fn said(policy: &Policy, line: &str) -> String {
    match judge(policy, line) {
        Ok(destination) => destination.to_string(),
        Err(refused) => {
            let fix = refused.fix_for(policy.connector()).map(|fix| format!("\n{fix}")).unwrap_or_default();
            format!("{}: {}{fix}", refused.layer, refused.reason)
        }
    }
}

#[test]
fn host_port_and_method_must_be_asked_for_and_granted() {
    let manifest = manifest(
        json!([
            {"host": "api.example.com", "methods": ["GET", "POST"], "reason": "tests"},
            {"host": "*.example.org", "ports": [443, 8443], "methods": "any", "reason": "tests"},
        ]),
        json!([]),
    );
    let policy =
        Policy::new(&manifest, &grant(&["GET https://api.example.com", "GET,PUT https://*.example.org:8443"])).unwrap();
    for (line, expected) in [
        ("GET https://api.example.com/x", "https://api.example.com:443"),
        ("GET https://API.Example.COM:443/x", "https://api.example.com:443"),
        ("PUT https://a.example.org:8443/", "https://a.example.org:8443"),
        ("GET https://a.b.example.org:8443/", "https://a.b.example.org:8443"),
        (
            "GET https://example.org:8443/",
            "manifest: the manifest does not ask for the host example.org\n[[egress]]\nhost = \"example.org\"\nports = [8443]\n\
             methods = [\"GET\"]\nreason = \"why the connector needs it\"",
        ),
        (
            "DELETE https://api.example.com/x",
            "manifest: the manifest does not ask for DELETE to api.example.com\n[[egress]]\nhost = \"api.example.com\"\n\
             methods = [\"DELETE\"]\nreason = \"why the connector needs it\"",
        ),
        (
            "GET https://api.example.com:444/x",
            "manifest: the manifest does not ask for port 444 of api.example.com\n[[egress]]\nhost = \"api.example.com\"\nports = [444]\n\
             methods = [\"GET\"]\nreason = \"why the connector needs it\"",
        ),
        (
            "POST https://api.example.com/x",
            "grant: the grant does not cover POST to api.example.com\njackfield grant demo:http --allow 'POST https://api.example.com'",
        ),
        (
            "PURGE https://a.example.org:443/",
            "grant: the grant does not cover port 443 of a.example.org\njackfield grant demo:http --allow '* https://a.example.org'",
        ),
        (
            "GET http://a.example.org:8443/",
            "grant: the host a.example.org is granted over https only\njackfield grant demo:http --allow 'GET http://a.example.org:8443'",
        ),
    ] {
        assert_eq!(said(&policy, line), expected, "{line}");
    }
}

#[test]
fn plain_text_is_granted_by_name_and_includes_tls() {
    let policy = Policy::new(&manifest_for(&["a.example"]), &grant(&["GET http://a.example:8080"])).unwrap();
    assert_eq!(said(&policy, "GET http://a.example:8080/"), "http://a.example:8080");
    assert_eq!(said(&policy, "GET https://a.example:8080/"), "https://a.example:8080");
    assert!(said(&policy, "GET http://a.example/").starts_with("grant: the grant does not cover port 80"));
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let everything = manifest_for(&["a.example", "127.0.0.1", "::1", "localhost"]);
    let all = grant(&["* http://a.example:*", "* http://127.0.0.1:*", "* http://[::1]:*", "* http://localhost:*"]);
    let policy = Policy::new(&everything, &all).unwrap();
    for line in [
        "GET https://user@a.example/",
        "GET https://user:password@a.example/",
        "GET https://@a.example/",
        "GET https://a.example:0/",
        "GET https://a.example./",
        "GET https://a.example:/",
        "GET https://2130706433/",
        "GET https://0x7f000001/",
        "GET https://0177.0.0.1/",
        "GET https://127.1/",
        "GET https://127.0.0.01/",
        "GET https://0x7f.0.0.1/",
        "GET https://[::ffff:127.0.0.1]/",
        "GET https://[::ffff:7f00:1]/",
        "GET https://127.0.0.1./",
        "GET https://a_b-.example/",
        "GET https://-a.example/",
        "GET https://a..example/",
        "GET ftp://a.example/",
        "GET ws://a.example/",
        "CONNECT https://a.example/",
        "TRACE https://a.example/",
        "TRACK https://a.example/",
        "GET /only/a/path",
        "GET *",
        "GET https://a.example:00080/",
    ] {
        let refused = judge(&policy, line).map(|destination| destination.to_string()).unwrap_err();
        assert_eq!((refused.layer, refused.fix), (Layer::Request, None), "{line}");
    }
    // These the URI's own parser takes for none.
    for uri in [
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://a.example:99999/",
        "https://a.example/\r\nx: y",
        "https://a example/",
        "https://a.example/ b",
        "https://a%2eexample/",
        "https://a.example\\@b.example/",
    ] {
        let judged = uri.parse::<Uri>().ok().map(|uri| policy.judge(&uri, &Method::GET, &HeaderMap::new()).is_ok());
        assert_ne!(judged, Some(true), "{uri}");
    }
    for line in ["GET https://[0:0:0:0:0:0:0:1]/", "GET http://127.0.0.1/", "GET http://localhost:8080/"] {
        assert!(judge(&policy, line).is_ok(), "{line}");
    }
}

fn template_manifest() -> Manifest {
    manifest(
        json!([{"host": "{hosts}", "pattern": "^[a-z]+\\.shop\\.example|10\\.0\\.0\\.[0-9]+$", "ports": "any", "methods": "any", "reason": "tests"}]),
        json!([]),
    )
}

#[test]
fn a_template_covers_what_the_config_names_and_the_pattern_takes() {
    let mut grant = grant(&["GET https://{hosts}"]);
    grant.config = json!({"other": "it's", "hosts": ["one.shop.example", "evil.example", "one.shop.example.evil.example", "*.shop.example", "ONE.shop.example", 7]}).as_object().unwrap().clone();
    let policy = Policy::new(&template_manifest(), &grant).unwrap();
    assert_eq!(said(&policy, "GET https://one.shop.example/"), "https://one.shop.example:443");
    let misfits: Vec<_> = policy.misfits().collect();
    assert_eq!(
        misfits,
        [
            "the config's `hosts` holds `evil.example`, which the manifest's pattern does not take",
            "the config's `hosts` holds `one.shop.example.evil.example`, which the manifest's pattern does not take",
            "the config's `hosts` holds `*.shop.example`, which is not the name of one host in lower case",
            "the config's `hosts` holds `ONE.shop.example`, which is not the name of one host in lower case",
        ]
    );
    let refused = said(&policy, "GET https://evil.example/");
    assert!(
        refused.starts_with("manifest: the manifest does not ask for the host evil.example; the config's `hosts`"),
        "{refused}"
    );
    // The command holds the whole config, as a shell takes it.
    grant.config = json!({"other": "it's", "hosts": ["one.shop.example"]}).as_object().unwrap().clone();
    let policy = Policy::new(&template_manifest(), &grant).unwrap();
    assert_eq!(
        said(&policy, "GET https://two.shop.example/"),
        "manifest: the config's `hosts` does not name the host two.shop.example\n\
         jackfield grant demo:http --config '{\"hosts\":[\"one.shop.example\",\"two.shop.example\"],\"other\":\"it'\\''s\"}'"
    );
    assert_eq!(
        said(&policy, "POST https://two.shop.example/"),
        "manifest: the config's `hosts` does not name the host two.shop.example\n\
         jackfield grant demo:http --config '{\"hosts\":[\"one.shop.example\",\"two.shop.example\"],\"other\":\"it'\\''s\"}' \
         --allow 'POST https://two.shop.example'"
    );
}

#[test]
fn an_address_in_the_config_grants_nothing_by_itself() {
    let mut granted = grant(&["GET https://{hosts}"]);
    granted.config = json!({"hosts": ["10.0.0.1"]}).as_object().unwrap().clone();
    let policy = Policy::new(&template_manifest(), &granted).unwrap();
    assert_eq!(
        said(&policy, "GET https://10.0.0.1/"),
        "grant: the grant does not cover the host 10.0.0.1\njackfield grant demo:http --allow 'GET https://10.0.0.1'"
    );
    granted.egress.push("GET https://10.0.0.1".parse().unwrap());
    let policy = Policy::new(&template_manifest(), &granted).unwrap();
    let destination = judge(&policy, "GET https://10.0.0.1/").unwrap();
    assert!(destination.judge_address("10.0.0.1".parse().unwrap()).is_ok());
    assert!(destination.judge_address("10.0.0.2".parse().unwrap()).is_err());
}

#[test]
fn a_template_without_a_pattern_or_with_a_monstrous_one_covers_nothing() {
    for pattern in [Value::Null, json!("^(a{1000}){1000}$"), json!("(")] {
        let manifest = manifest(json!([{"host": "{host}", "pattern": pattern, "reason": "tests"}]), json!([]));
        let mut grant = grant(&["GET https://{host}"]);
        grant.config = json!({"host": "a.example"}).as_object().unwrap().clone();
        let policy = Policy::new(&manifest, &grant).unwrap();
        assert!(said(&policy, "GET https://a.example/").starts_with("manifest: "));
    }
}

/// What a grant exempts, it exempts for the requests that it covers only.
#[test]
fn an_exempt_network_belongs_to_its_own_entry() {
    let granted = grant(&["GET https://a.example via 10.0.0.0/8", "POST https://a.example", "GET https://b.example"]);
    let policy = Policy::new(&manifest_for(&["a.example", "b.example"]), &granted).unwrap();
    let reach = |line: &str| judge(&policy, line).unwrap().judge_address("10.1.2.3".parse().unwrap()).is_ok();
    assert!(reach("GET https://a.example/"));
    assert!(!reach("POST https://a.example/"));
    assert!(!reach("GET https://b.example/"));
}
