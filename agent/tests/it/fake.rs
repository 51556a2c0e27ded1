//! An engine in memory. Its containers do what [`Act`] says, on addresses of the loopback network, so that probes and
//! published ports are real.

use crate::act::{Act, PORT};
use async_trait::async_trait;
use berth_agent::{
    container::{
        Container, ContainerRequest, ContainerState, Exit, Joined, LABEL_INSTALL, LABEL_SANDBOX, Link, Marks, Network,
        START_CPU_MILLI,
    },
    reason::{Failure, Reason},
    runtime::{
        ContainerEvent, ContainerEventKind, Credential, EngineFacts, Listed, LogQuery, LogRecord, PullProgress,
        Runtime, RuntimeError, RuntimeResult, Terminal, TerminalSize,
    },
};
use berth_domain::id::InstallId;
use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::{Notify, broadcast},
    task::{AbortHandle, JoinSet},
    time,
};

/// An engine in memory.
#[derive(Clone)]
pub struct FakeRuntime {
    state: Arc<Mutex<State>>,
    events: broadcast::Sender<(String, ContainerEvent)>,
}

/// Numbers containers of all engines in this process: each has an address of its own.
static NEXT: AtomicU16 = AtomicU16::new(1);

/// The address of a container on the loopback network: the last 13 bits of the process's number and 10 of its own, as
/// the tests run in processes side by side.
fn address_of(number: u16) -> IpAddr {
    assert!(number < 1 << 10, "more containers in one test than addresses");
    let [_, high, middle, low] = (1 << 23 | (std::process::id() & 0x1fff) << 10 | u32::from(number)).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, high, middle, low))
}

#[derive(Default)]
struct State {
    containers: BTreeMap<String, Made>,
    networks: BTreeMap<String, BTreeMap<String, String>>,
    images: BTreeSet<String>,
    terminals: BTreeMap<String, (TerminalSize, Option<i32>)>,
    away: bool,
    odd: BTreeSet<String>,
}

struct Made {
    request: ContainerRequest,
    state: ContainerState,
    address: IpAddr,
    ports: BTreeMap<u16, u16>,
    started_at_ms: u64,
    cpu_milli: u64,
    log: Vec<LogRecord>,
    /// Of a sandbox that runs: where its address and its published ports are listened on.
    listeners: Vec<StdListener>,
    life: Option<AbortHandle>,
    term: Arc<Notify>,
}

impl Default for FakeRuntime {
    fn default() -> Self {
        Self { state: Arc::default(), events: broadcast::Sender::new(1_000) }
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn missing<T>(what: &str) -> RuntimeResult<T> {
    Err(RuntimeError::NotFound(format!("no such thing: {what}")))
}

fn failed<T>(reason: Reason, message: impl Into<String>) -> RuntimeResult<T> {
    Err(RuntimeError::Failed(Failure::new(reason, message)))
}

impl FakeRuntime {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics inside")
    }

    fn tell(&self, id: &str, install: &str, kind: ContainerEventKind) {
        let _ = self.events.send((install.to_owned(), ContainerEvent { id: id.to_owned(), kind }));
    }

    /// Whether it answers no more.
    pub fn set_away(&self, away: bool) {
        self.state().away = away;
    }

    /// From now on a container cannot be inspected, as when its own files are damaged.
    pub fn damage(&self, id: &str) {
        self.state().odd.insert(id.to_owned());
    }

    /// Commands with a terminal that were neither hung up nor ended.
    pub fn terminals(&self) -> usize {
        self.state().terminals.values().filter(|(_, code)| code.is_none()).count()
    }

    fn answers(&self) -> RuntimeResult<()> {
        if self.state().away { Err(RuntimeError::Unavailable("it is away".to_owned())) } else { Ok(()) }
    }

    /// The process of a container ends.
    fn end(&self, id: &str, exit: Exit) {
        let mut state = self.state();
        let Some(made) = state.containers.get_mut(id).filter(|made| made.state == ContainerState::Running) else {
            return;
        };
        made.state = ContainerState::Exited(exit);
        made.ports.clear();
        made.listeners.clear();
        made.term.notify_waiters();
        let install = made.request.labels[LABEL_INSTALL].clone();
        drop(state);
        self.tell(id, &install, ContainerEventKind::Died);
    }

    async fn live(self, id: String, act: Act, listeners: Vec<TcpListener>, term: Arc<Notify>) {
        let exit = |code, out_of_memory| Exit { code, out_of_memory, at_ms: now_ms(), ..Exit::default() };
        let there = Arc::new(AtomicBool::new(true));
        let mut serving = JoinSet::new();
        if matches!(act, Act::Serve | Act::ServeWithGap) {
            for listener in listeners {
                serving.spawn(serve(listener, there.clone()));
            }
        }
        let gap = async {
            if act == Act::ServeWithGap {
                time::sleep(Duration::from_secs(1)).await;
                there.store(false, Ordering::SeqCst);
                time::sleep(Duration::from_secs(1)).await;
                there.store(true, Ordering::SeqCst);
            }
            std::future::pending::<()>().await;
        };
        match act {
            Act::Fail => self.end(&id, exit(3, false)),
            Act::Hog => self.end(&id, exit(137, true)),
            Act::Wait => gap.await,
            Act::Serve | Act::ServeWithGap | Act::Print | Act::Nonsense => {
                tokio::select! {
                    () = gap => {}
                    () = term.notified() => self.end(&id, exit(143, false)),
                }
            }
        }
    }
}

async fn serve(listener: TcpListener, there: Arc<AtomicBool>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let status = if there.load(Ordering::SeqCst) { "200 OK" } else { "404 Not Found" };
        let _ = stream.write_all(format!("HTTP/1.0 {status}\r\n\r\n").as_bytes()).await;
    }
}

