//! The transparency log, from a statement to a proof that a stranger verifies.

use jackfield_package::{
    Digest,
    key::SigningKey,
    log::{
        Checkpoint, Policy, SignedNote, TlogProof, leaf,
        merkle::{self, Hash},
        tile::{self, Edge, Tile},
    },
    statement::Bundle,
};
use jackfield_registry::log::{
    self, NewStatement, StatementKind,
    sequencer::{Round, Sequencer},
};
use serde_json::Value;

use crate::kit::TestRegistry;

/// A statement about nothing in particular: the log does not read them.
pub fn statement(number: u64) -> NewStatement {
    let key = SigningKey::from_seed([7; 32]);
    NewStatement {
        bundle: Bundle::sign(format!("{{\"number\":{number}}}").into_bytes(), &key),
        kind: StatementKind::Publish,
        key: key.public_key(),
        namespace: "acme".to_owned(),
        package: None,
        version: None,
        component: None,
    }
}

pub fn entry(number: u64) -> Vec<u8> {
    let NewStatement { bundle, key, .. } = statement(number);
    leaf(&bundle, &key)
}

pub async fn submit(registry: &TestRegistry, numbers: std::ops::Range<u64>) -> Vec<Digest> {
    let mut tx = registry.shared.db.begin().await.unwrap();
    let mut digests = Vec::new();
    for number in numbers {
        // One microsecond apart, so that the log's order is that of the numbers.
        let at = registry.shared.now() + i64::try_from(number).unwrap();
        digests.push(log::submit(&mut tx, statement(number), at).await.unwrap());
    }
    tx.commit().await.unwrap();
    digests
}

/// Rounds until nothing waits.
pub async fn sequence(registry: &TestRegistry) -> u64 {
    // Whoever wrote before has fallen silent: its lease has run out.
    registry.clock.advance(11_000_000);
    let mut sequencer = Sequencer::new().unwrap();
    let mut grown = 0;
    loop {
        match sequencer.round(&registry.shared).await.unwrap() {
            Round::Idle => return grown,
            Round::Grown(entries) => grown += entries,
            Round::Behind => panic!("somebody else writes"),
        }
    }
}

async fn checkpoint(registry: &TestRegistry) -> Checkpoint {
    let answer = registry.get("/log/checkpoint").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let note = SignedNote::parse(&answer.bytes).unwrap();
    Checkpoint::open(&note, &log::verifier(&registry.shared).unwrap()).unwrap()
}

/// Everything below the newest checkpoint, from the served tiles alone.
pub async fn entries(registry: &TestRegistry) -> Vec<Vec<u8>> {
    let Checkpoint { size, root, .. } = checkpoint(registry).await;
    let mut edge = Edge::empty();
    let mut entries = Vec::new();
    while edge.size() < size {
        let width = (size - edge.size()).min(tile::WIDTH);
        let tile = Tile { kind: tile::Kind::Entries, index: edge.size() / tile::WIDTH, width };
        let answer = registry.get(&format!("/log/{tile}")).send().await;
        assert_eq!(answer.status, 200, "{tile}: {}", String::from_utf8_lossy(&answer.bytes));
        for entry in tile::decode_entries(tile, &answer.bytes).unwrap() {
            edge.push_entry(&entry);
            entries.push(entry);
        }
    }
    assert_eq!(edge.root(), root, "the entries are those of the checkpoint");
    entries
}

#[tokio::test]
async fn a_statement_is_logged_and_proven() {
    for registry in TestRegistry::each().await {
        registry.get("/log/checkpoint").send().await.expect_problem(404, "log-empty");
        assert_eq!(sequence(&registry).await, 0);
        assert_eq!(
            checkpoint(&registry).await.size,
            0,
            "{}: the log begins with a checkpoint of nothing",
            registry.kind
        );

        let digests = submit(&registry, 0..3).await;
        let again = submit(&registry, 1..2).await;
        assert_eq!(again[0], digests[1], "{}: the same signature is one entry", registry.kind);
        let path = format!("/v1/log/proof/{}", digests[1]);
        registry.get(&path).send().await.expect_problem(404, "log-entry-unknown");
        assert_eq!(sequence(&registry).await, 3);
        assert_eq!(entries(&registry).await, [entry(0), entry(1), entry(2)]);

        let answer = registry.get(&path).send().await;
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        let proof = TlogProof::parse(&answer.bytes).unwrap();
        let policy = Policy::of_log(log::verifier(&registry.shared).unwrap());
        assert_eq!(proof.index, 1);
        proof.verify(&entry(1), &policy).unwrap();
        assert_eq!(proof.verify(&entry(2), &policy).unwrap_err().code, "log-inclusion-invalid");

        let answer = registry.get(&format!("{path}?form=sigstore")).send().await;
        let bundle = Bundle::parse(&answer.bytes).unwrap();
        assert_eq!(bundle.log_entries().unwrap()[0].proof, proof);
        assert_eq!(bundle.without_log_entries(), statement(1).bundle);

        registry.get("/v1/log/proof/nonsense").send().await.expect_problem(400, "digest-malformed");
        registry.get(&format!("{path}?form=other")).send().await.expect_problem(400, "query-malformed");
    }
}

