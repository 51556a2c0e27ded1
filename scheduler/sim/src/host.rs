//! A machine: its power and cables, its Docker with containers, its disk with the agent's ledger.

use crate::{
    agent::Agent,
    message::{DesiredSet, Report, Spec},
};
use berth_domain::{
    id::{InstanceId, NodeId},
    quantity::Resources,
};
use std::collections::BTreeSet;

/// A container in Docker; it is there whether an agent runs or not.
#[derive(Debug, Clone, Copy)]
pub struct Container {
    /// Its label.
    pub instance: InstanceId,
    pub spec: Spec,
    /// Whether its process runs. One that does not still has its name and its reserved room.
    pub runs: bool,
}

/// What an agent keeps on disk.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The newest desired set.
    pub desired: DesiredSet,
    /// Of the last report.
    pub sequence: u64,
}

/// A machine.
pub struct Host {
    pub id: NodeId,
    pub capacity: Resources,
    pub powered: bool,
    /// Whether messages reach it and leave it.
    pub connected: bool,
    pub docker_answers: bool,
    /// The agent's process, when it runs.
    pub agent: Option<Agent>,
    pub ledger: Ledger,
    pub containers: Vec<Container>,
    pub images: BTreeSet<String>,
}

impl Host {
    pub fn new(id: NodeId, capacity: Resources) -> Self {
        Self {
            id,
            capacity,
            powered: true,
            connected: true,
            docker_answers: true,
            agent: None,
            ledger: Ledger::default(),
            containers: Vec::new(),
            images: BTreeSet::new(),
        }
    }
    /// Pulls the plug: every process ends, the disk stays.
    pub fn power_off(&mut self) {
        self.powered = false;
        self.agent = None;
        for container in &mut self.containers {
            container.runs = false;
        }
    }
    /// How well it is, for the journal.
    pub fn condition(&self) -> String {
        let Self { id, powered, connected, docker_answers, agent, .. } = self;
        let runs = agent.is_some();
        format!("{id}: power {powered}, connected {connected}, docker {docker_answers}, agent {runs}")
    }
    /// Whether its agent can hear and be heard.
    pub fn is_reachable(&self) -> bool {
        self.powered && self.connected && self.agent.is_some()
    }
    /// What the agent reports, when there is one.
    pub fn report(&mut self) -> Option<Report> {
        let agent = self.agent.as_ref().filter(|_| self.powered)?;
        self.ledger.sequence += 1;
        Some(Report {
            node: self.id,
            sequence: self.ledger.sequence,
            docker_answers: self.docker_answers,
            images: self.images.clone(),
            instances: agent.seen(),
        })
    }
}
