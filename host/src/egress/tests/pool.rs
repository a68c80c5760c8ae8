//! Connections that are used again.

use super::*;

async fn idle(bench: &Bench, count: usize) {
    within(2_000, async {
        while bench.idle.idle() != count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

fn policy_for(service: &Service, grants: &[&str]) -> (Manifest, Grant, String) {
    let texts: Vec<String> = grants.iter().map(|text| text.replace("PORT", &service.port().to_string())).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    (manifest_for(&["a.example", "b.example"]), grant(&texts), format!("http://a.example:{}/", service.port()))
}

#[tokio::test]
async fn a_connection_serves_the_same_host_again_without_another_look_up() {
    let service = Service::plain(|_| Answer::ok("x")).await;
    let (manifest, grant, uri) =
        policy_for(&service, &["GET http://a.example:PORT via 127.0.0.1", "GET http://b.example:PORT via 127.0.0.1"]);
    let bench = Bench::new(&manifest, &grant, &[&service])
        .resolve("a.example", &[&["127.0.0.1"]])
        .resolve("b.example", &[&["127.0.0.1"]]);
    for _ in 0..3 {
        bench.get(&uri).await.unwrap();
        idle(&bench, 1).await;
    }
    assert_eq!((service.connections(), bench.resolver.asked()), (1, 1));
    // Another name is another key, though it leads to the same place.
    bench.get(&uri.replace("a.example", "b.example")).await.unwrap();
    assert_eq!((service.connections(), bench.resolver.asked()), (2, 2));
}

#[tokio::test]
async fn a_connection_is_not_lent_to_a_request_that_may_not_reach_its_address() {
    let service = Service::plain(|_| Answer::ok("x")).await;
    let (manifest, grant, uri) =
        policy_for(&service, &["GET http://a.example:PORT via 127.0.0.1", "POST http://a.example:PORT"]);
    let bench = Bench::new(&manifest, &grant, &[&service]).resolve("a.example", &[&["127.0.0.1"]]);
    bench.get(&uri).await.unwrap();
    idle(&bench, 1).await;
    assert_eq!(bench.denied(request("POST", &uri, &[], "")).await.layer, Layer::Address);
    assert_eq!(service.received().len(), 1);
}

#[tokio::test]
async fn a_connection_that_the_service_closed_is_replaced_unnoticed() {
    let service =
        Service::plain(|_| Answer::SayAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx".to_vec())).await;
    let (manifest, grant, uri) = policy_for(&service, &["POST http://a.example:PORT via 127.0.0.1"]);
    let bench = Bench::new(&manifest, &grant, &[&service]).resolve("a.example", &[&["127.0.0.1"]]);
    for _ in 0..20 {
        bench.fetch(request("POST", &uri, &[], "body")).await.unwrap();
        // Closing takes its time to arrive; a request that crosses it on the way is lost, and is nobody's to repeat.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(service.received().len(), 20, "each request arrives once");
}

#[tokio::test]
async fn two_installations_share_nothing() {
    let service = Service::plain(|_| Answer::ok("x")).await;
    let (manifest, grant, uri) = policy_for(&service, &["GET http://a.example:PORT via 127.0.0.1"]);
    let one = Bench::new(&manifest, &grant, &[&service]).resolve("a.example", &[&["127.0.0.1"]]);
    let two = Bench::new(&manifest, &grant, &[&service]).resolve("a.example", &[&["127.0.0.1"]]);
    one.get(&uri).await.unwrap();
    idle(&one, 1).await;
    two.get(&uri).await.unwrap();
    assert_eq!(service.connections(), 2);
}

#[tokio::test]
async fn a_response_that_is_left_unread_closes_its_connection() {
    let service =
        Service::plain(|_| Answer::Forever(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(), 60_000))
            .await;
    let (manifest, grant, uri) = policy_for(&service, &["GET http://a.example:PORT via 127.0.0.1"]);
    let bench = Bench::new(&manifest, &grant, &[&service]).resolve("a.example", &[&["127.0.0.1"]]);
    let response = bench.send(request("GET", &uri, &[], "")).await.unwrap();
    assert_eq!(bench.meter.in_flight(), 1);
    drop(response);
    assert_eq!((bench.meter.in_flight(), bench.idle.idle()), (0, 0));
}

#[tokio::test]
async fn connections_without_use_are_closed_in_time() {
    let service = Service::plain(|_| Answer::ok("x")).await;
    let (manifest, grant, uri) = policy_for(&service, &["GET http://a.example:PORT via 127.0.0.1"]);
    let bench = Bench::idling(&manifest, &grant, &[&service], &[], 300).resolve("a.example", &[&["127.0.0.1"]]);
    bench.get(&uri).await.unwrap();
    idle(&bench, 0).await;
    service.closed(1).await;
}

/// Sixteen at once, more than are kept.
#[tokio::test]
async fn no_more_than_so_many_are_kept() {
    let service =
        Service::plain(|_| Answer::Say(vec![(50, b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx".to_vec())])).await;
    let (manifest, grant, uri) = policy_for(&service, &["GET http://a.example:PORT via 127.0.0.1"]);
    let bench = Bench::with_limits(&manifest, &grant, &[&service], &[("concurrent-requests", 16)]);
    let bench = Arc::new(bench.resolve("a.example", &[&["127.0.0.1"]]));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (bench, uri) = (bench.clone(), uri.clone());
        all.spawn(async move { bench.get(&uri).await.unwrap() });
    }
    all.join_all().await;
    idle(&bench, crate::limits::IDLE_CONNECTIONS_PER_HOST).await;
    service.closed(16 - crate::limits::IDLE_CONNECTIONS_PER_HOST).await;
}
