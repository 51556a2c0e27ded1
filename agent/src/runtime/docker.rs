//! The Docker Engine. Only this module names bollard.
//!
//! The connection is made when it is first needed and again after the engine went away; each time the version is
//! negotiated anew, as the engine may have been upgraded meanwhile. Every call has a deadline, because a stopped
//! engine accepts connections and never answers.

mod request;

use super::{
    ContainerEvent, ContainerEventKind, Credential, EngineFacts, Listed, LogQuery, LogRecord, PullProgress, Runtime,
    RuntimeError, RuntimeResult, Terminal, TerminalSize,
    classify::{During, classify},
    raw::{RawSocket, filter},
    wire::{Inspected, LineCutter, ListedContainer, ListedImage, ListedNetwork},
};
use crate::{
    admit::admit,
    container::{Container, ContainerRequest, LABEL_INSTALL},
    limit,
    reason::{Failure, Reason},
};
use async_trait::async_trait;
use berth_domain::{id::InstallId, limit::STOP_GRACE_S_MAX};
use bollard::{
    API_DEFAULT_VERSION, Docker,
    auth::DockerCredentials,
    container::LogOutput,
    errors::Error,
    models::{ContainerUpdateBody, EventMessage, ExecConfig, NetworkCreateRequest},
    query_parameters::{
        ContainerArchiveInfoOptions, CreateContainerOptions, CreateImageOptions, EventsOptions, ImportImageOptions,
        LogsOptions, RemoveContainerOptions, ResizeExecOptions, StartContainerOptions, StopContainerOptions,
        TagImageOptions,
    },
};
use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use request::{create_body, nano_cpus};
use secrecy::ExposeSecret as _;
use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time;

/// The client's own deadline, in seconds. Ours are shorter; this one only has to be longer than all of them.
const CLIENT_TIMEOUT_S: u64 = 3_600;
/// A load that takes longer has failed: 10 GB at 6 MB/s.
const LOAD_DEADLINE: Duration = Duration::from_secs(1_800);

/// The Docker Engine behind a Unix socket.
pub struct DockerRuntime {
    socket: PathBuf,
    client: Mutex<Option<Docker>>,
    // Engines before API 1.44 make a second network of the same name without a word.
    networks: tokio::sync::Mutex<()>,
}

impl DockerRuntime {
    /// Of an address like `unix:///var/run/docker.sock`. Does not connect yet.
    pub fn new(address: &str) -> Result<Self, String> {
        let path = address.strip_prefix("unix://").filter(|path| path.starts_with('/'));
        let path = path.ok_or_else(|| format!("“{address}” is no unix:///path/of/docker.sock"))?;
        Ok(Self { socket: PathBuf::from(path), client: Mutex::new(None), networks: tokio::sync::Mutex::new(()) })
    }

    async fn client(&self) -> RuntimeResult<Docker> {
        if let Some(client) = self.current() {
            return Ok(client);
        }
        let fresh = Docker::connect_with_unix(&self.socket.to_string_lossy(), CLIENT_TIMEOUT_S, API_DEFAULT_VERSION)
            .map_err(|e| RuntimeError::Unavailable(e.to_string()))?;
        let client = time::timeout(limit::DOCKER_CALL_DEADLINE, fresh.negotiate_version())
            .await
            .map_err(|_| RuntimeError::Unavailable("no answer in time".into()))?
            .map_err(|e| RuntimeError::Unavailable(e.to_string()))?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(client)
    }

    fn current(&self) -> Option<Docker> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget_client(&self) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The outcome of a call within its deadline. A lost connection makes the next call negotiate again.
    async fn call<T>(
        &self,
        during: During,
        deadline: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> RuntimeResult<T> {
        let outcome = match time::timeout(deadline, work).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => translate(during, error),
            Err(_) => RuntimeError::Unavailable(format!("no answer within {} s", deadline.as_secs())),
        };
        if matches!(outcome, RuntimeError::Unavailable(_)) {
            self.forget_client();
        }
        Err(outcome)
    }

    async fn raw(&self) -> RuntimeResult<(RawSocket, String)> {
        let version = self.client().await?.client_version();
        Ok((RawSocket::new(self.socket.clone(), limit::DOCKER_CALL_DEADLINE), format!("/v{version}")))
    }

