//! Carries out one step for one instance. Every step may be repeated: what is there already is used.

use crate::{
    clock,
    container::{self, Container, ContainerRequest, Link, Network, START_CPU_MILLI},
    images::Images,
    limit,
    reason::{Failure, Reason},
    runtime::{PullProgress, Runtime, RuntimeError},
    sandbox::{SandboxKey, Spares, image},
    wanted::Wanted,
};
use berth_domain::{
    app::AppSpec,
    id::{EnvironmentId, InstallId},
};
use futures::StreamExt as _;
use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{sync::Semaphore, time};
use tokio_util::sync::CancellationToken;

/// What every step needs.
pub struct Workshop {
    /// The engine.
    pub runtime: Arc<dyn Runtime>,
    /// The images.
    pub images: Arc<Images>,
    /// Whose containers these are.
    pub install: InstallId,
    /// The node's address where ports are published.
    pub publish_on: IpAddr,
    /// Prepared networks.
    pub spares: Spares,
    /// What the engine knows the sandboxes' image by, once it was loaded.
    sandbox_image: tokio::sync::Mutex<Option<String>>,
    networks: Mutex<HashSet<String>>,
    launches: Semaphore,
    confines: Semaphore,
}

/// How far a launch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The image is missing and on its way; so far.
    Pulling(PullProgress),
    /// The image is there; the container is being made.
    Creating,
}

/// Why a launch did not end with a started container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// It was told to give up. A container may have been made.
    #[error("it was told to give up")]
    Cancelled,
    /// The engine does not answer: not the instance's fault, and tried again when it does.
    #[error("{0}")]
    EngineDown(String),
    /// A step failed.
    #[error("{0}")]
    Failed(Failure),
}

impl From<Failure> for LaunchError {
    fn from(failure: Failure) -> Self {
        match failure.reason {
            Reason::DockerUnavailable => Self::EngineDown(failure.message),
            _ => Self::Failed(failure),
        }
    }
}
impl From<RuntimeError> for LaunchError {
    fn from(error: RuntimeError) -> Self {
        Failure::from(error).into()
    }
}

impl Workshop {
    /// With nothing known about networks yet.
    pub fn new(runtime: Arc<dyn Runtime>, images: Arc<Images>, install: InstallId, publish_on: IpAddr) -> Self {
        Self {
            runtime,
            images,
            install,
            publish_on,
            spares: Spares::default(),
            sandbox_image: tokio::sync::Mutex::default(),
            networks: Mutex::default(),
            launches: Semaphore::new(limit::LAUNCHES_MAX),
            confines: Semaphore::new(limit::CONFINES_MAX),
        }
    }

    /// Brings an instance's container up: gets the image, makes the container unless there is one, starts it, and
    /// looks at it once for its address and ports.
    pub async fn launch(
        &self,
        wanted: &Wanted,
        existing: Option<String>,
        cancel: &CancellationToken,
        tell: impl Fn(Progress) + Send + Sync,
    ) -> Result<Container, LaunchError> {
        let again = existing.is_some();
        let id = match existing {
            Some(id) => {
                self.widen(wanted, &id).await?;
                id
            }
            None => self.create(wanted, cancel, &tell).await?,
        };
        if cancel.is_cancelled() {
            return Err(LaunchError::Cancelled);
        }
        {
            let _permit = self.launches.acquire().await.map_err(|_| LaunchError::Cancelled)?;
            if again {
                self.reconnect(wanted.environment, &id).await?;
            }
            self.start(wanted.environment, &id).await?;
        }
        let gone = || Failure::new(Reason::StartFailed, "The container was removed while it was started.");
        Ok(self.runtime.inspect(&id).await?.ok_or_else(gone)?)
    }

