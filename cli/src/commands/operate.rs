//! `berth scale`, `rollback`, `restart`, `stop`, `start` and `delete`: one app, one change.

use super::wait::{self, WaitFlags};
use crate::{
    client::{
        api::Api,
        place::{Place, Scope},
    },
    exit::{Exit, ended},
    output,
};
use anyhow::Result;
use berth_api_types::{
    path,
    v1::{
        apps::{AppView, ScaleBody},
        releases::{RollbackBody, RolloutStartedView},
    },
};
use reqwest::Method;
use serde_json::json;
use std::io::{BufRead, IsTerminal, Write};

/// How many.
#[derive(Debug, clap::Args)]
pub struct ScaleFlags {
    app: String,
    /// Instances, 0 to 1000
    replicas: u32,
    #[command(flatten)]
    wait: WaitFlags,
}

/// Whereto.
#[derive(Debug, clap::Args)]
pub struct RollbackFlags {
    app: String,
    /// The release to go back to [default: the one before]
    #[arg(long, value_name = "RELEASE")]
    to: Option<u32>,
    #[command(flatten)]
    wait: WaitFlags,
}

/// Which app.
#[derive(Debug, clap::Args)]
pub struct AppFlags {
    app: String,
    #[command(flatten)]
    wait: WaitFlags,
}

/// What to delete.
#[derive(Debug, clap::Args)]
pub struct DeleteFlags {
    app: String,
    /// Delete without asking
    #[arg(long, short)]
    yes: bool,
}

/// Changes the number of instances.
pub async fn scale(place: &Place, flags: ScaleFlags) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    let path = path::scale(&scope.tenant, &scope.project, &scope.environment, &flags.app);
    let _: AppView = api.send_json(Method::PUT, &path, &ScaleBody { replicas: flags.replicas }).await?;
    tell(place, &wait::until_settled(&api, &scope, &flags.app, &flags.wait).await?)
}

/// Goes back to an earlier release.
pub async fn roll_back(place: &Place, flags: RollbackFlags) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    let path = path::rollback(&scope.tenant, &scope.project, &scope.environment, &flags.app);
    let started: RolloutStartedView = api.send_json(Method::POST, &path, &RollbackBody { release: flags.to }).await?;
    follow(place, &api, &scope, &flags.app, started, &flags.wait).await
}

/// Replaces every instance by a fresh one.
pub async fn restart(place: &Place, flags: AppFlags) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    let path = path::restart(&scope.tenant, &scope.project, &scope.environment, &flags.app);
    let started: RolloutStartedView = api.act(&path).await?;
    follow(place, &api, &scope, &flags.app, started, &flags.wait).await
}

/// Stops all instances.
pub async fn stop(place: &Place, flags: AppFlags) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    let _: AppView = api.act(&path::stop(&scope.tenant, &scope.project, &scope.environment, &flags.app)).await?;
    tell(place, &wait::until_settled(&api, &scope, &flags.app, &flags.wait).await?)
}

/// Starts them again.
pub async fn start(place: &Place, flags: AppFlags) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    let _: AppView = api.act(&path::start(&scope.tenant, &scope.project, &scope.environment, &flags.app)).await?;
    tell(place, &wait::until_settled(&api, &scope, &flags.app, &flags.wait).await?)
}

/// Deletes an app with all that it has.
pub async fn delete(place: &Place, flags: DeleteFlags) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    if !flags.yes {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(ended(Exit::Refused, "nobody is there to be asked: give --yes to delete it"));
        }
        eprint!("Type {} to delete it with all its releases: ", flags.app);
        std::io::stderr().flush()?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer)?;
        if answer.trim() != flags.app {
            return Err(ended(Exit::Refused, "nothing was deleted"));
        }
    }
    api.delete(&path::app(&scope.tenant, &scope.project, &scope.environment, &flags.app)).await?;
    let facts = json!({ "app": flags.app, "deleted": true });
    output::done(place.flags.json, format!("{} is deleted.", flags.app), &facts)
}

async fn follow(
    place: &Place,
    api: &Api,
    scope: &Scope,
    app: &str,
    started: RolloutStartedView,
    flags: &WaitFlags,
) -> Result<()> {
    let started = wait::Started { rollout: started.rollout };
    tell(place, &wait::for_rollout(api, scope, app, started, flags).await?)
}

fn tell(place: &Place, app: &AppView) -> Result<()> {
    if place.flags.json {
        return output::value(app);
    }
    let wanted = if app.running { app.replicas } else { 0 };
    println!(
        "{}: release {}, {}, {} of {wanted} ready",
        app.name,
        app.release.number,
        output::word(&app.state),
        app.ready
    );
    Ok(())
}