impl Made {
    fn runs(&self) -> bool {
        self.state == ContainerState::Running
    }

    fn seen(&self, id: &str, containers: &BTreeMap<String, Self>) -> Container {
        let Marks { install, instance, generation, environment, sandbox } = Marks::read(&self.request.labels);
        let (joined, reached) = match &self.request.network {
            Network::Own { .. } => (None, Some(self)),
            Network::Joined(id) => {
                let sandbox = containers.get(id);
                let before = |made: &Self| !self.runs() || made.started_at_ms <= self.started_at_ms;
                let link =
                    sandbox.map_or(Link::Gone, |made| if made.runs() && before(made) { Link::Up } else { Link::Down });
                (Some(Joined { sandbox: id.clone(), link }), sandbox)
            }
        };
        let reached = reached.filter(|reached| self.runs() && reached.runs());
        Container {
            id: id.to_owned(),
            install,
            instance,
            generation,
            environment,
            sandbox,
            joined,
            state: self.state.clone(),
            address: reached.map(|reached| reached.address),
            ports: reached.map(|reached| reached.ports.clone()).unwrap_or_default(),
            started_at_ms: self.started_at_ms,
            cpu_milli: self.cpu_milli,
        }
    }

    /// Listens at its own address and at the ports that are published on it.
    fn listen(&self) -> RuntimeResult<(Vec<StdListener>, BTreeMap<u16, u16>)> {
        let Network::Own { ports, publish_on, .. } = &self.request.network else { return Ok(Default::default()) };
        let bind = |address: SocketAddr| {
            StdListener::bind(address).inspect(|listener| listener.set_nonblocking(true).expect("it can"))
        };
        let mut listeners = vec![bind(SocketAddr::new(self.address, PORT)).expect("an own address")];
        let mut published = BTreeMap::new();
        for port in ports {
            let host = port.host.unwrap_or(0);
            match bind(SocketAddr::new(*publish_on, host)) {
                Ok(listener) => {
                    published.insert(port.container, listener.local_addr().expect("an address").port());
                    listeners.push(listener);
                }
                Err(_) => return failed(Reason::PortInUse, format!("Port {host} of this node is in use.")),
            }
        }
        Ok((listeners, published))
    }
}

#[async_trait]
impl Runtime for FakeRuntime {
    async fn ping(&self) -> RuntimeResult<()> {
        self.answers()
    }
    async fn engine(&self) -> RuntimeResult<EngineFacts> {
        Ok(EngineFacts { version: "in memory".into(), root: "/".into() })
    }
    async fn images(&self) -> RuntimeResult<Vec<String>> {
        Ok(self.state().images.iter().cloned().collect())
    }

