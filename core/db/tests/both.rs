//! What the crate promises, on both databases.

use jackfield_db::{Conn, Db, DbError, Migration, PoolLimits, Result, Sql, on, testing::TestDb};

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "things",
        sql: Sql::Both(
            "CREATE TABLE things (name TEXT PRIMARY KEY, size BIGINT NOT NULL, good BOOLEAN NOT NULL, bytes BYTEA, note TEXT);
             CREATE INDEX things_size ON things (size);",
        ),
    },
    Migration {
        version: 2,
        name: "apart",
        sql: Sql::Each { sqlite: "CREATE TABLE apart (a TEXT)", postgres: "CREATE TABLE apart (a TEXT)" },
    },
];

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Thing {
    name: String,
    size: i64,
    good: bool,
    bytes: Option<Vec<u8>>,
    note: Option<String>,
}

async fn insert(conn: &mut Conn, name: &str, size: i64, bytes: Option<&[u8]>) -> Result<u64> {
    on!(conn, c => sqlx::query("INSERT INTO things (name, size, good, bytes) VALUES ($1, $2, $3, $4)")
        .bind(name).bind(size).bind(true).bind(bytes).execute(c), rows)
}

async fn find(conn: &mut Conn, name: &str) -> Result<Option<Thing>> {
    on!(conn, c => sqlx::query_as("SELECT * FROM things WHERE name = $1").bind(name).fetch_optional(c))
}

#[tokio::test]
async fn the_same_text_serves_both() {
    for test in TestDb::each().await {
        let db = &test.db;
        db.migrate("test", MIGRATIONS).await.unwrap();
        db.migrate("test", MIGRATIONS).await.unwrap();

        let mut tx = db.begin().await.unwrap();
        assert_eq!(insert(&mut tx, "a", i64::MAX, Some(&[0, 255, 1])).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let found = find(&mut db.read().await.unwrap(), "a").await.unwrap().unwrap();
        let expected = Thing { name: "a".into(), size: i64::MAX, good: true, bytes: Some(vec![0, 255, 1]), note: None };
        assert_eq!(found, expected, "{}", test.kind);

        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, "b", 1, None).await.unwrap();
        drop(tx);
        assert_eq!(find(&mut db.read().await.unwrap(), "b").await.unwrap(), None, "{}: dropped is undone", test.kind);

        let mut tx = db.begin().await.unwrap();
        let error = insert(&mut tx, "a", 1, None).await.unwrap_err();
        assert!(error.is_unique(), "{}: {error:?}", test.kind);
    }
}

/// Also how long a busy machine has for the first connection.
const ACQUIRE: std::time::Duration = std::time::Duration::from_secs(3);

#[tokio::test]
async fn a_full_pool_says_so_in_time() {
    for test in TestDb::each().await {
        let limits = PoolLimits { connections: 1, acquire_timeout: ACQUIRE };
        let db = Db::open(&test.url, limits).await.unwrap();
        let _held = db.begin().await.unwrap();
        let error = db.begin().await.unwrap_err();
        assert!(matches!(error, DbError::Unavailable(_)), "{}: {error:?}", test.kind);
    }
}

#[tokio::test]
async fn an_older_program_leaves_a_newer_database_alone() {
    for test in TestDb::each().await {
        test.db.migrate("test", MIGRATIONS).await.unwrap();
        let error = test.db.migrate("test", &MIGRATIONS[..1]).await.unwrap_err();
        assert!(matches!(error, DbError::Migration(_)), "{}: {error:?}", test.kind);
    }
}

#[tokio::test]
async fn a_wrong_address_is_refused_without_its_password() {
    let error = Db::open("mysql://me:secret@host/db", PoolLimits::default()).await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_disk_that_was_full_holds_up_nobody_afterwards() {
    let test = TestDb::sqlite().await;
    let db = &test.db;
    db.migrate("test", MIGRATIONS).await.unwrap();
    let large = vec![7; 1 << 20];
    let mut full = None;
    for number in 0..3 {
        let mut tx = db.begin().await.unwrap();
        // The connection's own bound on the file stands for the end of the disk.
        on!(&mut tx, c => sqlx::query("PRAGMA max_page_count = 50").execute(c), rows).unwrap();
        full = insert(&mut tx, &format!("large {number}"), 1, Some(&large)).await.err();
    }
    assert!(full.is_some_and(|error| error.is_full()));
    let mut tx = db.begin().await.unwrap();
    on!(&mut tx, c => sqlx::query("PRAGMA max_page_count = 5000").execute(c), rows).unwrap();
    insert(&mut tx, "small", 1, None).await.unwrap();
    tx.commit().await.unwrap();
    assert!(find(&mut db.read().await.unwrap(), "small").await.unwrap().is_some());
}
