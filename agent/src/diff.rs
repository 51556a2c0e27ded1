//! What to do next, from what is wanted and what is there. Pure: no clock, no Docker, no order but that of ids.
//!
//! The answer is derived anew from the whole every time, so that a lost event, a restart of the agent and a half-done
//! step all end in the same place. Safety comes first: nothing is stopped that the newest set wants, and what no set
//! names is stopped only after a set was received since the agent began.

use crate::{
    backoff::Backoff,
    container::{Container, ContainerState, environment_of_network},
    sandbox::{self, SandboxKey, SandboxView},
    wanted::{Wanted, WantedSet},
};
use berth_domain::id::InstanceId;
use std::collections::{BTreeMap, BTreeSet};

/// All that is known.
pub struct View<'a> {
    /// What the server wants.
    pub wanted: &'a WantedSet,
    /// What is there, by the engine's id.
    pub containers: &'a BTreeMap<String, Container>,
    /// When to try again.
    pub backoffs: &'a BTreeMap<InstanceId, Backoff>,
    /// Launches that go on.
    pub launching: &'a BTreeMap<InstanceId, Launching>,
    /// The container of an instance whose probe runs.
    pub watched: &'a BTreeMap<InstanceId, String>,
    /// Containers that are being stopped, and when to try again those that would not stop.
    pub stopping: &'a BTreeMap<String, Attempt>,
    /// Containers that are brought down to their share of the processor, and when to try again.
    pub confining: &'a BTreeMap<String, Attempt>,
    /// What is known of sandboxes beyond their containers.
    pub sandboxes: SandboxView<'a>,
    /// Whether a set was received since the agent began.
    pub fresh: bool,
    /// Milliseconds of the clock that back-offs and retries are of.
    pub now_ms: u64,
}

/// A launch that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Launching {
    /// Of which generation.
    pub generation: u64,
    /// Whether it was told to give up.
    pub cancelled: bool,
}

/// How an attempt on a container goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It goes on.
    Going,
    /// It failed; try again at this time, in milliseconds.
    RetryAt(u64),
}

/// One thing to do. Each may be repeated without harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Pull, create and start; or start the container that is there.
    Launch {
        /// Which instance.
        instance: InstanceId,
        /// Its container, when there is one.
        container: Option<String>,
    },
    /// Probe a running container.
    Watch {
        /// Which instance.
        instance: InstanceId,
        /// Its container.
        container: String,
    },
    /// Bring a running container down to what its app is allowed.
    Confine {
        /// Which container.
        container: String,
        /// Thousandths of a core.
        cpu_milli: u64,
    },
    /// Tell a launch to give up: it is no longer wanted.
    Cancel {
        /// Of which instance.
        instance: InstanceId,
    },
    /// Take out, SIGTERM, grace, SIGKILL, remove.
    Stop {
        /// Which container.
        container: String,
        /// Seconds; `None`: the grace that it was made with.
        grace_s: Option<u32>,
    },
    /// An instance that shall stop has no container left.
    Settle {
        /// Which instance.
        instance: InstanceId,
    },
    /// Make a sandbox for an instance to come.
    Prepare {
        /// For such.
        key: SandboxKey,
    },
}

/// What to do now, and when to look again though nothing happens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// In this order.
    pub steps: Vec<Step>,
    /// Sandboxes that a launch may take.
    pub spare: Vec<(SandboxKey, String)>,
    /// Milliseconds.
    pub look_again_ms: Option<u64>,
}

/// What to do next.
pub fn diff(view: &View<'_>) -> Decision {
    let mut decision = Decision::default();
    let mut by_instance = BTreeMap::<InstanceId, Vec<&Container>>::new();
    let (mut sandboxes, mut nameless) = (Vec::new(), Vec::new());
    for container in view.containers.values() {
        match container.instance {
            Some(instance) => by_instance.entry(instance).or_default().push(container),
            None if container.sandbox.is_some() => sandboxes.push(container),
            None => nameless.push(container),
        }
    }
    let useless = useless(view.containers);
    for (instance, wanted) in view.wanted {
        let own = by_instance.remove(instance).unwrap_or_default();
        if wanted.stop {
            take_out(view, wanted, &own, &mut decision);
        } else {
            keep(view, wanted, &own, &useless, &mut decision);
        }
    }
    if view.fresh {
        for container in by_instance.into_values().flatten().chain(nameless) {
            stop(view, container, None, &mut decision);
        }
        let unwanted = view.launching.iter().filter(|(instance, _)| !view.wanted.contains_key(instance));
        decision
            .steps
            .extend(unwanted.filter(|(_, l)| !l.cancelled).map(|(instance, _)| Step::Cancel { instance: *instance }));
    }
    sandbox::decide(view, &sandboxes, &mut decision);
    decision
}

/// Containers that are made anew instead of being started again: they were cut off from their network, or share it with
/// another instance, as an attempt whose answer was lost can leave it.
fn useless(containers: &BTreeMap<String, Container>) -> BTreeSet<&str> {
    let mut owners = BTreeMap::<&str, &Container>::new();
    let joined = containers.values().filter_map(|container| Some((container, container.joined.as_ref()?)));
    for (container, joined) in joined.clone() {
        let owner = owners.entry(&joined.sandbox).or_insert(container);
        if rank(&container.state) < rank(&owner.state) {
            *owner = container;
        }
    }
    joined
        .filter(|(container, joined)| container.is_cut_off() || owners[joined.sandbox.as_str()].id != container.id)
        .map(|(container, _)| container.id.as_str())
        .collect()
}

