//! A registry comes up, twice on the same data, on both databases.

use http::StatusCode;

use crate::kit::TestRegistry;

#[tokio::test]
async fn an_unknown_route_is_not_found() {
    for registry in TestRegistry::each().await {
        let answer = registry.get("/v1/nothing-here").send().await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", registry.kind);
    }
}

#[tokio::test]
async fn opened_again_it_has_the_same_keys() {
    for registry in TestRegistry::each().await {
        let again = registry.reopen().await;
        assert_eq!(registry.shared.keys.log.public_key(), again.shared.keys.log.public_key(), "{}", registry.kind);
        assert_eq!(registry.shared.keys.statements.public_key(), again.shared.keys.statements.public_key());
        assert_ne!(registry.shared.keys.log.public_key(), registry.shared.keys.statements.public_key());
    }
}

#[tokio::test]
async fn under_another_name_a_log_is_not_gone_on_with() {
    for registry in TestRegistry::each().await {
        assert_eq!(crate::log::sequence(&registry).await, 0, "the log has begun, with a checkpoint of nothing");
        let refused = registry.refused(|config| config.origin = "other.example".to_owned()).await;
        assert_eq!(refused.code, "log-of-another", "{}: {refused}", registry.kind);
        assert!(refused.to_string().contains("registry.example"), "{refused}");
        registry.reopen().await;
    }
}