    /// Makes a sandbox and starts it.
    pub async fn prepare(&self, key: &SandboxKey) -> Result<Container, LaunchError> {
        self.ensure_network(key.environment).await?;
        let request = |image: &str| key.request(self.install, image, clock::fresh_id());
        let image = self.load_sandbox(None).await?;
        let id = match self.runtime.create(&request(&image)).await {
            // Somebody cleaned up.
            Err(RuntimeError::ImageMissing(_)) => {
                let image = self.load_sandbox(Some(&image)).await?;
                self.runtime.create(&request(&image)).await?
            }
            other => other?,
        };
        // One that does not start is removed by the next decision: it is no spare.
        self.start(key.environment, &id).await?;
        let gone = || Failure::new(Reason::StartFailed, "The sandbox was removed while it was started.");
        Ok(self.runtime.inspect(&id).await?.ok_or_else(gone)?)
    }

    /// The image of sandboxes, loaded unless it was and is not `missing`.
    async fn load_sandbox(&self, missing: Option<&str>) -> Result<String, LaunchError> {
        let mut known = self.sandbox_image.lock().await;
        if let Some(image) = known.as_ref().filter(|image| Some(image.as_str()) != missing) {
            return Ok(image.clone());
        }
        let none = || Failure::new(Reason::WrongArchitecture, "There are no sandboxes for this processor.");
        let archive = image::archive().ok_or_else(none)?;
        let image = self.runtime.load(futures::stream::iter([Ok(archive)]).boxed()).await?;
        *known = Some(image.clone());
        Ok(image)
    }

    /// Starts a container, on a network that is made anew if somebody removed it.
    async fn start(&self, environment: EnvironmentId, id: &str) -> Result<(), LaunchError> {
        match self.runtime.start(id).await {
            Err(RuntimeError::NetworkMissing(_)) => {
                self.forget_network(&container::network_name(environment));
                self.ensure_network(environment).await?;
                Ok(self.runtime.start(id).await?)
            }
            other => Ok(other?),
        }
    }

    /// Starts the sandbox that a container joined, if it ended: with the node, or with the engine.
    async fn reconnect(&self, environment: EnvironmentId, container: &str) -> Result<(), LaunchError> {
        let found = self.runtime.inspect(container).await?;
        match found.and_then(|found| found.joined) {
            Some(joined) if joined.link == Link::Down => self.start(environment, &joined.sandbox).await,
            _ => Ok(()),
        }
    }

    /// Brings a container down to its share of the processor, a little after it began: what an app does first is to read
    /// itself, and the engine's work for this would compete with it and with the launches of others.
    pub async fn confine(&self, container: &str, cpu_milli: u64) -> Result<(), RuntimeError> {
        time::sleep(limit::CONFINE_DELAY).await;
        // The semaphore is never closed.
        let _permit = self.confines.acquire().await;
        self.runtime.limit_cpu(container, cpu_milli).await
    }

