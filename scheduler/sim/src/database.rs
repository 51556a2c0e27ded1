//! The rows that all servers share: desired, assigned, observed, and the lease. One writer for each group, and the
//! two guards that make two leaders harmless: a commit names the version that it was made from, and the epoch that it
//! was made under.

use crate::{
    Sabotage,
    message::{DesiredSet, Report, Seen, Spec, Stamp, Wanted},
    promise::Basis,
};
use berth_domain::{
    app::RolloutPolicy,
    id::{AppId, InstanceId, NodeId, ReleaseId},
    lifecycle::{InstancePhase, RolloutEvent, RolloutPhase},
    node::NodeAvailability,
    quantity::Resources,
};
use berth_scheduler_core::{
    plan::{Plan, StopReason},
    snapshot::Demand,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Everything that is stored.
#[derive(Default)]
pub struct Database {
    /// Who leads: the epoch of the newest leader.
    pub epoch: u64,
    pub desired: Desired,
    pub assigned: Assigned,
    pub observed: Observed,
    ids: u128,
}

/// What people want.
#[derive(Default)]
pub struct Desired {
    /// Grows with every change; plans commit against it.
    pub revision: u64,
    pub apps: BTreeMap<AppId, App>,
    pub releases: BTreeMap<ReleaseId, Release>,
    pub nodes: BTreeMap<NodeId, Node>,
}

/// An app.
#[derive(Default)]
pub struct App {
    pub replicas: u32,
    pub running: bool,
    pub release: Option<ReleaseId>,
    /// All its releases, oldest first.
    pub history: Vec<ReleaseId>,
    pub restart_serial: u64,
    /// The newest rollout.
    pub rollout: Option<Rollout>,
}

/// A release.
pub struct Release {
    pub spec: Spec,
    pub demand: Demand,
    pub policy: RolloutPolicy,
}

/// A rollout.
#[derive(Debug, Clone, Copy)]
pub struct Rollout {
    pub from: Option<ReleaseId>,
    pub to: ReleaseId,
    pub is_restart: bool,
    pub phase: RolloutPhase,
    pub progressed_s: u64,
}

/// A node as an administrator set it up.
pub struct Node {
    pub capacity: Resources,
    pub labels: BTreeMap<String, String>,
    pub availability: NodeAvailability,
}

/// What placement decided.
#[derive(Default)]
pub struct Assigned {
    pub version: u64,
    pub instances: BTreeMap<InstanceId, Row>,
    pub stamps: BTreeMap<NodeId, Stamp>,
    /// Every instance that ever was, and its node: history, for the checks.
    pub ever: BTreeMap<InstanceId, NodeId>,
}

/// An instance.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub app: AppId,
    pub release: ReleaseId,
    pub node: NodeId,
    pub number: u32,
    pub restart_serial: u64,
    pub stopping: bool,
}

/// What agents said.
#[derive(Default)]
pub struct Observed {
    pub nodes: BTreeMap<NodeId, NodeSeen>,
    pub instances: BTreeMap<InstanceId, Seen>,
}

/// The newest report of a node.
#[derive(Default)]
pub struct NodeSeen {
    pub sequence: u64,
    pub heard_s: u64,
    pub docker_answers: bool,
    pub images: BTreeSet<String>,
}

/// A plan with all that it was made from.
pub struct Proposal {
    pub base_revision: u64,
    pub plan: Plan,
    /// Instances that were seen gone.
    pub gone: Vec<InstanceId>,
    /// What it is judged by.
    pub basis: Basis,
}

/// Why a write was refused: plan again.
pub struct Stale;

impl App {
    /// Instances that shall run.
    pub fn wanted(&self) -> u32 {
        if self.running { self.replicas } else { 0 }
    }
    /// The rollout that is going on.
    pub fn active_rollout(&self) -> Option<Rollout> {
        self.rollout.filter(|rollout| !rollout.phase.is_over())
    }
}

impl Rollout {
    /// The release that shall run.
    pub fn target(&self) -> ReleaseId {
        match self.phase {
            RolloutPhase::RollingBack | RolloutPhase::RolledBack => self.from.unwrap_or(self.to),
            RolloutPhase::Progressing | RolloutPhase::Succeeded | RolloutPhase::Failed | RolloutPhase::Superseded => {
                self.to
            }
        }
    }
    /// The release that it leads away from.
    pub fn before(&self) -> Option<ReleaseId> {
        match self.phase {
            RolloutPhase::RollingBack | RolloutPhase::RolledBack => self.from.map(|_| self.to),
            RolloutPhase::Progressing | RolloutPhase::Succeeded | RolloutPhase::Failed | RolloutPhase::Superseded => {
                self.from
            }
        }
    }
}

