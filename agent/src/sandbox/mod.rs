//! Sandboxes: containers that only wait, with a network that the next instance joins.
//!
//! Most of the time that an engine takes to start a container goes into its network: a namespace, a cable to the
//! environment's bridge, rules for names and published ports. None of this depends on which instance it is for. So a
//! node keeps a spare sandbox for each [`SandboxKey`] that its instances need; an instance that finds one starts in a
//! third of the time, and one that finds none is made with a network of its own.
//!
//! A sandbox serves one instance and is removed after it: a port of the node that led to one app must not lead to the
//! next one a moment later.

pub mod image;

use crate::{
    container::{
        CAPABILITIES_NONE, Container, ContainerRequest, LABEL_ENVIRONMENT, LABEL_INSTALL, LABEL_SANDBOX, Network,
        network_name,
    },
    diff::{Attempt, Decision, Step, View, is_due, look_again, stop},
    limit,
    wanted::Wanted,
};
use berth_domain::{
    app::Port,
    id::{EnvironmentId, InstallId},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// MiB of a sandbox. Its process needs a few KiB; what makes the container needs the rest for a moment.
const MEMORY_MIB: u64 = 16;
/// Thousandths of a core of a sandbox; it waits.
const CPU_MILLI: u64 = 10;

/// What makes a sandbox fit an instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SandboxKey {
    /// On whose network.
    pub environment: EnvironmentId,
    /// The node's address where ports are published.
    pub publish_on: IpAddr,
    /// Ports inside that are published on any free port of the node.
    pub ports: BTreeSet<u16>,
}

impl SandboxKey {
    /// What an instance needs. `None`: it has a certain port of the node, which a spare would hold in vain, or its spec
    /// cannot be read.
    pub fn of(wanted: &Wanted, publish_on: IpAddr) -> Option<Self> {
        let spec = wanted.spec.as_ref().ok()?;
        let any = spec.ports().iter().all(|port| port.host.is_none());
        let ports = || spec.ports().iter().map(|port| port.container).collect();
        any.then(|| Self { environment: wanted.environment, publish_on, ports: ports() })
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub fn read(environment: EnvironmentId, label: &str) -> Option<Self> {
        let (ports, publish_on) = label.split_once('@')?;
        let ports = ports.split(',').filter(|port| !port.is_empty()).map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { environment, publish_on: publish_on.parse().ok()?, ports })
    }

    /// The request for a sandbox, made of `image`. `id` tells its name from those of others.
    pub fn request(&self, install: InstallId, image: &str, id: Uuid) -> ContainerRequest {
        let port = |container: &u16| Port { container: *container, host: None };
        ContainerRequest {
            name: format!("berth-sandbox-{}", id.simple()),
            image: image.to_owned(),
            command: Vec::new(),
            env: Vec::new(),
            labels: BTreeMap::from([
                (LABEL_INSTALL.to_owned(), install.to_string()),
                (LABEL_ENVIRONMENT.to_owned(), self.environment.to_string()),
                (LABEL_SANDBOX.to_owned(), self.to_string()),
            ]),
            network: Network::Own {
                name: network_name(self.environment),
                ports: self.ports.iter().map(port).collect(),
                publish_on: self.publish_on,
            },
            memory_mib: MEMORY_MIB,
            cpu_milli: CPU_MILLI,
            stop_grace_s: 0,
            capabilities: &CAPABILITIES_NONE,
            init: false,
        }
    }
}

/// `80,443@10.0.0.5`: the label's value, without the environment, which has a label of its own.
impl fmt::Display for SandboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<_> = self.ports.iter().map(u16::to_string).collect();
        write!(f, "{}@{}", ports.join(","), self.publish_on)
    }
}

/// The sandboxes that launches may take. The manager says which are spare; a launch takes one at the very moment that it
/// makes its container.
#[derive(Debug, Default)]
pub struct Spares(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    free: BTreeMap<SandboxKey, BTreeSet<String>>,
    taken: BTreeSet<String>,
}

impl Spares {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that were taken and may have been joined. Never offered again.
    pub fn taken(&self) -> BTreeSet<String> {
        self.inner().taken.clone()
    }

