//! A release from push to everybody's eyes, and what may stop it on the way.

use jackfield_package::statement::{BUNDLE_MEDIA_TYPE, Bundle, ChecksStatement, PublishStatement};
use jackfield_registry::publish::{NextActor, State, Why, change, store};
use serde_json::{Value, json};

use crate::{
    kit::{ORIGIN, TestRegistry, validated_by},
    publish_kit::{Publisher, Told, anonymous, package, work},
};

#[tokio::test]
async fn a_release_goes_from_push_to_everybody() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let first = package("acme:weather", "1.2.3", |_| {});
        assert_eq!(alice.push(&first).await.status.as_u16(), 201);
        assert_eq!(alice.push(&first).await.status.as_u16(), 201, "the same again is fine");
        work(&registry).await;
        assert_eq!(alice.state(&first).await, "staged", "a token alone can only stage");
        let stranger = registry.user("stranger").await;
        let progress = Publisher::path(&first, "progress");
        for token in ["", &stranger] {
            let ask = registry.get(&progress);
            let ask = if token.is_empty() { ask } else { ask.token(token) };
            ask.send().await.expect_problem(404, "release-not-found");
        }
        assert!(!alice.is_out(&first).await);

        let statement = alice.statement(&first).await;
        let handed_in = alice.hand_in(&first, &statement, &alice.keys[0]).await.expect(202);
        assert_eq!((&handed_in["state"], &handed_in["next_actor"]), (&json!("checking"), &json!("registry")));
        alice.hand_in(&first, &statement, &alice.keys[0]).await.expect(202);
        assert!(!alice.is_out(&first).await);
        work(&registry).await;

        let released = registry.get(&progress).send().await.expect(200);
        let story: Vec<&str> =
            released["events"].as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap()).collect();
        assert_eq!(story, ["staged", "checking", "ready", "logged", "released"], "{}", registry.kind);
        assert!(released["checks"].as_array().unwrap().iter().all(|check| check["state"] == "pass"), "{released}");
        assert!(alice.is_out(&first).await);

        // Its statements are referrers, and say what was signed.
        let pull = anonymous(&registry, "acme/weather").await;
        let subject = released["oci_manifest"].as_str().unwrap();
        let referrers =
            registry.get(&format!("/v2/acme/weather/referrers/{subject}")).token(&pull).send().await.expect(200);
        let referrers = referrers["manifests"].as_array().unwrap();
        assert_eq!(referrers.len(), 2);
        let mut kinds = Vec::new();
        for referrer in referrers {
            assert_eq!(referrer["artifactType"], BUNDLE_MEDIA_TYPE);
            let path = format!("/v2/acme/weather/manifests/{}", referrer["digest"].as_str().unwrap());
            let manifest = registry.get(&path).token(&pull).send().await.expect(200);
            let path = format!("/v2/acme/weather/blobs/{}", manifest["layers"][0]["digest"].as_str().unwrap());
            let bundle = Bundle::parse(&registry.get(&path).token(&pull).send().await.bytes).unwrap();
            let own = registry.shared.keys.statements.public_key();
            if let Ok(payload) = bundle.envelope().verified_payload(&own) {
                let checks = ChecksStatement::from_verified_payload(payload).unwrap();
                assert_eq!((checks.component, checks.registry.as_str()), (first.digest(), ORIGIN));
                assert!(checks.passed.iter().any(|id| id.as_str() == "statement-signed"), "{checks:?}");
                kinds.push("checks");
            } else {
                let payload = bundle.envelope().verified_payload(&alice.keys[0].public_key()).unwrap();
                assert_eq!(PublishStatement::from_verified_payload(payload).unwrap(), statement);
                kinds.push("publish");
            }
        }
        kinds.sort_unstable();
        assert_eq!(kinds, ["checks", "publish"]);
        assert_eq!(registry.get("/v1/index/acme/weather").send().await.status.as_u16(), 200);

        // The next one names the first.
        let second = package("acme:weather", "1.3.0", |manifest| {
            let mut more = manifest["operations"][0].clone();
            more["name"] = json!("tomorrow");
            manifest["operations"].as_array_mut().unwrap().push(more);
        });
        alice.publish(&second).await;
        work(&registry).await;
        assert_eq!(alice.state(&second).await, "released");
        let path = Publisher::path(&second, "statements");
        assert_eq!(registry.get(&path).send().await.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn what_breaks_a_rule_is_rejected_with_the_rule_and_frees_its_version() {
    type Row = (&'static str, &'static str, fn(&mut Value));
    let rows: [Row; 6] = [
        ("license-spdx", "1.2.4", |m| m["license"] = json!("my own")),
        ("egress-public-suffix", "1.3.0", |m| m["egress"][0]["host"] = json!("*.co.uk")),
        ("version-order", "1.2.2", |_| {}),
        ("semver-compatible", "1.2.4", |m| {
            let mut more = m["operations"][0].clone();
            more["name"] = json!("tomorrow");
            m["operations"].as_array_mut().unwrap().push(more);
        }),
        ("semver-compatible", "1.9.0", |m| m["operations"][0]["input"]["required"] = json!(["city", "country"])),
        ("semver-compatible", "1.2.9", |m| m["auth"][0]["scopes"][0]["name"] = json!("weather.write")),
    ];
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        alice.publish(&package("acme:weather", "1.2.3", |_| {})).await;
        work(&registry).await;
        for (rule, version, change) in rows {
            let scoped = |m: &mut Value| {
                change(m);
                if m["auth"][0]["scopes"][0]["name"] == "weather.write" {
                    m["operations"][0]["scopes"] = json!(["weather.write"]);
                }
            };
            let bad = package("acme:weather", version, scoped);
            alice.publish(&bad).await;
            work(&registry).await;
            let progress = alice.progress(&bad).await;
            assert_eq!(progress["state"], "rejected", "{rule} {progress}");
            let failed: Vec<_> = progress["checks"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|check| check["state"] != "pass" && check["level"] == "error")
                .map(|check| check["id"].as_str().unwrap())
                .collect();
            assert!(failed.contains(&rule), "{}: {rule}: {failed:?}", registry.kind);
            assert!(progress["reason"].as_str().unwrap().contains(rule), "{progress}");
            assert!(!alice.is_out(&bad).await);
        }
        // The version of a rejected one is free.
        let good = package("acme:weather", "1.2.4", |_| {});
        alice.publish(&good).await;
        work(&registry).await;
        assert_eq!(alice.state(&good).await, "released");
    }
}

