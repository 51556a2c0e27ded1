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
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

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

/// An instance's place in the list of an app's instances. Says all of it, so that the next page begins at the right one
/// although the instance is gone by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstancePlace {
    release: Reverse<u32>,
    number: u32,
    id: InstanceId,
}

impl InstancePlace {
    fn of(record: &InstanceRecord) -> Self {
        Self { release: Reverse(record.release_number), number: record.number, id: record.id }
    }
}

impl fmt::Display for InstancePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.release.0, self.number, self.id)
    }
}

/// No place.
#[derive(Debug)]
pub struct NoPlace;

impl FromStr for InstancePlace {
    type Err = NoPlace;
    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(NoPlace);
        let number = |text: &str| text.parse().map_err(|_| NoPlace);
        Ok(Self {
            release: Reverse(number(part()?)?),
            number: number(part()?)?,
            id: part()?.parse().map_err(|_| NoPlace)?,
        })
    }
}

/// A page of the instances of an app that are not gone, newest release first. An app has few enough to be read in one
/// piece.
pub async fn list(
    store: &Store,
    permit: &Permit<Read>,
    page: &PageRequest<InstancePlace>,
) -> Result<Paged<Instance, InstancePlace>, Error> {
    let app = &permit.scope().app;
    let mut tx = ReadTx::begin(store, permit).await?;
    let mut records = list_instances(tx.conn(), app.id).await?;
    drop(tx);
    if let Some(after) = page.after {
        records.retain(|record| InstancePlace::of(record) > after);
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
    Ok(page.cut(records.into_iter().map(instance).collect(), |instance| InstancePlace::of(&instance.record)))
}

impl Instance {
    /// Its ports and where they are reached from outside: container port, `address:port`.
    pub fn endpoints(&self) -> Vec<(u16, String)> {
        let ports = self.record.observed.iter().flat_map(|seen| &seen.ports);
        ports.map(|port| (port.container, endpoint(&self.record.address, port.host))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_place_is_read_back_and_sorts_as_the_list_does() {
        let place = |release, number, id| InstancePlace {
            release: Reverse(release),
            number,
            id: InstanceId::new(Uuid::from_u128(id)),
        };
        let sorted = [place(3, 1, 9), place(3, 2, 1), place(2, 1, 4), place(2, 1, 5)];
        assert!(sorted.is_sorted());
        for place in sorted {
            assert_eq!(place.to_string().parse::<InstancePlace>().expect("reads"), place);
        }
        for text in ["", "1", "1.2", "1.2.x", "-1.2.inst_00000000000000000000000000000001", "1.2.3.4"] {
            assert!(text.parse::<InstancePlace>().is_err(), "{text}");
        }
    }
}
