//! What somebody has typed so far: text in every field, valid or not. [`super::read`] makes a spec of it.

use super::words;
use berth_domain::{
    app::{AppSpecInput, PlacementStrategy, Probe, ProbeCheck},
    image::ImageReference,
};

/// Everything that a person may say of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Image reference.
    pub image: String,
    /// Name; only asked for a new app.
    pub name: String,
    /// Whether the name was typed rather than proposed.
    pub name_typed: bool,
    /// Instances; only asked for a new app.
    pub replicas: String,
    /// Cores.
    pub cpu: String,
    /// Memory, in `memory_unit`.
    pub memory: String,
    /// Unit of `memory`.
    pub memory_unit: MemoryUnit,
    /// Ports.
    pub ports: Vec<PortRow>,
    /// When an instance is ready.
    pub readiness: ReadinessDraft,
    /// Environment variables.
    pub env: Vec<PairRow>,
    /// Fill or spread.
    pub strategy: PlacementStrategy,
    /// Labels that nodes must carry.
    pub labels: Vec<PairRow>,
    /// Command line.
    pub command: String,
    /// Seconds to stop.
    pub stop_grace_s: String,
    /// Extra instances in a rollout.
    pub max_surge: String,
    /// Missing instances in a rollout.
    pub max_unavailable: String,
    /// Seconds to become ready.
    pub ready_deadline_s: String,
    next_row: u32,
}

/// Unit in which memory is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryUnit {
    /// MiB.
    Mib,
    /// GiB.
    Gib,
}

/// A port as typed. `row` names the row while it is on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRow {
    /// Which row.
    pub row: u32,
    /// Port in the container.
    pub container: String,
    /// Fixed port on the node, or nothing.
    pub host: String,
}

/// A name and a value as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRow {
    /// Which row.
    pub row: u32,
    /// Left.
    pub name: String,
    /// Right.
    pub value: String,
}

/// A readiness check as typed. The fields of the other kinds stay when the kind changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessDraft {
    /// Which question.
    pub kind: ReadinessKind,
    /// Path of an HTTP check.
    pub path: String,
    /// Port of the check; the first port of the app when empty.
    pub port: String,
    /// Milliseconds before the first try.
    pub initial_delay_ms: String,
    /// Milliseconds between tries.
    pub period_ms: String,
    /// Milliseconds for an answer.
    pub timeout_ms: String,
    /// Successes that make ready.
    pub success_threshold: String,
    /// Failures that make unready.
    pub failure_threshold: String,
}

/// Which question a readiness check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadinessKind {
    /// `GET path`.
    Http,
    /// A connection.
    Tcp,
    /// None: ready when it has been running for a moment.
    None,
}

impl Draft {
    /// An empty page for a new app.
    pub fn new() -> Self {
        let mut draft = Self::of(&AppSpecInput::new(""), 1);
        draft.readiness.kind = ReadinessKind::None;
        draft
    }

    /// What is there, ready to be changed.
    pub fn of(spec: &AppSpecInput, replicas: u32) -> Self {
        let memory = spec.resources.memory_mib.0;
        let in_gib = memory >= 1024 && memory.is_multiple_of(1024);
        let mut draft = Self {
            image: spec.image.clone(),
            name: String::new(),
            name_typed: false,
            replicas: replicas.to_string(),
            cpu: cores_text(spec.resources.cpu_milli.0),
            memory: if in_gib { memory / 1024 } else { memory }.to_string(),
            memory_unit: if in_gib { MemoryUnit::Gib } else { MemoryUnit::Mib },
            ports: Vec::new(),
            readiness: ReadinessDraft::of(spec.readiness.as_ref()),
            env: Vec::new(),
            strategy: spec.placement.strategy,
            labels: Vec::new(),
            command: words::join(&spec.command),
            stop_grace_s: spec.stop_grace_s.to_string(),
            max_surge: spec.rollout.max_surge.to_string(),
            max_unavailable: spec.rollout.max_unavailable.to_string(),
            ready_deadline_s: spec.rollout.ready_deadline_s.to_string(),
            next_row: 0,
        };
        for port in &spec.ports {
            let host = port.host.map(|host| host.to_string()).unwrap_or_default();
            draft.add_port(port.container.to_string(), host);
        }
        for (name, value) in &spec.env {
            draft.add_env(name.clone(), value.clone());
        }
        for (name, value) in &spec.placement.node_labels {
            let row = draft.row();
            draft.labels.push(PairRow { row, name: name.clone(), value: value.clone() });
        }
        draft
    }

    /// A row id that was never used.
    pub fn row(&mut self) -> u32 {
        self.next_row += 1;
        self.next_row
    }

