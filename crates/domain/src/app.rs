//! The app spec: everything that makes up a release. Names no engine.

mod check;

use crate::{
    field_error::{FieldCode, FieldError},
    image::ImageReference,
    limit,
    quantity::{Resources, bounded},
};
use check::{check_command, check_env, check_port, check_ports, check_probe_path};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an instance of an app is. Immutable once it is a release. Built by [`AppSpecInput::parse`] alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AppSpecInput", into = "AppSpecInput")]
pub struct AppSpec {
    image: ImageReference,
    command: Vec<String>,
    env: BTreeMap<String, String>,
    ports: Vec<Port>,
    resources: Resources,
    readiness: Option<Probe>,
    stop_grace_s: u32,
    rollout: RolloutPolicy,
    placement: PlacementPolicy,
}

impl AppSpec {
    /// The image as the person wrote it, normalised.
    pub fn image(&self) -> &ImageReference {
        &self.image
    }
    /// Replaces the image's own command when not empty; argv, never a shell's text.
    pub fn command(&self) -> &[String] {
        &self.command
    }
    /// Environment variables.
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }
    /// Ports that the app listens on; *Visit* opens the first.
    pub fn ports(&self) -> &[Port] {
        &self.ports
    }
    /// What one instance needs and may use.
    pub fn resources(&self) -> Resources {
        self.resources
    }
    /// When an instance counts as ready. Without a probe: when it has been running for [`STEADY_MS`].
    pub fn readiness(&self) -> Option<&Probe> {
        self.readiness.as_ref()
    }
    /// Seconds between SIGTERM and SIGKILL.
    pub fn stop_grace_s(&self) -> u32 {
        self.stop_grace_s
    }
    /// How one release follows another.
    pub fn rollout(&self) -> RolloutPolicy {
        self.rollout
    }
    /// Which nodes are eligible and preferred.
    pub fn placement(&self) -> &PlacementPolicy {
        &self.placement
    }
}

/// An instance without a probe is ready after running this long, in milliseconds: long enough to see a crash at start.
pub const STEADY_MS: u32 = 1_000;

/// A port that the app listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The TCP port inside the container, 1 to 65535.
    pub container: u16,
    /// A fixed port on the node. Without one, any free port of the node is used. With one, a node holds
    /// one instance of the app at the most, and its old instance goes before the new one comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<u16>,
}

/// How the agent asks an instance whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The question.
    pub check: ProbeCheck,
    /// Wait this long after the start before the first try, in milliseconds.
    #[serde(default)]
    pub initial_delay_ms: u32,
    /// Between two tries, in milliseconds.
    #[serde(default = "Probe::default_period_ms")]
    pub period_ms: u32,
    /// No answer after this long is a failure, in milliseconds.
    #[serde(default = "Probe::default_timeout_ms")]
    pub timeout_ms: u32,
    /// Successes in a row that make an instance ready.
    #[serde(default = "Probe::default_success_threshold")]
    pub success_threshold: u32,
    /// Failures in a row that make a ready instance unready.
    #[serde(default = "Probe::default_failure_threshold")]
    pub failure_threshold: u32,
}

impl Probe {
    /// A probe with the default times: every second, a second to answer, 1 success, 3 failures.
    pub fn new(check: ProbeCheck) -> Self {
        Self {
            check,
            initial_delay_ms: 0,
            period_ms: Self::default_period_ms(),
            timeout_ms: Self::default_timeout_ms(),
            success_threshold: Self::default_success_threshold(),
            failure_threshold: Self::default_failure_threshold(),
        }
    }
    fn default_period_ms() -> u32 {
        1_000
    }
    fn default_timeout_ms() -> u32 {
        1_000
    }
    fn default_success_threshold() -> u32 {
        1
    }
    fn default_failure_threshold() -> u32 {
        3
    }
    fn check_fields(&self, errors: &mut Vec<FieldError>) {
        match &self.check {
            ProbeCheck::Http { path, port } => {
                check_port("readiness.check.port", *port, errors);
                check_probe_path(path, errors);
            }
            ProbeCheck::Tcp { port } => check_port("readiness.check.port", *port, errors),
        }
        bounded("readiness.initial_delay_ms", self.initial_delay_ms.into(), 0, 600_000, errors);
        bounded("readiness.period_ms", self.period_ms.into(), 100, 300_000, errors);
        bounded("readiness.timeout_ms", self.timeout_ms.into(), 50, 60_000, errors);
        bounded("readiness.success_threshold", self.success_threshold.into(), 1, 10, errors);
        bounded("readiness.failure_threshold", self.failure_threshold.into(), 1, 30, errors);
    }
}

