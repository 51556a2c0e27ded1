//! What a deploy would do: the scheduler's own decision on the cluster as it is now, with the app as it would be. Changes
//! nothing. The cluster is looked at as the system, as other tenants' instances take room too; what is said of it names
//! nodes and amounts alone.

use super::{
    error::Error,
    instances::Placement,
    quota::{QuotaPreview, needed},
    refusals::{NodeNames, Refusal},
    resolve::{DescribedImage, ResolvedImage, describe_image},
};
use crate::{
    authz::{
        action::app::Plan,
        permit::{Permit, SystemPermit},
    },
    startup::App,
    store::{
        ReadTx, SystemTx,
        apps::{WantedApp, get_wanted_app},
        images::get_image,
        instances_read::{InstanceRecord, RefusalRecord, list_instances},
        placement::{self, World},
        releases::get_resources,
        rollouts::get_proven_release,
        snapshot,
        usage::{UsageChange, get_usage},
    },
};
use berth_domain::{
    app::AppSpec,
    field_error::{FieldCode, FieldError},
    id::{AppId, InstanceId, ReleaseId},
    node::NodeState,
    quota::Usage,
};
use berth_scheduler_core::{
    plan,
    snapshot::{Placed, Snapshot},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The name in refusals of an app that has none yet.
const NEW_APP: &str = "app";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// An app of the environment to change; none for a new one.
    pub app: Option<String>,
    /// Instances.
    pub replicas: u32,
    /// What an instance would be.
    pub spec: AppSpec,
}

/// What would happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Where each instance would run.
    pub placements: Vec<PlannedPlacement>,
    /// Instances that would find no place.
    pub refusals: Vec<Refusal>,
    /// What the tenant would use.
    pub quota: QuotaPreview,
    /// TCP ports that the image says it listens on.
    pub exposed_ports: Vec<u16>,
}

/// Where an instance would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPlacement {
    /// The node's name.
    pub node: String,
    /// Whether the image is there.
    pub image_present: bool,
    /// Why there.
    pub placement: Placement,
}

/// The tenant's own part of the question.
struct Own {
    app: Option<WantedApp>,
    instances: Vec<InstanceRecord>,
    quota: QuotaPreview,
    image: String,
}

/// Plans. What runs of an app whose spec would change is thought away: it shows where things end, not the way there.
pub async fn preview(app: &App, permit: &Permit<Plan>, proposal: Proposal) -> Result<Preview, Error> {
    let project = permit.scope().project_scope();
    let DescribedImage { image, exposed_ports } = describe_image(app, permit, &project, proposal.spec.image()).await?;
    let own = look_at_own(app, permit, &proposal, &image).await?;
    let mut cluster = look_at_cluster(app).await?;

    let unchanged =
        own.app.as_ref().filter(|app| app.spec == proposal.spec && app.pinned_image == image.pinned).cloned();
    // Ids of what does not exist yet: none that is drawn is nil.
    let app_id = own.app.as_ref().map_or(AppId::new(Uuid::nil()), |app| app.id);
    let release = unchanged.as_ref().map_or(ReleaseId::new(Uuid::nil()), |app| app.release);
    if unchanged.is_none() {
        cluster.instances.retain(|_, placed| placed.app != app_id);
    }
    cluster.releases.insert(release, snapshot::demand_of_spec(app_id, &proposal.spec, &own.image));
    cluster.targets = BTreeMap::from([(app_id, BTreeMap::from([(release, proposal.replicas)]))]);
    let plan = plan::plan(&cluster, &[app_id]);

    let names: NodeNames = cluster.nodes.iter().map(|(id, node)| (*id, node.name.clone())).collect();
    let stops: BTreeSet<_> = plan.stops.iter().map(|stop| stop.instance).collect();
    let explained: BTreeMap<_, _> = own.instances.iter().map(|own| (own.id, &own.explanation)).collect();
    let stays = |id: &InstanceId, placed: &Placed| {
        placed.app == app_id && placed.release == release && !placed.stopping && !stops.contains(id)
    };
    let kept = cluster.instances.iter().filter(|(id, placed)| stays(id, placed));
    let kept = kept.map(|(id, placed)| (placed.node, explained.get(id).copied()));
    let started = plan.starts.iter().map(|start| (start.node, Some(&start.explanation)));
    let placements = kept
        .chain(started)
        .map(|(node, explanation)| PlannedPlacement {
            node: names.get(&node).cloned().unwrap_or_default(),
            image_present: cluster.nodes.get(&node).is_some_and(|node| node.images.contains(&own.image)),
            placement: explanation.map(|explanation| Placement::new(explanation, &names)).unwrap_or_default(),
        })
        .collect();

    let name = proposal.app.as_deref().unwrap_or(NEW_APP);
    let release_number =
        unchanged.map(|app| app.release_number).or(own.app.map(|app| app.next_release_number)).unwrap_or(1);
    let since = app.clock.now();
    let refusals = plan.refusals.into_iter().map(|refusal| {
        let record = RefusalRecord { app: app_id, release_number, number: refusal.number, nodes: refusal.nodes, since };
        Refusal::new(name, &record, &names)
    });
    Ok(Preview { placements, refusals: refusals.collect(), quota: own.quota, exposed_ports })
}

