//! Apps of one environment, as a person or a pipeline works with them.

use crate::{
    client::{Changes, Client, Failure},
    wait::until,
};
use berth_api_types::{
    page::{PAGE_LIMIT_MAX, Page},
    path,
    v1::{
        apps::{AppView, CreateAppBody, InstanceView, ScaleBody},
        events::EventView,
        releases::{DeployBody, RolloutStartedView, RolloutView},
    },
};
use berth_domain::{
    app::{AppSpecInput, Port, Probe, ProbeCheck},
    id::RolloutId,
    lifecycle::{AppState, InstancePhase},
    quantity::Resources,
};
use std::{net::SocketAddr, time::Duration};

/// Where the sample listens inside its container.
pub const PORT: u16 = 8080;

/// The apps of an environment.
#[derive(Debug, Clone)]
pub struct Apps {
    pub(crate) client: Client,
    pub(crate) tenant: String,
    pub(crate) project: String,
    pub(crate) environment: String,
    /// The sample's image as apps name it.
    pub(crate) image: String,
}

/// The right path of an app: the names before it are always the same three.
macro_rules! at {
    ($self:ident, $path:ident $(, $arg:expr)*) => {
        path::$path(&$self.tenant, &$self.project, &$self.environment $(, $arg)*)
    };
}

impl Apps {
    /// The sample, small, and asked every 200 ms whether it is ready.
    pub fn hello(&self, version: &str) -> AppSpecInput {
        let check = ProbeCheck::Http { path: "/healthz".into(), port: PORT };
        let mut spec = AppSpecInput {
            ports: vec![Port { container: PORT, host: None }],
            resources: Resources::new(20, 16),
            readiness: Some(Probe { period_ms: 200, ..Probe::new(check) }),
            stop_grace_s: 5,
            ..AppSpecInput::new(&self.image)
        };
        spec.env.insert("HELLO_VERSION".into(), version.into());
        spec
    }

    /// The sample, asked as often as any app is when nothing else was said.
    pub fn hello_unhurried(&self, version: &str) -> AppSpecInput {
        let check = ProbeCheck::Http { path: "/healthz".into(), port: PORT };
        AppSpecInput { readiness: Some(Probe::new(check)), ..self.hello(version) }
    }

    /// Creates an app and deploys it.
    pub async fn create(&self, name: &str, replicas: u32, spec: AppSpecInput) -> Result<AppView, Failure> {
        self.client.post(&at!(self, apps), &CreateAppBody { name: name.into(), replicas, spec }).await
    }

    /// Creates an app that can only succeed, and waits until all of it is ready.
    pub async fn run(&self, name: &str, replicas: u32, spec: AppSpecInput, patience: Duration) -> AppView {
        self.create(name, replicas, spec).await.unwrap_or_else(|failure| panic!("{name} is refused: {failure}"));
        self.until_healthy(name, patience).await
    }

    /// An app.
    pub async fn app(&self, name: &str) -> Result<AppView, Failure> {
        self.client.get(&at!(self, app, name)).await
    }

    /// Deploys a new release.
    pub async fn deploy(&self, name: &str, spec: AppSpecInput) -> RolloutId {
        let body = DeployBody { spec, note: String::new() };
        let started: Result<RolloutStartedView, _> = self.client.post(&at!(self, releases, name), &body).await;
        let started = started.unwrap_or_else(|failure| panic!("the release of {name} is refused: {failure}"));
        started.rollout.expect("it is another spec")
    }

    /// Changes the number of instances.
    pub async fn scale(&self, name: &str, replicas: u32) -> AppView {
        let scaled = self.client.put(&at!(self, scale, name), &ScaleBody { replicas }).await;
        scaled.unwrap_or_else(|failure| panic!("{name} is not scaled: {failure}"))
    }

    /// Removes an app, and waits until its name is free again.
    pub async fn delete(&self, name: &str) {
        let path = at!(self, app, name);
        self.client.delete(&path).await.unwrap_or_else(|failure| panic!("{name} is not deleted: {failure}"));
    }

    /// Its instances, also those that are stopping.
    pub async fn instances(&self, name: &str) -> Result<Vec<InstanceView>, Failure> {
        self.list(&at!(self, instances, name)).await
    }

    /// What happened to it.
    pub async fn events(&self, name: &str) -> Result<Vec<EventView>, Failure> {
        self.list(&at!(self, app_events, name)).await
    }

    /// One of its rollouts.
    pub async fn rollout(&self, name: &str, id: RolloutId) -> Result<RolloutView, Failure> {
        let all: Vec<RolloutView> = self.list(&at!(self, rollouts, name)).await?;
        all.into_iter().find(|rollout| rollout.id == id).ok_or_else(|| Failure::Odd(format!("{id} is not listed")))
    }