/// The question that a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProbeCheck {
    /// `GET path` answers 200 to 399.
    Http {
        /// Starts with `/`.
        path: String,
        /// The port inside the container.
        port: u16,
    },
    /// A connection is accepted.
    Tcp {
        /// The port inside the container.
        port: u16,
    },
}

/// How one release follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RolloutPolicy {
    /// Instances above the wanted number while it goes on.
    pub max_surge: u32,
    /// Wanted instances that may be missing while it goes on.
    pub max_unavailable: u32,
    /// Seconds that a new instance has to become ready; after them the rollout takes itself back.
    pub ready_deadline_s: u32,
}

impl Default for RolloutPolicy {
    fn default() -> Self {
        Self { max_surge: 1, max_unavailable: 0, ready_deadline_s: 120 }
    }
}

/// Which nodes are eligible and which are preferred.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PlacementPolicy {
    /// Labels that a node must carry, all of them.
    pub node_labels: BTreeMap<String, String>,
    /// Fill nodes or spread over them.
    pub strategy: PlacementStrategy,
}

/// Fill nodes or spread over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlacementStrategy {
    /// As few instances of one app on one node as possible, so that a lost node costs little.
    #[default]
    Spread,
    /// Fill nodes, so that whole nodes come free.
    Pack,
}

/// An app spec as it comes in: the body of a deploy. [`AppSpecInput::parse`] makes the real thing of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AppSpecInput {
    /// `[registry/]repository[:tag][@digest]`.
    pub image: String,
    /// Replaces the image's command when not empty.
    #[serde(default)]
    pub command: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Ports that the app listens on; *Visit* opens the first.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// What one instance needs and may use. Default: 250 m, 256 MiB.
    #[serde(default = "AppSpecInput::default_resources")]
    pub resources: Resources,
    /// When an instance counts as ready.
    #[serde(default)]
    pub readiness: Option<Probe>,
    /// Seconds between SIGTERM and SIGKILL. Default: 10.
    #[serde(default = "AppSpecInput::default_stop_grace_s")]
    pub stop_grace_s: u32,
    /// How one release follows another.
    #[serde(default)]
    pub rollout: RolloutPolicy,
    /// Which nodes are eligible and preferred.
    #[serde(default)]
    pub placement: PlacementPolicy,
}

impl AppSpecInput {
    /// A spec of an image with all defaults.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            command: Vec::new(),
            env: BTreeMap::new(),
            ports: Vec::new(),
            resources: Self::default_resources(),
            readiness: None,
            stop_grace_s: Self::default_stop_grace_s(),
            rollout: RolloutPolicy::default(),
            placement: PlacementPolicy::default(),
        }
    }
    fn default_resources() -> Resources {
        Resources::new(250, 256)
    }
    fn default_stop_grace_s() -> u32 {
        10
    }

    /// Checks every field and returns the spec, or all that is wrong with it. Fields are relative to the spec,
    /// such as `env.LOG LEVEL` or `ports[1].container`.
    pub fn parse(&self) -> Result<AppSpec, Vec<FieldError>> {
        let mut errors = Vec::new();
        let image = ImageReference::parse(&self.image).map_err(|e| errors.push(e)).ok();
        check_command(&self.command, &mut errors);
        check_env(&self.env, &mut errors);
        check_ports(&self.ports, &mut errors);
        if let Err(found) = Resources::parse_request(self.resources.cpu_milli.0, self.resources.memory_mib.0) {
            errors.extend(found.into_iter().map(|e| e.within("resources")));
        }
        if let Some(probe) = &self.readiness {
            probe.check_fields(&mut errors);
        }
        bounded("stop_grace_s", self.stop_grace_s.into(), 0, limit::STOP_GRACE_S_MAX, &mut errors);
        self.check_rollout(&mut errors);
        check_labels("placement.node_labels", &self.placement.node_labels, &mut errors);
        match image {
            Some(image) if errors.is_empty() => Ok(AppSpec {
                image,
                command: self.command.clone(),
                env: self.env.clone(),
                ports: self.ports.clone(),
                resources: self.resources,
                readiness: self.readiness.clone(),
                stop_grace_s: self.stop_grace_s,
                rollout: self.rollout,
                placement: self.placement.clone(),
            }),
            _ => Err(errors),
        }
    }

    fn check_rollout(&self, errors: &mut Vec<FieldError>) {
        let policy = self.rollout;
        bounded("rollout.max_surge", policy.max_surge.into(), 0, limit::REPLICAS_MAX, errors);
        bounded("rollout.max_unavailable", policy.max_unavailable.into(), 0, limit::REPLICAS_MAX, errors);
        bounded("rollout.ready_deadline_s", policy.ready_deadline_s.into(), 1, limit::READY_DEADLINE_S_MAX, errors);
        if policy.max_surge == 0 && policy.max_unavailable == 0 {
            errors.push(
                FieldError::new(
                    "rollout.max_surge",
                    FieldCode::Conflict,
                    "a rollout needs room: allow one extra instance or one missing",
                )
                .found("rollout.max_unavailable"),
            );
        }
    }
}

