//! A database of its own for every test.
//!
//! All test processes of a user share one throwaway Postgres in /tmp: the first one starts it, each holds a shared
//! lock while it lives, and a small guardian ends the server and removes its directory soon after the last lock is
//! gone, so that nothing stays behind even when tests are killed. The migrations run once into a template, which is
//! named by their hash; every test gets a clone of it.

use berth_local_postgres::{Durability, Server};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, migrate::Migrator, postgres::PgPoolOptions};
use std::{
    fs::{self, File},
    os::unix::{
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Connections of one test's pool: many tests share the server's 400.
const POOL_CONNECTIONS_MAX: u32 = 8;

/// Ends the server ($2, in directory $1) when nobody has held the lock at five looks, a second apart.
const GUARDIAN: &str = r#"
idle=0
while [ -d "$1" ]; do
    sleep 1
    exec 9<>"$1/lock" || exit 0
    if flock -n -x 9; then
        idle=$((idle + 1))
        if [ $idle -ge 5 ]; then
            kill -INT "$2" 2>/dev/null
            while kill -0 "$2" 2>/dev/null; do sleep 0.1; done
            rm -rf "$1"
            exit 0
        fi
    else
        idle=0
    fi
    exec 9>&-
done
"#;

/// The server of this user's tests, held by a shared lock for as long as this process lives.
struct Cluster {
    server: Server,
    _lock: Flock<File>,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A migrated, empty database. Dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    url: String,
    admin_url: String,
}

impl TestDatabase {
    /// Clones the template; about 50 ms. The first call on a machine starts the server and runs the migrations, 2 s.
    pub async fn new() -> Self {
        let server = tokio::task::spawn_blocking(|| &CLUSTER.get_or_init(hold).server)
            .await
            .expect("the test database server starts");
        let template = template(server).await.expect("the migrations run");
        let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(&server.url("postgres")).await.expect("the server answers");
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.expect("the template is cloned");
        admin.close().await.ok();
        Self { url: server.url(&name), admin_url: server.url("postgres"), name }
    }

    /// Where the server under test connects, as superuser: it takes the lesser roles itself.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A pool for the test's own look at rows.
    pub async fn pool(&self) -> PgPool {
        let options = PgPoolOptions::new().max_connections(POOL_CONNECTIONS_MAX);
        options.connect(&self.url).await.expect("the test database answers")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (name, admin_url) = (self.name.clone(), self.admin_url.clone());
        // On a thread of its own: this may run inside a runtime, which cannot be blocked on.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut admin = PgConnection::connect(&admin_url).await?;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                sqlx::query(AssertSqlSafe(drop)).execute(&mut admin).await?;
                anyhow::Ok(())
            })
        });
        // A database that stays is thrown away with its server; a test must not fail for it.
        dropping.join().ok();
    }
}

/// Makes a database as a copy of another one, to which nobody may be connected: as a backup has it. `url` is of a
/// superuser at any other database of the server.
pub async fn copy(url: &str, name: &'static str, template: &'static str) {
    let mut admin = PgConnection::connect(url).await.expect("the server answers");
    let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
    sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await.expect("the database is copied");
    admin.close().await.ok();
}

/// Joins or starts the server.
fn hold() -> Cluster {
    let dir = PathBuf::from(format!("/tmp/berth-test-postgres-{}", nix::unistd::getuid()));
    loop {
        let shared = lock(&dir, FlockArg::LockShared);
        let found = Server::find(&dir.join("home")).expect("the directory can be read");
        if let Some(server) = found {
            return Cluster { server, _lock: shared };
        }
        drop(shared);
        let alone = lock(&dir, FlockArg::LockExclusive);
        if Server::find(&dir.join("home")).expect("the directory can be read").is_none() {
            let server = Server::start(&dir.join("home"), Durability::Throwaway).expect("Postgres starts");
            spawn_guardian(&dir, server.pid());
        }
        drop(alone);
    }
}

/// Locks the directory's lock file, again when a guardian removed it while we waited.
fn lock(dir: &Path, how: FlockArg) -> Flock<File> {
    let path = dir.join("lock");
    loop {
        fs::create_dir_all(dir).expect("a directory in /tmp");
        // Others may only pass through: the account of Postgres has to.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o711)).expect("the directory is ours");
        let Ok(file) = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path) else {
            continue;
        };
        let locked = Flock::lock(file, how).map_err(|(_, errno)| errno).expect("a lock on our own file");
        let mine = locked.metadata().map(|m| m.ino()).ok();
        if mine.is_some() && mine == fs::metadata(&path).map(|m| m.ino()).ok() {
            return locked;
        }
    }
}

fn spawn_guardian(dir: &Path, pid: i32) {
    let mut command = Command::new("sh");
    command.args(["-c", GUARDIAN, "berth-test-guardian"]).arg(dir).arg(pid.to_string());
    // A group of its own: it must outlive a Ctrl-C that ends the tests, to clean up after them.
    command.process_group(0).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut guardian = command.spawn().expect("sh starts");
    // It outlives us; should it not, a thread sees its end, so that no process without one stays in the table.
    std::thread::spawn(move || guardian.wait());
}

/// The template for today's migrations, made by whoever comes first.
async fn template(server: &Server) -> anyhow::Result<String> {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let name = format!("template_{}", hash(&migrations)?);
    let mut admin = PgConnection::connect(&server.url("postgres")).await?;
    // Held by this session, so that one process migrates and the others wait for it.
    sqlx::query("SELECT pg_advisory_lock(727465)").execute(&mut admin).await?;
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)")
            .bind(&name)
            .fetch_one(&mut admin)
            .await?;
    if !exists {
        // One that was begun and not finished is not yet marked as a template.
        sqlx::query(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).execute(&mut admin).await?;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await?;
        let mut inside = PgConnection::connect(&server.url(&name)).await?;
        Migrator::new(migrations).await?.run(&mut inside).await?;
        inside.close().await?;
        sqlx::query(AssertSqlSafe(format!("ALTER DATABASE {name} IS_TEMPLATE true"))).execute(&mut admin).await?;
    }
    admin.close().await?;
    Ok(name)
}

fn hash(migrations: &Path) -> anyhow::Result<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(migrations)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.sort();
    let mut hasher = Sha256::new();
    for file in files {
        hasher.update(file.file_name().map(|n| n.as_encoded_bytes()).unwrap_or_default());
        hasher.update(fs::read(&file)?);
    }
    Ok(hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}
