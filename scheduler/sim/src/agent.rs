//! The agent: obeys the newest desired set, brings containers to it step by step, and remembers nothing but its ledger.

use crate::{
    Sabotage,
    host::{Container, Host},
    message::{Behaviour, DesiredSet, Seen, Spec},
    random::Random,
};
use berth_domain::{id::InstanceId, lifecycle::InstancePhase};
use std::collections::{BTreeMap, BTreeSet};

/// Longest wait between two tries, in seconds.
const BACK_OFF_S_MAX: u64 = 16;
/// Seconds from the start to the end of an instance that crashes.
const CRASH_S: u64 = 2;

/// An agent's process: all of it is lost when it ends.
#[derive(Default)]
pub struct Agent {
    /// Does not see containers that another process made: sabotage.
    is_blind: bool,
    work: BTreeMap<InstanceId, Work>,
}

/// How far an instance has come.
struct Work {
    phase: InstancePhase,
    /// The second of its next step.
    next_s: u64,
    restarts: u32,
    hopeless: bool,
    message: &'static str,
}

/// Small troubles of the moment.
#[derive(Clone, Copy)]
pub struct Weather {
    /// Steps in a thousand that fail for no lasting reason.
    pub trouble_permille: u64,
}

impl Agent {
    /// A new process. It adopts the containers that are there by their labels, so that none is made twice.
    pub fn start(containers: &[Container], now_s: u64, sabotage: Sabotage) -> Self {
        let mut agent = Self { is_blind: sabotage == Sabotage::AgentDoesNotAdopt, ..Self::default() };
        if !agent.is_blind {
            for container in containers {
                let phase = if container.runs { InstancePhase::Starting } else { InstancePhase::BackOff };
                let next_s = if container.runs { now_s + 1 } else { now_s };
                agent.work.insert(container.instance, Work { next_s, ..Work::new(phase) });
            }
        }
        agent
    }
    pub fn seen(&self) -> BTreeMap<InstanceId, Seen> {
        let seen = |work: &Work| Seen {
            phase: work.phase,
            restarts: work.restarts,
            hopeless: work.hopeless,
            message: work.message,
        };
        self.work.iter().map(|(id, work)| (*id, seen(work))).collect()
    }
    /// One second: begins what is wanted, stops what is not, carries on with the rest.
    fn turn(&mut self, docker: &mut Docker<'_>, desired: &DesiredSet, now_s: u64) {
        for (id, wanted) in &desired.instances {
            let work = self.work.entry(*id).or_insert_with(|| Work::new(InstancePhase::Waiting));
            if wanted.stop {
                work.stop(docker, *id, &wanted.spec, now_s);
            } else {
                work.advance(docker, *id, &wanted.spec, now_s);
            }
        }
        // Containers that no set names any more, as after an outage that outlived them.
        for container in docker.containers.clone() {
            if !desired.instances.contains_key(&container.instance) {
                let work = self.work.entry(container.instance).or_insert_with(|| Work::new(InstancePhase::Starting));
                work.stop(docker, container.instance, &container.spec, now_s);
            }
        }
        let there: BTreeSet<_> = docker.containers.iter().map(|container| container.instance).collect();
        self.work.retain(|id, _| desired.instances.contains_key(id) || there.contains(id));
    }
}

/// Takes a desired set unless a newer one was seen. False when it was refused.
pub fn receive(host: &mut Host, set: DesiredSet, sabotage: Sabotage) -> bool {
    if set.stamp < host.ledger.desired.stamp && sabotage != Sabotage::AgentIgnoresGenerations {
        return false;
    }
    host.ledger.desired = set;
    true
}

/// Lets a host's agent work for one second.
pub fn turn(host: &mut Host, now_s: u64, random: &mut Random, weather: Weather) {
    let Some(agent) = host.agent.as_mut().filter(|_| host.powered && host.docker_answers) else { return };
    let is_blind = agent.is_blind;
    let mut docker = Docker { is_blind, containers: &mut host.containers, images: &mut host.images, random, weather };
    agent.turn(&mut docker, &host.ledger.desired, now_s);
}

/// Docker, as an agent uses it.
struct Docker<'a> {
    is_blind: bool,
    containers: &'a mut Vec<Container>,
    images: &'a mut BTreeSet<String>,
    random: &'a mut Random,
    weather: Weather,
}

