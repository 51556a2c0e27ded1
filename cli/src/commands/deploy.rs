//! `berth deploy`: creates an app, or gives it a new release that differs in what was named.

use super::wait::{self, WaitFlags};
use crate::{
    client::{
        api::Api,
        place::{Place, Scope},
    },
    exit::{self, Exit, ended},
    output,
};
use anyhow::{Context, Result};
use berth_api_types::{
    path,
    v1::{
        apps::{AppView, CreateAppBody, ScaleBody},
        images::{ARCHIVE_MEDIA_TYPE, ImageView},
        releases::{DeployBody, RolloutStartedView},
    },
};
use berth_domain::app::{AppSpecInput, Port, Probe, ProbeCheck};
use reqwest::Method;
use std::path::PathBuf;

/// What to deploy.
#[derive(Debug, clap::Args)]
pub struct DeployFlags {
    /// The app; it is created if it is not there
    app: String,
    /// The image, as [registry/]repository[:tag]
    #[arg(long, short)]
    image: Option<String>,
    /// Load the image from an archive of `docker save` first
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "sample"])]
    load: Option<PathBuf>,
    /// Deploy the sample that every installation carries
    #[arg(long, conflicts_with = "image")]
    sample: bool,
    /// A file with the whole spec in JSON, as `berth apps NAME --json` shows it
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Set an environment variable; NAME- takes one away
    #[arg(long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// A port that the app listens on, or HOST:CONTAINER to fix it on the node
    #[arg(long = "port", value_name = "PORT")]
    ports: Vec<String>,
    /// Processor time of one instance, in thousandths of a core
    #[arg(long, value_name = "MILLICORES")]
    cpu: Option<u64>,
    /// Memory of one instance, in MiB
    #[arg(long, value_name = "MIB")]
    memory: Option<u64>,
    /// An instance is ready when GET of this path on the first port answers 200 to 399
    #[arg(long, value_name = "PATH")]
    ready_path: Option<String>,
    /// Instances
    #[arg(long)]
    replicas: Option<u32>,
    /// What this release is about
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    wait: WaitFlags,
}

/// Deploys.
pub async fn deploy(place: &Place, flags: DeployFlags) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    let app_path = path::app(&scope.tenant, &scope.project, &scope.environment, &flags.app);
    let current = match api.get::<AppView>(&app_path).await {
        Ok(app) => Some(app),
        Err(error) if exit::code_of(&error) == Exit::NotFound => None,
        Err(error) => return Err(error),
    };
    let image = load_image(&api, &scope, &flags).await?;
    let spec = change(&flags, current.as_ref().map(|app| app.spec.clone()), image)?;
    let started = match &current {
        None => create(&api, &scope, &flags, spec).await?,
        Some(app) => release(&api, &scope, &flags, app, spec).await?,
    };
    let app = wait::for_rollout(&api, &scope, &flags.app, started, &flags.wait).await?;
    if place.flags.json {
        return output::value(&app);
    }
    println!("{}: release {}, {}", app.name, app.release.number, output::word(&app.state));
    if let Some(url) = &app.visit_url {
        println!("{url}");
    }
    Ok(())
}

/// The image that was loaded from a file, or the sample.
async fn load_image(api: &Api, scope: &Scope, flags: &DeployFlags) -> Result<Option<ImageView>> {
    if flags.sample {
        return api.act(&path::sample_image(&scope.tenant, &scope.project)).await.map(Some);
    }
    let Some(archive) = &flags.load else { return Ok(None) };
    let file = tokio::fs::File::open(archive).await.with_context(|| format!("{} cannot be read", archive.display()))?;
    let images = path::images(&scope.tenant, &scope.project);
    api.upload(&images, ARCHIVE_MEDIA_TYPE, file).await.map(Some)
}

