//! Which headers arrive, and which come back.

use wasmtime_wasi_http::WasiHttpHooks;

use super::*;

async fn bench(answer: fn(&str) -> Answer) -> (Bench, Service, String) {
    let service = Service::plain(answer).await;
    let origin = format!("http://127.0.0.1:{}", service.port());
    let bench = Bench::new(&manifest_for(&["127.0.0.1"]), &grant(&[&format!("* {origin}")]), &[&service]);
    (bench, service, origin)
}

#[tokio::test]
async fn a_plain_request_arrives_as_it_was_judged() {
    let (bench, service, origin) = bench(|_| Answer::ok("hello")).await;
    let response =
        bench.fetch(request("GET", &format!("{origin}/a%20b?q=1&r=%C3%A9"), &[("x-own", "yes")], "")).await.unwrap();
    assert_eq!((response.status().as_u16(), response.body().as_str()), (200, "hello"));
    let arrived = service.last();
    assert!(arrived.starts_with("GET /a%20b?q=1&r=%C3%A9 HTTP/1.1\r\n"), "{arrived}");
    assert!(arrived.contains(&format!("\r\nhost: 127.0.0.1:{}\r\n", service.port())), "{arrived}");
    assert!(arrived.contains("\r\nx-own: yes\r\n"), "{arrived}");
    assert!(arrived.contains(concat!("\r\nuser-agent: jackfield/", env!("CARGO_PKG_VERSION"), "\r\n")), "{arrived}");
    assert!(!arrived.to_lowercase().contains("accept-encoding"), "{arrived}");
    assert_eq!(arrived.matches("host:").count(), 1, "{arrived}");
}

#[tokio::test]
async fn the_guests_own_user_agent_stays_and_an_empty_path_is_a_slash() {
    let (bench, service, origin) = bench(|_| Answer::ok("")).await;
    bench.fetch(request("GET", &format!("{origin}?q=1"), &[("user-agent", "mine")], "")).await.unwrap();
    let arrived = service.last();
    assert!(arrived.starts_with("GET /?q=1 HTTP/1.1\r\n") && arrived.contains("user-agent: mine\r\n"), "{arrived}");
}

