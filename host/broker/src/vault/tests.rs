use std::{os::unix::fs::PermissionsExt as _, sync::Arc};

use jackfield_db::testing::TestDb;

use super::*;
use crate::{
    Broker, Connection,
    testing::{self, World},
};

const SECRET: &str = "canary-8d1f0c7e-vault";

async fn two_connections(world: &World) -> (Broker, ConnectionId, ConnectionId) {
    let broker = world.broker().await;
    let first = world.connected(&broker, SECRET, Some("refresh-one")).await;
    let second = world.connected(&broker, "another-secret", Some("refresh-two")).await;
    (broker, first, second)
}

async fn opens(broker: &Broker, id: &ConnectionId) -> Result<Held> {
    let connection = broker.get(&testing::person(), id).await.unwrap();
    broker.held(&connection).await
}

async fn run(db: &jackfield_db::Db, sql: &'static str) -> u64 {
    let mut tx = db.begin().await.unwrap();
    let met = jackfield_db::on!(&mut tx, c => sqlx::query(sql).execute(c), rows).unwrap();
    tx.commit().await.unwrap();
    met
}

#[tokio::test]
async fn a_secret_lies_sealed_and_opens_again() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let (broker, first, _) = two_connections(&world).await;
        let held = opens(&broker, &first).await.unwrap();
        assert!(held.access.unwrap().expose() == SECRET.as_bytes());
        let rows = store::secrets(&mut broker.db().read().await.unwrap(), &first).await.unwrap();
        assert_eq!(rows.len(), 2);
        for row in rows {
            assert!(!row.sealed.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()), "in clear");
        }
    }
}

