//! The one owner of everything that the agent knows. Messages come in, the state changes, [`diff`] says what to do, tasks
//! do it and send a message back. Nothing here waits for Docker or for the server.

mod acts;
mod sight;

use crate::{
    clock,
    container::Container,
    desired::{self, Refusal},
    diff::{Attempt, Launching},
    events::{Events, Severity},
    ledger::{Generation, Ledger, LedgerError},
    limit,
    observe::{Look, Observation},
    probe::Verdict,
    reason::Failure,
    runtime::{ContainerEvent, RuntimeError},
    sandbox::SandboxKey,
    track::Track,
    worker::{LaunchError, Progress, Workshop},
};
use berth_domain::id::InstanceId;
use berth_proto::fleet::DesiredSet;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::{AbortHandle, JoinHandle},
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

/// A container that would not stop is tried again after this long, in milliseconds.
const STOP_RETRY_MS: u64 = 2_000;
/// A container that could not be brought down to its share is tried again after this long, in milliseconds.
const CONFINE_RETRY_MS: u64 = 2_000;
/// The first report waits this long, in milliseconds, for adopted instances to prove themselves, so that a restart of
/// the agent does not look like an outage of what it runs.
const ADOPT_PATIENCE_MS: u64 = 2_000;

/// What the manager hears.
#[derive(Debug)]
pub enum Input {
    /// The server's newest set.
    Desired(DesiredSet),
    /// Whether the engine answered a ping.
    Answers(bool),
    /// The stream of the engine's events began anew: some may have been missed.
    EventsBegan,
    /// The engine saw something.
    Event(ContainerEvent),
    /// A look at all containers, begun when the manager's count stood there.
    Looked(u64, Result<Look, RuntimeError>),
    /// A look at one.
    Inspected(u64, String, Result<Option<Container>, RuntimeError>),
    /// How far a launch is.
    Progressed(InstanceId, u64, Progress),
    /// A launch ended.
    Launched(InstanceId, u64, Result<Container, LaunchError>),
    /// A container was brought down to its share of the processor, in thousandths of a core, or not.
    Confined(String, u64, Result<(), RuntimeError>),
    /// A sandbox was made, or not.
    Prepared(SandboxKey, Result<Container, LaunchError>),
    /// Stopping a container ended.
    Stopped(String, Result<(), Failure>),
    /// A probe has something new to say.
    Judged(InstanceId, String, Verdict),
    /// The ledger was written, or not.
    Saved(Box<Ledger>, Result<(), LedgerError>),
    /// Networks of the installation that are there.
    Networks(Vec<String>),
}

/// Where the manager is reached and what it shows.
#[derive(Clone)]
pub struct Door {
    /// For inputs. Its length is bounded by what runs: every task has one message under way.
    pub inbox: mpsc::UnboundedSender<Input>,
    /// Everything that is known; `None` until Docker was seen for the first time.
    pub observation: watch::Receiver<Option<Arc<Observation>>>,
    /// Whether the engine answers.
    pub docker_answers: watch::Receiver<bool>,
    /// The newest set that is safe on disk.
    pub seen: watch::Receiver<Generation>,
}

