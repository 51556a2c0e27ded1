//! Stores what agents report: the only writer of OBSERVED rows of instances. Reports of many agents go into one
//! transaction; each is answered when it is stored, because only then it is acknowledged.

use super::Nudges;
use crate::{
    authz::permit::SystemPermit,
    store::{
        Store, StoreError, SystemTx,
        events::{Concerns, NewEvent, Severity, insert_events},
        node_observations::{touch_node, update_applied},
        nodes::list_node_names,
        observations::{ChangedApp, InstancePlace, list_instance_places, mark_absent, upsert_observations},
    },
};
use berth_api_types::v1::live::Topic;
use berth_domain::{
    id::{EventId, InstanceId, NodeId},
    node::SUSPECT_AFTER_MS,
};
use berth_scheduler::message::{EventReport, EventSeverity, NodeReport};
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Reports that wait; an agent whose report does not fit waits itself.
const QUEUE_MAX: usize = 256;
/// Most reports in one transaction.
const BATCH_MAX: usize = 64;
/// An agent's clock may be ahead by this much before its events are dated now, in seconds.
const SKEW_S: i64 = 60;
const PERMIT: SystemPermit = SystemPermit::for_duty("observation");

/// A report was not stored.
#[derive(Debug, thiserror::Error)]
pub enum NotStored {
    /// The node is no member.
    #[error("the node is no member")]
    NoMember,
    /// The database; the agent sends the report again.
    #[error("{0}")]
    Failed(String),
}

struct Waiting {
    node: NodeId,
    report: NodeReport,
    answer: oneshot::Sender<Result<(), NotStored>>,
}

/// The way to the writer.
#[derive(Clone)]
pub struct Observer(mpsc::Sender<Waiting>);

