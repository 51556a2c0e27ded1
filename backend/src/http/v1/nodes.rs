//! Nodes: list, read, change, remove; join tokens; what happened on one.

use super::events::event_view;
use crate::{
    authz::{
        action::node::{Join, List, Read, Remove, Update},
        permit::Permit,
    },
    http::{
        error::Failure,
        input::{Json, Path, Query, State},
        page,
        reply::{Created, Done, Found, Secret},
    },
    service::{
        error::Error,
        nodes::{self, Node, NodeInstance, UpdateNode},
    },
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::{
        events::EventView,
        nodes::{JoinTokenView, NodeDetailView, NodeInstanceView, NodeView, UpdateNodeBody},
    },
};
use berth_domain::{lifecycle::InstancePhase, name::Name, node::NodeState};
use serde::Deserialize;

/// `{node}` in the path.
#[derive(Deserialize)]
pub struct NodePath {
    node: String,
}

impl NodePath {
    /// What cannot be a name is no node's.
    fn name(&self) -> Result<&str, Error> {
        Name::parse(&self.node).map(|_| self.node.as_str()).map_err(|_| Error::NotFound)
    }
}

/// All nodes, by name.
pub async fn list(
    permit: Permit<List>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<NodeView>>, Failure> {
    let found = nodes::list(&app.store, &permit, &page::request(&query)?).await?;
    Ok(Found(page::view(found, node_view)))
}

/// One node with what runs on it.
pub async fn read(
    permit: Permit<Read>,
    app: State,
    Path(path): Path<NodePath>,
) -> Result<Found<NodeDetailView>, Failure> {
    let found = nodes::read(&app.store, &permit, path.name()?).await?;
    Ok(Found(NodeDetailView {
        node: node_view(found.node),
        placed: found.placed.into_iter().map(instance_view).collect(),
    }))
}

/// Cordons, drains, activates or labels a node.
pub async fn update(
    permit: Permit<Update>,
    app: State,
    Path(path): Path<NodePath>,
    Json(body): Json<UpdateNodeBody>,
) -> Result<Found<NodeView>, Failure> {
    let change = UpdateNode { availability: body.availability, labels: body.labels };
    Ok(Found(node_view(nodes::update(&app.store, &permit, path.name()?, change).await?)))
}

/// Removes a node that is lost, or drained and empty.
pub async fn remove(permit: Permit<Remove>, app: State, Path(path): Path<NodePath>) -> Result<Done, Failure> {
    nodes::remove(&app, &permit, path.name()?).await?;
    Ok(Done)
}

/// Makes a one-time token with which a node joins.
pub async fn create_join_token(permit: Permit<Join>, app: State) -> Result<Secret<Created<JoinTokenView>>, Failure> {
    let token = nodes::create_join_token(&app, &permit).await?;
    Ok(Secret(Created(JoinTokenView {
        id: token.id,
        token: token.text,
        command: token.command,
        expires_at: token.expires_at,
    })))
}

/// What happened to a node, newest first.
pub async fn list_events(
    permit: Permit<Read>,
    app: State,
    Path(path): Path<NodePath>,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<EventView>>, Failure> {
    let found = nodes::list_node_events(&app.store, &permit, path.name()?, &page::request(&query)?).await?;
    Ok(Found(page::view(found, event_view)))
}

fn node_view(node: Node) -> NodeView {
    // One that never came is as good as lost: nothing is placed there.
    let state = node.observed.as_ref().map_or(NodeState::Lost, |observed| observed.state);
    let last_seen_at = node.observed.as_ref().map(|observed| observed.last_seen_at);
    let observed = node.observed;
    let text = |of: fn(&nodes::Observed) -> &String| {
        observed.as_ref().map(|observed| of(observed).clone()).unwrap_or_default()
    };
    NodeView {
        id: node.id,
        name: node.name,
        state,
        availability: node.availability,
        labels: node.labels,
        address: text(|o| &o.address),
        capacity: observed.as_ref().map(|o| o.capacity).unwrap_or_default(),
        reserved: node.reserved,
        instances: node.instances,
        architecture: text(|o| &o.architecture),
        os: text(|o| &o.os),
        kernel: text(|o| &o.kernel),
        docker_version: text(|o| &o.docker_version),
        agent_version: text(|o| &o.agent_version),
        disk_free_mib: observed.as_ref().map_or(0, |o| o.disk_free_mib),
        last_seen_at,
        joined_at: node.joined_at,
    }
}

fn instance_view(instance: NodeInstance) -> NodeInstanceView {
    let shown = |text: String| instance.visible.then_some(text);
    NodeInstanceView {
        name: shown(instance.name),
        tenant: shown(instance.tenant_name),
        project: shown(instance.project_name),
        environment: shown(instance.environment_name),
        app: shown(instance.app_name),
        phase: InstancePhase::from_word(&instance.phase).unwrap_or(InstancePhase::Waiting),
        resources: instance.spec.resources(),
    }
}
