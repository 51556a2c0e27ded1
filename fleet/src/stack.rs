//! The platform on a fleet: database, server, an agent on every host, an account, a tenant and the sample's image.

use crate::{
    apps::Apps,
    client::{Client, http},
    database::Database,
    guardian::Guardian,
    parts::Parts,
    program::Program,
    wait::{SOON, until},
};
use berth_api_types::{
    page::Page,
    path,
    v1::{
        images::{ARCHIVE_MEDIA_TYPE, ImageView},
        nodes::{JoinTokenView, NodeView, UpdateNodeBody},
        projects::CreateProjectBody,
        tenants::CreateTenantBody,
    },
};
use berth_domain::{
    node::{NodeAvailability, NodeState},
    quantity::{Mebibytes, MilliCpu},
    quota::Quota,
};
use berth_local_postgres::Durability;
use berth_testkit::fleet::{CONTROL, Fleet};
use serde_json::Value;
use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

/// The tenant of all tests, its project and environment.
const PLACE: [&str; 3] = ["acme", "shop", "dev"];
/// More than any host has: tests of quotas are elsewhere.
const QUOTA: Quota =
    Quota { cpu_milli: MilliCpu(10_000_000), memory_mib: Mebibytes(10_000_000), instances: 10_000, apps: 1_000 };

/// A platform that runs.
#[derive(Debug)]
pub struct Stack {
    server: Option<Program>,
    agents: Vec<Option<Program>>,
    /// Its Postgres.
    pub database: Database,
    /// Its hosts.
    pub fleet: Fleet,
    client: Option<Client>,
    apps: Option<Apps>,
    listen: SocketAddr,
    agent_listen: SocketAddr,
    directory: PathBuf,
    // Last, so that it cleans up what the others left.
    _guardian: Guardian,
}

impl Stack {
    /// Starts everything on so many hosts, up to an account with an empty environment.
    pub async fn start(hosts: usize) -> Self {
        // Built before the hosts are there: a build may take longer than others wait for their turn.
        Parts::find();
        Self::start_on(Fleet::start(hosts), Durability::Throwaway).await
    }

    /// The same on hosts that are there. Benchmarks want a database that keeps what it says it keeps.
    pub async fn start_on(fleet: Fleet, durability: Durability) -> Self {
        let directory = make_directory();
        let guardian = Guardian::over(&directory);
        let mut stack = Self {
            server: None,
            agents: fleet.hosts().iter().map(|_| None).collect(),
            database: Database::start(&directory, durability),
            fleet,
            client: None,
            apps: None,
            listen: free_port(Ipv4Addr::LOCALHOST),
            agent_listen: free_port(CONTROL),
            directory,
            _guardian: guardian,
        };
        stack.start_server().await;
        let file = stack.directory.join("server/setup-token");
        let token =
            until("the set-up token", SOON, async || fs::read_to_string(&file).map_err(|error| error.to_string()))
                .await;
        stack.client = Some(Client::new(&stack.url()).set_up(&token).await);
        stack.join_all().await;
        stack.apps = Some(stack.furnish().await);
        stack
    }