    /// The tenant's live stream.
    pub async fn changes(&self) -> Result<Changes, Failure> {
        self.client.follow(&path::tenant_live(&self.tenant)).await
    }

    /// Where its ready instances are reached.
    pub async fn endpoints(&self, name: &str) -> Result<Vec<SocketAddr>, Failure> {
        let instances = self.instances(name).await?;
        Ok(instances.iter().filter(|instance| is_serving(instance)).filter_map(endpoint).collect())
    }

    /// Waits until every wanted instance is ready and nothing else of it is left.
    #[track_caller]
    pub fn until_healthy(&self, name: &str, patience: Duration) -> impl Future<Output = AppView> {
        until("the app to be healthy", patience, async move || {
            let app = self.app(name).await.map_err(|failure| failure.to_string())?;
            let instances = self.instances(name).await.map_err(|failure| failure.to_string())?;
            let serving = instances.iter().filter(|instance| is_serving(instance)).count();
            let settled = app.state == AppState::Healthy && instances.len() == serving;
            if settled && app.replicas as usize == serving { Ok(app) } else { Err(describe(&app, &instances)) }
        })
    }

    /// Waits until as many instances as wanted are ready on other nodes than the given one.
    #[track_caller]
    pub fn until_healthy_on_others(&self, name: &str, lost: &str, patience: Duration) -> impl Future<Output = ()> {
        until("enough instances elsewhere", patience, async move || {
            let app = self.app(name).await.map_err(|failure| failure.to_string())?;
            let instances = self.instances(name).await.map_err(|failure| failure.to_string())?;
            let elsewhere = instances.iter().filter(|i| is_serving(i) && i.node != lost).count();
            if elsewhere == app.replicas as usize { Ok(()) } else { Err(describe(&app, &instances)) }
        })
    }

    /// Waits until a rollout is over.
    #[track_caller]
    pub fn until_over(&self, name: &str, id: RolloutId, patience: Duration) -> impl Future<Output = RolloutView> {
        until("the rollout to be over", patience, async move || {
            let rollout = self.rollout(name, id).await.map_err(|failure| failure.to_string())?;
            if rollout.phase.is_over() {
                return Ok(rollout);
            }
            let instances = self.instances(name).await.unwrap_or_default();
            Err(format!("{:?}, {} ready; {}", rollout.phase, rollout.ready, describe_instances(&instances)))
        })
    }

    /// Waits until a rollout has brought some instances and not all: its middle.
    #[track_caller]
    pub fn until_half(&self, name: &str, id: RolloutId, patience: Duration) -> impl Future<Output = ()> {
        until("the middle of the rollout", patience, async move || {
            let rollout = self.rollout(name, id).await.map_err(|failure| failure.to_string())?;
            assert!(!rollout.phase.is_over(), "the rollout is too quick to be caught in the middle");
            if rollout.ready > 0 { Ok(()) } else { Err(format!("{:?}", rollout.phase)) }
        })
    }

    async fn list<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let page: Page<T> = self.client.get(&format!("{path}?limit={PAGE_LIMIT_MAX}")).await?;
        Ok(page.items)
    }
}

/// Whether work may be sent to it.
pub fn is_serving(instance: &InstanceView) -> bool {
    instance.phase == InstancePhase::Ready && instance.stop_reason.is_none() && !instance.node_lost
}

/// Where an instance's first port is reached.
pub fn endpoint(instance: &InstanceView) -> Option<SocketAddr> {
    instance.endpoints.first()?.address.parse().ok()
}

fn describe(app: &AppView, instances: &[InstanceView]) -> String {
    let refusals: Vec<_> = app.refusals.iter().map(|refusal| format!("{:?}", refusal.reasons)).collect();
    let refused = if refusals.is_empty() { String::new() } else { format!("; refused {}", refusals.join(", ")) };
    format!("{:?}, {} of {} ready{refused}; {}", app.state, app.ready, app.replicas, describe_instances(instances))
}

fn describe_instances(instances: &[InstanceView]) -> String {
    let each = |instance: &InstanceView| {
        let stop = instance.stop_reason.as_ref().map(|reason| format!(" stops: {reason}")).unwrap_or_default();
        let lost = if instance.node_lost { " lost" } else { "" };
        format!("{}@{}{lost} {:?}{stop} {}", instance.name, instance.node, instance.phase, instance.message)
    };
    instances.iter().map(each).collect::<Vec<_>>().join(" | ")
}
