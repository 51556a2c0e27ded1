//! Nodes: what they have and run, how they join, what an administrator wants of them.

use super::{
    error::Error,
    page::{PageRequest, Paged},
    room::must_have_room,
};
use crate::{
    authz::{
        action::node::{Join, List, Read, Remove, Update},
        permit::Permit,
    },
    grpc::join,
    startup::App,
    store::{
        ReadTx, Store, Tx,
        audit::AuditEntry,
        counted::Counted,
        events::{Concerns, NewEvent, Reason, insert_events},
        events_read::{EventRecord, Of, list_events},
        instances::{NodeInstanceRecord, list_node_instances},
        join_tokens::insert_join_token,
        nodes::{self, NodeRecord, Which, get_node, list_nodes, lock_node},
        nudge::Topic,
    },
};
use berth_domain::{
    app::check_labels,
    id::{EventId, JoinTokenId},
    node::{NodeAvailability, NodeState},
    right::{Right, Role},
};
use chrono::{DateTime, Utc};
use serde_json::json;
use std::collections::BTreeMap;

/// A node, for people.
pub type Node = NodeRecord;

/// What a node's agent said last.
pub type Observed = nodes::Observed;

/// An instance on a node, for people.
pub type NodeInstance = NodeInstanceRecord;

/// A node with what runs on it.
#[derive(Debug, Clone)]
pub struct NodeDetail {
    /// The node.
    pub node: Node,
    /// What runs there.
    pub placed: Vec<NodeInstance>,
}

/// A page of all nodes, by name.
pub async fn list(
    store: &Store,
    permit: &Permit<List>,
    page: &PageRequest<String>,
) -> Result<Paged<Node, String>, Error> {
    let mut tx = ReadTx::begin(store, permit).await?;
    let which = Which::PageOf { after: page.after.as_deref().unwrap_or_default(), limit: page.rows() };
    let found = list_nodes(tx.conn(), which).await?;
    Ok(page.cut(found, |node| node.name.clone()))
}

/// One node. Names of apps are shown where the caller may see the app; running the platform shows no tenant's things.
pub async fn read(store: &Store, permit: &Permit<Read>, name: &str) -> Result<NodeDetail, Error> {
    let mut tx = ReadTx::begin(store, permit).await?;
    let node = get_node(tx.conn(), name).await?.ok_or(Error::NotFound)?;
    let roles: Vec<_> = Role::ALL.into_iter().filter(|role| role.rights().contains(&Right::AppRead)).collect();
    let placed = list_node_instances(tx.conn(), node.id, permit.actor().user, &roles).await?;
    Ok(NodeDetail { node, placed })
}

/// A page of what happened to a node itself, newest first.
pub async fn list_node_events(
    store: &Store,
    permit: &Permit<Read>,
    name: &str,
    page: &PageRequest<EventId>,
) -> Result<Paged<EventRecord, EventId>, Error> {
    let mut tx = ReadTx::begin(store, permit).await?;
    let node = get_node(tx.conn(), name).await?.ok_or(Error::NotFound)?;
    let found = list_events(tx.conn(), Of::Node(node.id), page.after, page.rows()).await?;
    Ok(page.cut(found, |event| event.id))
}

/// What an administrator changes; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateNode {
    /// What is wanted of it.
    pub availability: Option<NodeAvailability>,
    /// All its labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// Changes what is wanted of a node.
pub async fn update(store: &Store, permit: &Permit<Update>, name: &str, change: UpdateNode) -> Result<Node, Error> {
    if let Some(labels) = &change.labels {
        let mut errors = Vec::new();
        check_labels("labels", labels, &mut errors);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
    }
    let mut tx = Tx::begin(store, permit).await?;
    let id = lock_node(tx.conn(), name).await?.ok_or(Error::NotFound)?;
    let before = get_node(tx.conn(), name).await?.ok_or(Error::NotFound)?;
    let availability = change.availability.unwrap_or(before.availability);
    let labels = change.labels.unwrap_or_else(|| before.labels.clone());
    if (availability, &labels) == (before.availability, &before.labels) {
        return Ok(before);
    }
    nodes::update_node(tx.conn(), id, availability, &labels).await?;
    tx.touch(Topic::Nodes);
    let said = |availability: NodeAvailability, labels| json!({ "availability": availability, "labels": labels });
    let entry = AuditEntry::new()
        .target(name, id.uuid())
        .before(&said(before.availability, &before.labels))
        .after(&said(availability, &labels));
    tx.commit(entry).await?;
    Ok(Node { availability, labels, ..before })
}

/// Ends a node's membership: only of one that is lost, or drained and empty, so that nothing that runs is forgotten.
pub async fn remove(app: &App, permit: &Permit<Remove>, name: &str) -> Result<(), Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let id = lock_node(tx.conn(), name).await?.ok_or(Error::NotFound)?;
    let node = get_node(tx.conn(), name).await?.ok_or(Error::NotFound)?;
    let lost = node.observed.as_ref().is_none_or(|observed| observed.state == NodeState::Lost);
    let empty = node.availability == NodeAvailability::Drained && node.instances == 0;
    if !lost && !empty {
        return Err(Error::Conflict(format!("{name} runs; drain it and wait until it is empty, then remove it")));
    }
    let at = tx.now();
    nodes::remove_node(tx.conn(), id, at).await?;
    let concerns = Concerns { node: Some(id), ..Concerns::default() };
    let removed = NewEvent::of(tx.id(), at, Reason::NodeRemoved, concerns, [("node", name.to_owned())]);
    insert_events(tx.conn(), &[removed]).await?;
    tx.touch(Topic::Nodes);
    tx.commit(AuditEntry::new().target(name, id.uuid())).await?;
    // On other servers it ends with the agent's next word.
    app.fleet.disconnect(id);
    Ok(())
}

/// A join token, to be shown once.
#[derive(Clone)]
pub struct JoinToken {
    /// Which.
    pub id: JoinTokenId,
    /// Its text.
    pub text: String,
    /// The command to run on the new node.
    pub command: String,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// Makes a token with which one node joins.
pub async fn create_join_token(app: &App, permit: &Permit<Join>) -> Result<JoinToken, Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    must_have_room(&mut tx, Counted::JoinTokens).await?;
    let drawn = join::draw(&*app.ids, tx.now(), app.authority.fingerprint(), Some(permit.actor().user));
    insert_join_token(tx.conn(), &drawn.kept).await?;
    let entry = AuditEntry::new().target("join-token", drawn.kept.id.uuid());
    tx.commit(entry.after(&json!({ "expires_at": drawn.kept.expires_at }))).await?;
    Ok(JoinToken {
        id: drawn.kept.id,
        command: join::command(&app.settings.agent_public_url, &drawn.text),
        text: drawn.text,
        expires_at: drawn.kept.expires_at,
    })
}