    async fn list(&self, install: InstallId) -> RuntimeResult<Vec<Listed>> {
        self.answers()?;
        let install = install.to_string();
        let state = self.state();
        let ours = state.containers.iter().filter(|(_, made)| made.request.labels[LABEL_INSTALL] == install);
        Ok(ours.map(|(id, made)| Listed { id: id.clone(), running: made.state == ContainerState::Running }).collect())
    }
    async fn inspect(&self, id: &str) -> RuntimeResult<Option<Container>> {
        let state = self.state();
        let mut named = state.containers.iter().filter(|(own, made)| *own == id || made.request.name == id);
        match named.next() {
            Some((id, _)) if state.odd.contains(id) => failed(Reason::StartFailed, "its files are damaged"),
            found => Ok(found.map(|(id, made)| made.seen(id, &state.containers))),
        }
    }
    async fn create(&self, request: &ContainerRequest) -> RuntimeResult<String> {
        let mut state = self.state();
        if !state.images.contains(&request.image) {
            return Err(RuntimeError::ImageMissing(format!("no such image: {}", request.image)));
        }
        if let Network::Joined(sandbox) = &request.network
            && !state.containers.contains_key(sandbox)
        {
            return missing(sandbox);
        }
        if state.containers.values().any(|made| made.request.name == request.name) {
            return Err(RuntimeError::NameTaken(request.name.clone()));
        }
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let id = format!("fake{number:04}");
        let made = Made {
            request: request.clone(),
            state: ContainerState::Created,
            address: address_of(number),
            ports: BTreeMap::new(),
            started_at_ms: 0,
            cpu_milli: request.cpu_milli.max(START_CPU_MILLI),
            log: Vec::new(),
            listeners: Vec::new(),
            life: None,
            term: Arc::default(),
        };
        state.containers.insert(id.clone(), made);
        Ok(id)
    }
    async fn limit_cpu(&self, id: &str, cpu_milli: u64) -> RuntimeResult<()> {
        let mut state = self.state();
        let Some(made) = state.containers.get_mut(id) else { return missing(id) };
        made.cpu_milli = cpu_milli;
        Ok(())
    }
    async fn start(&self, id: &str) -> RuntimeResult<()> {
        let mut state = self.state();
        let Some(made) = state.containers.get(id) else { return missing(id) };
        if made.runs() {
            return Ok(());
        }
        let request = made.request.clone();
        let (listeners, ports) = match &request.network {
            Network::Own { name, .. } if !state.networks.contains_key(name) => {
                return Err(RuntimeError::NetworkMissing(name.clone()));
            }
            Network::Own { .. } => made.listen()?,
            Network::Joined(sandbox) => match state.containers.get(sandbox).filter(|sandbox| sandbox.runs()) {
                Some(sandbox) => {
                    let clone = |listener: &StdListener| listener.try_clone().expect("another handle");
                    (sandbox.listeners.iter().map(clone).collect(), BTreeMap::new())
                }
                None => return failed(Reason::StartFailed, "cannot join network of a non running container"),
            },
        };
        let waits = request.labels.contains_key(LABEL_SANDBOX);
        let act = if waits { Act::Print } else { Act::of(&request.command) };
        if act == Act::Nonsense {
            return failed(Reason::CommandNotFound, format!("The image has no such command: {}", request.command[0]));
        }
        let Some(made) = state.containers.get_mut(id) else { return missing(id) };
        made.state = ContainerState::Running;
        made.ports = ports;
        made.started_at_ms = now_ms();
        if act == Act::Print {
            let line = |stderr, text: &'static str| LogRecord {
                at_ns: now_ms() * 1_000_000,
                stderr,
                text: Bytes::from_static(text.as_bytes()),
                truncated: false,
            };
            made.log.extend([line(false, "to stdout"), line(true, "to stderr")]);
        }
        let serving = if waits {
            made.listeners = listeners;
            Vec::new()
        } else {
            let serve = |listener| TcpListener::from_std(listener).expect("this runtime");
            listeners.into_iter().map(serve).collect()
        };
        let life = self.clone().live(id.to_owned(), act, serving, made.term.clone());
        made.life = Some(tokio::spawn(life).abort_handle());
        let install = request.labels[LABEL_INSTALL].clone();
        drop(state);
        self.tell(id, &install, ContainerEventKind::Started);
        Ok(())
    }
    async fn stop(&self, id: &str, grace_s: Option<u32>) -> RuntimeResult<()> {
        let running = |state: &State| state.containers.get(id).is_some_and(|m| m.state == ContainerState::Running);
        if let Some(made) = self.state().containers.get(id) {
            made.term.notify_one();
        }
        let grace = Duration::from_secs(grace_s.unwrap_or(10).into());
        let _ = time::timeout(grace, async {
            while running(&self.state()) {
                time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        self.end(id, Exit { code: 137, at_ms: now_ms(), ..Exit::default() });
        self.state().containers.get(id).and_then(|made| made.life.as_ref()).into_iter().for_each(AbortHandle::abort);
        Ok(())
    }
    async fn remove(&self, id: &str) -> RuntimeResult<()> {
        let gone = self.state().containers.remove(id);
        if let Some(made) = gone {
            made.life.iter().for_each(AbortHandle::abort);
            self.tell(id, &made.request.labels[LABEL_INSTALL].clone(), ContainerEventKind::Destroyed);
        }
        Ok(())
    }
    async fn events(&self, install: InstallId) -> RuntimeResult<BoxStream<'static, ContainerEvent>> {
        let install = install.to_string();
        let events = tokio_stream::wrappers::BroadcastStream::new(self.events.subscribe());
        let ours = move |event: Result<(String, ContainerEvent), _>| {
            std::future::ready(event.ok().filter(|(whose, _)| *whose == install).map(|(_, event)| event))
        };
        Ok(events.filter_map(ours).boxed())
    }

    async fn ensure_network(&self, name: &str, labels: &BTreeMap<String, String>) -> RuntimeResult<()> {
        self.state().networks.entry(name.to_owned()).or_insert_with(|| labels.clone());
        Ok(())
    }
    async fn networks(&self, install: InstallId) -> RuntimeResult<Vec<String>> {
        let install = install.to_string();
        let state = self.state();
        let ours = state.networks.iter().filter(|(_, labels)| labels[LABEL_INSTALL] == install);
        Ok(ours.map(|(name, _)| name.clone()).collect())
    }
    async fn remove_network(&self, name: &str) -> RuntimeResult<()> {
        self.state().networks.remove(name);
        Ok(())
    }

    async fn pull(
        &self,
        reference: &str,
        credential: Option<&Credential>,
        _: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> RuntimeResult<()> {
        if reference.starts_with("private.example/") {
            let denied = Failure::new(Reason::RegistryDenied, "denied");
            return credential.map(|_| ()).ok_or(RuntimeError::Failed(denied));
        }
        failed(Reason::RegistryUnavailable, format!("{reference}: nothing listens there"))
    }
    async fn load(&self, mut archive: BoxStream<'static, Result<Bytes, std::io::Error>>) -> RuntimeResult<String> {
        while let Some(chunk) = archive.next().await {
            if let Err(error) = chunk {
                return failed(Reason::BadArchive, error.to_string());
            }
        }
        let id = format!("sha256:{}", "1".repeat(64));
        self.state().images.insert(id.clone());
        Ok(id)
    }
    async fn tag(&self, _: &str, reference: &str) -> RuntimeResult<()> {
        self.state().images.insert(reference.to_owned());
        Ok(())
    }

    async fn logs(&self, id: &str, _: LogQuery) -> RuntimeResult<BoxStream<'static, RuntimeResult<LogRecord>>> {
        let state = self.state();
        let Some(made) = state.containers.get(id) else { return missing(id) };
        Ok(stream::iter(made.log.clone()).map(Ok).boxed())
    }
    async fn has_file(&self, _: &str, path: &str) -> RuntimeResult<bool> {
        Ok(path == "/bin/sh")
    }
    async fn open_terminal(&self, id: &str, command: &[String], size: TerminalSize) -> RuntimeResult<Terminal> {
        let exec_id = format!("exec-{id}");
        self.state().terminals.insert(exec_id.clone(), (size, None));
        let (ours, theirs) = tokio::io::duplex(1024);
        let (runtime, exec) = (self.clone(), exec_id.clone());
        match command.first().map(String::as_str) {
            // Prints what it reads, and reads on only when that was taken.
            Some("cat") => {
                tokio::spawn(async move {
                    let (mut read, mut write) = tokio::io::split(theirs);
                    tokio::io::copy(&mut read, &mut write).await
                });
                let (output, input) = tokio::io::split(ours);
                return Ok(Terminal { exec_id, output: Box::new(output), input: Box::new(input) });
            }
            // Reads nothing.
            Some("deaf") => {
                tokio::spawn(async move {
                    let _held = theirs;
                    std::future::pending::<()>().await;
                });
                let (output, input) = tokio::io::split(ours);
                return Ok(Terminal { exec_id, output: Box::new(output), input: Box::new(input) });
            }
            _ => {}
        }
        // A shell that knows one line.
        tokio::spawn(async move {
            let (mut read, mut write) = tokio::io::split(theirs);
            let mut typed = [0; 1024];
            let _ = read.read(&mut typed).await;
            let size = runtime.state().terminals[&exec].0;
            let _ = write.write_all(format!("{} {}\r\n", size.rows, size.columns).as_bytes()).await;
            runtime.state().terminals.insert(exec, (size, Some(7)));
        });
        let (output, input) = tokio::io::split(ours);
        Ok(Terminal { exec_id, output: Box::new(output), input: Box::new(input) })
    }
    async fn resize_terminal(&self, exec_id: &str, size: TerminalSize) -> RuntimeResult<()> {
        self.state().terminals.insert(exec_id.to_owned(), (size, None));
        Ok(())
    }
    async fn terminal_exit(&self, exec_id: &str) -> RuntimeResult<Option<i32>> {
        Ok(self.state().terminals.get(exec_id).and_then(|(_, code)| *code))
    }
    async fn hang_up_terminal(&self, exec_id: &str) -> RuntimeResult<()> {
        self.state().terminals.remove(exec_id);
        Ok(())
    }
}