/// One more operation, of that name.
fn with_operation(manifest: &mut Value, name: &str) {
    let mut more = manifest["operations"][0].clone();
    more["name"] = json!(name);
    manifest["operations"].as_array_mut().unwrap().push(more);
}

#[tokio::test]
async fn an_older_line_is_mended_after_a_newer_one() {
    type Row = (&'static str, Option<&'static str>, fn(&mut Value));
    let rows: [Row; 11] = [
        ("1.2.3", None, |_| {}),
        ("1.3.0", None, |m| with_operation(m, "tomorrow")),
        ("2.0.0", None, |m| m["operations"][0]["name"] = json!("now")),
        // Held against 1.2.3, not against what came last.
        ("1.2.4", None, |m| m["summary"] = json!("Tells the weather, mended.")),
        ("1.2.5", Some("semver-compatible"), |m| with_operation(m, "tomorrow")),
        ("1.2.0", Some("version-order"), |_| {}),
        ("1.3.0-rc.1", Some("version-order"), |m| with_operation(m, "tomorrow")),
        // A new minor version below one that is out: who upgrades from it would miss something.
        ("1.1.0", Some("version-order"), |m| with_operation(m, "yesterday")),
        ("1.4.0", Some("semver-compatible"), |_| {}),
        ("1.3.1", None, |m| with_operation(m, "tomorrow")),
        ("2.0.1", None, |m| m["operations"][0]["name"] = json!("now")),
    ];
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let mut last = None;
        for (version, broken, change) in rows {
            let release = package("acme:weather", version, |m| {
                change(m);
                if m["operations"][0]["name"] == "now" {
                    (m["auth"][0]["test"], m["examples"][0]["operation"]) = (json!("now"), json!("now"));
                }
            });
            alice.push(&release).await;
            let statement = alice.statement(&release).await;
            // The chain is one of time: a mended line names what came out before it, whatever its version.
            assert_eq!(statement.previous, last, "{version}");
            alice.hand_in(&release, &statement, &alice.keys[0]).await.expect(202);
            work(&registry).await;
            let progress = alice.progress(&release).await;
            match broken {
                None => {
                    assert_eq!(progress["state"], "released", "{version}: {progress}");
                    last = Some(release.digest());
                }
                Some(rule) => assert_eq!(progress["reason"], format!("broken: {rule}"), "{version}: {progress}"),
            }
        }
        let page = registry.get("/v1/packages/acme/weather").send().await.expect(200);
        assert_eq!(page["package"]["latest"].as_str().or(page["latest"].as_str()), Some("2.0.1"), "{page}");
    }
}

