//! The one owner of everything that the agent knows. Messages come in, the state changes, [`diff`] says what to do, tasks
//! do it and send a message back. Nothing here waits for Docker or for the server.

use crate::{
    clock,
    container::{Container, ContainerState},
    desired::{self, Refusal},
    diff::{Launching, Step, Stopping, View, diff, stale_networks},
    events::{Events, Severity},
    ledger::{Generation, Ledger},
    limit,
    observe::{self, Look, Observation},
    probe::{self, Verdict},
    reason::{Failure, Reason},
    runtime::{ContainerEvent, ContainerEventKind, RuntimeError},
    track::Track,
    wanted::Wanted,
    worker::{LaunchError, Progress, Workshop},
};
use berth_domain::{id::InstanceId, lifecycle::InstancePhase};
use berth_proto::fleet::DesiredSet;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

/// A container that would not stop is tried again after this long, in milliseconds.
const STOP_RETRY_MS: u64 = 2_000;
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
    /// Stopping a container ended.
    Stopped(String, Result<(), Failure>),
    /// A probe has something new to say.
    Judged(InstanceId, String, Verdict),
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
    /// The highest generation that was seen.
    pub seen: watch::Receiver<Generation>,
}

/// The owner.
pub struct Manager {
    shop: Arc<Workshop>,
    events: Arc<Events>,
    directory: PathBuf,
    ledger: Ledger,
    began_ms: u64,
    /// A set was received since the agent began.
    fresh: bool,
    answers: bool,
    /// When all containers were seen for the first time.
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
    stopping: BTreeMap<String, Stopping>,
    last_refused: Option<Generation>,
    look_again_ms: Option<u64>,
    inbox: mpsc::UnboundedSender<Input>,
    received: mpsc::UnboundedReceiver<Input>,
    show: watch::Sender<Option<Arc<Observation>>>,
    show_answers: watch::Sender<bool>,
    show_seen: watch::Sender<Generation>,
}