#[tokio::test]
async fn what_is_put_in_anothers_place_does_not_open() {
    let swaps = [
        (
            "rows of two connections",
            "UPDATE connection_secrets SET sealed = (SELECT other.sealed FROM connection_secrets other
          WHERE other.field = connection_secrets.field AND other.connection <> connection_secrets.connection)",
        ),
        (
            "fields of one connection",
            "UPDATE connection_secrets SET sealed = (SELECT other.sealed FROM connection_secrets other
          WHERE other.field <> connection_secrets.field AND other.connection = connection_secrets.connection)",
        ),
        ("a generation", "UPDATE connection_secrets SET generation = generation + 1"),
        ("a tenant", "UPDATE connections SET tenant = 'local ' WHERE tenant = 'local'"),
        (
            "wrapped keys of two connections",
            "UPDATE connection_keys SET wrapped = (SELECT other.wrapped FROM connection_keys other
          WHERE other.connection <> connection_keys.connection)",
        ),
    ];
    for (what, sql) in swaps {
        for test in TestDb::each().await {
            let world = World::on(test);
            let (broker, first, _) = two_connections(&world).await;
            let before = broker.get(&testing::person(), &first).await.unwrap();
            assert!(run(broker.db(), sql).await > 0, "{what} are swapped");
            let owner = match what {
                "a tenant" => Connection { tenant: "local ".to_owned(), ..before },
                _ => before,
            };
            let error = broker.held(&owner).await.err().unwrap_or_else(|| panic!("{what}: opens"));
            assert_eq!(error.code(), "vault-tampered", "{what}");
            assert!(!error.to_string().contains(SECRET));
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_anywhere_does_not_open() {
    let owner = Owner { tenant: "t".into(), connection: ConnectionId::new(1).unwrap() };
    let key = DataKey::random().unwrap();
    let secret = Secret::new(SECRET.as_bytes().to_vec()).unwrap();
    let sealed = envelope::seal(&key, &owner, Field::Access, 3, &secret).unwrap();
    assert!(envelope::open(&key, &owner, Field::Access, 3, &sealed).is_ok());
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(envelope::open(&key, &owner, Field::Access, 3, &changed).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(envelope::open(&key, &owner, Field::Access, 3, &sealed[..length]).is_err(), "{length} bytes");
    }
}

#[tokio::test]
async fn a_secret_of_any_length_is_kept() {
    let world = World::on(TestDb::sqlite().await);
    let broker = world.broker().await;
    for length in [1, 4_096, crate::limits::SECRET_BYTES] {
        let long = "x".repeat(length);
        let id = world.connected(&broker, &long, None).await;
        assert!(opens(&broker, &id).await.unwrap().access.unwrap().expose() == long.as_bytes());
    }
    assert!(Secret::new(vec![b'x'; crate::limits::SECRET_BYTES + 1]).is_err());
}

#[tokio::test]
async fn another_master_key_says_which_one_is_missing() {
    let world = World::on(TestDb::sqlite().await);
    let (_, first, _) = two_connections(&world).await;
    let other = world.with_keys(Arc::new(MasterKeys::parse(&testing::master_key(7)).unwrap())).await;
    let error = opens(&other, &first).await.err().unwrap();
    assert_eq!(error.code(), "master-key-unknown");
    // The same id with other bytes can't be: the id is of the bytes.
    assert_eq!(MasterKeys::parse("not a key").err().unwrap().code(), "master-key-malformed");
    assert_eq!(MasterKeys::parse("\n").err().unwrap().code(), "master-key-malformed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_is_turned_over_while_others_read() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker.keys");
        let broker = world.with_keys(Arc::new(FileKeys::new(&path))).await;
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(world.connected(&broker, SECRET, None).await);
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let old = std::fs::read_to_string(&path).unwrap();
        // Several at once: none loses another's, and the last one wraps.
        let adding: Vec<_> = (0..4)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || FileKeys::new(path).add().unwrap())
            })
            .collect();
        let added: Vec<_> = adding.into_iter().map(|adding| adding.join().unwrap()).collect();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&old) && text.lines().count() == 5, "{} lines", text.lines().count());
        let current = broker.vault().current().await.unwrap();
        assert!(added.contains(&current));

        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let readers: Vec<_> = ids
            .iter()
            .map(|id| {
                let (broker, id, stop) = (broker.clone(), id.clone(), stop.clone());
                tokio::spawn(async move {
                    let mut read = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) || read == 0 {
                        assert!(opens(&broker, &id).await.unwrap().access.unwrap().expose() == SECRET.as_bytes());
                        read += 1;
                    }
                })
            })
            .collect();
        let done = broker.vault().rewrap(broker.db(), &mut |_| {}).await.unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for reader in readers {
            reader.await.unwrap();
        }
        assert_eq!(done.moved, 5);
        assert_eq!(done.masters, [(current.clone(), 5)], "nothing uses the old keys");
        // So they can be taken out, and are kept aside.
        let taken_out = FileKeys::new(&path).retire(std::slice::from_ref(&current)).unwrap();
        assert_eq!(taken_out.len(), 4);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
        let aside = std::fs::read_to_string(path.with_file_name("broker.keys.retired")).unwrap();
        assert!(aside.lines().count() == 4 && aside.starts_with(old.trim()));
        assert!(FileKeys::new(&path).retire(&[]).unwrap().is_empty(), "the key that wraps stays, whatever is said");
        for id in &ids {
            assert!(opens(&broker, id).await.is_ok());
        }
        assert_eq!(broker.vault().rewrap(broker.db(), &mut |_| {}).await.unwrap().moved, 0);
    }
}

#[tokio::test]
async fn a_key_file_that_others_may_read_is_refused() {
    let world = World::on(TestDb::sqlite().await);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broker.keys");
    std::fs::write(&path, testing::master_key(1)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let broker = world.with_keys(Arc::new(FileKeys::new(&path))).await;
    let error = broker.begin(&testing::person(), testing::new_connection(), None).await.unwrap_err();
    assert_eq!(error.code(), "secret-exposed");
    assert!(error.to_string().contains("0640"), "{error}");
}