#[tokio::test]
async fn two_keys_must_sign_the_same_bytes() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 2).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        alice.push(&release).await;
        let statement = alice.statement(&release).await;
        let other = PublishStatement { previous: Some(release.digest()), ..statement.clone() };
        let one = alice.hand_in(&release, &statement, &alice.keys[0]).await.expect(202);
        assert_eq!(one["state"], "staged");
        let again = alice.hand_in(&release, &statement, &alice.keys[0]).await.expect(202);
        assert_eq!(again["state"], "staged", "one key twice is one key");
        alice.hand_in(&release, &other, &alice.keys[1]).await.expect_problem(409, "previous-mismatch");
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "staged");
        let both = alice.hand_in(&release, &statement, &alice.keys[1]).await.expect(202);
        assert_eq!(both["state"], "checking");
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "released");
    }
}

#[tokio::test]
async fn a_confusable_name_waits_for_a_person() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        alice.publish(&package("acme:weather-map", "1.0.0", |_| {})).await;
        work(&registry).await;
        // Another namespace whose name and package read like the first one's, joined.
        let mallory = Publisher::new(&registry, "acme-weather", 1).await;
        let twin = package("acme-weather:map", "1.0.0", |_| {});
        let refused = package("acme-weather:rnap", "1.0.0", |_| {});
        for release in [&twin, &refused] {
            mallory.publish(release).await;
            work(&registry).await;
            let held = mallory.progress(release).await;
            assert_eq!((&held["state"], &held["next_actor"]), (&json!("held"), &json!("moderator")), "{held}");
            assert!(held["reason"].as_str().unwrap().contains("name-confusable"), "{held}");
        }
        let appeal = registry.post(&Publisher::path(&twin, "appeal")).token(&mallory.token);
        appeal.json(&json!({ "message": "It is a map." })).send().await.expect(200);

        let id = mallory.progress(&twin).await["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/moderation/releases/{id}");
        let approve = json!({ "decision": "approve", "reason": "It is a map." });
        registry.post(&path).token(&mallory.token).json(&approve).send().await.expect_problem(403, "forbidden");
        registry.post(&path).json(&approve).send().await.expect_problem(401, "unauthenticated");
        let silent = json!({ "decision": "approve", "reason": " " });
        registry
            .post(&path)
            .token(&registry.operator())
            .json(&silent)
            .send()
            .await
            .expect_problem(400, "reason-missing");
        let held = registry.get("/v1/moderation/releases").token(&registry.operator()).send().await.expect(200);
        assert_eq!(held.as_array().unwrap().len(), 2);
        registry.post(&path).token(&registry.operator()).json(&approve).send().await.expect(200);
        registry
            .post(&path)
            .token(&registry.operator())
            .json(&approve)
            .send()
            .await
            .expect_problem(409, "release-not-held");
        work(&registry).await;
        let out = mallory.progress(&twin).await;
        assert_eq!(out["state"], "released", "{out}");
        let by: Vec<_> = out["events"].as_array().unwrap().iter().filter(|e| e["reason"] == "It is a map.").collect();
        assert!(by[0]["actor"].as_str().unwrap().starts_with("user:"), "{by:?}");

        let id = mallory.progress(&refused).await["id"].as_str().unwrap().to_owned();
        let reject = json!({ "decision": "reject", "reason": "It reads like another." });
        let path = format!("/v1/moderation/releases/{id}");
        registry.post(&path).token(&registry.operator()).json(&reject).send().await.expect(200);
        work(&registry).await;
        assert_eq!(mallory.state(&refused).await, "rejected");
        assert!(!mallory.is_out(&refused).await);
    }
}

