//! The whole cluster, one second after another.

use crate::{
    Failure, Sabotage, Summary,
    agent::{self, Weather},
    chaos,
    check::{Monitor, unrest},
    database::{App, Database, Node},
    host::Host,
    journal::Journal,
    leader::{Desk, Leader},
    message::{Message, Stamp},
    network::Network,
    operator,
    random::{Random, mix},
};
use berth_domain::{
    id::{AppId, NodeId},
    node::NodeAvailability,
    quantity::Resources,
};
use std::collections::BTreeMap;

/// Seconds of faults.
const STORM_S: u64 = 240;
/// Most seconds from the end of the faults until the cluster must be at rest: a few missed deadlines one after another.
const SETTLE_S_MAX: u64 = 900;
/// Seconds between two reports of an agent.
const REPORT_S: u64 = 3;
/// Seconds in a thousand with a fault of some host.
const FAULT_PERMILLE: u64 = 120;
/// Seconds in a thousand with an act of somebody.
const ACT_PERMILLE: u64 = 120;
/// Seconds in a thousand with a new leader.
const ELECTION_PERMILLE: u64 = 15;
/// Steps in a thousand of an agent that fail during the storm.
const TROUBLE_PERMILLE: u64 = 10;

/// A cluster.
pub struct World {
    seed: u64,
    sabotage: Sabotage,
    now_s: u64,
    random: Random,
    network: Network,
    database: Database,
    leaders: Vec<Leader>,
    hosts: BTreeMap<NodeId, Host>,
    monitor: Monitor,
    summary: Summary,
    journal: Journal,
}

impl World {
    /// A cluster with a few nodes and apps, all well.
    pub fn new(seed: u64, sabotage: Sabotage, journal: Journal) -> Self {
        let mut world = Self {
            seed,
            sabotage,
            now_s: 0,
            random: Random::new(mix(seed)),
            network: Network::default(),
            database: Database::default(),
            leaders: Vec::new(),
            hosts: BTreeMap::new(),
            monitor: Monitor::default(),
            summary: Summary::default(),
            journal,
        };
        for n in 0..world.random.between(2, 6) {
            world.add_host(n);
        }
        for _ in 0..world.random.between(1, 4) {
            let id = AppId::new(world.database.draw());
            let replicas = u32::try_from(world.random.between(1, 4)).unwrap_or(1);
            world.database.desired.apps.insert(id, App { replicas, running: true, ..App::default() });
            operator::deploy(&mut world.database, &mut world.random, id, 0);
        }
        world.leaders.push(Leader::new(world.database.elect()));
        world
    }
    fn add_host(&mut self, n: u64) {
        let id = NodeId::new(self.database.draw());
        let capacity = Resources::new(self.random.between(2, 6) * 500, self.random.between(2, 6) * 512);
        let zone = if n.is_multiple_of(2) { "a" } else { "b" };
        let labels = BTreeMap::from([("zone".to_owned(), zone.to_owned())]);
        self.database.desired.nodes.insert(id, Node { capacity, labels, availability: NodeAvailability::Active });
        self.database.assigned.stamps.insert(id, Stamp::default());
        let mut host = Host::new(id, capacity);
        chaos::start_agent(&mut host, 0, self.sabotage);
        self.hosts.insert(id, host);
    }
    /// The storm, then the calm.
    pub fn run(mut self) -> Result<Summary, Failure> {
        while self.now_s < STORM_S {
            self.storm();
            if let Some(what) = self.second() {
                return Err(self.fail(what));
            }
        }
        self.calm();
        loop {
            if let Some(what) = self.second() {
                return Err(self.fail(what));
            }
            let since_s = self.now_s - STORM_S;
            let Some(why) = unrest(&self.database, &self.hosts, self.now_s) else {
                self.summary.seconds = self.now_s;
                self.summary.settling_seconds = since_s;
                return Ok(self.summary);
            };
            if since_s >= SETTLE_S_MAX {
                return Err(self.fail(format!("not at rest {since_s} seconds after the last fault: {why}")));
            }
        }
    }
    /// What goes wrong in this second, and what people do.
    fn storm(&mut self) {
        if self.random.chance(FAULT_PERMILLE) {
            let ids: Vec<NodeId> = self.hosts.keys().copied().collect();
            if let Some(host) = self.random.pick(&ids).and_then(|id| self.hosts.get_mut(&id)) {
                chaos::strike(host, &mut self.random, self.now_s, self.sabotage);
                self.journal.note(self.now_s, || host.condition());
            }
        }
        if self.random.chance(ACT_PERMILLE) {
            operator::act(&mut self.database, &mut self.random, &mut self.journal, self.now_s);
        }
        if self.random.chance(ELECTION_PERMILLE) {
            chaos::elect(&mut self.leaders, &mut self.database, &mut self.random);
            self.summary.elections += 1;
            self.journal.note(self.now_s, || format!("epoch {} begins", self.database.epoch));
        }
    }
    /// Every fault ends. Messages that are late stay late.
    fn calm(&mut self) {
        self.journal.note(self.now_s, || "every fault ends".to_owned());
        self.network.calm();
        self.leaders.drain(..self.leaders.len() - 1);
        for host in self.hosts.values_mut() {
            chaos::mend(host, self.now_s, self.sabotage);
        }
    }
    /// One second; the first rule that does not hold after it.
    fn second(&mut self) -> Option<String> {
        self.now_s += 1;
        for message in self.network.arrived(self.now_s) {
            self.receive(message);
        }
        let mut violation = None;
        let mut leaders = std::mem::take(&mut self.leaders);
        for leader in &mut leaders {
            leader.turn(&mut Desk {
                database: &mut self.database,
                network: &mut self.network,
                random: &mut self.random,
                summary: &mut self.summary,
                journal: &mut self.journal,
                violation: &mut violation,
                now_s: self.now_s,
                sabotage: self.sabotage,
            });
        }
        self.leaders = leaders;
        let trouble_permille = if self.now_s < STORM_S { TROUBLE_PERMILLE } else { 0 };
        for host in self.hosts.values_mut() {
            agent::turn(host, self.now_s, &mut self.random, Weather { trouble_permille });
            if self.now_s.is_multiple_of(REPORT_S)
                && let Some(report) = host.report().filter(|_| host.connected)
            {
                self.network.send(self.now_s, &mut self.random, Message::Report(report));
            }
        }
        self.mix_in();
        self.monitor.violation(&self.database, &self.hosts).or(violation)
    }
    fn receive(&mut self, message: Message) {
        match message {
            // A report that was sent before its host was cut off arrives; the line behind it is not the host's.
            Message::Report(report) => self.database.observe(report, self.now_s),
            Message::Desired { node, set } => {
                let Some(host) = self.hosts.get_mut(&node).filter(|host| host.is_reachable()) else { return };
                if !agent::receive(host, set, self.sabotage) {
                    self.summary.stale_sets += 1;
                }
            }
        }
    }
    /// Adds this second's state to the fingerprint.
    fn mix_in(&mut self) {
        let containers: usize = self.hosts.values().map(|host| host.containers.len()).sum();
        let facts = [self.random.next(), self.database.assigned.version, containers as u64];
        let mixed = facts.iter().fold(self.summary.fingerprint, |sum, fact| mix(sum ^ fact));
        self.summary.fingerprint = mixed;
    }
    fn fail(self, what: String) -> Failure {
        Failure { seed: self.seed, second: self.now_s, what, history: self.journal.into_lines() }
    }
}
