//! A manager on an engine, without a server: sets go in, observations come out.

use crate::act::{Act, PORT};
use async_trait::async_trait;
use berth_agent::{
    container::Container,
    events::Events,
    images::Images,
    ledger::Ledger,
    manager::{self, Door, Input, Manager},
    observe::Observation,
    runtime::{Credential, Runtime},
    uplink::{Uplink, UplinkError},
    worker::Workshop,
};
use berth_domain::{
    app::{AppSpecInput, Port, Probe, ProbeCheck},
    id::{ImageId, InstallId, InstanceId},
};
use berth_proto::fleet::{AgentEvent, DesiredInstance, DesiredSet, Image, ObservedInstance};
use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use sha2::{Digest as _, Sha256};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The name that the uploaded image gets.
pub const IMAGE: &str = "berth-upload/busybox:1";

/// A server that has one image and no credentials.
pub struct OneImage(pub Arc<Vec<u8>>);

#[async_trait]
impl Uplink for OneImage {
    async fn pull_credential(&self, _: InstanceId) -> Result<Option<Credential>, UplinkError> {
        Ok(None)
    }
    async fn fetch_image(&self, _: ImageId) -> Result<BoxStream<'static, Result<Bytes, std::io::Error>>, UplinkError> {
        let chunks: Vec<_> = self.0.chunks(64 * 1024).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        Ok(stream::iter(chunks).boxed())
    }
}

/// The engine and the image that all benches of a test share.
#[derive(Clone)]
pub struct Yard {
    /// The engine.
    pub runtime: Arc<dyn Runtime>,
    /// The image.
    pub archive: Arc<Vec<u8>>,
}

/// A manager at work.
pub struct Bench {
    /// The engine.
    pub yard: Yard,
    /// Whose node this is.
    pub install: InstallId,
    /// Of the manager.
    pub door: Door,
    /// What happened.
    pub events: Arc<Events>,
    directory: Arc<TempDir>,
    spares: usize,
    end: CancellationToken,
    tasks: JoinSet<()>,
}

impl Bench {
    /// A node that has never run anything, and prepares nothing.
    pub fn new(yard: &Yard) -> Self {
        Self::with_spares(yard, 0)
    }

    /// A node that has never run anything, and keeps so many sandboxes of each kind ready.
    pub fn with_spares(yard: &Yard, spares: usize) -> Self {
        let directory = Arc::new(tempfile::tempdir().expect("a directory"));
        Self::with(yard, InstallId::new(Uuid::new_v4()), directory, spares)
    }

    fn with(yard: &Yard, install: InstallId, directory: Arc<TempDir>, spares: usize) -> Self {
        let ledger = Ledger::open(directory.path(), install).expect("a ledger");
        let uplink = Arc::new(OneImage(yard.archive.clone()));
        let images = Arc::new(Images::new(yard.runtime.clone(), uplink, ledger.uploads.clone()));
        let address = "127.0.0.1".parse().expect("an address");
        let shop = Arc::new(Workshop::new(yard.runtime.clone(), images, install, address));
        let events = Arc::new(Events::default());
        let (manager, door) = Manager::new(shop.clone(), events.clone(), directory.path().to_owned(), ledger, spares);
        let end = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(manager.run(end.clone()));
        let (inbox, ending) = (door.inbox.clone(), end.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = manager::attend(shop, inbox) => {}
                () = ending.cancelled() => {}
            }
        });
        Self { yard: yard.clone(), install, door, events, directory, spares, end, tasks }
    }

    /// The agent ends and another begins, with the same state on disk.
    pub async fn restarted(self) -> Self {
        self.restarted_after(async |_| {}).await
    }

    /// The agent ends, something happens, and another begins, with the same state on disk.
    pub async fn restarted_after(mut self, happen: impl AsyncFnOnce(&Self)) -> Self {
        self.halt().await;
        happen(&self).await;
        Self::with(&self.yard, self.install, self.directory.clone(), self.spares)
    }

    /// The agent ends and another begins, and the disk has forgotten everything.
    pub async fn restarted_without_memory(mut self) -> Self {
        self.halt().await;
        Self::with(&self.yard, self.install, Arc::new(tempfile::tempdir().expect("a directory")), self.spares)
    }

    async fn halt(&mut self) {
        self.end.cancel();
        while self.tasks.join_next().await.is_some() {}
    }

    /// Where the ledger lies.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Sends a set.
    pub fn want(&self, generation: u64, instances: Vec<DesiredInstance>) {
        self.send(DesiredSet { epoch: 1, generation, instances, drain: false });
    }

    /// Sends any set.
    pub fn send(&self, set: DesiredSet) {
        self.door.inbox.send(Input::Desired(set)).expect("the manager runs");
    }

    /// Waits until an observation is as it should be.
    pub async fn until<T>(&self, what: &str, look: impl Fn(&Observation) -> Option<T>) -> T {
        let mut seen = self.door.observation.clone();
        let waiting = async {
            loop {
                let found = seen.borrow_and_update().as_ref().and_then(|observation| look(observation));
                match found {
                    Some(found) => return found,
                    None => seen.changed().await.expect("the manager runs"),
                }
            }
        };
        time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| {
            panic!(
                "waited in vain for {what}; seen: {:#?}; events: {:#?}",
                self.door.observation.borrow(),
                self.events.waiting()
            )
        })
    }

    /// Waits until an instance is in a phase.
    pub async fn until_phase(&self, number: u128, phase: &str) -> ObservedInstance {
        let found = |seen: &Observation| instance(seen, number).filter(|instance| instance.phase == phase);
        self.until(&format!("instance {number} to be {phase}"), found).await
    }

    /// Waits until an event happened.
    pub async fn until_event(&self, reason: &str) -> AgentEvent {
        let mut changes = self.events.changes();
        let waiting = async {
            loop {
                if let Some(event) = self.events.waiting().into_iter().find(|event| event.reason == reason) {
                    return event;
                }
                changes.changed().await.expect("the manager runs");
            }
        };
        time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited in vain for the event {reason}"))
    }

    /// Every container of this installation, as it is.
    pub async fn containers(&self) -> Vec<Container> {
        let listed = self.yard.runtime.list(self.install).await.expect("a list");
        let mut found = Vec::new();
        for container in listed {
            found.extend(self.yard.runtime.inspect(&container.id).await.expect("asked"));
        }
        found
    }

    /// Waits until there are `count` sandboxes, running and not joined by anything, and no others.
    pub async fn until_spares(&self, count: usize) -> Vec<String> {
        berth_testkit::wait::until_async(&format!("{count} spare sandboxes"), PATIENCE, || async {
            let all = self.containers().await;
            let joined = |id: &String| all.iter().any(|c| c.joined.as_ref().is_some_and(|j| j.sandbox == *id));
            let spare = all.iter().filter(|c| c.sandbox.is_some() && !joined(&c.id));
            let spare: Vec<_> = spare.map(|container| (container.id.clone(), container.runs())).collect();
            let settled = spare.len() == count && spare.iter().all(|(_, runs)| *runs);
            settled.then(|| spare.into_iter().map(|(id, _)| id).collect())
        })
        .await
    }

    /// Waits until there is one spare sandbox, which is none of these.
    pub async fn until_others_than(&self, old: &[String]) -> String {
        berth_testkit::wait::until_async("another spare sandbox", PATIENCE, || async {
            let spare = self.until_spares(1).await.remove(0);
            (!old.contains(&spare)).then_some(spare)
        })
        .await
    }

    /// Waits until the engine has so many containers of this installation.
    pub async fn until_containers(&self, count: usize) {
        berth_testkit::wait::until_async(&format!("{count} containers"), PATIENCE, || async {
            let listed = self.yard.runtime.list(self.install).await.ok()?;
            (listed.len() == count).then_some(())
        })
        .await;
    }

    /// Takes everything down.
    pub async fn clear(mut self, generation: u64) {
        self.send(DesiredSet { epoch: 1, generation, instances: vec![], drain: true });
        self.until_containers(0).await;
        self.halt().await;
        let networks = self.yard.runtime.networks(self.install).await.expect("networks");
        for network in networks {
            self.yard.runtime.remove_network(&network).await.expect("removed");
        }
    }
}