/// The owner.
pub struct Manager {
    shop: Arc<Workshop>,
    events: Arc<Events>,
    directory: PathBuf,
    ledger: Ledger,
    /// Whether the ledger on disk is the one in memory.
    safe: bool,
    saving: Option<JoinHandle<()>>,
    /// When this process began, by the clock that the engine's times are of.
    began_ms: u64,
    /// A set was received since the agent began.
    fresh: bool,
    answers: bool,
    /// When all containers were seen for the first time, by the steady clock like every time here but `began_ms`.
    first_look_ms: Option<u64>,
    looking: bool,
    look_again: bool,
    /// Counts what changed, so that an answer that was under way meanwhile is known to be old.
    count: u64,
    touched: BTreeMap<String, u64>,
    containers: BTreeMap<String, Container>,
    tracks: BTreeMap<InstanceId, Track>,
    launching: BTreeMap<InstanceId, Launching>,
    cancels: BTreeMap<InstanceId, CancellationToken>,
    watched: BTreeMap<InstanceId, String>,
    probes: BTreeMap<InstanceId, AbortHandle>,
    unproven: BTreeSet<InstanceId>,
    stopping: BTreeMap<String, Attempt>,
    confining: BTreeMap<String, Attempt>,
    preparing: BTreeMap<SandboxKey, Attempt>,
    /// How many sandboxes to keep ready of each kind.
    spares: usize,
    /// When the last launch is long enough ago to prepare for the next.
    quiet_at_ms: u64,
    last_refused: Option<Generation>,
    /// An empty set that came before anybody had looked whether containers are here.
    early: Option<DesiredSet>,
    /// Whether it was told already that the ledger cannot be written.
    unwritable: bool,
    look_again_ms: Option<u64>,
    inbox: mpsc::UnboundedSender<Input>,
    received: mpsc::UnboundedReceiver<Input>,
    show: watch::Sender<Option<Arc<Observation>>>,
    show_answers: watch::Sender<bool>,
    show_seen: watch::Sender<Generation>,
}

impl Manager {
    /// With what the ledger remembers, and so many `spares` of each kind of sandbox.
    pub fn new(
        shop: Arc<Workshop>,
        events: Arc<Events>,
        directory: PathBuf,
        ledger: Ledger,
        spares: usize,
    ) -> (Self, Door) {
        let (inbox, received) = mpsc::unbounded_channel();
        let (show, observation) = watch::channel(None);
        let (show_answers, docker_answers) = watch::channel(false);
        let (show_seen, seen) = watch::channel(ledger.seen);
        let door = Door { inbox: inbox.clone(), observation, docker_answers, seen };
        let restarts = |instance: &InstanceId| ledger.restarts.get(&instance.to_string()).copied().unwrap_or(0);
        let tracks = ledger.wanted.values();
        let tracks = tracks.map(|w| (w.instance, Track::new(w.generation, restarts(&w.instance)))).collect();
        let manager = Self {
            shop,
            events,
            directory,
            ledger,
            safe: true,
            saving: None,
            began_ms: clock::now_ms(),
            fresh: false,
            answers: false,
            first_look_ms: None,
            looking: false,
            look_again: false,
            count: 0,
            touched: BTreeMap::new(),
            containers: BTreeMap::new(),
            tracks,
            launching: BTreeMap::new(),
            cancels: BTreeMap::new(),
            watched: BTreeMap::new(),
            probes: BTreeMap::new(),
            unproven: BTreeSet::new(),
            stopping: BTreeMap::new(),
            confining: BTreeMap::new(),
            preparing: BTreeMap::new(),
            spares,
            quiet_at_ms: clock::steady_ms() + clock::millis(limit::PREPARE_DELAY),
            last_refused: None,
            early: None,
            unwritable: false,
            look_again_ms: None,
            inbox,
            received,
            show,
            show_answers,
            show_seen,
        };
        (manager, door)
    }