impl Database {
    /// A number that was never drawn before, for ids.
    pub fn draw(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }
    /// A new leader: every node's set gets a stamp of its epoch, so that what older leaders still send is refused.
    pub fn elect(&mut self) -> u64 {
        self.epoch += 1;
        for stamp in self.assigned.stamps.values_mut() {
            *stamp = Stamp { epoch: self.epoch, generation: 1 };
        }
        self.epoch
    }
    /// Writes what happened to an app's rollout.
    pub fn write_event(&mut self, epoch: u64, app: AppId, event: RolloutEvent, now_s: u64) -> Result<(), Stale> {
        if epoch != self.epoch {
            return Err(Stale);
        }
        let app = self.desired.apps.get_mut(&app).ok_or(Stale)?;
        let mut rollout = app.active_rollout().ok_or(Stale)?;
        rollout.phase = rollout.phase.on(event).ok_or(Stale)?;
        rollout.progressed_s = now_s;
        app.release = Some(rollout.target());
        app.rollout = Some(rollout);
        self.desired.revision += 1;
        Ok(())
    }
    /// Commits a plan if nothing that it was made from has changed.
    pub fn commit(&mut self, epoch: u64, proposal: &Proposal, sabotage: Sabotage) -> Result<(), Stale> {
        let current = epoch == self.epoch
            && proposal.plan.base_version == self.assigned.version
            && proposal.base_revision == self.desired.revision;
        if !current && sabotage != Sabotage::CommitIgnoresBase {
            return Err(Stale);
        }
        let mut touched = BTreeSet::new();
        for id in &proposal.gone {
            touched.extend(self.delete(*id));
        }
        for stop in &proposal.plan.stops {
            if let Some(row) = self.assigned.instances.get_mut(&stop.instance) {
                row.stopping = true;
                touched.insert(row.node);
            }
            if sabotage == Sabotage::ForgetsStopping && stop.reason != StopReason::NodeLost {
                self.delete(stop.instance);
            }
        }
        for start in &proposal.plan.starts {
            let id = InstanceId::new(self.draw());
            let restart_serial = self.desired.apps.get(&start.app).map_or(0, |app| app.restart_serial);
            let row = Row {
                app: start.app,
                release: start.release,
                node: start.node,
                number: start.number,
                restart_serial,
                stopping: false,
            };
            self.assigned.instances.insert(id, row);
            self.assigned.ever.insert(id, start.node);
            touched.insert(start.node);
        }
        if !touched.is_empty() {
            self.assigned.version += 1;
        }
        for node in touched {
            let stamp = self.assigned.stamps.entry(node).or_default();
            *stamp = Stamp { epoch: self.epoch, generation: stamp.generation + 1 };
        }
        Ok(())
    }
    fn delete(&mut self, id: InstanceId) -> Option<NodeId> {
        self.observed.instances.remove(&id);
        self.assigned.instances.remove(&id).map(|row| row.node)
    }
    /// What a node shall run.
    pub fn desired_set(&self, node: NodeId) -> DesiredSet {
        let rows = self.assigned.instances.iter().filter(|(_, row)| row.node == node);
        let wanted = |row: &Row| Wanted { spec: self.desired.releases[&row.release].spec, stop: row.stopping };
        DesiredSet {
            stamp: self.assigned.stamps.get(&node).copied().unwrap_or_default(),
            instances: rows.map(|(id, row)| (*id, wanted(row))).collect(),
        }
    }
    /// Instances that were told to stop and were seen gone.
    pub fn gone(&self) -> Vec<InstanceId> {
        let is_gone = |(id, row): &(&InstanceId, &Row)| {
            row.stopping && self.observed.instances.get(id).is_some_and(|seen| seen.phase == InstancePhase::Stopped)
        };
        self.assigned.instances.iter().filter(is_gone).map(|(id, _)| *id).collect()
    }
    /// Takes a report, unless a newer one of the node was taken.
    pub fn observe(&mut self, report: Report, now_s: u64) {
        let node = self.observed.nodes.entry(report.node).or_default();
        if report.sequence <= node.sequence {
            return;
        }
        *node = NodeSeen {
            sequence: report.sequence,
            heard_s: now_s,
            docker_answers: report.docker_answers,
            images: report.images,
        };
        for (id, seen) in report.instances {
            let Some(row) = self.assigned.instances.get(&id).filter(|row| row.node == report.node) else { continue };
            let was_ready = self.observed.instances.get(&id).is_some_and(|seen| seen.phase.is_ready());
            if seen.phase.is_ready() && !was_ready {
                note_progress(self.desired.apps.get_mut(&row.app), row.release, now_s);
            }
            self.observed.instances.insert(id, seen);
        }
    }
}

/// An instance became ready: its rollout moves on, when it is of its target.
fn note_progress(app: Option<&mut App>, release: ReleaseId, now_s: u64) {
    if let Some(rollout) = app.and_then(|app| app.rollout.as_mut())
        && rollout.target() == release
    {
        rollout.progressed_s = now_s;
    }
}