    /// Where the API is.
    pub fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// The platform's administrator.
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("set-up was done")
    }

    /// The apps of the environment.
    pub fn apps(&self) -> Apps {
        self.apps.clone().expect("the environment was made")
    }

    /// A directory that goes with the stack.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The server's process.
    pub fn server_pid(&self) -> i32 {
        self.server.as_ref().expect("the server runs").pid()
    }

    /// An agent's process.
    pub fn agent_pid(&self, host: usize) -> i32 {
        self.agents[host].as_ref().expect("the agent runs").pid()
    }

    /// Starts the server on the platform's database, and waits until it answers.
    pub async fn start_server(&mut self) {
        let url = self.database.url().to_owned();
        self.start_server_with(&url, "server").await;
    }

    /// Starts the server on another database, or with another directory of data.
    pub async fn start_server_with(&mut self, database_url: &str, data: &str) {
        let mut command = Command::new(&Parts::find().server);
        clean(&mut command);
        command.args(["--listen", &self.listen.to_string(), "--agent-listen", &self.agent_listen.to_string()]);
        command.arg("--data-dir").arg(self.directory.join(data)).env("BERTH_DATABASE_URL", database_url);
        if let Some(console) = &Parts::find().console {
            command.arg("--console-dir").arg(console);
        }
        let server = self.server.insert(Program::start("server", command, &self.directory));
        let ready = format!("http://{}/readyz", self.listen);
        let anybody = http(|builder| builder);
        until("the server", SOON, async || {
            server.check();
            match anybody.get(&ready).send().await {
                Ok(answer) if answer.status().is_success() => Ok(()),
                Ok(answer) => Err(answer.status().to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// `kill -9`.
    pub fn kill_server(&mut self) {
        self.server.take().expect("the server runs").kill();
    }

    /// Stops the server as an administrator would.
    pub fn stop_server(&mut self) {
        self.server.take().expect("the server runs").stop();
    }

    /// Starts the agent of a host; with a token when it has not joined yet.
    pub fn start_agent(&mut self, host: usize, token: Option<&str>) {
        let machine = self.fleet.host(host);
        let mut command = machine.command(&Parts::find().agent);
        clean(&mut command);
        command.args(["--server", &format!("https://{}", self.agent_listen), "--name", &machine.name()]);
        command.args(["--advertise-address", &machine.address().to_string()]);
        command.args(["--docker", &format!("unix://{}", machine.docker_socket().display())]);
        command.arg("--state-dir").arg(self.fleet.directory().join(format!("agent{host}")));
        if let Some(token) = token {
            command.env("BERTH_AGENT_JOIN_TOKEN", token);
        }
        self.agents[host] = Some(Program::start(&format!("agent{host}"), command, &self.directory));
    }

    /// `kill -9`.
    pub fn kill_agent(&mut self, host: usize) {
        self.agents[host].take().expect("the agent runs").kill();
    }

    /// Pulls the plug of a host: agent, engine and containers end at once.
    pub fn power_off(&mut self, host: usize) {
        self.fleet.host_mut(host).power_off();
        // It is dead already; this reaps it.
        self.agents[host].take().expect("the agent ran").kill();
    }

    /// Says what is wanted of a node.
    pub async fn set_availability(&self, host: usize, availability: NodeAvailability) {
        let body = UpdateNodeBody { availability: Some(availability), labels: None };
        let path = path::node(&self.fleet.host(host).name());
        self.client().patch::<Value>(&path, &body).await.expect("the node is changed");
    }

    /// Waits until a node stands as given.
    #[track_caller]
    pub fn until_node(
        &self,
        host: usize,
        state: NodeState,
        patience: std::time::Duration,
    ) -> impl Future<Output = NodeView> {
        let name = self.fleet.host(host).name();
        until("the node's state", patience, async move || {
            let node: NodeView = self.client().get(&path::node(&name)).await.map_err(|failure| failure.to_string())?;
            if node.state == state { Ok(node) } else { Err(format!("{:?}", node.state)) }
        })
    }

    /// Keeps the logs of all programs when the stack goes, and says where.
    pub fn keep_logs(&self) -> PathBuf {
        let log = self.directory.join("log");
        for host in self.fleet.hosts() {
            let engine = host.docker_socket().with_file_name("dockerd.log");
            fs::copy(engine, log.join(format!("dockerd-{}.log", host.name()))).ok();
        }
        fs::write(self.directory.join("keep"), "").ok();
        log
    }

    async fn join_all(&mut self) {
        for host in 0..self.agents.len() {
            let token: JoinTokenView =
                self.client().post_nothing(&path::join_tokens()).await.expect("a join token is made");
            self.start_agent(host, Some(&token.token));
        }
        let count = self.agents.len();
        let (client, agents) = (self.client.clone().expect("set-up was done"), &mut self.agents);
        until("all nodes", SOON, async || {
            agents.iter_mut().flatten().for_each(Program::check);
            let nodes: Page<NodeView> = client.get(&path::nodes()).await.map_err(|failure| failure.to_string())?;
            let ready = nodes.items.iter().filter(|node| node.state == NodeState::Ready).count();
            if ready == count { Ok(()) } else { Err(format!("{ready} of {count} are ready")) }
        })
        .await;
    }

    async fn furnish(&self) -> Apps {
        let client = self.client().clone();
        let [tenant, project, environment] = PLACE.map(str::to_owned);
        let body = CreateTenantBody { name: tenant.clone(), quota: Some(QUOTA) };
        let _: Value = client.post(&path::tenants(), &body).await.expect("the tenant is made");
        let body = CreateProjectBody { name: project.clone(), environments: Some(vec![environment.clone()]) };
        let _: Value = client.post(&path::projects(&tenant), &body).await.expect("the project is made");
        let path = path::images(&tenant, &project);
        let image: ImageView =
            client.upload(&path, ARCHIVE_MEDIA_TYPE, &Parts::find().sample).await.expect("the sample is loaded");
        Apps { client, tenant, project, environment, image: image.reference }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("logs: {}", self.keep_logs().display());
        }
        // Agents and server first, so that they do not complain about an engine and a database that go.
        self.agents.clear();
        self.server.take();
    }
}

/// A program under test sees no setting of the shell that the tests run in, but what shall be logged.
fn clean(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("BERTH_") && !text.ends_with("_LOG") {
            command.env_remove(&name);
        }
    }
}

fn make_directory() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = PathBuf::from(format!("/tmp/berth-stack-{}-{number}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory in /tmp");
    // Others may pass through: Postgres runs under an account of its own.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o711)).expect("the directory is ours");
    directory
}

fn free_port(address: impl Into<IpAddr>) -> SocketAddr {
    let listener = TcpListener::bind((address.into(), 0)).expect("a port is free");
    listener.local_addr().expect("it is bound")
}
