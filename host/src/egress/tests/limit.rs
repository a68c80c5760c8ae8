//! Limits of the network, each reached for real.

use crate::{
    bill::Bill,
    limits::{DENIALS, Limit},
};

use super::*;

async fn bench(
    limits: &[(&str, u64)],
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> (Bench, Service, String) {
    let service = Service::plain(answer).await;
    let origin = format!("http://127.0.0.1:{}/", service.port());
    let bench =
        Bench::with_limits(&manifest_for(&["127.0.0.1"]), &grant(&[&format!("* {origin}")]), &[&service], limits);
    (bench, service, origin)
}

fn reached(bench: &Bench) -> (Limit, u64, u64) {
    let exceeded = bench.meter.limit().expect("no limit was reached");
    (exceeded.limit, exceeded.allowed, exceeded.used)
}

#[tokio::test]
async fn requests_are_counted_and_capped() {
    let (bench, service, origin) = bench(&[("requests", 2)], |_| Answer::ok("abcde")).await;
    bench.fetch(request("POST", &origin, &[], "abc")).await.unwrap();
    bench.get(&origin).await.unwrap();
    bench.denied(request("GET", "https://elsewhere.example/", &[], "")).await;
    assert!(matches!(bench.get(&origin).await.unwrap_err(), HttpError::ConnectionLimitReached));
    assert_eq!(reached(&bench), (Limit::Requests, 2, 3));
    assert_eq!(service.received().len(), 2);
    let mut bill = Bill::default();
    bench.meter.fill(&mut bill);
    assert_eq!((bill.http_requests, bill.http_denied, bill.http_bytes_out, bill.http_bytes_in), (2, 1, 3, 10));
    assert_eq!(bench.meter.in_flight(), 0);
}

#[tokio::test]
async fn requests_at_the_same_time_are_capped() {
    let (bench, _service, origin) = bench(&[("concurrent-requests", 1)], |_| Answer::ok("x")).await;
    let first = bench.send(request("GET", &origin, &[], "")).await.unwrap();
    assert!(matches!(bench.get(&origin).await.unwrap_err(), HttpError::ConnectionLimitReached));
    assert_eq!(reached(&bench), (Limit::ConcurrentRequests, 1, 2));
    first.into_body().collect().await.unwrap();
    bench.get(&origin).await.unwrap();
}

#[tokio::test]
async fn a_request_body_is_capped_while_it_streams_and_before() {
    let (bench, service, origin) = bench(&[("request-bytes", 10)], |_| Answer::ok("x")).await;
    let mut streamed = request("POST", &origin, &[], "");
    *streamed.body_mut() = pieces(vec![b"12345".to_vec(), b"67890".to_vec(), b"1".to_vec()]);
    let error = bench.fetch(streamed).await.unwrap_err();
    assert!(matches!(error, HttpError::HttpRequestBodySize(Some(10))), "{error:?}");
    assert_eq!(reached(&bench), (Limit::RequestBytes, 10, 11));
    service.closed(1).await;
    // What is known to be too long is not even begun.
    for headers in [&[("content-length", "11")][..], &[]] {
        let error = bench.fetch(request("POST", &origin, headers, "12345678901")).await.unwrap_err();
        assert!(matches!(error, HttpError::HttpRequestBodySize(Some(10))), "{error:?}");
    }
    assert_eq!(service.connections(), 1);
    bench.fetch(request("POST", &origin, &[], "1234567890")).await.unwrap();
}

#[tokio::test]
async fn a_response_body_is_capped_while_it_streams_and_before() {
    let chunk = |bytes: usize| format!("{bytes:x}\r\n{}\r\n", "a".repeat(bytes)).into_bytes();
    let mut endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    endless.extend((0..64).flat_map(|_| chunk(1024)));
    let (streaming, service, origin) =
        bench(&[("response-bytes", 10_000)], move |_| Answer::Say(vec![(0, endless.clone())])).await;
    let error = streaming.get(&origin).await.unwrap_err();
    assert!(matches!(error, HttpError::HttpResponseBodySize(Some(10_000))), "{error:?}");
    let (limit, allowed, used) = reached(&streaming);
    assert_eq!((limit, allowed), (Limit::ResponseBytes, 10_000));
    assert!(used > 10_000);
    service.closed(1).await;

    let (announced, service, origin) =
        bench(&[("response-bytes", 10)], |_| Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")).await;
    let error = within(1_000, announced.get(&origin)).await.unwrap_err();
    assert!(matches!(error, HttpError::HttpResponseBodySize(Some(10))), "{error:?}");
    service.closed(1).await;
    // HEAD announces what it does not send.
    announced.fetch(request("HEAD", &origin, &[], "")).await.unwrap();
}

#[tokio::test]
async fn a_silent_service_and_a_slow_body_run_into_the_time_of_a_request() {
    for slow_body in [false, true] {
        let (bench, service, origin) = bench(&[("request-time-ms", 150)], move |_| {
            if !slow_body {
                return Answer::Silence;
            }
            Answer::Say(
                (0..1_000)
                    .map(|nth| {
                        (
                            if nth == 0 { 0 } else { 20 },
                            if nth == 0 {
                                b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n".to_vec()
                            } else {
                                b"a".to_vec()
                            },
                        )
                    })
                    .collect(),
            )
        })
        .await;
        let error = within(2_000, bench.get(&origin)).await.unwrap_err();
        assert!(matches!(error, HttpError::HttpResponseTimeout), "{error:?}");
        assert_eq!(reached(&bench), (Limit::RequestTimeMs, 150, 150));
        assert_eq!(bench.meter.in_flight(), 0);
        service.closed(1).await;
    }
}

#[tokio::test]
async fn a_guest_may_be_less_patient_than_the_host() {
    let (bench, service, origin) = bench(&[], |request| {
        if request.starts_with("GET /silent") {
            return Answer::Silence;
        }
        Answer::Say(vec![(0, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na".to_vec()), (60_000, b"b".to_vec())])
    })
    .await;
    let patience = Some(Duration::from_millis(50));
    let options = wasmtime_wasi_http::RequestOptions {
        connect_timeout: patience,
        first_byte_timeout: patience,
        between_bytes_timeout: patience,
    };
    let silent = bench.call.clone().send(request("GET", &format!("{origin}silent"), &[], ""), Some(options));
    assert!(matches!(within(2_000, silent).await.unwrap_err(), HttpError::ConnectionReadTimeout));
    let slow = bench.call.clone().send(request("GET", &origin, &[], ""), Some(options)).await.unwrap();
    assert!(matches!(within(2_000, slow.into_body().collect()).await.unwrap_err(), HttpError::ConnectionReadTimeout));
    assert_eq!(bench.meter.limit(), None, "the guest's own patience is no limit");
    // The other one sleeps and notices nothing.
    service.closed(1).await;
}

#[tokio::test]
async fn a_dropped_request_is_gone_at_once() {
    let (bench, service, origin) = bench(&[], |_| Answer::Silence).await;
    let call = tokio::spawn(bench.call.clone().send(request("GET", &origin, &[], ""), None));
    within(2_000, async {
        while service.received().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    assert_eq!(bench.meter.in_flight(), 1);
    call.abort();
    service.closed(1).await;
    assert_eq!(bench.meter.in_flight(), 0);
}

#[tokio::test]
async fn denials_are_kept_up_to_a_bound() {
    let (bench, ..) = bench(&[], |_| Answer::ok("")).await;
    for _ in 0..DENIALS + 20 {
        bench.send(request("GET", "https://elsewhere.example/", &[], "")).await.unwrap_err();
    }
    let mut bill = Bill::default();
    bench.meter.fill(&mut bill);
    assert_eq!((bench.meter.denials().len(), bill.http_denied), (DENIALS, DENIALS as u64 + 20));
    assert_eq!(
        bench.meter.denials()[0].to_string(),
        "demo:http asked GET https://elsewhere.example:443/ in `fetch`, denied by the manifest: \
         the manifest does not ask for the host elsewhere.example"
    );
}

#[tokio::test]
async fn a_name_that_takes_too_long_to_resolve() {
    struct Stuck;
    impl Resolve for Stuck {
        fn resolve<'a>(&'a self, _: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
            Box::pin(std::future::pending())
        }
    }
    let wire = Wire::new(Arc::new(Stuck), &tls_config(&[]).unwrap());
    let egress =
        Egress::new(&manifest_for(&["a.example"]), &grant(&["GET https://a.example"]), Box::new(wire)).unwrap();
    let call = CallEgress::new(Arc::new(egress), "fetch".into(), &Limits::default(), Arc::default());
    let options =
        wasmtime_wasi_http::RequestOptions { connect_timeout: Some(Duration::from_millis(50)), ..Default::default() };
    let error = call.send(request("GET", "https://a.example/", &[], ""), Some(options)).await.unwrap_err();
    assert!(matches!(error, HttpError::DnsTimeout), "{error:?}");
}
