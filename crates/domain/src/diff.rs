//! What changed from one release to the next, for people.

use crate::app::{AppSpec, AppSpecInput};
use serde::{Deserialize, Serialize};

/// One difference between two specs. `None` means: not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SpecChange {
    /// Which part, such as `image`, `env.LOG_LEVEL` or `resources.memory_mib`.
    pub field: String,
    /// The value before.
    pub before: Option<String>,
    /// The value after.
    pub after: Option<String>,
}

/// All differences, in a fixed order: image first, as it is what people look for.
pub fn diff(before: &AppSpec, after: &AppSpec) -> Vec<SpecChange> {
    let mut changes = Vec::new();
    let mut compare = |field: &str, before: Option<String>, after: Option<String>| {
        if before != after {
            changes.push(SpecChange { field: field.to_owned(), before, after });
        }
    };
    let (old, new) = (AppSpecInput::from(before.clone()), AppSpecInput::from(after.clone()));
    compare("image", Some(old.image), Some(new.image));
    compare("command", words(&old.command), words(&new.command));
    let names: std::collections::BTreeSet<_> = old.env.keys().chain(new.env.keys()).collect();
    for name in names {
        compare(&format!("env.{name}"), old.env.get(name).cloned(), new.env.get(name).cloned());
    }
    let ports = |input: &AppSpecInput| words(&input.ports.iter().map(port_text).collect::<Vec<_>>());
    compare("ports", ports(&AppSpecInput::from(before.clone())), ports(&AppSpecInput::from(after.clone())));
    compare("resources.cpu_milli", number(old.resources.cpu_milli.0), number(new.resources.cpu_milli.0));
    compare("resources.memory_mib", number(old.resources.memory_mib.0), number(new.resources.memory_mib.0));
    compare("readiness", old.readiness.as_ref().map(probe_text), new.readiness.as_ref().map(probe_text));
    compare("stop_grace_s", number(old.stop_grace_s.into()), number(new.stop_grace_s.into()));
    compare("rollout.max_surge", number(old.rollout.max_surge.into()), number(new.rollout.max_surge.into()));
    compare(
        "rollout.max_unavailable",
        number(old.rollout.max_unavailable.into()),
        number(new.rollout.max_unavailable.into()),
    );
    compare(
        "rollout.ready_deadline_s",
        number(old.rollout.ready_deadline_s.into()),
        number(new.rollout.ready_deadline_s.into()),
    );
    let labels = |input: &AppSpecInput| {
        words(&input.placement.node_labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>())
    };
    compare(
        "placement.node_labels",
        labels(&AppSpecInput::from(before.clone())),
        labels(&AppSpecInput::from(after.clone())),
    );
    compare(
        "placement.strategy",
        Some(format!("{:?}", old.placement.strategy).to_lowercase()),
        Some(format!("{:?}", new.placement.strategy).to_lowercase()),
    );
    changes
}

fn number(value: u64) -> Option<String> {
    Some(value.to_string())
}

fn words(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

fn port_text(port: &crate::app::Port) -> String {
    port.host.map_or_else(|| port.container.to_string(), |host| format!("{host}:{}", port.container))
}

fn probe_text(probe: &crate::app::Probe) -> String {
    use crate::app::ProbeCheck;
    let check = match &probe.check {
        ProbeCheck::Http { path, port } => format!("GET {path} on {port}"),
        ProbeCheck::Tcp { port } => format!("TCP {port}"),
    };
    format!(
        "{check}, {} of {} ms, every {} ms after {} ms, out after {}",
        probe.success_threshold, probe.timeout_ms, probe.period_ms, probe.initial_delay_ms, probe.failure_threshold
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_does_not_differ_from_itself_and_a_change_is_one_line() {
        let mut input = AppSpecInput::new("nginx:1");
        let before = input.parse().expect("valid");
        assert_eq!(diff(&before, &before), []);
        input.image = "nginx:2".into();
        input.env.insert("LOG_LEVEL".into(), "debug".into());
        let after = input.parse().expect("valid");
        let found: Vec<_> = diff(&before, &after).into_iter().map(|c| (c.field, c.before, c.after)).collect();
        assert_eq!(
            found,
            [
                (
                    "image".to_owned(),
                    Some("docker.io/library/nginx:1".to_owned()),
                    Some("docker.io/library/nginx:2".to_owned())
                ),
                ("env.LOG_LEVEL".to_owned(), None, Some("debug".to_owned())),
            ]
        );
    }
}