    /// Offers `spare` ones, less those that were taken meanwhile, and nothing else. `containers`: all that are there.
    pub fn offer(&self, spare: Vec<(SandboxKey, String)>, containers: &BTreeMap<String, Container>) {
        let mut inner = self.inner();
        let joined = containers.values().filter_map(|container| container.joined.as_ref());
        inner.taken.extend(joined.map(|joined| joined.sandbox.clone()));
        inner.taken.retain(|id| containers.contains_key(id));
        let mut free = BTreeMap::<_, BTreeSet<_>>::new();
        for (key, id) in spare.into_iter().filter(|(_, id)| !inner.taken.contains(id)) {
            free.entry(key).or_default().insert(id);
        }
        inner.free = free;
    }

    /// These are never offered.
    pub fn distrust(&self, ids: impl Iterator<Item = String>) {
        self.inner().taken.extend(ids);
    }

    /// One for an instance, if there is one.
    pub fn take(&self, key: &SandboxKey) -> Option<String> {
        let mut inner = self.inner();
        let id = inner.free.get_mut(key)?.pop_first()?;
        inner.taken.insert(id.clone());
        Some(id)
    }

    /// One that was taken and that certainly nothing has joined.
    pub fn give_back(&self, key: &SandboxKey, id: String) {
        let mut inner = self.inner();
        inner.taken.remove(&id);
        inner.free.entry(key.clone()).or_default().insert(id);
    }
}

/// What is known of sandboxes beyond their containers.
#[derive(Debug, Clone, Copy)]
pub struct SandboxView<'a> {
    /// How many to keep for each key; 0: none at all.
    pub spares: usize,
    /// The node's address where ports are published.
    pub publish_on: IpAddr,
    /// Those that launches took.
    pub taken: &'a BTreeSet<String>,
    /// How the making of another goes.
    pub preparing: &'a BTreeMap<SandboxKey, Attempt>,
    /// Whether no look at containers is under way.
    pub seen: bool,
    /// Nothing is prepared before this time, in milliseconds.
    pub quiet_at_ms: u64,
}

/// What to do about sandboxes: remove those that have served and those that nothing needs, make one that is missing.
pub fn decide(view: &View<'_>, sandboxes: &[&Container], decision: &mut Decision) {
    let SandboxView { spares, taken, preparing, seen, quiet_at_ms, .. } = view.sandboxes;
    let joined = view.containers.values().filter_map(|container| container.joined.as_ref());
    let joined: BTreeSet<&str> = joined.map(|joined| joined.sandbox.as_str()).collect();
    let (needed, claimed) = (needed(view), claimed_ports(view));
    let mut have = BTreeMap::<&SandboxKey, usize>::new();
    for sandbox in sandboxes.iter().filter(|sandbox| !joined.contains(sandbox.id.as_str())) {
        let Some(key) = &sandbox.sandbox else { continue };
        let count = have.entry(key).or_default();
        if view.stopping.contains_key(&sandbox.id) {
            // It may have been stopped half way: it goes, whatever is needed by now.
            stop(view, sandbox, Some(0), decision);
            continue;
        }
        if taken.contains(&sandbox.id) {
            // Whatever took it made nothing, or what it made is gone. While launches go on nobody knows.
            if view.launching.is_empty() && seen {
                stop(view, sandbox, Some(0), decision);
            }
        } else if sandbox.runs()
            && needed.contains(key)
            && *count < spares
            && sandbox.ports.values().all(|port| !claimed.contains(port))
        {
            *count += 1;
            decision.spare.push((key.clone(), sandbox.id.clone()));
        } else if view.fresh && preparing.get(key) != Some(&Attempt::Going) {
            // Also one that an earlier agent did not get to start, that ended with the node, or that was given a port of
            // the node which an app wants for itself.
            stop(view, sandbox, Some(0), decision);
        }
    }
    // One at a time, and not while instances start: it would take from them what it shall save.
    let launches = !view.launching.is_empty() || decision.steps.iter().any(|step| matches!(step, Step::Launch { .. }));
    if launches || preparing.values().any(|attempt| *attempt == Attempt::Going) {
        return;
    }
    let mut missing = needed.iter().filter(|key| have.get(key).is_none_or(|count| *count < spares));
    if let Some(key) = missing.find(|key| is_due(preparing.get(key), view.now_ms, decision)) {
        if quiet_at_ms > view.now_ms {
            look_again(decision, quiet_at_ms);
        } else {
            decision.steps.push(Step::Prepare { key: key.clone() });
        }
    }
}

