//! Nodes: who is a member, under which certificate, and what an administrator wants of each.

use super::{StoreError, SystemTx, placement::availability_of};
use berth_domain::{
    id::NodeId,
    name::Name,
    node::{NodeAvailability, NodeState},
    quantity::Resources,
};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, types::Json};
use std::collections::BTreeMap;

/// Writes a node that joins. `false`: its name is taken.
pub async fn insert_node(
    tx: &mut SystemTx,
    node: NodeId,
    name: &Name,
    labels: &BTreeMap<String, String>,
    serial: &str,
) -> Result<bool, StoreError> {
    let now = tx.now();
    let written = sqlx::query!(
        "INSERT INTO nodes (id, name, labels, joined_at, certificate_serial) VALUES ($1, $2, $5, $3, $4)
         ON CONFLICT (name) WHERE removed_at IS NULL DO NOTHING",
        node.uuid(),
        name.as_str(),
        now,
        serial,
        Json(labels) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Whether any node ever joined.
pub async fn has_nodes(conn: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM nodes) AS "any!""#).fetch_one(conn).await?)
}

/// Whether the node is a member and `serial` is of its newest certificate, or of the one before while the newest was not
/// used yet. The first use of the newest ends the one before.
pub async fn is_current(tx: &mut SystemTx, node: NodeId, serial: &str) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        "SELECT certificate_serial, previous_certificate_serial FROM nodes WHERE id = $1 AND removed_at IS NULL",
        node.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(false) };
    let newest = row.certificate_serial == serial;
    if newest && row.previous_certificate_serial.is_some() {
        sqlx::query!("UPDATE nodes SET previous_certificate_serial = NULL WHERE id = $1", node.uuid())
            .execute(tx.conn())
            .await?;
    }
    Ok(newest || row.previous_certificate_serial.as_deref() == Some(serial))
}

/// Notes a node's new certificate; the one before stays good until the new one was used. `false`: no member.
pub async fn update_certificate(tx: &mut SystemTx, node: NodeId, serial: &str) -> Result<bool, StoreError> {
    let updated = sqlx::query!(
        "UPDATE nodes SET previous_certificate_serial = coalesce(previous_certificate_serial, certificate_serial),
                certificate_serial = $2
         WHERE id = $1 AND removed_at IS NULL",
        node.uuid(),
        serial,
    )
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Names of these nodes, removed ones too.
pub async fn list_node_names(tx: &mut SystemTx, nodes: &[NodeId]) -> Result<BTreeMap<NodeId, String>, StoreError> {
    let ids: Vec<_> = nodes.iter().map(|node| node.uuid()).collect();
    let rows = sqlx::query!("SELECT id, name FROM nodes WHERE id = ANY($1)", &ids).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| (NodeId::new(row.id), row.name)).collect())
}

/// A node, for its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    /// Which.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// What is wanted of it.
    pub availability: NodeAvailability,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When it joined.
    pub joined_at: DateTime<Utc>,
    /// What its agent said last; none before it came for the first time.
    pub observed: Option<Observed>,
    /// What its instances have reserved.
    pub reserved: Resources,
    /// Instances on it.
    pub instances: u32,
}

/// What a node's agent said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Computed from the silence, by the database's clock.
    pub state: NodeState,
    /// When it was heard.
    pub last_seen_at: DateTime<Utc>,
    /// Version of the agent.
    pub agent_version: String,
    /// What instances may use.
    pub capacity: Resources,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// Operating system.
    pub os: String,
    /// Kernel.
    pub kernel: String,
    /// Version of the Docker Engine.
    pub docker_version: String,
    /// Where published ports are reached.
    pub address: String,
    /// MiB free.
    pub disk_free_mib: u64,
}

/// Which nodes to read.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// One, by name.
    One(&'a str),
    /// A page, by name.
    PageOf {
        /// The last name of the page before.
        after: &'a str,
        /// At most so many.
        limit: i64,
    },
}

