//! Names that lead to addresses which the admin did not grant.

use super::*;

/// Asked in vain: nothing but loopback is ever connected to in these tests.
fn public_only() -> (Manifest, Grant) {
    (
        manifest_for(&["api.example.com", "*.internal.example", "127.0.0.1", "localhost"]),
        grant(&["* https://api.example.com:*", "* https://*.internal.example:*", "* https://localhost:*"]),
    )
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused() {
    let (manifest, grant) = public_only();
    for address in [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let bench = Bench::new(&manifest, &grant, &[]).resolve("api.example.com", &[&[address]]);
        let denial = bench.denied(request("GET", "https://api.example.com/v1?secret=1", &[], "")).await;
        assert_eq!(denial.layer, Layer::Address, "{address}");
        assert_eq!(denial.asked, "GET https://api.example.com:443/v1");
    }
}

#[tokio::test]
async fn the_denial_holds_the_command_that_allows_it() {
    let service = Service::tls(&["intranet.internal.example"], |_| Answer::ok("inside")).await;
    let (manifest, mut grant) = public_only();
    let uri = format!("https://intranet.internal.example:{}/", service.port());
    let bench = Bench::new(&manifest, &grant, &[&service]).resolve("intranet.internal.example", &[&["127.0.0.1"]]);
    let denial = bench.denied(request("GET", &uri, &[], "")).await;
    let fix = denial.fix.unwrap();
    assert_eq!(
        fix,
        format!(
            "jackfield grant demo:http --allow 'GET https://intranet.internal.example:{} via 127.0.0.1/32'",
            service.port()
        )
    );
    assert_eq!(denial.reason, "intranet.internal.example leads to 127.0.0.1, which is a loopback address");
    assert_eq!(service.connections(), 0);

    grant.egress.push(fix.split('\'').nth(1).unwrap().parse().unwrap());
    let bench = Bench::new(&manifest, &grant, &[&service]).resolve("intranet.internal.example", &[&["127.0.0.1"]]);
    assert_eq!(bench.get(&uri).await.unwrap().body(), "inside");
}

#[tokio::test]
async fn one_special_address_among_several_refuses_the_name() {
    let service = Service::plain(|_| Answer::ok("")).await;
    let manifest = manifest_for(&["mixed.example"]);
    let grant = grant(&[&format!("GET http://mixed.example:{} via 127.0.0.1", service.port())]);
    let bench =
        Bench::new(&manifest, &grant, &[&service]).resolve("mixed.example", &[&["127.0.0.1", "10.0.0.1", "127.0.0.2"]]);
    let uri = format!("http://mixed.example:{}/", service.port());
    let denial = bench.denied(request("GET", &uri, &[], "")).await;
    assert_eq!(denial.layer, Layer::Address);
    assert!(denial.fix.unwrap().contains(" via 10.0.0.1/32,127.0.0.2/32'"));
    assert_eq!(service.connections(), 0);
}

/// A name that is good when it is judged and bad when it is connected to: there is no second look-up to lie to.
#[tokio::test]
async fn rebinding_a_name_gets_nowhere() {
    let (good, bad) = (Service::plain(|_| Answer::ok("good")).await, "127.0.0.2");
    let manifest = manifest_for(&["rebound.example"]);
    let grant = grant(&[&format!("GET http://rebound.example:{} via 127.0.0.1", good.port())]);
    let uri = format!("http://rebound.example:{}/", good.port());
    let bench = Bench::new(&manifest, &grant, &[&good]).resolve("rebound.example", &[&["127.0.0.1"], &[bad]]);
    assert_eq!(bench.get(&uri).await.unwrap().body(), "good");
    assert_eq!(bench.resolver.asked(), 1);
    // A second connection asks again, and the new answer is judged as a whole.
    let bench = Bench::new(&manifest, &grant, &[&good]).resolve("rebound.example", &[&[bad]]);
    assert_eq!(bench.denied(request("GET", &uri, &[], "")).await.layer, Layer::Address);
    assert_eq!(bench.resolver.asked(), 1);
}

#[tokio::test]
async fn a_granted_network_is_compared_with_the_address_within_a_disguise() {
    let service = Service::plain(|_| Answer::ok("mapped")).await;
    let manifest = manifest_for(&["mapped.example"]);
    let grant = grant(&[&format!("GET http://mapped.example:{} via 127.0.0.0/8", service.port())]);
    let bench = Bench::new(&manifest, &grant, &[&service]).resolve("mapped.example", &[&["::ffff:127.0.0.1"]]);
    assert_eq!(bench.get(&format!("http://mapped.example:{}/", service.port())).await.unwrap().body(), "mapped");
}

#[tokio::test]
async fn an_address_as_a_host_is_reached_only_where_the_admin_wrote_it_down() {
    let service = Service::plain(|_| Answer::ok("")).await;
    let uri = format!("http://127.0.0.1:{}/", service.port());
    let manifest = manifest_for(&["127.0.0.1"]);
    let bench = Bench::new(&manifest, &grant(&["* https://*.example:*"]), &[&service]);
    let denial = bench.denied(request("GET", &uri, &[], "")).await;
    assert_eq!(denial.layer, Layer::Grant);
    assert_eq!(
        denial.fix.unwrap(),
        format!("jackfield grant demo:http --allow 'GET http://127.0.0.1:{}'", service.port())
    );
    let bench = Bench::new(&manifest, &grant(&[&format!("GET http://127.0.0.1:{}", service.port())]), &[&service]);
    assert_eq!(bench.get(&uri).await.unwrap().status().as_u16(), 200);
    assert_eq!(bench.resolver.asked(), 0);
}

#[tokio::test]
async fn names_that_nobody_knows_and_ports_that_nobody_serves() {
    let (manifest, _) = public_only();
    let bench = Bench::new(&manifest, &grant(&["* https://api.example.com", "GET http://127.0.0.1:1"]), &[]);
    assert!(matches!(bench.get("https://api.example.com/").await.unwrap_err(), HttpError::DnsError { .. }));
    assert!(matches!(bench.get("http://127.0.0.1:1/").await.unwrap_err(), HttpError::ConnectionRefused));
}

#[tokio::test]
async fn the_name_in_the_certificate_is_checked() {
    let service = Service::tls(&["other.example"], |_| Answer::ok("")).await;
    let manifest = manifest_for(&["api.example.com"]);
    let grant = grant(&["GET https://api.example.com:* via 127.0.0.1"]);
    let uri = format!("https://api.example.com:{}/", service.port());
    let bench = Bench::new(&manifest, &grant, &[&service]).resolve("api.example.com", &[&["127.0.0.1"]]);
    assert!(matches!(bench.get(&uri).await.unwrap_err(), HttpError::TlsCertificateError));
    // Nor is a certificate good that nobody vouches for.
    let unknown = Service::tls(&["api.example.com"], |_| Answer::ok("")).await;
    let bench = Bench::new(&manifest, &grant, &[&service]).resolve("api.example.com", &[&["127.0.0.1"]]);
    let error = bench.get(&format!("https://api.example.com:{}/", unknown.port())).await.unwrap_err();
    assert!(matches!(error, HttpError::TlsCertificateError), "{error:?}");
    // What speaks no TLS is no service either.
    let plain = Service::plain(|_| Answer::ok("")).await;
    let uri = format!("https://api.example.com:{}/", plain.port());
    let options =
        wasmtime_wasi_http::RequestOptions { connect_timeout: Some(Duration::from_millis(200)), ..Default::default() };
    let error = bench.call.clone().send(request("GET", &uri, &[], ""), Some(options)).await.unwrap_err();
    assert!(matches!(error, HttpError::ConnectionTimeout), "{error:?}");
    assert!(service.received().is_empty() && unknown.received().is_empty());
}