    /// A container that was confined already starts as fast as it did the first time.
    async fn widen(&self, wanted: &Wanted, container: &str) -> Result<(), LaunchError> {
        let cpu_milli = wanted.spec.as_ref().map_or(0, |spec| spec.resources().cpu_milli.0);
        if cpu_milli >= START_CPU_MILLI {
            return Ok(());
        }
        match self.runtime.limit_cpu(container, START_CPU_MILLI).await {
            Err(error @ RuntimeError::Unavailable(_)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(container, %error, "a container starts with no more of the processor than its share");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// SIGTERM, grace, SIGKILL, remove.
    pub async fn stop(&self, container: &str, grace_s: Option<u32>) -> Result<(), Failure> {
        self.runtime.stop(container, grace_s).await?;
        Ok(self.runtime.remove(container).await?)
    }

    /// Removes the networks of environments that are gone.
    pub async fn remove_networks(&self, names: &[String]) {
        for name in names {
            self.forget_network(name);
            if let Err(error) = self.runtime.remove_network(name).await {
                // Something foreign may hang on it; the next look tries again.
                tracing::debug!(network = name, %error, "a network could not be removed");
            }
        }
    }

    async fn create(
        &self,
        wanted: &Wanted,
        cancel: &CancellationToken,
        tell: &(impl Fn(Progress) + Send + Sync),
    ) -> Result<String, LaunchError> {
        let spec = wanted.spec.as_ref().map_err(|why| {
            Failure::new(Reason::BadSpec, format!("This agent cannot read the spec; it may need an update. {why}"))
        })?;
        // Made without asking whether the image is there: it nearly always is, and the engine says so if not.
        if let Some(image) = self.images.engine_name(wanted)
            && let Some(id) = self.make(wanted, spec, &image).await?
        {
            return Ok(id);
        }
        tell(Progress::Pulling(PullProgress::default()));
        let pull = self.images.get(wanted, |progress| tell(Progress::Pulling(progress)));
        tokio::select! {
            outcome = pull => outcome?,
            () = cancel.cancelled() => return Err(LaunchError::Cancelled),
        }
        tell(Progress::Creating);
        let missing = || Failure::new(Reason::ImageNotFound, "The image is gone again right after it came.");
        let image = self.images.engine_name(wanted).ok_or_else(missing)?;
        Ok(self.make(wanted, spec, &image).await?.ok_or_else(missing)?)
    }

    /// Makes the container: in a spare sandbox if there is one, otherwise with a network of its own. `None`: the image is
    /// missing.
    async fn make(&self, wanted: &Wanted, spec: &AppSpec, image: &str) -> Result<Option<String>, LaunchError> {
        let key = SandboxKey::of(wanted, self.publish_on);
        if let Some((key, spare)) = key.and_then(|key| self.spares.take(&key).map(|spare| (key, spare))) {
            let network = Network::Joined(spare.clone());
            match self.ask(wanted, &ContainerRequest::new(self.install, wanted, spec, image, network)).await? {
                Answer::Made(id) => return Ok(Some(id)),
                Answer::ImageMissing => {
                    self.spares.give_back(&key, spare);
                    return Ok(None);
                }
                Answer::SandboxMissing => {}
            }
        }
        self.ensure_network(wanted.environment).await?;
        let name = container::network_name(wanted.environment);
        let network = Network::Own { name, ports: spec.ports().to_vec(), publish_on: self.publish_on };
        match self.ask(wanted, &ContainerRequest::new(self.install, wanted, spec, image, network)).await? {
            Answer::Made(id) => Ok(Some(id)),
            Answer::ImageMissing | Answer::SandboxMissing => Ok(None),
        }
    }

    async fn ask(&self, wanted: &Wanted, request: &ContainerRequest) -> Result<Answer, LaunchError> {
        let _permit = self.launches.acquire().await.map_err(|_| LaunchError::Cancelled)?;
        match self.runtime.create(request).await {
            Ok(id) => Ok(Answer::Made(id)),
            Err(RuntimeError::ImageMissing(_)) => Ok(Answer::ImageMissing),
            Err(RuntimeError::NotFound(_)) if matches!(request.network, Network::Joined(_)) => {
                Ok(Answer::SandboxMissing)
            }
            Err(RuntimeError::NameTaken(_)) => Ok(Answer::Made(self.adopt(wanted, &request.name).await?)),
            Err(error) => Err(error.into()),
        }
    }

    /// The container that has our name already: made by an attempt whose answer was lost.
    async fn adopt(&self, wanted: &Wanted, name: &str) -> Result<String, LaunchError> {
        let ours = |found: &Container| {
            found.install == Some(self.install)
                && found.instance == Some(wanted.instance)
                && found.generation == wanted.generation
        };
        match self.runtime.inspect(name).await? {
            Some(found) if ours(&found) => Ok(found.id),
            _ => Err(Failure::new(Reason::NameTaken, format!("A container {name} is there and is not ours.")).into()),
        }
    }

    async fn ensure_network(&self, environment: EnvironmentId) -> Result<(), LaunchError> {
        let name = container::network_name(environment);
        if self.networks.lock().unwrap_or_else(PoisonError::into_inner).contains(&name) {
            return Ok(());
        }
        let labels = container::network_labels(self.install, environment);
        self.runtime.ensure_network(&name, &labels).await?;
        self.networks.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
        Ok(())
    }

    fn forget_network(&self, name: &str) {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// What the engine answered to a request for a container.
enum Answer {
    /// There is one of this name; its id.
    Made(String),
    /// The image is not on this node.
    ImageMissing,
    /// The sandbox that it should join was removed by somebody.
    SandboxMissing,
}
