//! A whole plan once more, by brute force and from the documentation: every number is counted anew at every turn, by
//! walking over all instances. It shares no code with the planner but the types of its answer.

use crate::{
    cluster::fresh_ids,
    oracle::{holders, is_drained, is_lost, used},
};
use berth_domain::{
    app::PlacementStrategy,
    id::{AppId, InstanceId, NodeId, ReleaseId},
    lifecycle::InstancePhase,
    node::{NodeAvailability, NodeState},
};
use berth_scheduler_core::{
    plan::{CANDIDATES_MAX, Candidate, Constraint, Explanation, Plan, Refusal, Score, Start, Stop, StopReason},
    snapshot::{Demand, Placed, Snapshot},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

type Member = (InstanceId, Placed);

/// The plan that there should be, its stops ordered by instance.
pub fn reference(snapshot: &Snapshot, dirty: &[AppId]) -> Plan {
    let mut plan = Plan { base_version: snapshot.version, ..Plan::default() };
    // The cluster with what the plan has started so far. What it stops holds its room.
    let mut now = snapshot.clone();
    let mut refused = Vec::new();
    for app in dirty.iter().copied().collect::<BTreeSet<_>>() {
        plan_app(snapshot, &mut now, app, &mut plan, &mut refused);
    }
    let refusal = |(app, release, number): (AppId, ReleaseId, u32)| {
        let lacks = |demand: &Demand| now.nodes.keys().filter_map(|id| Some((*id, lack(&now, *id, demand)?))).collect();
        Refusal { app, release, number, nodes: now.releases.get(&release).map(lacks).unwrap_or_default() }
    };
    plan.refusals = refused.into_iter().map(refusal).collect();
    plan.stops.sort_by_key(|stop| stop.instance);
    plan
}

fn plan_app(
    snapshot: &Snapshot,
    now: &mut Snapshot,
    app: AppId,
    plan: &mut Plan,
    refused: &mut Vec<(AppId, ReleaseId, u32)>,
) {
    let targets = snapshot.targets.get(&app).cloned().unwrap_or_default();
    let told = snapshot.instances.iter().filter(|(_, placed)| placed.app == app && !placed.stopping);
    let (lost, live): (Vec<Member>, Vec<Member>) =
        told.map(|(id, placed)| (*id, placed.clone())).partition(|(_, placed)| is_lost(snapshot, placed));
    plan.stops.extend(stop(lost, StopReason::NodeLost));

    let (outdated, current): (Vec<Member>, Vec<Member>) = live.into_iter().partition(|(_, placed)| placed.outdated);
    let allowed = snapshot.outdated_allowed.get(&app).copied().unwrap_or(0);
    plan.stops.extend(stop(best_first(snapshot, outdated).split_off_at(allowed), StopReason::Surplus));

    let (wanted, unwanted): (Vec<Member>, Vec<Member>) =
        current.into_iter().partition(|(_, placed)| targets.contains_key(&placed.release));
    plan.stops.extend(stop(unwanted, StopReason::Surplus));
    for (release, target) in targets {
        let of_release = wanted.iter().filter(|(_, placed)| placed.release == release).cloned();
        let (drained, staying): (Vec<Member>, Vec<Member>) =
            of_release.partition(|(_, placed)| is_drained(snapshot, placed));
        let mut staying = best_first(snapshot, staying);
        plan.stops.extend(stop(staying.split_off_at(target), StopReason::Surplus));
        let mut placed = staying.len();
        for _ in staying.len()..target as usize {
            let number = free_number(now, refused, release);
            let Some(start) = best_start(now, app, release, number) else {
                refused.push((app, release, number));
                continue;
            };
            now.instances.insert(fresh_ids(now)(), waiting(&start));
            plan.starts.push(start);
            placed += 1;
        }
        let serves = |(_, placed): &&Member| usefulness(snapshot, placed) == READY_AND_HEARD;
        let ready = staying.iter().filter(serves).count();
        let reason = if target == 0 { StopReason::Surplus } else { StopReason::NodeDrained };
        plan.stops.extend(stop(let_go(snapshot, drained, target as usize, ready, placed), reason));
    }
}

/// What a drained node lets go of: of those that run, all that are not needed to have `target` ready; of the others,
/// all that are not needed to have `target` placed.
fn let_go(snapshot: &Snapshot, drained: Vec<Member>, target: usize, ready: usize, placed: usize) -> Vec<Member> {
    let drained = best_first(snapshot, drained);
    let (runs, idle): (Vec<Member>, Vec<Member>) =
        drained.into_iter().partition(|(_, placed)| usefulness(snapshot, placed) >= RUNS);
    let kept = runs.len().min(target - ready);
    let kept_idle = idle.len().min((target - placed).saturating_sub(kept));
    runs.into_iter().skip(kept).chain(idle.into_iter().skip(kept_idle)).collect()
}

const RUNS: u8 = 2;
const READY_AND_HEARD: u8 = 5;

/// How far it has come: it failed or ends, has no process, has one, was ready, was ready when last heard, serves.
fn usefulness(snapshot: &Snapshot, placed: &Placed) -> u8 {
    use InstancePhase as P;
    match placed.phase {
        P::BackOff | P::Stopping | P::Stopped => 0,
        P::Waiting | P::Pulling | P::Creating => 1,
        P::Starting => RUNS,
        P::Unready => 3,
        P::Ready if snapshot.nodes[&placed.node].state != NodeState::Ready => 4,
        P::Ready => READY_AND_HEARD,
    }
}

/// The most useful first; among equals what is not drained, then the oldest.
fn best_first(snapshot: &Snapshot, mut members: Vec<Member>) -> Vec<Member> {
    let order = |(id, placed): &Member| {
        (Reverse(usefulness(snapshot, placed)), is_drained(snapshot, placed), placed.number, *id)
    };
    members.sort_by_key(order);
    members
}

trait SplitOffAt {
    fn split_off_at(&mut self, count: u32) -> Self;
}
impl SplitOffAt for Vec<Member> {
    /// Keeps `count` and returns the others.
    fn split_off_at(&mut self, count: u32) -> Self {
        self.split_off(self.len().min(count as usize))
    }
}

fn stop(members: Vec<Member>, reason: StopReason) -> impl Iterator<Item = Stop> {
    members.into_iter().map(move |(instance, _)| Stop { instance, reason })
}

fn waiting(start: &Start) -> Placed {
    let Start { app, release, number, node, .. } = *start;
    Placed { app, release, node, number, stopping: false, phase: InstancePhase::Waiting, outdated: false }
}

/// The lowest number that no instance of the release has and that was not refused.
fn free_number(now: &Snapshot, refused: &[(AppId, ReleaseId, u32)], release: ReleaseId) -> u32 {
    let held = |number| now.instances.values().any(|placed| placed.release == release && placed.number == number);
    let given = |number| refused.iter().any(|(_, of, refused)| *of == release && *refused == number);
    (1..).find(|number| !held(*number) && !given(*number)).expect("a number is free")
}

/// The best node for one more instance: of all that lack nothing, the one with the smallest score.
fn best_start(now: &Snapshot, app: AppId, release: ReleaseId, number: u32) -> Option<Start> {
    let demand = now.releases.get(&release)?;
    let lacks: BTreeMap<NodeId, Option<Constraint>> =
        now.nodes.keys().map(|id| (*id, lack(now, *id, demand))).collect();
    let mut candidates: Vec<Candidate> = lacks
        .iter()
        .filter(|(_, lack)| lack.is_none())
        .map(|(id, _)| Candidate { node: *id, score: score(now, *id, demand) })
        .collect();
    candidates
        .sort_by_key(|Candidate { node, score }| (score.same_app, score.image_missing, score.fill_permille, *node));
    let feasible = u32::try_from(candidates.len()).expect("a small cluster");
    candidates.truncate(CANDIDATES_MAX);
    let mut refused = BTreeMap::new();
    for lack in lacks.into_values().flatten() {
        *refused.entry(lack.kind().to_owned()).or_default() += 1;
    }
    let node = candidates.first()?.node;
    Some(Start { app, release, number, node, explanation: Explanation { candidates, feasible, refused } })
}

/// The first thing that a node lacks for one more: in the order of [`Constraint`], the first label and port by name.
fn lack(now: &Snapshot, on: NodeId, demand: &Demand) -> Option<Constraint> {
    let node = &now.nodes[&on];
    if node.state != NodeState::Ready {
        return Some(Constraint::NotReady);
    }
    if node.availability != NodeAvailability::Active {
        return Some(Constraint::NotActive);
    }
    if let Some((key, _)) = demand.node_labels.iter().find(|(key, value)| node.labels.get(*key) != Some(value)) {
        return Some(Constraint::Label { key: key.clone() });
    }
    let held = |port: &u16| holders(now, on).any(|(_, other)| other.host_ports.contains(port));
    if let Some(port) = demand.host_ports.iter().find(|port| held(port) || node.foreign_ports.contains(port)) {
        return Some(Constraint::HostPort { port: *port });
    }
    let (used, capacity) = (used(now, on), node.capacity);
    let cpu = (used.cpu_milli.0 + demand.resources.cpu_milli.0).checked_sub(capacity.cpu_milli.0);
    if let Some(missing_milli) = cpu.filter(|missing| *missing > 0) {
        return Some(Constraint::Cpu { missing_milli });
    }
    let memory = (used.memory_mib.0 + demand.resources.memory_mib.0).checked_sub(capacity.memory_mib.0);
    memory.filter(|missing| *missing > 0).map(|missing_mib| Constraint::Memory { missing_mib })
}

/// The score of a node that lacks nothing. Thousandths are counted, not divided.
fn score(now: &Snapshot, on: NodeId, demand: &Demand) -> Score {
    let node = &now.nodes[&on];
    let (used, capacity) = (used(now, on) + demand.resources, node.capacity);
    let kinds = [(used.cpu_milli.0, capacity.cpu_milli.0), (used.memory_mib.0, capacity.memory_mib.0)];
    let full = |(used, capacity): (u64, u64)| (0..=1000).rev().find(|share| share * capacity <= used * 1000);
    let free = |(used, capacity): (u64, u64)| (0..=1000).find(|share| share * capacity >= (capacity - used) * 1000);
    let same =
        now.instances.values().filter(|placed| placed.app == demand.app && placed.node == on && !placed.stopping);
    let (same_app, fill) = match demand.strategy {
        PlacementStrategy::Spread => (same.count(), kinds.map(full)),
        PlacementStrategy::Pack => (0, kinds.map(free)),
    };
    let fill = fill.into_iter().flatten().max().expect("two kinds");
    Score {
        same_app: u32::try_from(same_app).expect("a small cluster"),
        image_missing: u32::from(!node.images.contains(&demand.image)),
        fill_permille: u32::try_from(fill).expect("at most 1000"),
        node: on,
    }
}