async fn look_at_own(
    app: &App,
    permit: &Permit<Plan>,
    proposal: &Proposal,
    image: &ResolvedImage,
) -> Result<Own, Error> {
    let scope = permit.scope();
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let found = match &proposal.app {
        None => None,
        Some(name) => {
            let unknown = || {
                let error = FieldError::new("app", FieldCode::Unknown, "the environment has no app of this name");
                Error::field(error.found(name.as_str()))
            };
            Some(get_wanted_app(tx.conn(), scope.environment.id, name).await?.ok_or_else(unknown)?)
        }
    };
    let mut instances = Vec::new();
    let mut others = Vec::new();
    if let Some(found) = &found {
        instances = list_instances(tx.conn(), found.id).await?;
        if let Some(proven) = get_proven_release(tx.conn(), found.id).await? {
            others.extend(get_resources(tx.conn(), proven).await?);
        }
    }
    let now = get_usage(tx.conn(), scope.tenant.id).await?;
    let reserved = found.as_ref().map_or(Usage::default(), |found| found.reserved);
    let change = UsageChange::between(reserved, needed(&proposal.spec, proposal.replicas, &others));
    let quota = QuotaPreview {
        before: now.usage,
        after: change.applied_to(now.usage),
        quota: now.quota,
        exceeded: change.exceeds(now.usage, now.quota),
    };
    let image = match image.image_id {
        Some(id) => get_image(tx.conn(), scope.project.id, id)
            .await?
            .map(|record| record.image_digest)
            .ok_or_else(|| Error::ImageNotFound("The image was deleted just now.".to_owned()))?,
        None => snapshot::digest_of(&image.pinned).to_owned(),
    };
    Ok(Own { app: found, instances, quota, image })
}

/// The cluster without anybody's wishes: nodes, and what holds room on them.
async fn look_at_cluster(app: &App) -> Result<Snapshot, Error> {
    let mut tx = SystemTx::begin(&app.store, &SystemPermit::for_duty("plan-preview")).await?;
    placement::freeze(&mut tx).await?;
    let world: World = placement::get_world(&mut tx).await?;
    let placed: BTreeSet<_> = world.instances.iter().map(|instance| instance.release).collect();
    let releases = placement::list_releases(&mut tx, &placed.into_iter().collect::<Vec<_>>()).await?;
    drop(tx);
    Ok(Snapshot {
        version: world.version.unsigned_abs(),
        nodes: world
            .nodes
            .iter()
            .map(|node| (node.id, snapshot::node(node, NodeState::of(node.silence_ms, node.docker_answers))))
            .collect(),
        releases: releases.iter().map(|release| (release.id, snapshot::demand(release))).collect(),
        instances: world.instances.iter().map(|placed| (placed.id, snapshot::placed(placed, false))).collect(),
        ..Snapshot::default()
    })
}