#[tokio::test]
async fn the_log_grows_over_restarts_and_stays_consistent() {
    for registry in TestRegistry::each().await {
        let mut seen = Vec::new();
        let mut from = 0;
        for to in [1, 5, 255, 256, 300, 513] {
            submit(&registry, from..to).await;
            // A new writer each time: it goes on from the tiles.
            let again = registry.reopen().await;
            assert_eq!(sequence(&again).await, to - from, "{}", registry.kind);
            seen.push(checkpoint(&registry).await);
            from = to;
            registry.clock.advance(60_000_000);
        }
        let all = entries(&registry).await;
        assert_eq!(all, (0..513).map(entry).collect::<Vec<_>>());
        for pair in seen.windows(2) {
            let path = format!("/v1/log/consistency?from={}&to={}", pair[0].size, pair[1].size);
            let answer = registry.get(&path).send().await.expect(200);
            let hashes: Vec<Hash> = answer["hashes"].as_array().unwrap().iter().map(hash).collect();
            merkle::verify_consistency(pair[0].size, &pair[0].root, pair[1].size, &pair[1].root, &hashes).unwrap();
        }
        for path in ["from=2&to=1", "from=0&to=514"] {
            registry.get(&format!("/v1/log/consistency?{path}")).send().await.expect_problem(400, "log-range");
        }
        for path in ["", "from=1", "from=-1&to=1", "from=1&to=2&more=3"] {
            registry.get(&format!("/v1/log/consistency?{path}")).send().await.expect_problem(400, "query-malformed");
        }
    }
}

fn hash(value: &Value) -> Hash {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    Hash(STANDARD.decode(value.as_str().unwrap()).unwrap().try_into().unwrap())
}

#[tokio::test]
async fn tiles_are_served_when_they_are_published_and_cached_for_ever() {
    for registry in TestRegistry::each().await {
        submit(&registry, 0..300).await;
        sequence(&registry).await;
        for (path, length) in [
            ("0/000", 256 * 32),
            ("0/001.p/44", 44 * 32),
            ("1/000.p/1", 32),
            ("entries/000", 0),
            ("entries/001.p/44", 0),
        ] {
            let answer = registry.get(&format!("/log/tile/{path}")).send().await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
            assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
            assert!(length == 0 || answer.bytes.len() == length, "{path}");
        }
        for path in ["0/002", "0/001", "0/001.p/45", "2/000.p/1", "0/001.p/43", "entries/001"] {
            registry.get(&format!("/log/tile/{path}")).send().await.expect_problem(404, "log-tile-unknown");
        }
        for path in ["0/1", "0/0000", "64/000", "entries/x000/000", "0/000.p/256", "x", "0/..%2f..%2fkeys"] {
            registry.get(&format!("/log/tile/{path}")).send().await.expect_problem(400, "log-tile-malformed");
        }

        let answer = registry.get("/log/checkpoint").send().await;
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        let etag = answer.header("etag").unwrap();
        assert_eq!(registry.get("/log/checkpoint").header("if-none-match", etag).send().await.status, 304);
        submit(&registry, 300..301).await;
        sequence(&registry).await;
        assert_eq!(registry.get("/log/checkpoint").header("if-none-match", etag).send().await.status, 200);
    }
}

#[tokio::test]
async fn two_sequencers_and_one_wins() {
    for registry in TestRegistry::each().await {
        sequence(&registry).await;
        registry.clock.advance(11_000_000);
        let (a, b) = (registry.reopen().await, registry.reopen().await);
        submit(&registry, 0..10).await;
        let (mut first, mut second) = (Sequencer::new().unwrap(), Sequencer::new().unwrap());
        assert_eq!(first.round(&a.shared).await.unwrap(), Round::Grown(10));
        submit(&registry, 10..20).await;
        // The lease is the first one's until it runs out.
        assert_eq!(second.round(&b.shared).await.unwrap(), Round::Behind, "{}", registry.kind);
        registry.clock.advance(11_000_000);
        assert_eq!(second.round(&b.shared).await.unwrap(), Round::Grown(10));
        submit(&registry, 20..30).await;
        assert_eq!(first.round(&a.shared).await.unwrap(), Round::Behind);
        registry.clock.advance(11_000_000);
        assert_eq!(first.round(&a.shared).await.unwrap(), Round::Grown(10));
        assert_eq!(entries(&registry).await, (0..30).map(entry).collect::<Vec<_>>());
    }
}

