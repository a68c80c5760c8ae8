//! Databases for tests: a fresh one of each kind, in a fraction of a second.
//!
//! PostgreSQL is one private server for all tests of a user, on a Unix socket, started by whoever needs it first and
//! stopped by itself when nobody has used it for a while. `JACKFIELD_TEST_POSTGRES` names another server instead, and
//! `JACKFIELD_TEST_WITHOUT_POSTGRES=1` says loudly that there is none.

use std::{
    fs::File,
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{Db, PoolLimits};

/// A database of a test's own.
#[derive(Debug)]
pub struct TestDb {
    /// What kind it is, for messages.
    pub kind: &'static str,
    /// Its address, for another process.
    pub url: String,
    /// It.
    pub db: Db,
    _folder: Option<tempfile::TempDir>,
}

impl TestDb {
    /// A new SQLite file.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the database");
        let url = format!("sqlite://{}", folder.path().join("test.sqlite").display());
        let db = Db::open(&url, PoolLimits::default()).await.expect("SQLite opens");
        Self { kind: "sqlite", url, db, _folder: Some(folder) }
    }

    /// A new database on the test server; none if the tests are told to go without.
    pub async fn postgres() -> Option<Self> {
        let server = server()?;
        let name = fresh_name();
        let admin = Db::open(&server.url("postgres"), PoolLimits { connections: 1, ..PoolLimits::default() })
            .await
            .expect("the test server answers");
        let Db::Postgres(pool) = &admin else { unreachable!("its address begins with postgres://") };
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(pool)
            .await
            .expect("a new database");
        admin.close().await;
        let url = server.url(&name);
        let limits = PoolLimits { connections: 8, ..PoolLimits::default() };
        let db = Db::open(&url, limits).await.expect("the new database opens");
        Some(Self { kind: "postgres", url, db, _folder: None })
    }

    /// One of each kind, for a test that is run on both.
    pub async fn each() -> Vec<Self> {
        let mut all = vec![Self::sqlite().await];
        all.extend(Self::postgres().await);
        all
    }
}

fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    format!("t{}_{now}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

struct Server {
    base: String,
    /// Shared lock: as long as it is held, the server stays.
    _users: Option<File>,
}

impl Server {
    fn url(&self, database: &str) -> String {
        self.base.replace("{database}", database)
    }
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            if std::env::var_os("JACKFIELD_TEST_WITHOUT_POSTGRES").is_some_and(|value| value == "1") {
                eprintln!("NOT TESTED on PostgreSQL: JACKFIELD_TEST_WITHOUT_POSTGRES=1");
                return None;
            }
            if let Ok(url) = std::env::var("JACKFIELD_TEST_POSTGRES") {
                let base = url.trim_end_matches('/').to_owned() + "/{database}";
                return Some(Server { base, _users: None });
            }
            Some(own_server().unwrap_or_else(|error| {
                panic!("no PostgreSQL to test on: {error}; install it (apt-get install postgresql), or set JACKFIELD_TEST_WITHOUT_POSTGRES=1")
            }))
        })
        .as_ref()
}

/// Two locks make it safe for many processes: `users.lock` is held shared by each test and exclusively by the keeper while
/// it stops the server; `start.lock` is held by the one that starts it.
fn own_server() -> io::Result<Server> {
    let folder = std::env::temp_dir().join(format!("jackfield-test-postgres-{}", whoami()?));
    std::fs::create_dir_all(&folder)?;
    // The server may have to run as another user than root, and needs its folder.
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777))?;
    let users = File::options().create(true).append(true).open(folder.join("users.lock"))?;
    users.lock_shared()?;
    let start = File::options().create(true).append(true).open(folder.join("start.lock"))?;
    start.lock()?;
    let data = folder.join("data");
    if !answers(&folder) {
        start_server(&folder, &data)?;
    }
    drop(start);
    let socket = folder.display().to_string().replace('/', "%2F");
    Ok(Server { base: format!("postgres://postgres@{socket}/{{database}}"), _users: Some(users) })
}

fn start_server(folder: &Path, data: &Path) -> io::Result<()> {
    let bin = programs()?;
    if !data.join("PG_VERSION").exists() {
        let _ = std::fs::remove_dir_all(data);
        run(as_server(&bin.join("initdb")).arg("-D").arg(data).args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]))?;
    }
    let _ = std::fs::remove_file(data.join("postmaster.pid"));
    let log = File::create(folder.join("server.log"))?;
    // The keeper: when no test has held the shared lock for some seconds, it stops the server and goes.
    let script = r#"
        "$1" -D "$2" -k "$3" -c listen_addresses= -c fsync=off -c full_page_writes=off -c max_connections=400 -c shared_buffers=64MB &
        server=$!
        sleep 15
        while kill -0 $server 2>/dev/null; do
            if flock -n -x "$3/users.lock" -c "kill -INT $server; while kill -0 $server 2>/dev/null; do sleep 0.1; done"; then exit; fi
            sleep 5
        done"#;
    as_server(Path::new("sh"))
        .args(["-c", script, "keeper"])
        .arg(bin.join("postgres"))
        .arg(data)
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    for _ in 0..600 {
        if answers(folder) {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Err(io::Error::other(format!("the server does not answer; see {}", folder.join("server.log").display())))
}

fn answers(folder: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(folder.join(".s.PGSQL.5432")).is_ok()
}

/// PostgreSQL refuses to run as root, so there it runs as the user `postgres`.
fn as_server(program: &Path) -> Command {
    let mut command = match whoami() {
        Ok(user) if user == "root" => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        }
        _ => Command::new(program),
    };
    command.current_dir("/");
    command
}

fn whoami() -> io::Result<String> {
    let output = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// On the PATH, or where Debian puts them.
fn programs() -> io::Result<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&on_path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "neither initdb nor postgres is on the PATH"))
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}