impl Manager {
    /// With what the ledger remembers.
    pub fn new(shop: Arc<Workshop>, events: Arc<Events>, directory: PathBuf, ledger: Ledger) -> (Self, Door) {
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
            last_refused: None,
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
            let wake = self.look_again_ms.map(|at_ms| at_ms.saturating_sub(clock::now_ms()));
            let wake = Instant::now() + Duration::from_millis(wake.unwrap_or(3_600_000));
            tokio::select! {
                () = end.cancelled() => break,
                input = self.received.recv() => match input {
                    Some(input) => self.handle(input).await,
                    None => break,
                },
                _ = period.tick() => self.look_at_everything().await,
                () = time::sleep_until(wake) => {}
            }
            // What is waiting already is taken in first: one decision for all of it.
            while let Ok(input) = self.received.try_recv() {
                self.handle(input).await;
            }
            self.drive();
            self.publish();
        }
        self.probes.into_values().for_each(|probe| probe.abort());
        if let Err(error) = self.ledger.save(&self.directory) {
            tracing::error!(%error, "the ledger was not saved at the end");
        }
    }

    async fn handle(&mut self, input: Input) {
        match input {
            Input::Desired(set) => self.receive(set).await,
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
            Input::Stopped(container, outcome) => self.stopped(container, outcome),
            Input::Judged(instance, container, verdict) => self.judged(instance, &container, verdict),
            Input::Networks(names) => self.remove_networks(&names),
        }
    }

    /// A new set: checked, written to disk, then acted upon.
    async fn receive(&mut self, set: DesiredSet) {
        let accepted = match desired::accept(set, self.ledger.seen, !self.containers.is_empty()) {
            Ok(accepted) => accepted,
            Err(refusal) => return self.refused(&refusal),
        };
        let mut next = self.ledger.clone();
        next.seen = accepted.generation;
        next.wanted = accepted.wanted;
        next.restarts.retain(|instance, _| instance.parse().is_ok_and(|id: InstanceId| next.wanted.contains_key(&id)));
        next.uploads = self.shop.images.uploads();
        if next != self.ledger {
            let (ledger, directory) = (next.clone(), self.directory.clone());
            let saved = tokio::task::spawn_blocking(move || ledger.save(&directory)).await;
            if let Ok(Err(error)) = saved {
                let message = format!("The desired set was not taken: it cannot be written to disk. {error}");
                return self.events.add(None, Severity::Error, "ledger_unwritable", message);
            }
        }
        for (instance, wanted) in &next.wanted {
            let before = self.ledger.wanted.get(instance);
            let anew = before.is_none_or(|b| b.generation != wanted.generation || b.stop && !wanted.stop);
            if anew {
                self.unwatch(*instance);
                self.tracks.insert(*instance, Track::new(wanted.generation, 0));
            }
        }
        self.ledger = next;
        self.fresh = true;
        self.show_seen.send_replace(self.ledger.seen);
    }

    fn refused(&mut self, refusal: &Refusal) {
        // A server that is behind repeats itself; one event for each set is enough.
        if self.last_refused != Some(refusal.generation) {
            self.last_refused = Some(refusal.generation);
            self.events.add(None, Severity::Error, refusal.reason, refusal.message.clone());
        }
    }

    fn answered(&mut self, answers: bool) {
        if answers == self.answers {
            return;
        }
        self.answers = answers;
        self.show_answers.send_replace(answers);
        if answers {
            self.look(true);
        } else if self.first_look_ms.is_some() {
            let message = "The Docker Engine does not answer. Running containers are left as they are.";
            self.events.add(None, Severity::Error, Reason::DockerUnavailable.as_str(), message);
        }
    }

    fn trouble(&mut self, error: &RuntimeError) {
        tracing::warn!(%error, "a look at containers failed");
        if matches!(error, RuntimeError::Unavailable(_)) {
            self.answered(false);
        }
    }

    fn happened(&mut self, event: &ContainerEvent) {
        let launching =
            self.containers.get(&event.id).and_then(|c| c.instance).is_none_or(|i| self.launching.contains_key(&i));
        let expected = event.kind == ContainerEventKind::Started && launching;
        if !expected && self.stopping.get(&event.id) != Some(&Stopping::Going) {
            self.inspect(event.id.clone());
        }
    }

    /// Looks at all containers; closely at all of them, or only at those that changed.
    fn look(&mut self, closely: bool) {
        if self.looking {
            self.look_again = true;
            return;
        }
        self.looking = true;
        let known = if closely { BTreeMap::new() } else { observe::known(&self.containers) };
        let (shop, inbox, count) = (self.shop.clone(), self.inbox.clone(), self.count);
        tokio::spawn(async move {
            let look = observe::look(shop.runtime.as_ref(), shop.install, &known).await;
            let _ = inbox.send(Input::Looked(count, look));
        });
    }

    fn inspect(&self, id: String) {
        let (shop, inbox, count) = (self.shop.clone(), self.inbox.clone(), self.count);
        tokio::spawn(async move {
            let found = shop.runtime.inspect(&id).await;
            let ours = found.map(|found| found.filter(|container| container.install == Some(shop.install)));
            let _ = inbox.send(Input::Inspected(count, id, ours));
        });
    }

    async fn look_at_everything(&mut self) {
        self.keep_restarts().await;
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

    /// Writes what changed beside the set: counts of restarts and loaded uploads.
    async fn keep_restarts(&mut self) {
        let restarts = self.tracks.iter().filter(|(_, track)| track.restarts > 0);
        let mut next = self.ledger.clone();
        next.restarts = restarts.map(|(instance, track)| (instance.to_string(), track.restarts)).collect();
        next.uploads = self.shop.images.uploads();
        if next == self.ledger {
            return;
        }
        let (ledger, directory) = (next.clone(), self.directory.clone());
        match tokio::task::spawn_blocking(move || ledger.save(&directory)).await {
            Ok(Ok(())) => self.ledger = next,
            Ok(Err(error)) => tracing::error!(%error, "the ledger cannot be written"),
            Err(_) => {}
        }
    }

    fn looked(&mut self, count: u64, look: Look) {
        self.looking = false;
        if std::mem::take(&mut self.look_again) {
            self.look(true);
        }
        let old = |touched: &BTreeMap<String, u64>, id: &String| touched.get(id).is_some_and(|at| *at > count);
        let gone: Vec<String> = self
            .containers
            .keys()
            .filter(|id| !look.listed.contains(*id) && !old(&self.touched, id))
            .cloned()
            .collect();
        gone.iter().for_each(|id| self.gone(id));
        for (id, found) in look.inspected {
            if !old(&self.touched, &id) {
                self.saw(&id, found);
            }
        }
        self.touched.retain(|id, at| *at > count || self.containers.contains_key(id));
        if self.first_look_ms.is_none() {
            self.first_look_ms = Some(clock::now_ms());
            let running = self.containers.values().filter(|container| container.runs()).count();
            if running > 0 {
                let message = format!("Adopted {running} running containers.");
                self.events.add(None, Severity::Info, "adopted", message);
            }
        }
    }

    fn inspected(&mut self, count: u64, id: String, found: Option<Container>) {
        if self.touched.get(&id).is_some_and(|at| *at > count) {
            return self.inspect(id);
        }
        self.saw(&id, found);
    }

    fn saw(&mut self, id: &str, found: Option<Container>) {
        match found {
            Some(container) => self.observe(container),
            None => self.gone(id),
        }
    }

    fn touch(&mut self, id: &str) {
        self.count += 1;
        self.touched.insert(id.to_owned(), self.count);
    }

    /// A container is as it is; what that means for its instance.
    fn observe(&mut self, container: Container) {
        let before = self.containers.insert(container.id.clone(), container.clone());
        if let Some(before) = before.as_ref().filter(|before| before.ended_after(&container)) {
            self.containers.insert(container.id, before.clone());
            return;
        }
        let Some(instance) = container.instance.filter(|_| self.wants(&container)) else { return };
        let same_run = before.as_ref().is_some_and(|b| b.started_at_ms == container.started_at_ms);
        let ran = before.as_ref().is_some_and(Container::runs);
        match &container.state {
            ContainerState::Running if !(ran && same_run) => {
                self.unwatch(instance);
                self.track(instance, |track| track.started(&container));
                if self.first_look_ms.is_some() {
                    self.events.add(Some(instance), Severity::Info, "started", "The container was started.");
                }
            }
            ContainerState::Exited(exit) if ran || !same_run => {
                self.unwatch(instance);
                let first = self.first_look_ms.is_none();
                self.track(instance, |track| {
                    if first {
                        return track.found_ended(&container, exit);
                    }
                    if !ran {
                        track.started(&container);
                    }
                    track.ended(exit, clock::now_ms());
                });
                self.tell_trouble(instance);
            }
            ContainerState::Running | ContainerState::Exited(_) | ContainerState::Created | ContainerState::Dying => {}
        }
    }

    fn gone(&mut self, id: &str) {
        let Some(container) = self.containers.remove(id) else { return };
        if self.stopping.get(id) != Some(&Stopping::Going) {
            self.stopping.remove(id);
        }
        let Some(instance) = container.instance.filter(|_| self.wants(&container)) else { return };
        let ours = self.tracks.get(&instance).is_some_and(|track| track.container.as_deref() == Some(id));
        if ours && !self.stopping.contains_key(id) && !self.launching.contains_key(&instance) {
            self.unwatch(instance);
            let failure = Failure::new(Reason::Exited, "The container was removed by somebody else.");
            self.track(instance, |track| track.failed(failure, clock::now_ms()));
            self.tell_trouble(instance);
        }
    }

    /// Whether the newest set wants this very container.
    fn wants(&self, container: &Container) -> bool {
        let wanted = container.instance.and_then(|instance| self.ledger.wanted.get(&instance));
        wanted.is_some_and(|wanted| !wanted.stop && wanted.generation == container.generation)
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

    fn launched(&mut self, instance: InstanceId, generation: u64, outcome: Result<Container, LaunchError>) {
        self.launching.remove(&instance);
        self.cancels.remove(&instance);
        match outcome {
            Ok(container) => {
                self.touch(&container.id);
                self.observe(container);
            }
            Err(LaunchError::Cancelled) => self.look(true),
            Err(LaunchError::EngineDown(why)) => {
                tracing::warn!(instance.id = %instance, why, "the Docker Engine does not answer");
                self.answered(false);
            }
            Err(LaunchError::Failed(failure)) => {
                // A container may have been made before it failed.
                self.look(true);
                if self.tracks.get(&instance).is_some_and(|track| track.generation == generation) {
                    self.track(instance, |track| track.failed(failure, clock::now_ms()));
                    self.tell_trouble(instance);
                }
            }
        }
    }

    fn stopped(&mut self, container: String, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => {
                self.touch(&container);
                self.stopping.remove(&container);
                self.containers.remove(&container);
            }
            Err(failure) => {
                tracing::warn!(container, reason = %failure.reason, "{failure}");
                if failure.reason == Reason::DockerUnavailable {
                    self.answered(false);
                }
                self.stopping.insert(container, Stopping::RetryAt(clock::now_ms() + STOP_RETRY_MS));
            }
        }
    }

    fn judged(&mut self, instance: InstanceId, container: &str, verdict: Verdict) {
        if self.watched.get(&instance).is_none_or(|watched| watched != container) {
            return;
        }
        self.unproven.remove(&instance);
        let Some(track) = self.tracks.get_mut(&instance) else { return };
        let before = track.phase;
        track.judged(verdict, clock::now_ms());
        let after = track.phase;
        let (reason, severity, message) = match (before, after) {
            (InstancePhase::Ready, InstancePhase::Unready) => {
                let why = track.trouble.as_ref().map_or("", |trouble| trouble.message.as_str());
                ("unready", Severity::Warn, format!("It no longer answers as it should. {why}"))
            }
            (InstancePhase::Ready, _) | (_, InstancePhase::Starting) => return,
            (_, InstancePhase::Ready) => ("ready", Severity::Info, "It is ready.".to_owned()),
            _ => return,
        };
        self.events.add(Some(instance), severity, reason, message);
    }

    fn remove_networks(&mut self, names: &[String]) {
        let stale = stale_networks(names, &self.ledger.wanted, &self.containers);
        if !stale.is_empty() && self.launching.is_empty() {
            let shop = self.shop.clone();
            tokio::spawn(async move { shop.remove_networks(&stale).await });
        }
    }

    /// Decides and begins what is to do.
    fn drive(&mut self) {
        self.look_again_ms = None;
        if !self.answers || self.first_look_ms.is_none() {
            return;
        }
        let backoffs = self.tracks.iter().map(|(instance, track)| (*instance, track.backoff)).collect();
        let decision = diff(&View {
            wanted: &self.ledger.wanted,
            containers: &self.containers,
            backoffs: &backoffs,
            launching: &self.launching,
            watched: &self.watched,
            stopping: &self.stopping,
            fresh: self.fresh,
            now_ms: clock::now_ms(),
        });
        self.look_again_ms = decision.look_again_ms;
        for step in decision.steps {
            match step {
                Step::Launch { instance, container } => self.launch(instance, container),
                Step::Watch { instance, container } => self.watch(instance, container),
                Step::Cancel { instance } => self.cancel(instance),
                Step::Stop { container, grace_s } => self.stop(container, grace_s),
                Step::Settle { instance } => self.track(instance, Track::settled),
            }
        }
        self.forget();
    }

    fn launch(&mut self, instance: InstanceId, container: Option<String>) {
        let Some(wanted) = self.ledger.wanted.get(&instance).cloned() else { return };
        let cancel = CancellationToken::new();
        self.launching.insert(instance, Launching { generation: wanted.generation, cancelled: false });
        self.cancels.insert(instance, cancel.clone());
        self.track(instance, |track| track.backoff = track.backoff.tried());
        let (shop, inbox) = (self.shop.clone(), self.inbox.clone());
        let Wanted { instance, generation, .. } = wanted;
        let tells = inbox.clone();
        let launch = tokio::spawn(async move {
            let tell = |progress| drop(tells.send(Input::Progressed(instance, generation, progress)));
            shop.launch(&wanted, container, &cancel, tell).await
        });
        tokio::spawn(async move {
            // A mistake of ours in one launch must not leave its instance waiting for ever.
            let outcome = launch.await.unwrap_or_else(|error| {
                let failure = Failure::new(Reason::StartFailed, format!("The agent failed to start it: {error}"));
                Err(LaunchError::Failed(failure))
            });
            let _ = inbox.send(Input::Launched(instance, generation, outcome));
        });
    }

    fn watch(&mut self, instance: InstanceId, id: String) {
        self.unwatch(instance);
        let Some(container) = self.containers.get(&id) else { return };
        let spec = self.ledger.wanted.get(&instance).and_then(|wanted| wanted.spec.as_ref().ok());
        let adopted = container.started_at_ms < self.began_ms;
        let target = probe::Target {
            address: container.address,
            probe: spec.and_then(|spec| spec.readiness().cloned()),
            started_at_ms: container.started_at_ms,
            adopted,
        };
        if adopted {
            self.unproven.insert(instance);
        }
        let (inbox, watched) = (self.inbox.clone(), id.clone());
        let probe = tokio::spawn(async move {
            probe::watch(target, |verdict| drop(inbox.send(Input::Judged(instance, id.clone(), verdict)))).await;
        });
        self.probes.insert(instance, probe.abort_handle());
        self.watched.insert(instance, watched);
    }

    fn unwatch(&mut self, instance: InstanceId) {
        self.watched.remove(&instance);
        self.unproven.remove(&instance);
        if let Some(probe) = self.probes.remove(&instance) {
            probe.abort();
        }
    }

    fn cancel(&mut self, instance: InstanceId) {
        if let Some(cancel) = self.cancels.get(&instance) {
            cancel.cancel();
        }
        if let Some(launching) = self.launching.get_mut(&instance) {
            launching.cancelled = true;
        }
        if self.ledger.wanted.get(&instance).is_none_or(|wanted| wanted.stop) {
            self.track(instance, Track::stopping);
        }
    }

    fn stop(&mut self, container: String, grace_s: Option<u32>) {
        let known = self.containers.get(&container);
        if let Some(instance) = known.and_then(|container| container.instance) {
            // Taken out first: nothing is sent to it once it is told to stop.
            if self.watched.get(&instance) == Some(&container) {
                self.unwatch(instance);
            }
            if self.ledger.wanted.get(&instance).is_none_or(|wanted| wanted.stop) {
                self.track(instance, Track::stopping);
            }
        }
        self.stopping.insert(container.clone(), Stopping::Going);
        let (shop, inbox) = (self.shop.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let outcome = shop.stop(&container, grace_s).await;
            let _ = inbox.send(Input::Stopped(container, outcome));
        });
    }

    /// Drops what neither a set nor a container speaks of.
    fn forget(&mut self) {
        let present: BTreeSet<InstanceId> = self.containers.values().filter_map(|c| c.instance).collect();
        let (wanted, launching) = (&self.ledger.wanted, &self.launching);
        let stays = |id: &InstanceId| wanted.contains_key(id) || present.contains(id) || launching.contains_key(id);
        self.tracks.retain(|instance, _| stays(instance));
    }

    fn publish(&mut self) {
        let Some(first_look_ms) = self.first_look_ms else { return };
        let patience_ends_ms = first_look_ms + ADOPT_PATIENCE_MS;
        let first = self.show.borrow().is_none();
        if first && !self.unproven.is_empty() && clock::now_ms() < patience_ends_ms {
            self.look_again_ms = Some(self.look_again_ms.map_or(patience_ends_ms, |at| at.min(patience_ends_ms)));
            return;
        }
        let observation = Observation {
            instances: self.tracks.iter().map(|(instance, track)| track.to_wire(*instance)).collect(),
            generation: self.ledger.seen,
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
