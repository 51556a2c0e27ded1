//! `berth apps`: what runs in an environment, or one app in detail.

use crate::{client::place::Place, output};
use anyhow::Result;
use berth_api_types::{
    path,
    v1::apps::{AppView, InstanceView},
};
use chrono::Utc;
use serde::Serialize;

/// Which apps.
#[derive(Debug, clap::Args)]
pub struct AppsFlags {
    /// One app, with its instances
    name: Option<String>,
}

/// Shows them.
pub async fn show(place: &Place, flags: AppsFlags) -> Result<()> {
    match flags.name {
        Some(name) => show_one(place, &name).await,
        None => show_all(place).await,
    }
}

async fn show_all(place: &Place) -> Result<()> {
    let scope = place.scope()?;
    let apps: Vec<AppView> = place.api()?.list(&path::apps(&scope.tenant, &scope.project, &scope.environment)).await?;
    output::list(place.flags.json, &apps, &["NAME", "STATE", "READY", "RELEASE", "IMAGE", "URL"], |app| {
        vec![
            app.name.clone(),
            output::word(&app.state),
            format!("{}/{}", app.ready, if app.running { app.replicas } else { 0 }),
            app.release.number.to_string(),
            output::image(&app.release.image),
            app.visit_url.clone().unwrap_or_default(),
        ]
    })
}

#[derive(Serialize)]
struct Detail {
    #[serde(flatten)]
    app: AppView,
    instances: Vec<InstanceView>,
}

async fn show_one(place: &Place, name: &str) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    let app: AppView = api.get(&path::app(&scope.tenant, &scope.project, &scope.environment, name)).await?;
    let instances: Vec<InstanceView> =
        api.list(&path::instances(&scope.tenant, &scope.project, &scope.environment, name)).await?;
    if place.flags.json {
        return output::value(&Detail { app, instances });
    }
    println!("{}: {}, {} of {} ready", app.name, output::word(&app.state), app.ready, app.replicas);
    println!("release {}: {}", app.release.number, output::image(&app.release.image));
    if let Some(url) = &app.visit_url {
        println!("{url}");
    }
    for refusal in &app.refusals {
        println!("{} has no place: {}", refusal.instance, refusal.nearest.as_deref().unwrap_or("no node fits"));
    }
    println!();
    let now = Utc::now();
    output::list(false, &instances, &["INSTANCE", "PHASE", "NODE", "RESTARTS", "AGE", "ADDRESS", ""], |instance| {
        vec![
            instance.name.clone(),
            output::word(&instance.phase),
            if instance.node_lost { format!("{} (lost)", instance.node) } else { instance.node.clone() },
            instance.restarts.to_string(),
            output::age(instance.created_at, now),
            instance.endpoints.iter().map(|endpoint| endpoint.address.as_str()).collect::<Vec<_>>().join(" "),
            instance.message.clone(),
        ]
    })
}
