//! What the agent tells of what it sees: an observation of everything, replaced whole.

use crate::{
    container::{Container, ContainerState},
    ledger::Generation,
    limit,
    runtime::{Listed, Runtime, RuntimeError, RuntimeResult},
};
use berth_domain::id::InstallId;
use berth_proto::fleet::{AgentEvent, ObservedInstance, Report};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is known at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation {
    /// By instance.
    pub instances: Vec<ObservedInstance>,
    /// Of the set that was applied.
    pub generation: Generation,
    /// Whether the engine answers.
    pub docker_answers: bool,
    /// Ports of the node that our containers hold.
    pub own_ports: BTreeSet<u16>,
}

impl Observation {
    /// Whether the server should hear of the change at once: anything but progress and a probe's words.
    pub fn differs_much_from(&self, before: &Self) -> bool {
        let core = |o: &ObservedInstance| {
            let ports: Vec<_> = o.ports.iter().map(|port| (port.container, port.host)).collect();
            (o.instance_id.clone(), o.generation, o.phase.clone(), o.reason.clone(), o.restarts, ports)
        };
        self.generation != before.generation
            || self.docker_answers != before.docker_answers
            || !self.instances.iter().map(core).eq(before.instances.iter().map(core))
    }

    /// As a report.
    pub fn to_report(&self, sequence: u64, events: Vec<AgentEvent>) -> Report {
        Report {
            sequence,
            epoch: self.generation.epoch,
            generation: self.generation.generation,
            instances: self.instances.clone(),
            events,
            docker_answers: self.docker_answers,
        }
    }
}

/// A look at all containers of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Every container that is there.
    pub listed: BTreeSet<String>,
    /// Those that were looked at closely; `None` when one went away meanwhile.
    pub inspected: Vec<(String, Option<Container>)>,
}

/// Lists, and looks closely at what is new or has changed since `known` (its id and whether it ran); at everything
/// when `known` is empty.
pub async fn look(runtime: &dyn Runtime, install: InstallId, known: &BTreeMap<String, bool>) -> RuntimeResult<Look> {
    let listed = runtime.list(install).await?;
    let changed: Vec<Listed> = listed.iter().filter(|l| known.get(&l.id) != Some(&l.running)).cloned().collect();
    let inspected = stream::iter(changed)
        .map(|listed| async move {
            match runtime.inspect(&listed.id).await {
                // The list was filtered by label already; asked again because everything else rests on it.
                Ok(found) => Ok(Some((listed.id, found.filter(|container| container.install == Some(install))))),
                Err(error @ RuntimeError::Unavailable(_)) => Err(error),
                // One that the engine itself cannot read must not blind us for all the others.
                Err(error) => {
                    tracing::warn!(container = listed.id, %error, "a container cannot be looked at");
                    Ok(None)
                }
            }
        })
        .buffer_unordered(limit::INSPECTIONS_MAX)
        .try_filter_map(|looked| std::future::ready(Ok(looked)))
        .try_collect()
        .await?;
    Ok(Look { listed: listed.into_iter().map(|listed| listed.id).collect(), inspected })
}

/// What [`look`] needs to know of the containers that are known.
pub fn known(containers: &BTreeMap<String, Container>) -> BTreeMap<String, bool> {
    let stays = |container: &&Container| container.state != ContainerState::Dying;
    containers.values().filter(stays).map(|container| (container.id.clone(), container.runs())).collect()
}
