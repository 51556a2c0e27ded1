//! What agents say of their nodes. Written by observation alone; times are the database's, so that all servers agree on
//! how long a node has been silent.

use super::{StoreError, SystemTx};
use berth_domain::{id::NodeId, node::NodeAvailability};
use berth_scheduler::message::Facts;
use sqlx::types::Json;

/// Notes that an agent came, with what its node has.
pub async fn upsert_node_observation(
    tx: &mut SystemTx,
    node: NodeId,
    agent_version: &str,
    facts: &Facts,
) -> Result<(), StoreError> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    sqlx::query!(
        "INSERT INTO node_observations (node_id, last_seen_at, docker_answers, agent_version, cpu_milli, memory_mib,
             architecture, os, kernel, docker_version, address, images, used_host_ports, disk_free_mib)
         VALUES ($1, clock_timestamp(), true, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (node_id) DO UPDATE SET last_seen_at = EXCLUDED.last_seen_at, agent_version = EXCLUDED.agent_version,
             cpu_milli = EXCLUDED.cpu_milli, memory_mib = EXCLUDED.memory_mib, architecture = EXCLUDED.architecture,
             os = EXCLUDED.os, kernel = EXCLUDED.kernel, docker_version = EXCLUDED.docker_version,
             address = EXCLUDED.address, images = EXCLUDED.images, used_host_ports = EXCLUDED.used_host_ports,
             disk_free_mib = EXCLUDED.disk_free_mib",
        node.uuid(),
        agent_version,
        signed(facts.capacity.cpu_milli.0),
        signed(facts.capacity.memory_mib.0),
        facts.architecture,
        facts.os,
        facts.kernel,
        facts.docker_version,
        facts.address,
        Json(&facts.images) as _,
        Json(&facts.used_host_ports) as _,
        signed(facts.disk_free_mib),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes what a node has now.
pub async fn update_facts(tx: &mut SystemTx, node: NodeId, facts: &Facts) -> Result<(), StoreError> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    sqlx::query!(
        "UPDATE node_observations SET cpu_milli = $2, memory_mib = $3, architecture = $4, os = $5, kernel = $6,
             docker_version = $7, address = $8, images = $9, used_host_ports = $10, disk_free_mib = $11
         WHERE node_id = $1",
        node.uuid(),
        signed(facts.capacity.cpu_milli.0),
        signed(facts.capacity.memory_mib.0),
        facts.architecture,
        facts.os,
        facts.kernel,
        facts.docker_version,
        facts.address,
        Json(&facts.images) as _,
        Json(&facts.used_host_ports) as _,
        signed(facts.disk_free_mib),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// (epoch, generation) of a node's desired set; zeros when it never had one.
pub async fn get_generation(tx: &mut SystemTx, node: NodeId) -> Result<(u64, u64), StoreError> {
    let row = sqlx::query!("SELECT epoch, generation FROM node_generations WHERE node_id = $1", node.uuid())
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map_or((0, 0), |row| (row.epoch.unsigned_abs(), row.generation.unsigned_abs())))
}

/// What a sign of life changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// How long the node had been silent before, in milliseconds.
    pub silence_ms: u64,
    /// Whether its Docker Engine answered before.
    pub docker_answered: bool,
}

/// Notes a sign of life. `None`: the node is no member.
pub async fn touch_node(tx: &mut SystemTx, node: NodeId, docker_answers: bool) -> Result<Option<Beat>, StoreError> {
    let row = sqlx::query!(
        r#"WITH before AS (
               SELECT o.last_seen_at, o.docker_answers FROM node_observations o JOIN nodes n ON n.id = o.node_id
               WHERE o.node_id = $1 AND n.removed_at IS NULL FOR UPDATE OF o)
           UPDATE node_observations o SET last_seen_at = clock_timestamp(), docker_answers = $2
           FROM before b WHERE o.node_id = $1
           RETURNING greatest(0, extract(epoch FROM clock_timestamp() - b.last_seen_at) * 1000)::bigint AS "silence_ms!",
                     b.docker_answers"#,
        node.uuid(),
        docker_answers,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Beat { silence_ms: row.silence_ms.unsigned_abs(), docker_answered: row.docker_answers }))
}

/// Notes which desired set a node has applied.
pub async fn update_applied(tx: &mut SystemTx, node: NodeId, epoch: u64, generation: u64) -> Result<(), StoreError> {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    sqlx::query!(
        "UPDATE node_observations SET applied_epoch = $2, applied_generation = $3
         WHERE node_id = $1 AND (applied_epoch, applied_generation) IS DISTINCT FROM ($2, $3)",
        node.uuid(),
        signed(epoch),
        signed(generation),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How a member stands, for events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// Which.
    pub node: NodeId,
    /// Its name.
    pub name: String,
    /// Since it was last heard, in milliseconds.
    pub silence_ms: u64,
    /// Whether its Docker Engine answered then.
    pub docker_answers: bool,
    /// What is wanted of it.
    pub availability: NodeAvailability,
    /// The last event about its standing, by its code.
    pub last_reason: Option<String>,
}

/// How every member that was heard at least once stands; with the last event about it when `with_events`.
pub async fn list_pulses(tx: &mut SystemTx, reasons: &[String]) -> Result<Vec<Pulse>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT n.id, n.name, n.availability, o.docker_answers,
                  greatest(0, extract(epoch FROM clock_timestamp() - o.last_seen_at) * 1000)::bigint AS "silence_ms!",
                  (SELECT e.reason FROM events e WHERE e.node_id = n.id AND e.reason = ANY($1)
                   ORDER BY e.id DESC LIMIT 1) AS last_reason
           FROM nodes n JOIN node_observations o ON o.node_id = n.id WHERE n.removed_at IS NULL ORDER BY n.id"#,
        reasons,
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Pulse {
                node: NodeId::new(row.id),
                name: row.name,
                silence_ms: row.silence_ms.unsigned_abs(),
                docker_answers: row.docker_answers,
                availability: super::placement::availability_of(&row.availability)?,
                last_reason: row.last_reason,
            })
        })
        .collect()
}
