//! The conformance suite's requirements against a registry on TCP, on both databases. host/cli/tests has them against the
//! served program.

use serde_json::json;

use crate::{kit::TestRegistry, oci_suite::Suite};

#[tokio::test]
async fn every_requirement_in_the_order_of_the_suite() {
    for registry in TestRegistry::each().await {
        let wanted = json!({ "name": "conformance", "class": "generic" });
        let operator = registry.operator();
        registry.post("/v1/namespaces").token(&operator).json(&wanted).send().await.expect(201);
        // The port as it is served: with its rate limits, timeouts and headers.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = tokio_util::sync::CancellationToken::new();
        let served = tokio::spawn(jackfield_registry::serve::serve(listener, registry.shared.clone(), stop.clone()));
        // Tokens kept on one database, fetched anew for each request on the other.
        let suite = Suite::new(&address, ("operator", &operator), registry.kind == "sqlite");
        let (checks, requests) = suite.run().await;
        println!("{}: {checks} checks met in {requests} requests", registry.kind);
        stop.cancel();
        served.await.unwrap();
    }
}