    async fn inspected(&self, id: &str) -> RuntimeResult<Option<Inspected>> {
        let (socket, version) = self.raw().await?;
        let answer = socket.get_one(&format!("{version}/containers/{id}/json")).await;
        match answer.map_err(|e| e.into_runtime(|status, message| classify(During::Call, status, message))) {
            Ok(inspected) => Ok(Some(inspected)),
            Err(RuntimeError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list_of<T: serde::de::DeserializeOwned>(&self, path: &str) -> RuntimeResult<Vec<T>> {
        let (socket, version) = self.raw().await?;
        let answer = socket.get_list(&format!("{version}{path}")).await;
        answer.map_err(|e| {
            let error = e.into_runtime(|status, message| classify(During::Call, status, message));
            if matches!(error, RuntimeError::Unavailable(_)) {
                self.forget_client();
            }
            error
        })
    }
}

#[async_trait]
impl Runtime for DockerRuntime {
    async fn ping(&self) -> RuntimeResult<()> {
        let client = self.client().await?;
        self.call(During::Call, limit::DOCKER_PING_DEADLINE, client.ping()).await.map(drop)
    }

    async fn engine(&self) -> RuntimeResult<EngineFacts> {
        let client = self.client().await?;
        let info = self.call(During::Call, limit::DOCKER_CALL_DEADLINE, client.info()).await?;
        Ok(EngineFacts {
            version: info.server_version.unwrap_or_default(),
            root: info.docker_root_dir.unwrap_or_default(),
        })
    }

    async fn images(&self) -> RuntimeResult<Vec<String>> {
        let images: Vec<ListedImage> = self.list_of("/images/json").await?;
        Ok(images.into_iter().flat_map(ListedImage::names).collect())
    }

    async fn list(&self, install: InstallId) -> RuntimeResult<Vec<Listed>> {
        let filter = filter(&format!("{LABEL_INSTALL}={install}"));
        let containers: Vec<ListedContainer> =
            self.list_of(&format!("/containers/json?all=1&filters={filter}")).await?;
        Ok(containers.into_iter().map(Listed::from).collect())
    }

    async fn inspect(&self, id: &str) -> RuntimeResult<Option<Container>> {
        let Some(inspected) = self.inspected(id).await? else { return Ok(None) };
        let sandbox = match inspected.joined() {
            Some(sandbox) => self.inspected(&sandbox).await?,
            None => None,
        };
        Ok(Some(inspected.with_sandbox(sandbox)))
    }

    async fn create(&self, request: &ContainerRequest) -> RuntimeResult<String> {
        let body = create_body(request);
        let wire = serde_json::to_value(&body).unwrap_or_default();
        admit(&wire).map_err(|e| RuntimeError::Failed(Failure::new(Reason::NotAdmitted, e.to_string())))?;
        let client = self.client().await?;
        let options = CreateContainerOptions { name: Some(request.name.clone()), ..Default::default() };
        let work = client.create_container(Some(options), body);
        self.call(During::Create, limit::DOCKER_START_DEADLINE, work).await.map(|made| made.id)
    }

    async fn limit_cpu(&self, id: &str, cpu_milli: u64) -> RuntimeResult<()> {
        let client = self.client().await?;
        let body = ContainerUpdateBody { nano_cpus: Some(nano_cpus(cpu_milli)), ..Default::default() };
        self.call(During::Call, limit::DOCKER_START_DEADLINE, client.update_container(id, body)).await
    }

    async fn start(&self, id: &str) -> RuntimeResult<()> {
        let client = self.client().await?;
        let work = client.start_container(id, None::<StartContainerOptions>);
        self.call(During::Start, limit::DOCKER_START_DEADLINE, work).await
    }

    async fn stop(&self, id: &str, grace_s: Option<u32>) -> RuntimeResult<()> {
        let client = self.client().await?;
        let deadline = Duration::from_secs(grace_s.unwrap_or(STOP_GRACE_S_MAX).into()) + limit::DOCKER_STOP_MARGIN;
        let options = StopContainerOptions { signal: None, t: grace_s.and_then(|grace| grace.try_into().ok()) };
        match self.call(During::Stop, deadline, client.stop_container(id, Some(options))).await {
            Ok(()) | Err(RuntimeError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, id: &str) -> RuntimeResult<()> {
        let client = self.client().await?;
        let options = RemoveContainerOptions { v: true, force: true, link: false };
        let work = client.remove_container(id, Some(options));
        match self.call(During::Stop, limit::DOCKER_START_DEADLINE, work).await {
            Ok(()) | Err(RuntimeError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn events(&self, install: InstallId) -> RuntimeResult<BoxStream<'static, ContainerEvent>> {
        let client = self.client().await?;
        let filters = HashMap::from([
            ("type".to_owned(), vec!["container".to_owned()]),
            ("event".to_owned(), ["start", "die", "destroy"].map(str::to_owned).to_vec()),
            ("label".to_owned(), vec![format!("{LABEL_INSTALL}={install}")]),
        ]);
        let stream = client.events(Some(EventsOptions { since: None, until: None, filters: Some(filters) }));
        // The first unreadable event ends the stream; the manager opens another and looks at everything.
        Ok(stream
            .take_while(|event| std::future::ready(event.is_ok()))
            .filter_map(|event| async { event_of(event.ok()?) })
            .boxed())
    }

    async fn ensure_network(&self, name: &str, labels: &BTreeMap<String, String>) -> RuntimeResult<()> {
        let _one_at_a_time = self.networks.lock().await;
        let filter = filter(&format!("{LABEL_INSTALL}={}", labels.get(LABEL_INSTALL).map_or("", String::as_str)));
        let networks: Vec<ListedNetwork> = self.list_of(&format!("/networks?filters={filter}")).await?;
        if networks.iter().any(|network| network.name == name) {
            return Ok(());
        }
        let client = self.client().await?;
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..Default::default()
        };
        match self.call(During::Network, limit::DOCKER_START_DEADLINE, client.create_network(request)).await {
            Err(RuntimeError::Failed(failure)) if failure.message.contains("already exists") => Ok(()),
            other => other.map(drop),
        }
    }

    async fn networks(&self, install: InstallId) -> RuntimeResult<Vec<String>> {
        let filter = filter(&format!("{LABEL_INSTALL}={install}"));
        let networks: Vec<ListedNetwork> = self.list_of(&format!("/networks?filters={filter}")).await?;
        Ok(networks.into_iter().map(|network| network.name).collect())
    }

    async fn remove_network(&self, name: &str) -> RuntimeResult<()> {
        let client = self.client().await?;
        match self.call(During::Call, limit::DOCKER_START_DEADLINE, client.remove_network(name)).await {
            Ok(()) | Err(RuntimeError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn pull(
        &self,
        reference: &str,
        credential: Option<&Credential>,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> RuntimeResult<()> {
        let client = self.client().await?;
        let options = CreateImageOptions { from_image: Some(reference.to_owned()), ..Default::default() };
        let credentials = credential.map(|credential| DockerCredentials {
            username: Some(credential.username.clone()),
            password: Some(credential.password.expose_secret().to_owned()),
            ..Default::default()
        });
        let mut lines = client.create_image(Some(options), None, credentials).boxed();
        let mut layers = BTreeMap::<String, PullProgress>::new();
        loop {
            let next = async { lines.next().await.transpose() };
            let Some(line) = self.call(During::Pull, limit::PULL_IDLE_DEADLINE, next).await? else { return Ok(()) };
            let (Some(layer), Some(detail)) = (line.id, line.progress_detail) else { continue };
            if line.status.as_deref() != Some("Downloading") {
                continue;
            }
            let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
            layers.insert(layer, PullProgress { bytes: count(detail.current), total: count(detail.total) });
            progress(PullProgress {
                bytes: layers.values().map(|layer| layer.bytes).sum(),
                total: layers.values().map(|layer| layer.total).sum(),
            });
        }
    }

    async fn load(&self, archive: BoxStream<'static, Result<Bytes, std::io::Error>>) -> RuntimeResult<String> {
        let client = self.client().await?;
        let options = ImportImageOptions { quiet: true, platform: None };
        let mut lines = client.import_image_stream(options, archive, None).boxed();
        let mut loaded = None;
        loop {
            let next = async { lines.next().await.transpose() };
            let Some(line) = self.call(During::Load, LOAD_DEADLINE, next).await? else { break };
            let text = line.stream.unwrap_or_default();
            let name = text.trim().strip_prefix("Loaded image ID: ").or(text.trim().strip_prefix("Loaded image: "));
            loaded = loaded.or(name.map(str::to_owned));
        }
        let bad = || Failure::new(Reason::BadArchive, "The uploaded archive holds no image.");
        let name = loaded.ok_or_else(|| RuntimeError::Failed(bad()))?;
        let image = self.call(During::Load, limit::DOCKER_CALL_DEADLINE, client.inspect_image(&name)).await?;
        image.id.ok_or_else(|| RuntimeError::Failed(bad()))
    }

    async fn tag(&self, image_id: &str, reference: &str) -> RuntimeResult<()> {
        let client = self.client().await?;
        let (repository, tag) = match reference.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (reference, "latest"),
        };
        let options = TagImageOptions { repo: Some(repository.to_owned()), tag: Some(tag.to_owned()) };
        self.call(During::Load, limit::DOCKER_CALL_DEADLINE, client.tag_image(image_id, Some(options))).await
    }

    async fn logs(&self, id: &str, query: LogQuery) -> RuntimeResult<BoxStream<'static, RuntimeResult<LogRecord>>> {
        let client = self.client().await?;
        let seconds = |ms: u64, round_up: u64| i32::try_from(ms.saturating_add(round_up) / 1000).unwrap_or(i32::MAX);
        let options = LogsOptions {
            follow: query.follow,
            stdout: true,
            stderr: true,
            since: seconds(query.since_ms, 0),
            until: if query.until_ms == 0 { 0 } else { seconds(query.until_ms, 999) },
            timestamps: true,
            tail: query.tail.to_string(),
        };
        let mut cutter = LineCutter::default();
        let lines = client.logs(id, Some(options)).map(move |line| {
            let (stderr, message) = match line.map_err(|e| translate(During::Call, e))? {
                LogOutput::StdErr { message } => (true, message),
                LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
                    (false, message)
                }
            };
            Ok(cutter.on(message, stderr))
        });
        Ok(lines.filter_map(|line| std::future::ready(line.transpose())).boxed())
    }

    async fn has_file(&self, id: &str, path: &str) -> RuntimeResult<bool> {
        let client = self.client().await?;
        let options = ContainerArchiveInfoOptions { path: path.to_owned() };
        let work = client.get_container_archive_info(id, Some(options));
        match self.call(During::Call, limit::DOCKER_CALL_DEADLINE, work).await {
            Ok(_) => Ok(true),
            Err(RuntimeError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn open_terminal(&self, id: &str, command: &[String], size: TerminalSize) -> RuntimeResult<Terminal> {
        let client = self.client().await?;
        let config = ExecConfig {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(true),
            env: Some(vec!["TERM=xterm-256color".to_owned()]),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let exec = self.call(During::Call, limit::DOCKER_CALL_DEADLINE, client.create_exec(id, config)).await?;
        let (socket, version) = self.raw().await?;
        let body = serde_json::json!({ "Detach": false, "Tty": true });
        let stream = socket
            .upgrade(&format!("{version}/exec/{}/start", exec.id), &body)
            .await
            .map_err(|e| e.into_runtime(|status, message| classify(During::Start, status, message)))?;
        // The size can only be told to a running command; an engine that is not there yet misses nothing but a redraw.
        let _ = self.resize_terminal(&exec.id, size).await;
        let (output, input) = tokio::io::split(stream);
        Ok(Terminal { exec_id: exec.id, output: Box::new(output), input: Box::new(input) })
    }

    async fn resize_terminal(&self, exec_id: &str, size: TerminalSize) -> RuntimeResult<()> {
        let client = self.client().await?;
        let options = ResizeExecOptions { h: size.rows.into(), w: size.columns.into() };
        self.call(During::Call, limit::DOCKER_CALL_DEADLINE, client.resize_exec(exec_id, options)).await
    }

    async fn terminal_exit(&self, exec_id: &str) -> RuntimeResult<Option<i32>> {
        let client = self.client().await?;
        let exec = self.call(During::Call, limit::DOCKER_CALL_DEADLINE, client.inspect_exec(exec_id)).await?;
        let ended = !exec.running.unwrap_or(false);
        Ok(ended.then(|| exec.exit_code.and_then(|code| i32::try_from(code).ok()).unwrap_or(-1)))
    }

    async fn hang_up_terminal(&self, exec_id: &str) -> RuntimeResult<()> {
        let client = self.client().await?;
        let exec = self.call(During::Call, limit::DOCKER_CALL_DEADLINE, client.inspect_exec(exec_id)).await?;
        if let (Some(true), Some(pid), Some(container)) = (exec.running, exec.pid, exec.container_id) {
            super::wire::hang_up(pid, &container);
        }
        Ok(())
    }
}

fn event_of(event: EventMessage) -> Option<ContainerEvent> {
    let kind = match event.action?.as_str() {
        "start" => ContainerEventKind::Started,
        "die" => ContainerEventKind::Died,
        "destroy" => ContainerEventKind::Destroyed,
        _ => return None,
    };
    Some(ContainerEvent { id: event.actor?.id?, kind })
}

fn translate(during: During, error: Error) -> RuntimeError {
    match error {
        Error::DockerResponseServerError { status_code, message } => classify(during, status_code, &message),
        Error::DockerStreamError { error } => classify(during, 0, &error),
        Error::JsonDataError { message, .. } => classify(during, 0, &format!("an unreadable answer: {message}")),
        other => RuntimeError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_local_socket_is_spoken_to() {
        assert!(DockerRuntime::new("unix:///var/run/docker.sock").is_ok());
        for address in ["tcp://10.0.0.1:2375", "/var/run/docker.sock", "unix://", ""] {
            assert!(DockerRuntime::new(address).is_err(), "{address}");
        }
    }
}