impl Observer {
    /// Stores a report; returns when it is committed.
    pub async fn report(&self, node: NodeId, report: NodeReport) -> Result<(), NotStored> {
        let (answer, answered) = oneshot::channel();
        let stopped = || NotStored::Failed("the server stops".to_owned());
        self.0.send(Waiting { node, report, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

/// The writer, and the way to it.
pub fn writer(store: Store, nudges: Nudges) -> (Observer, Writer) {
    let (sender, queue) = mpsc::channel(QUEUE_MAX);
    (Observer(sender), Writer { store, nudges, queue })
}

/// Writes reports, one transaction after the other.
pub struct Writer {
    store: Store,
    nudges: Nudges,
    queue: mpsc::Receiver<Waiting>,
}

impl Writer {
    /// Until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                count = self.queue.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return },
            }
            let went = self.write(&batch).await;
            if let Err(error) = &went {
                tracing::warn!(%error, reports = batch.len(), "reports were not stored; the agents send them again");
            }
            for waiting in batch.drain(..) {
                let answer = match &went {
                    Ok(strangers) if strangers.contains(&waiting.node) => Err(NotStored::NoMember),
                    Ok(_) => Ok(()),
                    Err(error) => Err(NotStored::Failed(error.to_string())),
                };
                // The agent may have gone meanwhile.
                let _ = waiting.answer.send(answer);
            }
        }
    }

    /// Writes a batch; returns the nodes in it that are no members.
    async fn write(&self, batch: &[Waiting]) -> Result<BTreeSet<NodeId>, StoreError> {
        // Of several reports of a node the newest says everything; their events all count.
        let newest: BTreeMap<NodeId, &NodeReport> = batch.iter().map(|w| (w.node, &w.report)).collect();
        let mut tx = SystemTx::begin(&self.store, &PERMIT).await?;
        let (mut strangers, mut nodes_changed) = (BTreeSet::new(), false);
        for (node, report) in &newest {
            match touch_node(&mut tx, *node, report.docker_answers).await? {
                None => {
                    strangers.insert(*node);
                }
                Some(beat) => {
                    nodes_changed |=
                        beat.docker_answered != report.docker_answers || beat.silence_ms >= SUSPECT_AFTER_MS;
                    update_applied(&mut tx, *node, report.epoch, report.generation).await?;
                }
            }
        }
        let members = || newest.iter().filter(|(node, _)| !strangers.contains(node));
        let mut seen = BTreeMap::new();
        for (node, report) in members() {
            seen.extend(report.instances.iter().map(|instance| (instance.instance, (*node, instance))));
        }
        let seen: Vec<_> = seen.into_values().collect();
        let changed = upsert_observations(&mut tx, &seen).await?;
        let mut absent = 0;
        for (node, report) in members() {
            let present: Vec<_> = report.instances.iter().map(|instance| instance.instance).collect();
            absent += mark_absent(&mut tx, *node, (report.epoch, report.generation), &present).await?;
        }
        write_events(&mut tx, batch, &strangers).await?;
        for app in &changed {
            tx.touch(Some(app.tenant), topic(app));
        }
        if nodes_changed {
            tx.touch(None, Topic::Nodes);
        }
        tx.commit_unaudited().await?;
        if nodes_changed || absent > 0 || !changed.is_empty() {
            self.nudges.engine();
        }
        Ok(strangers)
    }
}

fn topic(app: &ChangedApp) -> Topic {
    Topic::App { project: app.project.clone(), environment: app.environment.clone(), app: app.app.clone() }
}

/// Writes what the agents say happened. What concerns an instance that is not on that node is left out.
async fn write_events(tx: &mut SystemTx, batch: &[Waiting], strangers: &BTreeSet<NodeId>) -> Result<(), StoreError> {
    let said: Vec<(NodeId, &EventReport)> = batch
        .iter()
        .filter(|w| !strangers.contains(&w.node))
        .flat_map(|w| w.report.events.iter().map(|event| (w.node, event)))
        .collect();
    if said.is_empty() {
        return Ok(());
    }
    let instances: Vec<_> =
        said.iter().filter_map(|(node, event)| event.instance.map(|instance| (*node, instance))).collect();
    let places = list_instance_places(tx, &instances).await?;
    let nodes: Vec<_> = said.iter().map(|(node, _)| *node).collect();
    let names = list_node_names(tx, &nodes).await?;
    let now = tx.now();
    let events: Vec<_> = said
        .into_iter()
        .filter_map(|(node, event)| agent_event(node, event, &places, names.get(&node)?, now))
        .collect();
    insert_events(tx.conn(), &events).await
}

/// The id under which an agent's event is kept: ordered by time like all ids of events, the same for the same event said
/// again, and never one that another node's event has.
fn event_id(node: NodeId, said: EventId, at: DateTime<Utc>) -> EventId {
    let digest = Sha256::new().chain_update(node.uuid()).chain_update(said.uuid()).finalize();
    let mut unique = [0; 10];
    unique.copy_from_slice(&digest[..10]);
    let at_ms = at.timestamp_millis().unsigned_abs();
    EventId::new(uuid::Builder::from_unix_timestamp_millis(at_ms, &unique).into_uuid())
}

fn agent_event(
    node: NodeId,
    event: &EventReport,
    places: &BTreeMap<InstanceId, InstancePlace>,
    node_name: &str,
    now: DateTime<Utc>,
) -> Option<NewEvent> {
    let mut params =
        BTreeMap::from([("node".to_owned(), node_name.to_owned()), ("message".to_owned(), event.message.clone())]);
    let mut concerns = Concerns { node: Some(node), ..Concerns::default() };
    if let Some(instance) = event.instance {
        let place = places.get(&instance)?;
        params.insert("instance".to_owned(), place.name.clone());
        params.insert("app".to_owned(), place.app_name.clone());
        concerns = Concerns {
            tenant: Some(place.tenant),
            project: Some(place.project),
            environment: Some(place.environment),
            app: Some(place.app),
            instance: Some(instance),
            node: Some(node),
        };
    }
    let at = i64::try_from(event.at_ms).ok().and_then(DateTime::from_timestamp_millis).unwrap_or(now);
    let at = if at > now + TimeDelta::seconds(SKEW_S) { now } else { at };
    Some(NewEvent {
        id: event_id(node, event.id, at),
        concerns,
        at,
        severity: match event.severity {
            EventSeverity::Info => Severity::Info,
            EventSeverity::Warn => Severity::Warn,
            EventSeverity::Error => Severity::Error,
        },
        reason: event.reason.clone(),
        message: event.message.clone(),
        params,
    })
}