#[tokio::test]
async fn headers_of_the_connection_and_of_proxies_never_leave() {
    let (bench, service, origin) = bench(|_| Answer::ok("")).await;
    for name in [
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "proxy-authorization",
        "proxy-authenticate",
        "proxy-connection",
        "proxy-anything",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
        "via",
    ] {
        let denial = bench.denied(request("GET", &origin, &[(name, "chunked")], "")).await;
        assert_eq!(denial.layer, Layer::Header, "{name}");
        assert!(denial.reason.contains(name), "{}", denial.reason);
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn the_sandbox_refuses_headers_of_the_connection_as_the_guest_sets_them() {
    let (mut bench, ..) = bench(|_| Answer::ok("")).await;
    let filter = bench.call.forbidden_header_filter();
    for name in ["host", "connection", "te", "trailer", "transfer-encoding", "proxy-authorization", "upgrade"] {
        let name = name.parse().unwrap();
        assert!(bench.call.is_forbidden_header(&name) && filter(&name), "{name}");
    }
    for name in ["authorization", "content-type", "content-length", "accept", "set-cookie"] {
        let name = name.parse().unwrap();
        assert!(!bench.call.is_forbidden_header(&name) && !filter(&name), "{name}");
    }
    assert!(!bench.call.set_host_header());
}

#[tokio::test]
async fn framing_is_the_senders() {
    let (bench, service, origin) = bench(|_| Answer::ok("")).await;
    let with = |headers: &[(&str, &str)], body: Body| {
        let mut request = request("POST", &origin, headers, "");
        *request.body_mut() = body;
        request
    };
    // Two lengths, or one that is no number, could be read in two ways.
    for lengths in [
        &[("content-length", "3"), ("content-length", "5")][..],
        &[("content-length", "+3")],
        &[("content-length", "3, 5")],
    ] {
        assert_eq!(bench.denied(with(lengths, pieces(vec![b"abc".to_vec()]))).await.layer, Layer::Header);
    }
    assert_eq!(service.connections(), 0);

    bench.fetch(with(&[("content-length", "6")], pieces(vec![b"abc".to_vec(), b"def".to_vec()]))).await.unwrap();
    let arrived = service.last();
    assert!(arrived.contains("content-length: 6\r\n") && arrived.ends_with("\r\n\r\nabcdef"), "{arrived}");
    assert!(!arrived.contains("transfer-encoding"), "{arrived}");

    bench.fetch(with(&[], pieces(vec![b"abc".to_vec()]))).await.unwrap();
    let arrived = service.last();
    assert!(
        arrived.contains("transfer-encoding: chunked\r\n") && arrived.ends_with("\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        "{arrived}"
    );
    assert!(!arrived.contains("content-length"), "{arrived}");

    bench.fetch(with(&[], pieces(Vec::new()))).await.unwrap();
    bench.fetch(request("POST", &origin, &[], "")).await.unwrap();
    assert!(service.last().contains("content-length: 0\r\n"), "{}", service.last());
}

/// A second request hidden behind a short length must not reach the service.
#[tokio::test]
async fn a_body_that_is_longer_or_shorter_than_promised_is_cut_off() {
    let (bench, service, origin) = bench(|_| Answer::ok("")).await;
    let promising = |length: &str| {
        let mut request = request("POST", &origin, &[("content-length", length)], "");
        *request.body_mut() = pieces(vec![b"abc".to_vec(), b"GET /hidden HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()]);
        request
    };
    // Too long: the sender stops where the length ends, whether or not it looks further.
    drop(bench.fetch(promising("3")).await);
    let error = bench.fetch(promising("100")).await.unwrap_err();
    assert!(matches!(error, HttpError::HttpRequestBodySize(Some(_))), "{error:?}");
    drop(bench);
    service.closed(service.connections()).await;
    let hidden = |request: &&String| request.starts_with("GET /hidden");
    assert_eq!(service.received().iter().filter(hidden).count(), 0, "{:?}", service.received());
}

#[tokio::test]
async fn line_breaks_in_values_do_not_exist() {
    for value in ["a\r\nx-smuggled: 1", "a\nb", "a\0b", "a\rb"] {
        assert!(http::HeaderValue::from_str(value).is_err());
    }
}

#[tokio::test]
async fn trailers_of_a_guest_are_refused() {
    let (bench, service, origin) = bench(|_| Answer::ok("")).await;
    let mut request = request("POST", &origin, &[], "");
    let trailers = http::HeaderMap::from_iter([(http::header::AUTHORIZATION, http::HeaderValue::from_static("x"))]);
    *request.body_mut() =
        Pieces(vec![Ok(Frame::data(Bytes::from("abc"))), Ok(Frame::trailers(trailers))].into_iter()).boxed_unsync();
    bench.fetch(request).await.unwrap_err();
    service.closed(1).await;
    assert!(!service.received().concat().contains("authorization"));
}

#[tokio::test]
async fn headers_of_the_connection_do_not_come_back() {
    let (bench, _service, origin) = bench(|_| {
        Answer::raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n\
             proxy-authenticate: Basic\r\nset-cookie: a=b\r\nx-stays: 1\r\n\r\nok",
        )
    })
    .await;
    let response = bench.get(&origin).await.unwrap();
    let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    // No credential is bound here, so that a cookie is the guest's to see.
    assert_eq!(names, ["content-length", "set-cookie", "x-stays"]);
}

#[tokio::test]
async fn redirects_are_the_guests_to_see() {
    let (bench, service, origin) = bench(|_| {
        Answer::raw(
            "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n",
        )
    })
    .await;
    let response = bench.get(&origin).await.unwrap();
    assert_eq!(response.status().as_u16(), 302);
    assert_eq!(service.received().len(), 1);
    let denial = bench.denied(request("GET", response.headers()["location"].to_str().unwrap(), &[], "")).await;
    assert_eq!(denial.layer, Layer::Manifest);
}

#[tokio::test]
async fn a_switch_of_protocols_is_an_error() {
    let (bench, _service, origin) =
        bench(|_| Answer::raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"))
            .await;
    assert!(matches!(bench.get(&origin).await.unwrap_err(), HttpError::HttpUpgradeFailed));
}

#[tokio::test]
async fn a_header_section_without_end_is_cut_off() {
    let (bench, service, origin) =
        bench(|_| Answer::Forever(format!("HTTP/1.1 200 OK\r\nx: {}\r\n", "a".repeat(60_000)).into_bytes(), 0)).await;
    let error = within(5_000, bench.get(&origin)).await.unwrap_err();
    assert!(matches!(error, HttpError::HttpResponseHeaderSectionSize(_)), "{error:?}");
    service.closed(1).await;
}

#[tokio::test]
async fn a_method_in_a_header_is_judged_like_the_one_in_the_line() {
    let service = Service::plain(|_| Answer::ok("")).await;
    let origin = format!("http://127.0.0.1:{}", service.port());
    let bench = Bench::new(&manifest_for(&["127.0.0.1"]), &grant(&[&format!("GET,POST {origin}")]), &[&service]);
    for name in ["x-http-method-override", "X-HTTP-Method", "x-method-override"] {
        assert_eq!(bench.denied(request("POST", &origin, &[(name, "delete")], "")).await.layer, Layer::Header);
        bench.fetch(request("POST", &origin, &[(name, "GET")], "")).await.unwrap();
    }
}

/// This process can't change its own environment, so another one sends the request.
#[tokio::test]
async fn proxies_of_the_environment_are_not_asked() {
    let proxy = Service::plain(|_| Answer::ok("proxy")).await;
    let address = format!("http://{}", proxy.address);
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "egress::tests::header::a_plain_request_arrives_as_it_was_judged"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, &address);
    }
    let output = child.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!(proxy.connections(), 0);
}
