//! Rows as the scheduler sees them: one conversion for what the engine decides and for what the preview shows.

use super::placement::{InstanceRecord, NodeRecord, ReleaseRecord};
use berth_domain::{app::AppSpec, id::AppId, node::NodeState};
use berth_scheduler_core::snapshot::{Demand, Node, Placed};

/// A node, standing as it was judged.
pub fn node(record: &NodeRecord, state: NodeState) -> Node {
    Node {
        name: record.name.clone(),
        state,
        availability: record.availability,
        capacity: record.capacity,
        labels: record.labels.clone(),
        images: record.images.clone(),
        foreign_ports: record.foreign_ports.clone(),
    }
}

/// An instance. `outdated`: it may go as soon as another takes its place.
pub fn placed(record: &InstanceRecord, outdated: bool) -> Placed {
    Placed {
        app: record.app,
        release: record.release,
        node: record.node,
        number: record.number,
        stopping: record.stopping,
        phase: record.phase,
        outdated,
    }
}

/// What one instance of a release asks of a node.
pub fn demand(release: &ReleaseRecord) -> Demand {
    let image = release.uploaded_digest.as_deref().unwrap_or_else(|| digest_of(&release.pinned_image));
    demand_of_spec(release.app, &release.spec, image)
}

/// What one instance of an app would ask of a node. `image`: the digest that nodes list it by.
pub fn demand_of_spec(app: AppId, spec: &AppSpec, image: &str) -> Demand {
    Demand {
        app,
        resources: spec.resources(),
        host_ports: spec.ports().iter().filter_map(|port| port.host).collect(),
        node_labels: spec.placement().node_labels.clone(),
        strategy: spec.placement().strategy,
        image: image.to_owned(),
    }
}

/// What nodes list an image of a registry by.
pub fn digest_of(pinned: &str) -> &str {
    pinned.split_once('@').map_or(pinned, |(_, digest)| digest)
}
