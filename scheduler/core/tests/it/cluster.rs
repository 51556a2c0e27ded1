//! Builders and generators of snapshots.

use berth_domain::{
    app::PlacementStrategy,
    id::{AppId, InstanceId, NodeId, ReleaseId},
    lifecycle::InstancePhase,
    node::{NodeAvailability, NodeState},
    quantity::Resources,
};
use berth_scheduler_core::snapshot::{Demand, Node, Placed, Snapshot};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub fn app(n: u8) -> AppId {
    AppId::new(Uuid::from_u128(u128::from(n) + 1))
}
pub fn release(app: u8, n: u8) -> ReleaseId {
    ReleaseId::new(Uuid::from_u128(u128::from(app) * 16 + u128::from(n) + 1))
}
pub fn node(n: u8) -> NodeId {
    NodeId::new(Uuid::from_u128(u128::from(n) + 1))
}
pub fn instance(n: u32) -> InstanceId {
    InstanceId::new(Uuid::from_u128(u128::from(n) + 1))
}
/// Draws ids that no instance of `snapshot` has, in rising order.
pub fn fresh_ids(snapshot: &Snapshot) -> impl FnMut() -> InstanceId + use<> {
    let mut last = snapshot.instances.keys().last().map_or(0, |id| id.uuid().as_u128());
    move || {
        last += 1;
        InstanceId::new(Uuid::from_u128(last))
    }
}

/// A node that is well and has room for four instances of [`demand`].
pub fn good_node(name: &str) -> Node {
    Node {
        name: name.to_owned(),
        state: NodeState::Ready,
        availability: NodeAvailability::Active,
        capacity: Resources::new(4000, 4096),
        labels: BTreeMap::new(),
        images: BTreeSet::new(),
        foreign_ports: BTreeSet::new(),
    }
}
pub fn demand(of: AppId) -> Demand {
    Demand {
        app: of,
        resources: Resources::new(1000, 1024),
        host_ports: BTreeSet::new(),
        node_labels: BTreeMap::new(),
        strategy: PlacementStrategy::Spread,
        image: "hello".to_owned(),
    }
}
pub fn placed(release_n: u8, node_n: u8, number: u32, phase: InstancePhase) -> Placed {
    let (app, release) = (app(0), release(0, release_n));
    Placed { app, release, node: node(node_n), number, stopping: false, phase, outdated: false }
}
/// `nodes` good nodes, and app 0 with its releases 0 and 1 and no target.
pub fn small(nodes: u8) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for n in 0..nodes {
        snapshot.nodes.insert(node(n), good_node(&format!("n{n}")));
    }
    for n in 0..2 {
        snapshot.releases.insert(release(0, n), demand(app(0)));
    }
    snapshot
}

const APPS: u8 = 3;
const RELEASES: u8 = 2;
const NODES_MAX: u8 = 6;
const IMAGES: [&str; 2] = ["hello", "world"];

fn any_labels() -> impl Strategy<Value = BTreeMap<String, String>> {
    option::weighted(0.4, select(vec!["a", "b"]))
        .prop_map(|zone| zone.map(|zone| ("zone".to_owned(), zone.to_owned())).into_iter().collect())
}
fn any_ports(weight: f64) -> impl Strategy<Value = BTreeSet<u16>> {
    option::weighted(weight, select(vec![80_u16, 443])).prop_map(|port| port.into_iter().collect())
}
fn any_node() -> impl Strategy<Value = Node> {
    use NodeAvailability as A;
    use NodeState as S;
    (
        select(vec![S::Ready, S::Ready, S::Ready, S::Ready, S::DockerDown, S::Suspect, S::Lost]),
        select(vec![A::Active, A::Active, A::Active, A::Cordoned, A::Drained]),
        // One less than a round number is where a comparison that is off by one shows.
        (0..5_u64, 0..5_u64, 0..2_u64),
        any_labels(),
        subsequence(IMAGES.to_vec(), 0..=IMAGES.len()),
        any_ports(0.1),
    )
        .prop_map(|(state, availability, (cpu, memory, less), labels, images, foreign_ports)| Node {
            state,
            availability,
            capacity: Resources::new((cpu * 700).saturating_sub(less), (memory * 900).saturating_sub(less)),
            labels,
            images: images.into_iter().map(str::to_owned).collect(),
            foreign_ports,
            ..good_node("any")
        })
}
fn any_demand(of: AppId) -> impl Strategy<Value = Demand> {
    let strategy = select(vec![PlacementStrategy::Spread, PlacementStrategy::Pack]);
    (1..4_u64, 1..4_u64, any_ports(0.3), any_labels(), strategy, select(IMAGES.to_vec())).prop_map(
        move |(cpu, memory, host_ports, node_labels, strategy, image)| Demand {
            resources: Resources::new(cpu * 300, memory * 300),
            host_ports,
            node_labels,
            strategy,
            image: image.to_owned(),
            ..demand(of)
        },
    )
}
/// An instance; its node may be one that is no longer known.
fn any_placed() -> impl Strategy<Value = Placed> {
    (0..APPS, 0..RELEASES, 0..=NODES_MAX, 1..7_u32, prop::bool::weighted(0.2), any_phase(), prop::bool::weighted(0.15))
        .prop_map(|(app_n, release_n, node_n, number, stopping, phase, outdated)| Placed {
            app: app(app_n),
            release: release(app_n, release_n),
            node: node(node_n),
            number,
            stopping,
            phase,
            outdated,
        })
}
pub fn any_phase() -> impl Strategy<Value = InstancePhase> {
    use InstancePhase as P;
    select(vec![P::Waiting, P::Pulling, P::Starting, P::Ready, P::Ready, P::Ready, P::Unready, P::BackOff, P::Stopped])
}

/// Any cluster, however odd: over-committed, with lost nodes, with instances of releases that nobody wants.
pub fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let demands: Vec<_> =
        (0..APPS).flat_map(|a| (0..RELEASES).map(move |r| (a, r))).map(|(a, _)| any_demand(app(a))).collect();
    let targets = vec(option::weighted(0.7, 0..5_u32), usize::from(APPS * RELEASES));
    let allowed = vec(0..3_u32, usize::from(APPS));
    (vec(any_node(), 1..usize::from(NODES_MAX)), demands, vec(any_placed(), 0..14), targets, allowed).prop_map(
        |(nodes, demands, instances, targets, allowed)| {
            let mut snapshot = Snapshot { version: 7, ..Snapshot::default() };
            snapshot.nodes = (0..).map(node).zip(nodes).collect();
            snapshot.instances = (0..).map(instance).zip(instances).collect();
            let keys = (0..APPS).flat_map(|a| (0..RELEASES).map(move |r| (a, r)));
            for (((a, r), demand), target) in keys.zip(demands).zip(targets) {
                snapshot.releases.insert(release(a, r), demand);
                if let Some(target) = target {
                    snapshot.targets.entry(app(a)).or_default().insert(release(a, r), target);
                }
            }
            snapshot.outdated_allowed = (0..).map(app).zip(allowed).collect();
            snapshot
        },
    )
}
/// Any of the apps.
pub fn any_apps() -> impl Strategy<Value = Vec<AppId>> {
    vec((0..APPS).prop_map(app), 0..5)
}
/// All of the apps.
pub fn all_apps() -> Vec<AppId> {
    (0..APPS).map(app).collect()
}