impl TryFrom<AppSpecInput> for AppSpec {
    type Error = String;
    fn try_from(input: AppSpecInput) -> Result<Self, String> {
        input.parse().map_err(|errors| {
            errors.into_iter().map(|e| format!("{}: {}", e.field, e.message)).collect::<Vec<_>>().join("; ")
        })
    }
}
impl From<AppSpec> for AppSpecInput {
    fn from(spec: AppSpec) -> Self {
        Self {
            image: spec.image.to_string(),
            command: spec.command,
            env: spec.env,
            ports: spec.ports,
            resources: spec.resources,
            readiness: spec.readiness,
            stop_grace_s: spec.stop_grace_s,
            rollout: spec.rollout,
            placement: spec.placement,
        }
    }
}

/// How many instances: 0 to [`limit::REPLICAS_MAX`]; the error's field is `replicas`.
pub fn parse_replicas(count: u32) -> Result<u32, FieldError> {
    let mut errors = Vec::new();
    bounded("replicas", count.into(), 0, limit::REPLICAS_MAX, &mut errors);
    errors.pop().map_or(Ok(count), Err)
}

/// Checks labels of a node or a placement rule; fields are `{field}.{key}`.
pub fn check_labels(field: &str, labels: &BTreeMap<String, String>, errors: &mut Vec<FieldError>) {
    if labels.len() > limit::LABELS_MAX {
        errors.push(
            FieldError::new(field, FieldCode::TooMany, format!("at most {} labels", limit::LABELS_MAX))
                .limit(limit::LABELS_MAX as u64),
        );
    }
    let clean = |text: &str| {
        text.len() <= limit::LABEL_BYTES_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/'))
    };
    for (key, value) in labels {
        if key.is_empty() || !clean(key) || !clean(value) {
            errors.push(FieldError::new(
                format!("{field}.{key}"),
                FieldCode::BadFormat,
                format!("letters, digits, _ . - and /, at most {} each", limit::LABEL_BYTES_MAX),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(input: &AppSpecInput) -> Vec<(String, FieldCode)> {
        input.parse().map_or_else(|e| e.into_iter().map(|e| (e.field, e.code)).collect(), |_| Vec::new())
    }

    #[test]
    fn defaults_make_a_spec_that_reads_back() {
        let spec = AppSpecInput::new("nginx").parse().expect("defaults are valid");
        let json = serde_json::to_string(&spec).expect("a spec is JSON");
        assert_eq!(serde_json::from_str::<AppSpec>(&json).expect("what was written is valid"), spec);
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let mut input = AppSpecInput::new("Bad Image");
        input.env.insert("1X".into(), "ok".into());
        input.env.insert("GOOD".into(), "a\0b".into());
        input.ports = vec![Port { container: 80, host: Some(8080) }, Port { container: 80, host: Some(8080) }];
        input.resources = Resources::new(1, 1 << 40);
        input.rollout = RolloutPolicy { max_surge: 0, max_unavailable: 0, ready_deadline_s: 0 };
        input.readiness = Some(Probe::new(ProbeCheck::Http { path: "x\r\nHost: evil".into(), port: 0 }));
        let found = fields(&input);
        for want in [
            ("image", FieldCode::BadCharacter),
            ("env.1X", FieldCode::BadFormat),
            ("env.GOOD", FieldCode::BadCharacter),
            ("ports[1].container", FieldCode::Duplicate),
            ("ports[1].host", FieldCode::Duplicate),
            ("resources.cpu_milli", FieldCode::TooSmall),
            ("resources.memory_mib", FieldCode::TooLarge),
            ("rollout.max_surge", FieldCode::Conflict),
            ("rollout.ready_deadline_s", FieldCode::TooSmall),
            ("readiness.check.port", FieldCode::TooSmall),
            ("readiness.check.path", FieldCode::BadFormat),
        ] {
            assert!(found.contains(&(want.0.to_owned(), want.1)), "{want:?} in {found:?}");
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        let json = r#"{"image":"nginx","privileged":true}"#;
        assert!(serde_json::from_str::<AppSpec>(json).is_err());
    }
}
