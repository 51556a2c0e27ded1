//! What the manager sees of the engine, and what that means for the instances.

use super::{Input, Manager};
use crate::{
    clock,
    container::{Container, ContainerState},
    diff::Attempt,
    events::Severity,
    observe::{self, Look},
    probe::Verdict,
    reason::{Failure, Reason},
    runtime::{ContainerEvent, ContainerEventKind, RuntimeError},
};
use berth_domain::{id::InstanceId, lifecycle::InstancePhase};
use std::collections::BTreeMap;

impl Manager {
    pub(super) fn happened(&mut self, event: &ContainerEvent) {
        let launching =
            self.containers.get(&event.id).and_then(|c| c.instance).is_none_or(|i| self.launching.contains_key(&i));
        if event.kind == ContainerEventKind::Started {
            // Of a sandbox that is in use it means that its instance has lost its network, or is about to start.
            self.look_at_who_joined(&event.id);
        }
        let expected = event.kind == ContainerEventKind::Started && launching;
        if !expected && self.stopping.get(&event.id) != Some(&Attempt::Going) {
            self.inspect(event.id.clone());
        }
    }

    /// Looks at all containers; closely at all of them, or only at those that changed.
    pub(super) fn look(&mut self, closely: bool) {
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

    pub(super) fn inspect(&self, id: String) {
        let (shop, inbox, count) = (self.shop.clone(), self.inbox.clone(), self.count);
        tokio::spawn(async move {
            let found = shop.runtime.inspect(&id).await;
            let ours = found.map(|found| found.filter(|container| container.install == Some(shop.install)));
            let _ = inbox.send(Input::Inspected(count, id, ours));
        });
    }

    pub(super) fn looked(&mut self, count: u64, look: Look) {
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
            self.first_look_ms = Some(clock::steady_ms());
            // Whether one has served before this agent began is not known, and none serves twice.
            let sandboxes = self.containers.values().filter(|container| container.sandbox.is_some());
            self.shop.spares.distrust(sandboxes.map(|sandbox| sandbox.id.clone()));
            let running = self.containers.values().filter(|c| c.runs() && c.sandbox.is_none()).count();
            if running > 0 {
                let message = format!("Adopted {running} running containers.");
                self.events.add(None, Severity::Info, "adopted", message);
            }
            if let Some(set) = self.early.take() {
                self.receive(set);
            }
        }
    }

    pub(super) fn inspected(&mut self, count: u64, id: String, found: Option<Container>) {
        if self.touched.get(&id).is_some_and(|at| *at > count) {
            return self.inspect(id);
        }
        self.saw(&id, found);
    }

    pub(super) fn saw(&mut self, id: &str, found: Option<Container>) {
        match found {
            Some(container) => self.observe(container),
            None => self.gone(id),
        }
    }

    pub(super) fn touch(&mut self, id: &str) {
        self.count += 1;
        self.touched.insert(id.to_owned(), self.count);
    }

    /// A container is as it is; what that means for its instance.
    pub(super) fn observe(&mut self, container: Container) {
        let before = self.containers.insert(container.id.clone(), container.clone());
        if let Some(before) = before.as_ref().filter(|before| before.ended_after(&container)) {
            self.containers.insert(container.id, before.clone());
            return;
        }
        if container.sandbox.is_some() && before.as_ref().is_some_and(|before| before.runs() != container.runs()) {
            self.look_at_who_joined(&container.id);
        }
        let Some(instance) = container.instance.filter(|_| self.wants(&container)) else { return };
        let same_run = before.as_ref().is_some_and(|b| b.started_at_ms == container.started_at_ms);
        let ran = before.as_ref().is_some_and(Container::runs);
        match &container.state {
            ContainerState::Running if container.is_cut_off() => {
                if before.as_ref().is_none_or(|before| !before.is_cut_off()) {
                    self.unwatch(instance);
                    let failure = Failure::new(Reason::NetworkLost, "Its network is gone; it is made anew.");
                    self.track(instance, |track| track.failed(failure, clock::steady_ms()));
                    self.tell_trouble(instance);
                }
            }
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
                    track.ended(exit, clock::steady_ms());
                });
                self.tell_trouble(instance);
            }
            ContainerState::Running | ContainerState::Exited(_) | ContainerState::Created | ContainerState::Dying => {}
        }
    }

    /// Containers that joined a sandbox are where it is: what happens to it happens to them.
    fn look_at_who_joined(&self, sandbox: &str) {
        let joined = |container: &&Container| container.joined.as_ref().is_some_and(|joined| joined.sandbox == sandbox);
        self.containers.values().filter(joined).for_each(|container| self.inspect(container.id.clone()));
    }

    pub(super) fn gone(&mut self, id: &str) {
        self.confining.remove(id);
        let Some(container) = self.containers.remove(id) else { return };
        if container.sandbox.is_some() {
            self.look_at_who_joined(id);
        }
        if self.stopping.get(id) != Some(&Attempt::Going) {
            self.stopping.remove(id);
        }
        let Some(instance) = container.instance.filter(|_| self.wants(&container)) else { return };
        let ours = self.tracks.get(&instance).is_some_and(|track| track.container.as_deref() == Some(id));
        if ours && !self.stopping.contains_key(id) && !self.launching.contains_key(&instance) {
            self.unwatch(instance);
            let failure = Failure::new(Reason::Exited, "The container was removed by somebody else.");
            self.track(instance, |track| track.failed(failure, clock::steady_ms()));
            self.tell_trouble(instance);
        }
    }

    /// Whether the newest set wants this very container.
    pub(super) fn wants(&self, container: &Container) -> bool {
        let wanted = container.instance.and_then(|instance| self.ledger.wanted.get(&instance));
        wanted.is_some_and(|wanted| !wanted.stop && wanted.generation == container.generation)
    }

    pub(super) fn judged(&mut self, instance: InstanceId, container: &str, verdict: Verdict) {
        if self.watched.get(&instance).is_none_or(|watched| watched != container) {
            return;
        }
        self.unproven.remove(&instance);
        let Some(track) = self.tracks.get_mut(&instance) else { return };
        let before = track.phase;
        track.judged(verdict, clock::steady_ms());
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

    pub(super) fn trouble(&mut self, error: &RuntimeError) {
        tracing::warn!(%error, "a look at containers failed");
        if matches!(error, RuntimeError::Unavailable(_)) {
            self.answered(false);
        }
    }

    pub(super) fn answered(&mut self, answers: bool) {
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
}