/// An instance in an observation.
pub fn instance(seen: &Observation, number: u128) -> Option<ObservedInstance> {
    let id = Uuid::from_u128(number).as_bytes().to_vec();
    seen.instances.iter().find(|instance| instance.instance_id == id).cloned()
}

/// A wanted instance; each test changes what it is about.
pub struct Wish {
    /// Of the instance.
    pub number: u128,
    /// Of the instance.
    pub generation: u64,
    /// What it does.
    pub act: Act,
    /// A port of the node.
    pub host_port: Option<u16>,
    /// MiB.
    pub memory_mib: u64,
    /// Take it out.
    pub stop: bool,
    /// The archive's digest, when it is not the true one.
    pub digest: Option<String>,
    /// Another image than the uploaded one.
    pub reference: Option<String>,
    /// Whether it is probed.
    pub probed: bool,
}

impl Wish {
    /// An instance that does this, and is probed if it serves.
    pub fn new(number: u128, act: Act) -> Self {
        Self {
            number,
            generation: 1,
            act,
            host_port: None,
            memory_mib: 64,
            stop: false,
            digest: None,
            reference: None,
            probed: matches!(act, Act::Serve | Act::ServeWithGap),
        }
    }

    /// On the wire.
    pub fn of(self, bench: &Bench) -> DesiredInstance {
        let mut instance = self.on_wire(&bench.yard.archive);
        // Environments of different installations are different ones.
        instance.environment_id = bench.install.uuid().as_bytes().to_vec();
        instance
    }

    /// On the wire, with the image of an archive.
    pub fn on_wire(self, archive: &[u8]) -> DesiredInstance {
        let mut spec = AppSpecInput::new("busybox");
        spec.command = self.act.argv();
        spec.resources.memory_mib.0 = self.memory_mib;
        spec.stop_grace_s = 1;
        spec.ports = vec![Port { container: PORT, host: self.host_port }];
        spec.readiness = self.probed.then(|| {
            let mut probe = Probe::new(ProbeCheck::Http { path: "/ok".into(), port: PORT });
            probe.period_ms = 100;
            probe
        });
        spec.parse().expect("a valid spec");
        let id = |n: u128| Uuid::from_u128(n).as_bytes().to_vec();
        let image = match self.reference {
            Some(reference) => Image { reference, ..Image::default() },
            None => Image {
                reference: IMAGE.to_owned(),
                upload_id: id(77),
                upload_digest: self.digest.unwrap_or_else(|| hex::encode(Sha256::digest(archive))),
            },
        };
        DesiredInstance {
            instance_id: id(self.number),
            generation: self.generation,
            name: format!("web-1-{}", self.number),
            app_id: id(11),
            release_id: id(12),
            environment_id: id(13),
            tenant_id: id(14),
            image: Some(image),
            spec_json: serde_json::to_string(&spec).expect("JSON"),
            stop: self.stop,
            ..DesiredInstance::default()
        }
    }
}
