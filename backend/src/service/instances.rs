//! Instances of an app: where they are, how they do, why they are there.

use super::{
    apps::node_names,
    error::Error,
    page::{PageRequest, Paged},
    refusals::NodeNames,
};
use crate::{
    authz::{action::app::Read, permit::Permit},
    store::{
        ReadTx, Store,
        instances::instance_name,
        instances_read::{InstanceRecord, list_instances},
    },
};
use berth_domain::id::InstanceId;
use berth_scheduler_core::plan::{self, Explanation};
use std::collections::{BTreeMap, BTreeSet};

/// `host:port`, with brackets around an IPv6 address.
pub fn endpoint(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// An instance, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its rows.
    pub record: InstanceRecord,
    /// Its name.
    pub name: String,
    /// Why it is on its node.
    pub placement: Placement,
}

/// Why an instance is on its node, with names for ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// The best nodes, the chosen one first.
    pub candidates: Vec<Candidate>,
    /// How many nodes were feasible.
    pub feasible: u32,
    /// How many nodes failed which constraint.
    pub refused: BTreeMap<String, u32>,
}

/// A node that was considered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub node: String,
    /// Instances of the same app there.
    pub same_app: u32,
    /// Whether the image was there.
    pub image_present: bool,
    /// Fill after placing, in thousandths.
    pub fill_permille: u32,
}

impl Placement {
    /// From the scheduler's explanation. A node that was removed since has no name any more.
    pub fn new(explanation: &Explanation, names: &NodeNames) -> Self {
        let candidate = |candidate: &plan::Candidate| Candidate {
            node: names.get(&candidate.node).cloned().unwrap_or_else(|| "a removed node".to_owned()),
            same_app: candidate.score.same_app,
            image_present: candidate.score.image_missing == 0,
            fill_permille: candidate.score.fill_permille,
        };
        Self {
            candidates: explanation.candidates.iter().map(candidate).collect(),
            feasible: explanation.feasible,
            refused: explanation.refused.clone(),
        }
    }
}

/// A page of the instances of an app that are not gone, newest release first. An app has few enough to be read in one
/// piece; a page begins after the one that the page before ended with.
pub async fn list(
    store: &Store,
    permit: &Permit<Read>,
    page: &PageRequest<InstanceId>,
) -> Result<Paged<Instance, InstanceId>, Error> {
    let app = &permit.scope().app;
    let mut tx = ReadTx::begin(store, permit).await?;
    let mut records = list_instances(tx.conn(), app.id).await?;
    drop(tx);
    if let Some(after) = page.after {
        let start = records.iter().position(|record| record.id == after).map_or(0, |last| last + 1);
        records.drain(..start);
    }
    let nodes: BTreeSet<_> = records
        .iter()
        .flat_map(|record| record.explanation.candidates.iter().map(|candidate| candidate.node))
        .collect();
    let names = node_names(store, permit, &nodes.into_iter().collect::<Vec<_>>()).await?;
    let instance = |record: InstanceRecord| Instance {
        name: instance_name(&app.name, record.release_number, record.number),
        placement: Placement::new(&record.explanation, &names),
        record,
    };
    Ok(page.cut(records.into_iter().map(instance).collect(), |instance| instance.record.id))
}

impl Instance {
    /// Its ports and where they are reached from outside: container port, `address:port`.
    pub fn endpoints(&self) -> Vec<(u16, String)> {
        let ports = self.record.observed.iter().flat_map(|seen| &seen.ports);
        ports.map(|port| (port.container, endpoint(&self.record.address, port.host))).collect()
    }
}