#[tokio::test]
async fn states_follow_the_table_and_write_the_story() {
    for registry in TestRegistry::each().await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let why = Why { actor: "system", reason: Some("a test") };
        let release = package("acme:weather", "1.0.0", |_| {});
        alice.push(&release).await.expect(201);
        let id = alice.progress(&release).await["id"].as_str().unwrap().to_owned();
        for (from, to) in State::all().flat_map(|from| State::all().map(move |to| (from, to))) {
            // Undone when it is dropped.
            let mut tx = registry.shared.db.begin().await.unwrap();
            for step in path_to(from) {
                assert!(change(&mut tx, &id, step.0, step.1, why, 1).await.unwrap());
            }
            let before = path_to(from).len() + 1;
            let changed = change(&mut tx, &id, from, to, why, 2).await;
            assert_eq!(changed.is_ok(), from.may_become(to), "{from} → {to}");
            let story = store::events(&mut tx, &id).await.unwrap();
            assert_eq!(story.len(), before + usize::from(from.may_become(to)), "{from} → {to}");
            if from.may_become(to) {
                assert!(!change(&mut tx, &id, from, to, why, 3).await.unwrap(), "it happens once: {from} → {to}");
                let row = store::by_id(&mut tx, &id).await.unwrap().unwrap();
                assert_eq!((row.state.as_str(), row.next_actor.as_str()), (to.as_str(), to.next_actor().as_str()));
            }
        }
        assert_eq!(State::Held.next_actor(), NextActor::Moderator);
    }
}

/// One way from staged to a state.
fn path_to(state: State) -> Vec<(State, State)> {
    let mut ways: Vec<Vec<State>> = vec![vec![State::Staged]];
    loop {
        if let Some(way) = ways.iter().find(|way| way.last() == Some(&state)) {
            return way.windows(2).map(|pair| (pair[0], pair[1])).collect();
        }
        ways = ways
            .into_iter()
            .flat_map(|way| {
                let last = *way.last().unwrap();
                State::all()
                    .filter(move |next| last.may_become(*next))
                    .map(move |next| [way.clone(), vec![next]].concat())
            })
            .collect();
    }
}

#[test]
fn every_check_has_its_line_on_the_page() {
    let page = include_str!("../../../docs/spec/checks.md");
    use jackfield_registry::publish::rules::{EXAMINED, REGISTERED, RULESET};
    let since = |id: &str| match id {
        "cassettes-present" => "2",
        "auth-hook" => "3",
        _ => "1",
    };
    let own = EXAMINED.iter().chain(REGISTERED).map(|rule| (rule.id, rule.since, rule.level));
    let of_bytes = jackfield_package::check::rules().map(|(id, level)| (id, since(id), level));
    let missing: Vec<String> = of_bytes
        .chain(own)
        .map(|(id, since, level)| format!("| `{id}` | {since} | {} |", format!("{level:?}").to_lowercase()))
        .filter(|line| !page.contains(line.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    assert!(page.contains(&format!("it is `{RULESET}`")));
}