/// The spec with what was named changed.
fn change(flags: &DeployFlags, current: Option<AppSpecInput>, image: Option<ImageView>) -> Result<AppSpecInput> {
    let mut spec = match (&flags.file, current) {
        (Some(path), _) => read_spec(path)?,
        (None, Some(spec)) => spec,
        (None, None) if flags.image.is_none() && image.is_none() => {
            return Err(ended(
                Exit::Refused,
                "there is no such app yet: give --image, --load or --sample to create it",
            ));
        }
        (None, None) => AppSpecInput::new(""),
    };
    if let Some(reference) = flags.image.clone() {
        spec.image = reference;
    }
    if let Some(image) = image {
        spec.image = image.reference;
        if spec.ports.is_empty() && flags.ports.is_empty() {
            spec.ports = image.exposed_ports.iter().map(|port| Port { container: *port, host: None }).collect();
        }
    }
    for pair in &flags.env {
        match (pair.split_once('='), pair.strip_suffix('-')) {
            (Some((name, value)), _) => drop(spec.env.insert(name.into(), value.into())),
            (None, Some(name)) => drop(spec.env.remove(name)),
            (None, None) => {
                return Err(ended(Exit::Refused, format!("--env {pair}: write NAME=VALUE, or NAME- to take it away")));
            }
        }
    }
    if !flags.ports.is_empty() {
        spec.ports = flags.ports.iter().map(|port| parse_port(port)).collect::<Result<_>>()?;
    }
    if let Some(cpu) = flags.cpu {
        spec.resources.cpu_milli.0 = cpu;
    }
    if let Some(memory) = flags.memory {
        spec.resources.memory_mib.0 = memory;
    }
    if let Some(path) = flags.ready_path.clone() {
        let Some(port) = spec.ports.first().map(|port| port.container) else {
            return Err(ended(Exit::Refused, "--ready-path needs a port: give --port"));
        };
        spec.readiness = Some(Probe::new(ProbeCheck::Http { path, port }));
    }
    Ok(spec)
}

/// A spec by itself, or an app as `--json` shows it.
fn read_spec(path: &PathBuf) -> Result<AppSpecInput> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
    let spec = value.get("spec").cloned().unwrap_or(value);
    serde_json::from_value(spec).map_err(|error| ended(Exit::Refused, format!("{}: {error}", path.display())))
}

fn parse_port(text: &str) -> Result<Port> {
    let number = |text: &str| {
        text.parse::<u16>()
            .map_err(|_| ended(Exit::Refused, format!("--port {text}: a port is a number from 1 to 65535")))
    };
    Ok(match text.split_once(':') {
        Some((host, container)) => Port { container: number(container)?, host: Some(number(host)?) },
        None => Port { container: number(text)?, host: None },
    })
}

async fn create(api: &Api, scope: &Scope, flags: &DeployFlags, spec: AppSpecInput) -> Result<wait::Started> {
    let body = CreateAppBody { name: flags.app.clone(), replicas: flags.replicas.unwrap_or(1), spec };
    let apps = path::apps(&scope.tenant, &scope.project, &scope.environment);
    let made: AppView = api.send_json(Method::POST, &apps, &body).await?;
    Ok(wait::Started { rollout: made.rollout.map(|rollout| rollout.id) })
}

async fn release(
    api: &Api,
    scope: &Scope,
    flags: &DeployFlags,
    app: &AppView,
    spec: AppSpecInput,
) -> Result<wait::Started> {
    if let Some(replicas) = flags.replicas.filter(|replicas| *replicas != app.replicas) {
        let scale = path::scale(&scope.tenant, &scope.project, &scope.environment, &flags.app);
        let _: AppView = api.send_json(Method::PUT, &scale, &ScaleBody { replicas }).await?;
    }
    let releases = path::releases(&scope.tenant, &scope.project, &scope.environment, &flags.app);
    let body = DeployBody { spec, note: flags.note.clone() };
    let started: RolloutStartedView = api.send_json(Method::POST, &releases, &body).await?;
    Ok(wait::Started { rollout: started.rollout })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: DeployFlags,
    }

    fn flags(words: &[&str]) -> DeployFlags {
        Line::parse_from([&["deploy"], words].concat()).flags
    }

    #[test]
    fn only_what_was_named_changes() {
        let mut current = AppSpecInput::new("shop:1");
        current.env.insert("KEEP".into(), "1".into());
        current.env.insert("GO".into(), "1".into());
        let words = [
            "web",
            "--image",
            "shop:2",
            "--env",
            "NEW=a=b",
            "--env",
            "GO-",
            "--port",
            "80:8080",
            "--ready-path",
            "/ok",
        ];
        let changed = change(&flags(&words), Some(current.clone()), None).expect("valid");
        assert_eq!(changed.image, "shop:2");
        assert_eq!(changed.env.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["KEEP=1", "NEW=a=b"]);
        assert_eq!(changed.ports, [Port { container: 8080, host: Some(80) }]);
        assert!(matches!(changed.readiness.expect("set").check, ProbeCheck::Http { port: 8080, .. }));
        assert_eq!(changed.resources, current.resources);
    }

    #[test]
    fn nonsense_is_refused_before_anything_is_sent() {
        assert!(change(&flags(&["web"]), None, None).is_err());
        assert!(change(&flags(&["web", "--image", "a", "--port", "x"]), None, None).is_err());
        assert!(change(&flags(&["web", "--image", "a", "--env", "x"]), None, None).is_err());
        assert!(change(&flags(&["web", "--image", "a", "--ready-path", "/"]), None, None).is_err());
    }
}
