//! What the manager does: it asks [`diff`] and begins the steps; their ends come back as inputs.

use super::{CONFINE_RETRY_MS, Input, Manager, STOP_RETRY_MS};
use crate::{
    clock,
    container::Container,
    diff::{Attempt, Launching, Step, View, diff, stale_networks},
    events::Severity,
    limit, probe,
    reason::{Failure, Reason},
    runtime::RuntimeError,
    sandbox::{SandboxKey, SandboxView},
    track::Track,
    wanted::Wanted,
    worker::LaunchError,
};
use berth_domain::{id::InstanceId, lifecycle::InstancePhase};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

impl Manager {
    /// Decides and begins what is to do.
    pub(super) fn drive(&mut self) {
        self.look_again_ms = None;
        if !self.answers || self.first_look_ms.is_none() {
            return;
        }
        let backoffs = self.tracks.iter().map(|(instance, track)| (*instance, track.backoff)).collect();
        let taken = self.shop.spares.taken();
        let decision = diff(&View {
            wanted: &self.ledger.wanted,
            containers: &self.containers,
            backoffs: &backoffs,
            launching: &self.launching,
            watched: &self.watched,
            stopping: &self.stopping,
            confining: &self.confining,
            sandboxes: SandboxView {
                spares: self.spares,
                publish_on: self.shop.publish_on,
                taken: &taken,
                preparing: &self.preparing,
                seen: !self.looking,
                quiet_at_ms: self.quiet_at_ms,
            },
            fresh: self.fresh,
            now_ms: clock::steady_ms(),
        });
        self.look_again_ms = decision.look_again_ms;
        // Before anything is removed: from here on no launch takes what is no longer offered.
        self.shop.spares.offer(decision.spare, &self.containers);
        for step in decision.steps {
            match step {
                Step::Launch { instance, container } => self.launch(instance, container),
                Step::Watch { instance, container } => self.watch(instance, container),
                Step::Confine { container, cpu_milli } => self.confine(container, cpu_milli),
                Step::Cancel { instance } => self.cancel(instance),
                Step::Stop { container, .. }
                    if !taken.contains(&container) && self.shop.spares.taken().contains(&container) => {}
                // The set that no longer wants it could be forgotten by a crash; then it would come back.
                Step::Stop { .. } if !self.safe => {}
                Step::Stop { container, grace_s } => self.stop(container, grace_s),
                Step::Settle { instance } => self.settle(instance),
                Step::Prepare { key } => self.prepare(key),
            }
        }
        self.forget();
    }

    pub(super) fn launch(&mut self, instance: InstanceId, container: Option<String>) {
        let Some(wanted) = self.ledger.wanted.get(&instance).cloned() else { return };
        let cancel = CancellationToken::new();
        self.launching.insert(instance, Launching { generation: wanted.generation, cancelled: false });
        self.cancels.insert(instance, cancel.clone());
        self.track(instance, |track| track.backoff = track.backoff.tried());
        self.keep_quiet();
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

    pub(super) fn watch(&mut self, instance: InstanceId, id: String) {
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

    pub(super) fn unwatch(&mut self, instance: InstanceId) {
        self.watched.remove(&instance);
        self.unproven.remove(&instance);
        if let Some(probe) = self.probes.remove(&instance) {
            probe.abort();
        }
    }

    pub(super) fn cancel(&mut self, instance: InstanceId) {
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

    pub(super) fn stop(&mut self, container: String, grace_s: Option<u32>) {
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
        self.stopping.insert(container.clone(), Attempt::Going);
        let (shop, inbox) = (self.shop.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let outcome = shop.stop(&container, grace_s).await;
            let _ = inbox.send(Input::Stopped(container, outcome));
        });
    }

    fn settle(&mut self, instance: InstanceId) {
        let settled = self.tracks.get(&instance).is_none_or(|track| track.phase == InstancePhase::Stopped);
        if !settled {
            self.track(instance, Track::settled);
            self.events.add(Some(instance), Severity::Info, "stopped", "It was stopped and removed.");
        }
    }

    /// Drops what neither a set nor a container speaks of.
    pub(super) fn forget(&mut self) {
        let present: BTreeSet<InstanceId> = self.containers.values().filter_map(|c| c.instance).collect();
        let (wanted, launching) = (&self.ledger.wanted, &self.launching);
        let stays = |id: &InstanceId| wanted.contains_key(id) || present.contains(id) || launching.contains_key(id);
        self.tracks.retain(|instance, _| stays(instance));
    }

    fn keep_quiet(&mut self) {
        self.quiet_at_ms = clock::steady_ms() + clock::millis(limit::PREPARE_DELAY);
    }

    fn prepare(&mut self, key: SandboxKey) {
        self.preparing.insert(key.clone(), Attempt::Going);
        let (shop, inbox) = (self.shop.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let outcome = shop.prepare(&key).await;
            let _ = inbox.send(Input::Prepared(key, outcome));
        });
    }

    pub(super) fn prepared(&mut self, key: SandboxKey, outcome: Result<Container, LaunchError>) {
        match outcome {
            Ok(sandbox) => {
                self.preparing.remove(&key);
                self.touch(&sandbox.id);
                self.observe(sandbox);
            }
            Err(error) => {
                // Instances start without it, only slower.
                tracing::warn!(sandbox = %key, %error, "no sandbox could be prepared");
                self.preparing.insert(key, Attempt::RetryAt(clock::steady_ms() + clock::millis(limit::PREPARE_RETRY)));
                self.look(true);
                if matches!(error, LaunchError::EngineDown(_)) {
                    self.answered(false);
                }
            }
        }
    }

    pub(super) fn launched(&mut self, instance: InstanceId, generation: u64, outcome: Result<Container, LaunchError>) {
        self.keep_quiet();
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
                    self.track(instance, |track| track.failed(failure, clock::steady_ms()));
                    self.tell_trouble(instance);
                }
            }
        }
    }

    fn confine(&mut self, container: String, cpu_milli: u64) {
        self.confining.insert(container.clone(), Attempt::Going);
        let (shop, inbox) = (self.shop.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let outcome = shop.confine(&container, cpu_milli).await;
            let _ = inbox.send(Input::Confined(container, cpu_milli, outcome));
        });
    }

    pub(super) fn confined(&mut self, id: String, cpu_milli: u64, outcome: Result<(), RuntimeError>) {
        match outcome {
            Ok(()) => {
                self.confining.remove(&id);
                if let Some(container) = self.containers.get_mut(&id) {
                    container.cpu_milli = cpu_milli;
                    // A look that was under way saw it as it was.
                    self.touch(&id);
                }
            }
            // Its end is seen by a look of its own.
            Err(RuntimeError::NotFound(_)) => drop(self.confining.remove(&id)),
            Err(error) => {
                tracing::warn!(container = id, cpu_milli, %error, "a container keeps more of the processor than its share");
                self.confining.insert(id, Attempt::RetryAt(clock::steady_ms() + CONFINE_RETRY_MS));
            }
        }
    }

    pub(super) fn stopped(&mut self, container: String, outcome: Result<(), Failure>) {
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
                self.stopping.insert(container, Attempt::RetryAt(clock::steady_ms() + STOP_RETRY_MS));
            }
        }
    }

    pub(super) fn remove_networks(&mut self, names: &[String]) {
        let stale = stale_networks(names, &self.ledger.wanted, &self.containers);
        if !stale.is_empty() && self.launching.is_empty() {
            let shop = self.shop.clone();
            tokio::spawn(async move { shop.remove_networks(&stale).await });
        }
    }
}