/// Reads members by name, with what runs on them.
pub async fn list_nodes(conn: &mut PgConnection, which: Which<'_>) -> Result<Vec<NodeRecord>, StoreError> {
    let (one, after, limit) = match which {
        Which::One(name) => (Some(name), "", 1),
        Which::PageOf { after, limit } => (None, after, limit),
    };
    let rows = sqlx::query!(
        r#"SELECT n.id, n.name, n.availability, n.labels AS "labels: Json<BTreeMap<String, String>>", n.joined_at,
                  o.last_seen_at AS "last_seen_at?", o.docker_answers AS "docker_answers?",
                  greatest(0, extract(epoch FROM clock_timestamp() - o.last_seen_at) * 1000)::bigint AS silence_ms,
                  coalesce(o.agent_version, '') AS "agent_version!", coalesce(o.cpu_milli, 0) AS "cpu_milli!",
                  coalesce(o.memory_mib, 0) AS "memory_mib!", coalesce(o.architecture, '') AS "architecture!",
                  coalesce(o.os, '') AS "os!", coalesce(o.kernel, '') AS "kernel!",
                  coalesce(o.docker_version, '') AS "docker_version!", coalesce(o.address, '') AS "address!",
                  coalesce(o.disk_free_mib, 0) AS "disk_free_mib!",
                  coalesce(u.cpu_milli, 0) AS "used_cpu_milli!", coalesce(u.memory_mib, 0) AS "used_memory_mib!",
                  coalesce(u.instances, 0) AS "instances!"
           FROM nodes n
           LEFT JOIN node_observations o ON o.node_id = n.id
           LEFT JOIN LATERAL (
               SELECT sum((r.spec->'resources'->>'cpu_milli')::bigint)::bigint AS cpu_milli,
                      sum((r.spec->'resources'->>'memory_mib')::bigint)::bigint AS memory_mib, count(*) AS instances
               FROM instances i JOIN releases r ON r.id = i.release_id WHERE i.node_id = n.id) u ON true
           WHERE n.removed_at IS NULL AND ($1::text IS NULL OR n.name = $1) AND n.name > $2
           ORDER BY n.name LIMIT $3"#,
        one,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let silence = row.silence_ms.map(i64::unsigned_abs);
            let observed =
                row.last_seen_at.zip(row.docker_answers).zip(silence).map(|((at, docker), silence)| Observed {
                    state: NodeState::of(silence, docker),
                    last_seen_at: at,
                    agent_version: row.agent_version,
                    capacity: Resources::new(row.cpu_milli.unsigned_abs(), row.memory_mib.unsigned_abs()),
                    architecture: row.architecture,
                    os: row.os,
                    kernel: row.kernel,
                    docker_version: row.docker_version,
                    address: row.address,
                    disk_free_mib: row.disk_free_mib.unsigned_abs(),
                });
            Ok(NodeRecord {
                id: NodeId::new(row.id),
                name: row.name,
                availability: availability_of(&row.availability)?,
                labels: row.labels.0,
                joined_at: row.joined_at,
                observed,
                reserved: Resources::new(row.used_cpu_milli.unsigned_abs(), row.used_memory_mib.unsigned_abs()),
                instances: u32::try_from(row.instances).unwrap_or(u32::MAX),
            })
        })
        .collect()
}

/// Reads one member.
pub async fn get_node(conn: &mut PgConnection, name: &str) -> Result<Option<NodeRecord>, StoreError> {
    Ok(list_nodes(conn, Which::One(name)).await?.pop())
}

/// Locks a member's row, so that two changes of it happen one after the other.
pub async fn lock_node(conn: &mut PgConnection, name: &str) -> Result<Option<NodeId>, StoreError> {
    let id = sqlx::query_scalar!("SELECT id FROM nodes WHERE name = $1 AND removed_at IS NULL FOR UPDATE", name)
        .fetch_optional(conn)
        .await?;
    Ok(id.map(NodeId::new))
}

/// Writes what is wanted of a node.
pub async fn update_node(
    conn: &mut PgConnection,
    node: NodeId,
    availability: NodeAvailability,
    labels: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE nodes SET availability = $2, labels = $3 WHERE id = $1",
        node.uuid(),
        availability.as_str(),
        Json(labels) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a node's membership, and with it its certificates.
pub async fn remove_node(conn: &mut PgConnection, node: NodeId, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE nodes SET removed_at = $2 WHERE id = $1 AND removed_at IS NULL", node.uuid(), at)
        .execute(conn)
        .await?;
    Ok(())
}