/// What the wanted instances would be started again with; of too many the newest environments'.
fn needed(view: &View<'_>) -> BTreeSet<SandboxKey> {
    if view.sandboxes.spares == 0 {
        return BTreeSet::new();
    }
    let keys = view.wanted.values().filter(|wanted| !wanted.stop);
    let keys: BTreeSet<_> = keys.filter_map(|wanted| SandboxKey::of(wanted, view.sandboxes.publish_on)).collect();
    keys.into_iter().rev().take(limit::SPARE_KEYS_MAX).collect()
}

/// Ports of the node that wanted instances have for themselves.
fn claimed_ports(view: &View<'_>) -> BTreeSet<u16> {
    let specs = view.wanted.values().filter(|wanted| !wanted.stop).filter_map(|wanted| wanted.spec.as_ref().ok());
    specs.flat_map(|spec| spec.ports().iter().filter_map(|port| port.host)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn key(ports: &[u16]) -> SandboxKey {
        let environment = testing::wanted(1, "nginx").environment;
        SandboxKey {
            environment,
            publish_on: "10.0.0.5".parse().expect("an address"),
            ports: ports.iter().copied().collect(),
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for key in [key(&[443, 80]), key(&[])] {
            assert_eq!(SandboxKey::read(key.environment, &key.to_string()), Some(key));
        }
        assert_eq!(key(&[443, 80]).to_string(), "80,443@10.0.0.5");
        for label in ["", "80", "80@here", "eighty@10.0.0.5"] {
            assert_eq!(SandboxKey::read(key(&[]).environment, label), None, "{label}");
        }
    }

    #[test]
    fn an_instance_with_a_port_of_the_node_needs_none() {
        let of = |ports: &str| {
            let wanted = testing::wanted_with(1, format!(r#"{{"image":"nginx","ports":{ports}}}"#), "nginx");
            SandboxKey::of(&wanted, "10.0.0.5".parse().expect("an address"))
        };
        assert_eq!(of(r#"[{"container":80},{"container":443}]"#), Some(key(&[80, 443])));
        assert_eq!(of("[]"), Some(key(&[])));
        assert_eq!(of(r#"[{"container":80},{"container":443,"host":8443}]"#), None);
    }

    #[test]
    fn one_is_taken_once() {
        let spares = Spares::default();
        let containers = BTreeMap::from([("s".to_owned(), testing::sandbox("s", key(&[80])))]);
        let offer = || spares.offer(vec![(key(&[80]), "s".to_owned())], &containers);
        offer();
        assert_eq!(spares.take(&key(&[81])), None);
        assert_eq!(spares.take(&key(&[80])), Some("s".to_owned()));
        // The manager has not heard of it yet.
        offer();
        assert_eq!(spares.take(&key(&[80])), None);
        spares.give_back(&key(&[80]), "s".to_owned());
        assert_eq!(spares.take(&key(&[80])), Some("s".to_owned()));
        spares.offer(Vec::new(), &BTreeMap::new());
        assert!(spares.taken().is_empty(), "it is gone");
    }

    #[test]
    fn what_was_joined_counts_as_taken() {
        let spares = Spares::default();
        let mut instance = testing::container("c", 1);
        instance.joined = Some(crate::container::Joined { sandbox: "s".to_owned(), link: crate::container::Link::Up });
        let containers = [testing::sandbox("s", key(&[80])), instance];
        let containers = containers.into_iter().map(|container| (container.id.clone(), container)).collect();
        spares.offer(vec![(key(&[80]), "s".to_owned())], &containers);
        assert_eq!(spares.take(&key(&[80])), None);
    }
}
