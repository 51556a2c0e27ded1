//! From a snapshot to a plan: keep what may stay, find feasible nodes, score, place.

use crate::{index::Index, plan_app::plan_app, snapshot::Snapshot};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use berth_domain::id::{AppId, InstanceId, NodeId, ReleaseId};
use serde::{Deserialize, Serialize};

/// What shall change. Applying it and planning again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// [`Snapshot::version`] that it was made from.
    pub base_version: u64,
    /// New instances.
    pub starts: Vec<Start>,
    /// Instances that shall stop.
    pub stops: Vec<Stop>,
    /// Instances that are wanted and find no place.
    pub refusals: Vec<Refusal>,
}

/// A new instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Its app.
    pub app: AppId,
    /// Its release.
    pub release: ReleaseId,
    /// Its number within the release: the lowest that is free.
    pub number: u32,
    /// Where.
    pub node: NodeId,
    /// Why there.
    pub explanation: Explanation,
}

/// An instance that shall stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Which.
    pub instance: InstanceId,
    /// Why.
    pub reason: StopReason,
}

/// Why an instance shall stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Its release has more instances than it shall have. What is not ready goes before what is, then the newest.
    Surplus,
    /// Its node was lost.
    NodeLost,
    /// Its node is drained. It ran: its replacement is ready. It did not run: its replacement has a place.
    NodeDrained,
}

/// A wanted instance without a place. What cannot be placed is data, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its app.
    pub app: AppId,
    /// Its release.
    pub release: ReleaseId,
    /// The number that it would have had.
    pub number: u32,
    /// The first constraint that failed, on every node.
    pub nodes: BTreeMap<NodeId, Constraint>,
}

/// A hard constraint that a node fails.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Constraint {
    /// It is lost, suspect, or its Docker does not answer.
    NotReady,
    /// It is cordoned or drained.
    NotActive,
    /// It lacks a label.
    Label {
        /// The label's key.
        key: alloc::string::String,
    },
    /// A fixed host port is in use there.
    HostPort {
        /// Which.
        port: u16,
    },
    /// Too little cpu is free.
    Cpu {
        /// Thousandths of a core that would have to come free.
        missing_milli: u64,
    },
    /// Too little memory is free.
    Memory {
        /// MiB that would have to come free.
        missing_mib: u64,
    },
}

impl Constraint {
    /// The word in [`Explanation::refused`]: its `kind` on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotReady => "not_ready",
            Self::NotActive => "not_active",
            Self::Label { .. } => "label",
            Self::HostPort { .. } => "host_port",
            Self::Cpu { .. } => "cpu",
            Self::Memory { .. } => "memory",
        }
    }
}

/// Why a node was chosen: the best candidates in order, and how many nodes failed which constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The chosen node first, then the next best, [`CANDIDATES_MAX`] at the most.
    pub candidates: Vec<Candidate>,
    /// How many nodes were feasible.
    pub feasible: u32,
    /// How many nodes failed each kind of constraint (its `kind` on the wire).
    pub refused: BTreeMap<alloc::string::String, u32>,
}

/// Most candidates kept in an explanation: what a person reads.
pub const CANDIDATES_MAX: usize = 5;

/// A feasible node and its score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Which.
    pub node: NodeId,
    /// Its score; a smaller one is better.
    pub score: Score,
}

/// What decides between feasible nodes, in this order; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Score {
    /// Instances of the same app that are there, without those that were told to stop before this plan: counts only
    /// when spreading.
    pub same_app: u32,
    /// 0 when the image is there, 1 when it must be pulled.
    pub image_missing: u32,
    /// When packing: free share after placing, in thousandths rounded up, the larger of cpu and memory;
    /// when spreading: used share after placing, in thousandths rounded down, the larger of both.
    pub fill_permille: u32,
    /// Breaks ties.
    pub node: NodeId,
}

/// Plans for the apps named in `dirty`; all others stay as they are. The order of `dirty` does not matter.
///
/// Apps are planned in the order of their ids, each against what the ones before it took. What a stopping instance
/// holds stays held, so nothing that one plan frees is given away in the same plan: the next one sees it gone.
pub fn plan(snapshot: &Snapshot, dirty: &[AppId]) -> Plan {
    let dirty: BTreeSet<AppId> = dirty.iter().copied().collect();
    let mut index = Index::new(snapshot, &dirty);
    let mut plan = Plan { base_version: snapshot.version, ..Plan::default() };
    let mut unplaced = Vec::new();
    for app in dirty {
        let mut outcome = plan_app(&mut index, app);
        plan.starts.append(&mut outcome.starts);
        plan.stops.append(&mut outcome.stops);
        unplaced.append(&mut outcome.unplaced);
    }
    // Room only shrinks while planning, so a node that refused then refuses now: explained against the final state,
    // the refusals of the same plan made again are the same.
    plan.refusals = unplaced.into_iter().flat_map(|lack| lack.refusals(&index)).collect();
    plan
}