    /// Adds a port; returns its row.
    pub fn add_port(&mut self, container: String, host: String) -> u32 {
        let row = self.row();
        self.ports.push(PortRow { row, container, host });
        row
    }

    /// Adds a variable; returns its row.
    pub fn add_env(&mut self, name: String, value: String) -> u32 {
        let row = self.row();
        self.env.push(PairRow { row, name, value });
        row
    }

    /// Adds a label; returns its row.
    pub fn add_label(&mut self) -> u32 {
        let row = self.row();
        self.labels.push(PairRow { row, name: String::new(), value: String::new() });
        row
    }

    /// Sets the variables of a pasted file: those that are there change, the others come after them.
    pub fn paste_env(&mut self, found: Vec<super::dotenv::Assignment>) {
        self.env.retain(|row| !(row.name.is_empty() && row.value.is_empty()));
        for assignment in found {
            match self.env.iter_mut().find(|row| row.name == assignment.name) {
                Some(row) => row.value = assignment.value,
                None => {
                    self.add_env(assignment.name, assignment.value);
                }
            }
        }
    }

    /// Takes another image; the name follows it until somebody types one.
    pub fn set_image(&mut self, image: String) {
        if !self.name_typed {
            self.name = proposed_name(&image);
        }
        self.image = image;
    }

    /// Proposes ports that an image says it listens on, where none was typed.
    pub fn propose_ports(&mut self, ports: &[u16]) {
        if ports.is_empty() || self.ports.iter().any(|port| !port.container.trim().is_empty()) {
            return;
        }
        self.ports.clear();
        for port in ports {
            self.add_port(port.to_string(), String::new());
        }
    }

    /// The port that a check asks when none was typed for it.
    pub fn probe_port_text(&self) -> &str {
        match self.readiness.port.trim() {
            "" => self.ports.first().map_or("", |port| port.container.trim()),
            port => port,
        }
    }
}

impl ReadinessDraft {
    fn of(probe: Option<&Probe>) -> Self {
        let http = ProbeCheck::Http { path: "/healthz".to_owned(), port: 0 };
        let shown = probe.cloned().unwrap_or_else(|| Probe::new(http));
        let (kind, path, port) = match &shown.check {
            ProbeCheck::Http { path, port } => (ReadinessKind::Http, path.clone(), *port),
            ProbeCheck::Tcp { port } => (ReadinessKind::Tcp, "/healthz".to_owned(), *port),
        };
        Self {
            kind: if probe.is_some() { kind } else { ReadinessKind::None },
            path,
            port: if port == 0 { String::new() } else { port.to_string() },
            initial_delay_ms: shown.initial_delay_ms.to_string(),
            period_ms: shown.period_ms.to_string(),
            timeout_ms: shown.timeout_ms.to_string(),
            success_threshold: shown.success_threshold.to_string(),
            failure_threshold: shown.failure_threshold.to_string(),
        }
    }
}

/// The last part of an image's repository, made into a name: `reg.example/shop/Check_Out:2` proposes `check-out`.
fn proposed_name(image: &str) -> String {
    let Ok(reference) = ImageReference::parse(image) else { return String::new() };
    let last = reference.repository().rsplit('/').next().unwrap_or_default();
    let mut name = String::new();
    for c in last.chars() {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name: String = name.trim_start_matches(|c: char| !c.is_ascii_lowercase()).chars().take(40).collect();
    name.trim_end_matches('-').to_owned()
}

/// Thousandths of a core as cores: 250 is `0.25`.
pub fn cores_text(milli: u64) -> String {
    let (whole, rest) = (milli / 1000, milli % 1000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{}", format!("{rest:03}").trim_end_matches('0')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_proposed_from_the_image() {
        for (image, want) in [
            ("nginx", "nginx"),
            ("reg.example:5000/shop/check_out:2.4", "check-out"),
            ("a/1-x", "x"),
            ("Bad Image", ""),
        ] {
            assert_eq!(proposed_name(image), want, "{image}");
        }
    }

    #[test]
    fn a_typed_name_stays() {
        let mut draft = Draft::new();
        draft.set_image("nginx".into());
        assert_eq!(draft.name, "nginx");
        draft.name = "web".into();
        draft.name_typed = true;
        draft.set_image("redis".into());
        assert_eq!(draft.name, "web");
    }

    #[test]
    fn a_pasted_file_changes_what_is_there_and_adds_the_rest() {
        let mut draft = Draft::new();
        draft.add_env("A".into(), "1".into());
        draft.add_env(String::new(), String::new());
        draft.paste_env(super::super::dotenv::parse("A=2\nB=3"));
        let pairs: Vec<_> = draft.env.iter().map(|row| (row.name.as_str(), row.value.as_str())).collect();
        assert_eq!(pairs, [("A", "2"), ("B", "3")]);
    }
}
