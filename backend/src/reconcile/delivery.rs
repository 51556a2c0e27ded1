//! Gives the agents that are connected to this server their desired sets. Every server does it for its own agents; a set
//! is sent when the node's generation is later than the one that was sent on the connection.

use super::driver::Task;
use crate::{
    authz::permit::SystemPermit,
    store::{
        Store, SystemTx,
        instances::{self, DesiredInstance, DesiredNode},
    },
};
use async_trait::async_trait;
use berth_proto::{convert, fleet};
use berth_scheduler::fleet::{Fleet, FleetError};
use std::{sync::Arc, time::Duration};

/// Longest time between two looks: how late a lost nudge makes a delivery.
const PERIOD: Duration = Duration::from_secs(5);
const PERMIT: SystemPermit = SystemPermit::for_duty("delivery");

/// Delivers.
pub(super) struct Delivery {
    store: Store,
    fleet: Arc<dyn Fleet>,
}

impl Delivery {
    pub(super) fn new(store: Store, fleet: Arc<dyn Fleet>) -> Self {
        Self { store, fleet }
    }
}

#[async_trait]
impl Task for Delivery {
    fn name(&self) -> &'static str {
        "delivery"
    }

    async fn pass(&mut self) -> anyhow::Result<Duration> {
        let attached: Vec<_> =
            self.fleet.attached().into_iter().map(|a| (a.node, a.sent.unwrap_or_default())).collect();
        if attached.is_empty() {
            return Ok(PERIOD);
        }
        let mut tx = SystemTx::begin(&self.store, &PERMIT).await?;
        let sets = instances::list_desired(&mut tx, &attached).await?;
        tx.commit_unaudited().await?;
        for (node, set) in sets {
            match self.fleet.send_desired(node, desired_set(set)) {
                // It went meanwhile; it gets its set when it comes back.
                Ok(()) | Err(FleetError::NotAttached) => {}
                Err(error) => tracing::warn!(node.id = %node, %error, "a desired set was not sent"),
            }
        }
        Ok(PERIOD)
    }
}

/// As the agents read it.
fn desired_set(set: DesiredNode) -> fleet::DesiredSet {
    fleet::DesiredSet {
        epoch: set.epoch.unsigned_abs(),
        generation: set.generation.unsigned_abs(),
        drain: set.instances.is_empty() && set.emptied,
        instances: set.instances.into_iter().map(desired_instance).collect(),
    }
}

fn desired_instance(instance: DesiredInstance) -> fleet::DesiredInstance {
    let (upload_id, upload_digest) =
        instance.upload.map(|(id, digest)| (convert::bytes(id), digest)).unwrap_or_default();
    fleet::DesiredInstance {
        instance_id: convert::bytes(instance.id),
        generation: instance.generation.unsigned_abs(),
        name: instance.name,
        app_id: convert::bytes(instance.app),
        release_id: convert::bytes(instance.release),
        environment_id: convert::bytes(instance.environment),
        tenant_id: convert::bytes(instance.tenant),
        app_name: instance.app_name,
        environment_name: instance.environment_name,
        project_name: instance.project_name,
        tenant_name: instance.tenant_name,
        image: Some(fleet::Image { reference: instance.pinned_image, upload_id, upload_digest }),
        spec_json: instance.spec,
        stop: instance.stop,
    }
}
