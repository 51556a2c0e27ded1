//! What really runs, seen behind the platform's back through the hosts' engines.

use crate::wait::until;
use berth_domain::id::AppId;
use berth_testkit::{fleet::Fleet, host::Host};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Name of its host.
    pub host: String,
    /// Docker's id.
    pub id: String,
    /// The instance that it is of.
    pub instance: String,
    /// Whether its process runs.
    pub running: bool,
}

/// The containers of an app on one host; none when its engine does not answer.
pub fn on_host(host: &Host, app: AppId) -> BTreeSet<Found> {
    let listed = host.docker().get("/containers/json?all=true").unwrap_or(Value::Null);
    let containers = listed.as_array().into_iter().flatten();
    let ours = containers.filter(|container| container["Labels"]["berth.app"] == app.to_string());
    ours.map(|container| Found {
        host: host.name(),
        id: container["Id"].as_str().unwrap_or_default().into(),
        instance: container["Labels"]["berth.instance"].as_str().unwrap_or_default().into(),
        running: container["State"] == "running",
    })
    .collect()
}

/// The containers of an app that run, in the whole fleet.
pub fn running(fleet: &Fleet, app: AppId) -> BTreeSet<Found> {
    let all = fleet.hosts().iter().flat_map(|host| on_host(host, app));
    all.filter(|container| container.running).collect()
}

/// Waits until exactly so many containers of an app exist in the fleet, and all of them run.
#[track_caller]
pub fn until_exactly(
    fleet: &Fleet,
    app: AppId,
    count: usize,
    patience: Duration,
) -> impl Future<Output = BTreeSet<Found>> {
    until("the right number of containers", patience, async move || {
        let all: BTreeSet<_> = fleet.hosts().iter().flat_map(|host| on_host(host, app)).collect();
        let right = all.len() == count && all.iter().all(|container| container.running);
        if right { Ok(all) } else { Err(format!("{all:?}")) }
    })
}