/// One is stopped between any two of its steps for longer than its lease; another takes over and goes on; then the first
/// wakes up. It must lose, and what it wrote must have been right.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_that_wakes_up_late_loses() {
    use jackfield_registry::log::sequencer::Step;
    for step in [Step::Ordered, Step::TileWritten, Step::TilesWritten] {
        for registry in TestRegistry::each().await {
            sequence(&registry).await;
            submit(&registry, 0..300).await;
            registry.clock.advance(11_000_000);
            let (slow, fast) = (registry.reopen().await, registry.reopen().await);
            let (asleep, woken) = (std::sync::mpsc::channel(), std::sync::mpsc::channel::<()>());
            let woken_receiver = std::sync::Mutex::new(Some(woken.1));
            let mut late = Sequencer::new().unwrap().watched(move |at| {
                if at == step
                    && let Some(woken) = woken_receiver.lock().unwrap().take()
                {
                    asleep.0.send(()).unwrap();
                    // What else this thread has to do, others do meanwhile.
                    tokio::task::block_in_place(|| woken.recv()).unwrap();
                }
            });
            let shared = slow.shared.clone();
            let late = tokio::spawn(async move { late.round(&shared).await });
            tokio::task::spawn_blocking(move || asleep.1.recv()).await.unwrap().unwrap();
            registry.clock.advance(11_000_000);
            submit(&registry, 300..310).await;
            assert_eq!(sequence(&fast).await, 310, "{}: {step:?}", registry.kind);
            let before = checkpoint(&registry).await;
            woken.0.send(()).unwrap();
            assert_eq!(late.await.unwrap().unwrap(), Round::Behind, "{}: {step:?}", registry.kind);
            assert_eq!(checkpoint(&registry).await, before);
            assert_eq!(entries(&registry).await, (0..310).map(entry).collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn a_writer_that_is_stopped_gives_its_lease_back() {
    use tokio_util::sync::CancellationToken;
    for registry in TestRegistry::each().await {
        submit(&registry, 0..1).await;
        let stop = CancellationToken::new();
        let working = tokio::spawn(registry.shared.clone().work(stop.clone()));
        while registry.get("/log/checkpoint").send().await.status != 200 || checkpoint(&registry).await.size < 1 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        stop.cancel();
        working.await.unwrap();
        submit(&registry, 1..2).await;
        // The clock stands: a lease that was only left would still be held.
        let mut next = Sequencer::new().unwrap();
        assert_eq!(next.round(&registry.shared).await.unwrap(), Round::Grown(1), "{}", registry.kind);
        // Who has no lease gives none back.
        submit(&registry, 2..3).await;
        Sequencer::new().unwrap().end(&registry.shared).await.unwrap();
        assert_eq!(
            Sequencer::new().unwrap().round(&registry.shared).await.unwrap(),
            Round::Behind,
            "{}",
            registry.kind
        );
    }
}

#[tokio::test]
async fn with_another_name_or_key_nothing_is_signed() {
    for registry in TestRegistry::each().await {
        submit(&registry, 0..2).await;
        sequence(&registry).await;
        submit(&registry, 2..3).await;
        registry.clock.advance(11_000_000);
        let problem = registry.refused(|config| config.origin = "other.example".to_owned()).await;
        assert_eq!(problem.code, "log-of-another", "{}", registry.kind);
        assert_eq!(checkpoint(&registry).await.size, 2);

        // And with damaged tiles: not one more signature over a tree that can't be shown.
        let tile = registry.data.path().join("blobs/log/tile/0/000.p/2");
        let good = std::fs::read(&tile).unwrap();
        registry.clock.advance(11_000_000);
        std::fs::write(&tile, vec![0; good.len()]).unwrap();
        let problem = Sequencer::new().unwrap().round(&registry.shared).await.unwrap_err();
        assert_eq!(problem.status, 500, "{}", registry.kind);
        assert_eq!(checkpoint(&registry).await.size, 2);
        std::fs::write(&tile, good).unwrap();
        assert_eq!(sequence(&registry).await, 1);
    }
}