    /// Runs until it is told to end. Containers stay as they are.
    pub async fn run(mut self, end: CancellationToken) {
        let mut period = time::interval(limit::RECONCILE_PERIOD);
        period.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            let wake = self.look_again_ms.map(|at_ms| at_ms.saturating_sub(clock::steady_ms()));
            let wake = Instant::now() + Duration::from_millis(wake.unwrap_or(3_600_000));
            tokio::select! {
                () = end.cancelled() => break,
                input = self.received.recv() => match input {
                    Some(input) => self.handle(input),
                    None => break,
                },
                _ = period.tick() => self.look_at_everything(),
                () = time::sleep_until(wake) => {}
            }
            // What is waiting already is taken in first: one decision for all of it.
            while let Ok(input) = self.received.try_recv() {
                self.handle(input);
            }
            self.drive();
            self.publish();
        }
        self.probes.into_values().for_each(|probe| probe.abort());
        if let Some(saving) = self.saving {
            let _ = saving.await;
        }
        if let Err(error) = self.ledger.save(&self.directory) {
            tracing::error!(%error, "the ledger was not saved at the end");
        }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Desired(set) => self.receive(set),
            Input::Answers(answers) => self.answered(answers),
            Input::EventsBegan => self.look(true),
            Input::Event(event) => self.happened(&event),
            Input::Looked(count, Ok(look)) => self.looked(count, look),
            Input::Looked(_, Err(error)) => {
                self.looking = false;
                self.trouble(&error);
            }
            Input::Inspected(count, id, Ok(found)) => self.inspected(count, id, found),
            Input::Inspected(_, _, Err(error)) => self.trouble(&error),
            Input::Progressed(instance, generation, progress) => {
                if let Some(track) = self.tracks.get_mut(&instance).filter(|track| track.generation == generation) {
                    track.progressed(progress);
                }
            }
            Input::Launched(instance, generation, outcome) => self.launched(instance, generation, outcome),
            Input::Confined(container, cpu_milli, outcome) => self.confined(container, cpu_milli, outcome),
            Input::Prepared(key, outcome) => self.prepared(key, outcome),
            Input::Stopped(container, outcome) => self.stopped(container, outcome),
            Input::Judged(instance, container, verdict) => self.judged(instance, &container, verdict),
            Input::Saved(written, outcome) => self.saved(&written, outcome),
            Input::Networks(names) => self.remove_networks(&names),
        }
    }

    /// A new set. It is written to disk while the first launches begin already; nothing is stopped before it is safe
    /// there, and the server is not told before that it was taken.
    fn receive(&mut self, set: DesiredSet) {
        if self.first_look_ms.is_none() && set.instances.is_empty() && !set.drain {
            // Whether it may be taken depends on what is here, and nobody has looked yet.
            self.early = Some(set);
            return;
        }
        let accepted = match desired::accept(set, self.ledger.seen, self.runs_something()) {
            Ok(accepted) => accepted,
            Err(refusal) => return self.refused(&refusal),
        };
        self.early = None;
        let mut next = self.ledger.clone();
        next.seen = accepted.generation;
        next.wanted = accepted.wanted;
        next.restarts.retain(|instance, _| instance.parse().is_ok_and(|id: InstanceId| next.wanted.contains_key(&id)));
        next.uploads = self.shop.images.uploads();
        for (instance, wanted) in &next.wanted {
            let before = self.ledger.wanted.get(instance);
            let anew = before.is_none_or(|b| b.generation != wanted.generation || b.stop && !wanted.stop);
            if anew {
                self.unwatch(*instance);
                self.tracks.insert(*instance, Track::new(wanted.generation, 0));
            }
        }
        self.fresh = true;
        if next != self.ledger {
            self.ledger = next;
            self.save();
        }
    }

    /// Whether a container of an instance is here, known by name or not.
    fn runs_something(&self) -> bool {
        self.containers.values().any(|container| container.sandbox.is_none())
    }

    /// Begins to write the ledger; one writer at a time.
    fn save(&mut self) {
        self.safe = false;
        if self.saving.is_some() {
            return;
        }
        let (ledger, directory, inbox) = (self.ledger.clone(), self.directory.clone(), self.inbox.clone());
        self.saving = Some(tokio::task::spawn_blocking(move || {
            let outcome = ledger.save(&directory);
            let _ = inbox.send(Input::Saved(Box::new(ledger), outcome));
        }));
    }

    fn saved(&mut self, written: &Ledger, outcome: Result<(), LedgerError>) {
        self.saving = None;
        match outcome {
            Ok(()) => {
                self.unwritable = false;
                self.show_seen.send_replace(written.seen);
                self.safe = *written == self.ledger;
                if !self.safe {
                    self.save();
                }
            }
            // Tried again with the next look at everything, and told once: a full disk must not push out what else happened.
            Err(error) if self.unwritable => tracing::warn!(%error, "the desired set still cannot be written to disk"),
            Err(error) => {
                self.unwritable = true;
                let message = format!("The desired set cannot be written to disk; nothing is stopped. {error}");
                self.events.add(None, Severity::Error, "ledger_unwritable", message);
            }
        }
    }

    fn refused(&mut self, refusal: &Refusal) {
        // A server that is behind repeats itself; one event for each set is enough.
        if self.last_refused != Some(refusal.generation) {
            self.last_refused = Some(refusal.generation);
            self.events.add(None, Severity::Error, refusal.reason, refusal.message.clone());
        }
    }

    fn look_at_everything(&mut self) {
        self.keep_counts();
        if !self.answers {
            return;
        }
        self.look(false);
        if self.fresh {
            let (shop, inbox) = (self.shop.clone(), self.inbox.clone());
            tokio::spawn(async move {
                if let Ok(names) = shop.runtime.networks(shop.install).await {
                    let _ = inbox.send(Input::Networks(names));
                }
            });
        }
    }

    /// Writes what changed beside the set: counts of restarts and loaded uploads. Tries again what was not written.
    fn keep_counts(&mut self) {
        let mut next = self.ledger.clone();
        let restarts = self.tracks.iter().filter(|(_, track)| track.restarts > 0);
        next.restarts = restarts.map(|(instance, track)| (instance.to_string(), track.restarts)).collect();
        next.uploads = self.shop.images.uploads();
        if next != self.ledger || !self.safe {
            self.ledger = next;
            self.save();
        }
    }

    fn track(&mut self, instance: InstanceId, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.tracks.get_mut(&instance) {
            change(track);
        }
    }

    fn tell_trouble(&self, instance: InstanceId) {
        let trouble = self.tracks.get(&instance).and_then(|track| track.trouble.as_ref());
        if let Some(trouble) = trouble {
            self.events.add(Some(instance), Severity::Warn, trouble.reason.as_str(), trouble.message.clone());
        }
    }

    fn publish(&mut self) {
        let Some(first_look_ms) = self.first_look_ms else { return };
        let patience_ends_ms = first_look_ms + ADOPT_PATIENCE_MS;
        let first = self.show.borrow().is_none();
        if first && !self.unproven.is_empty() && clock::steady_ms() < patience_ends_ms {
            self.look_again_ms = Some(self.look_again_ms.map_or(patience_ends_ms, |at| at.min(patience_ends_ms)));
            return;
        }
        let observation = Observation {
            instances: self.tracks.iter().map(|(instance, track)| track.to_wire(*instance)).collect(),
            generation: *self.show_seen.borrow(),
            docker_answers: self.answers,
            own_ports: self.containers.values().flat_map(|c| c.ports.values().copied()).collect(),
        };
        self.show.send_if_modified(|shown| {
            let changed = shown.as_deref() != Some(&observation);
            if changed {
                *shown = Some(Arc::new(observation));
            }
            changed
        });
    }
}

/// Pings the engine and follows its events for as long as the agent runs.
pub async fn attend(shop: Arc<Workshop>, inbox: mpsc::UnboundedSender<Input>) {
    let ping = async {
        loop {
            let ping = time::timeout(limit::DOCKER_PING_DEADLINE, shop.runtime.ping()).await;
            let _ = inbox.send(Input::Answers(matches!(ping, Ok(Ok(())))));
            time::sleep(limit::DOCKER_PING_PERIOD).await;
        }
    };
    let follow = async {
        loop {
            if let Ok(mut events) = shop.runtime.events(shop.install).await {
                let _ = inbox.send(Input::EventsBegan);
                while let Some(event) = futures::StreamExt::next(&mut events).await {
                    let _ = inbox.send(Input::Event(event));
                }
            }
            // The engine went away, or could not be asked: not before the next ping has had its chance.
            time::sleep(limit::DOCKER_PING_PERIOD / 4).await;
        }
    };
    tokio::join!(ping, follow);
}