impl Docker<'_> {
    fn set_running(&mut self, instance: InstanceId, runs: bool) -> bool {
        let mut found = false;
        for container in self.containers.iter_mut().filter(|container| container.instance == instance) {
            container.runs = runs;
            found = true;
        }
        found
    }
    /// Whether an instance has a container, whoever made it: what makes creating one again harmless.
    fn has(&self, instance: InstanceId) -> bool {
        !self.is_blind && self.containers.iter().any(|container| container.instance == instance)
    }
    fn has_trouble(&mut self) -> bool {
        self.random.chance(self.weather.trouble_permille)
    }
}

impl Work {
    fn new(phase: InstancePhase) -> Self {
        Self { phase, next_s: 0, restarts: 0, hopeless: false, message: "" }
    }
    fn go(&mut self, phase: InstancePhase, next_s: u64) {
        self.phase = phase;
        self.next_s = next_s;
    }
    fn back_off(&mut self, docker: &mut Docker<'_>, id: InstanceId, message: &'static str, now_s: u64) {
        docker.set_running(id, false);
        self.restarts += 1;
        self.message = message;
        self.go(InstancePhase::BackOff, now_s + (1 << self.restarts.min(10)).min(BACK_OFF_S_MAX));
    }
    fn advance(&mut self, docker: &mut Docker<'_>, id: InstanceId, spec: &Spec, now_s: u64) {
        use InstancePhase as P;
        if now_s < self.next_s {
            return;
        }
        match self.phase {
            P::Waiting | P::BackOff if docker.has(id) => {
                self.start(docker, id, spec, now_s);
            }
            P::Waiting | P::BackOff if docker.images.contains(&spec.image()) => self.go(P::Creating, now_s + 1),
            P::Waiting | P::BackOff => self.go(P::Pulling, now_s + spec.pull_s),
            P::Pulling if spec.behaviour == Behaviour::NoImage => {
                self.hopeless = true;
                self.back_off(docker, id, "no such image", now_s);
            }
            P::Pulling if docker.has_trouble() => self.back_off(docker, id, "the registry does not answer", now_s),
            P::Pulling => {
                docker.images.insert(spec.image());
                self.go(P::Creating, now_s + 1);
            }
            P::Creating => {
                docker.containers.push(Container { instance: id, spec: *spec, runs: false });
                self.start(docker, id, spec, now_s);
            }
            P::Starting | P::Unready => match spec.behaviour {
                Behaviour::Good { .. } => self.go(P::Ready, now_s + 1),
                Behaviour::Crashes => self.back_off(docker, id, "exit code 1", now_s),
                Behaviour::NeverReady | Behaviour::NoImage => self.message = "the probe fails",
            },
            P::Ready if docker.has_trouble() => {
                if docker.random.chance(500) {
                    self.go(P::Unready, now_s + docker.random.between(1, 20));
                } else {
                    self.back_off(docker, id, "exit code 137", now_s);
                }
            }
            // One that is wanted again cannot happen: stopping is for ever. It would show as never ready.
            P::Ready | P::Stopping | P::Stopped => {}
        }
    }
    fn start(&mut self, docker: &mut Docker<'_>, id: InstanceId, spec: &Spec, now_s: u64) {
        docker.set_running(id, true);
        let wait_s = match spec.behaviour {
            Behaviour::Good { ready_s } => ready_s,
            Behaviour::NeverReady | Behaviour::Crashes | Behaviour::NoImage => CRASH_S,
        };
        self.go(InstancePhase::Starting, now_s + wait_s);
    }
    fn stop(&mut self, docker: &mut Docker<'_>, id: InstanceId, spec: &Spec, now_s: u64) {
        let there = docker.containers.iter().any(|container| container.instance == id);
        if !there {
            self.go(InstancePhase::Stopped, now_s);
        } else if self.phase != InstancePhase::Stopping {
            self.go(InstancePhase::Stopping, now_s + spec.grace_s);
        } else if now_s >= self.next_s {
            docker.containers.retain(|container| container.instance != id);
            self.go(InstancePhase::Stopped, now_s);
        }
    }
}