/// Networks of environments that nothing here belongs to any more.
pub fn stale_networks(
    networks: &[String],
    wanted: &WantedSet,
    containers: &BTreeMap<String, Container>,
) -> Vec<String> {
    let mut used: BTreeSet<_> = wanted.values().filter(|w| !w.stop).map(|w| w.environment).collect();
    used.extend(containers.values().filter_map(|container| container.environment));
    let stale = |name: &&String| environment_of_network(name).is_some_and(|environment| !used.contains(&environment));
    networks.iter().filter(stale).cloned().collect()
}

fn take_out(view: &View<'_>, wanted: &Wanted, own: &[&Container], decision: &mut Decision) {
    let instance = wanted.instance;
    match view.launching.get(&instance) {
        Some(launching) if !launching.cancelled => decision.steps.push(Step::Cancel { instance }),
        Some(_) => {}
        None if own.is_empty() => decision.steps.push(Step::Settle { instance }),
        None => own.iter().for_each(|container| stop(view, container, wanted.stop_grace_s(), decision)),
    }
}

fn keep(view: &View<'_>, wanted: &Wanted, own: &[&Container], useless: &BTreeSet<&str>, decision: &mut Decision) {
    let instance = wanted.instance;
    if let Some(launching) = view.launching.get(&instance) {
        if launching.generation != wanted.generation && !launching.cancelled {
            decision.steps.push(Step::Cancel { instance });
        }
        return;
    }
    let best = own.iter().filter(|c| c.generation == wanted.generation);
    let best = best.min_by_key(|c| (useless.contains(c.id.as_str()), rank(&c.state)));
    let mut old_ones = own.iter().filter(|c| best.is_none_or(|best| best.id != c.id)).peekable();
    if old_ones.peek().is_some() {
        // The old goes before the new comes: they may want the same port of the node.
        old_ones.for_each(|container| stop(view, container, wanted.stop_grace_s(), decision));
        if !best.is_some_and(|best| best.runs()) {
            return;
        }
    }
    match best {
        Some(container) if container.state == ContainerState::Dying || useless.contains(container.id.as_str()) => {
            stop(view, container, wanted.stop_grace_s(), decision);
        }
        Some(container) if view.stopping.contains_key(&container.id) => {}
        Some(container) if container.runs() => {
            if view.watched.get(&instance) != Some(&container.id) {
                decision.steps.push(Step::Watch { instance, container: container.id.clone() });
            }
            confine(view, wanted, container, decision);
        }
        _ => match view.backoffs.get(&instance).and_then(|backoff| backoff.retry_at_ms()) {
            Some(at_ms) if at_ms > view.now_ms => look_again(decision, at_ms),
            _ => decision.steps.push(Step::Launch { instance, container: best.map(|c| c.id.clone()) }),
        },
    }
}

/// Every container is made with more than a small app is allowed; see [`START_CPU_MILLI`](crate::container::START_CPU_MILLI).
fn confine(view: &View<'_>, wanted: &Wanted, container: &Container, decision: &mut Decision) {
    let Some(cpu_milli) = wanted.spec.as_ref().ok().map(|spec| spec.resources().cpu_milli.0) else { return };
    if !container.exceeds(cpu_milli) {
        return;
    }
    if is_due(view.confining.get(&container.id), view.now_ms, decision) {
        decision.steps.push(Step::Confine { container: container.id.clone(), cpu_milli });
    }
}

/// The container to keep when there are several of a generation: one that runs, then the least work.
fn rank(state: &ContainerState) -> u8 {
    match state {
        ContainerState::Running => 0,
        ContainerState::Created => 1,
        ContainerState::Exited(_) => 2,
        ContainerState::Dying => 3,
    }
}

/// Stops a container unless that goes on, or waits to be tried again.
pub fn stop(view: &View<'_>, container: &Container, grace_s: Option<u32>, decision: &mut Decision) {
    if is_due(view.stopping.get(&container.id), view.now_ms, decision) {
        decision.steps.push(Step::Stop { container: container.id.clone(), grace_s });
    }
}

/// Whether to begin now: nothing goes on, and what failed has waited. Otherwise says when to look again.
pub fn is_due(attempt: Option<&Attempt>, now_ms: u64, decision: &mut Decision) -> bool {
    match attempt {
        None => true,
        Some(Attempt::Going) => false,
        Some(Attempt::RetryAt(at_ms)) if *at_ms > now_ms => {
            look_again(decision, *at_ms);
            false
        }
        Some(Attempt::RetryAt(_)) => true,
    }
}

/// Wakes the agent at this time, if nothing does before.
pub fn look_again(decision: &mut Decision, at_ms: u64) {
    decision.look_again_ms = Some(decision.look_again_ms.map_or(at_ms, |soonest| soonest.min(at_ms)));
}

#[cfg(test)]
#[path = "diff_tests.rs"]
mod tests;
