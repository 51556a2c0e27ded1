//! What agents say, parsed once at the door. An agent is trusted with its own node and with nothing else: every text is
//! bounded and free of NUL (which the database refuses), every list has a limit.

use berth_domain::{
    id::{EventId, InstallId, InstanceId},
    lifecycle::InstancePhase,
    quantity::Resources,
};
use berth_proto::{convert, fleet};

/// Longest name, version or code, in characters.
const WORD_CHARS_MAX: usize = 200;
/// Longest sentence, in characters: what a page shows.
const SENTENCE_CHARS_MAX: usize = 2_000;
/// Most images of a node that are remembered.
const IMAGES_MAX: usize = 10_000;
/// Most listening ports of a node that are remembered: all that there are.
const HOST_PORTS_MAX: usize = 65_535;
/// Most instances in one report.
pub const REPORT_INSTANCES_MAX: usize = 2_000;
/// Most events in one report; the agent sends the rest with the next.
pub const REPORT_EVENTS_MAX: usize = 1_000;
/// Most published ports of one instance.
const INSTANCE_PORTS_MAX: usize = 64;

/// The message cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// An id has not 16 bytes.
    #[error(transparent)]
    Id(#[from] convert::BadId),
    /// A list is too long.
    #[error("too many {what}: at most {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// A word is none of those that are known.
    #[error("“{0}” is no instance phase")]
    Phase(String),
    /// A part is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// What a node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What its instances may use.
    pub capacity: Resources,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// Operating system.
    pub os: String,
    /// Kernel.
    pub kernel: String,
    /// Version of the Docker Engine.
    pub docker_version: String,
    /// Where published ports are reached.
    pub address: String,
    /// Digests and ids of images that are there.
    pub images: Vec<String>,
    /// TCP ports that something else listens on.
    pub used_host_ports: Vec<u16>,
    /// MiB free where Docker keeps its data.
    pub disk_free_mib: u64,
}

impl TryFrom<fleet::NodeFacts> for Facts {
    type Error = BadMessage;
    fn try_from(facts: fleet::NodeFacts) -> Result<Self, BadMessage> {
        at_most("images", facts.images.len(), IMAGES_MAX)?;
        at_most("used host ports", facts.used_host_ports.len(), HOST_PORTS_MAX)?;
        // Larger numbers than the database holds mean a broken agent; saturate rather than fail.
        let signed = |n: u64| n.min(i64::MAX as u64);
        Ok(Self {
            capacity: Resources::new(signed(facts.cpu_milli), signed(facts.memory_mib)),
            architecture: word(&facts.architecture),
            os: word(&facts.os),
            kernel: word(&facts.kernel),
            docker_version: word(&facts.docker_version),
            address: word(&facts.address),
            images: facts.images.iter().map(|image| word(image)).collect(),
            used_host_ports: facts.used_host_ports.into_iter().filter_map(|p| u16::try_from(p).ok()).collect(),
            disk_free_mib: signed(facts.disk_free_mib),
        })
    }
}

/// An agent that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelloReport {
    /// Whose node it believes to be.
    pub install: InstallId,
    /// Its version.
    pub agent_version: String,
    /// Highest epoch that it has seen.
    pub epoch: u64,
    /// Highest generation within it.
    pub generation: u64,
    /// What it has.
    pub facts: Facts,
}

impl TryFrom<fleet::Hello> for HelloReport {
    type Error = BadMessage;
    fn try_from(hello: fleet::Hello) -> Result<Self, BadMessage> {
        Ok(Self {
            install: convert::id(&hello.install_id)?,
            agent_version: word(&hello.agent_version),
            epoch: hello.epoch,
            generation: hello.generation,
            facts: hello.facts.ok_or(BadMessage::Missing("facts"))?.try_into()?,
        })
    }
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatReport {
    /// Whether the Docker Engine answers.
    pub docker_answers: bool,
    /// What it has, when that changed.
    pub facts: Option<Facts>,
}

impl TryFrom<fleet::Heartbeat> for HeartbeatReport {
    type Error = BadMessage;
    fn try_from(heartbeat: fleet::Heartbeat) -> Result<Self, BadMessage> {
        Ok(Self { docker_answers: heartbeat.docker_answers, facts: heartbeat.facts.map(Facts::try_from).transpose()? })
    }
}

/// Everything that an agent observes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    /// Grows with every report of this connection.
    pub sequence: u64,
    /// Epoch of the desired set that was applied.
    pub epoch: u64,
    /// Generation of the desired set that was applied.
    pub generation: u64,
    /// Whether the Docker Engine answers.
    pub docker_answers: bool,
    /// Every instance.
    pub instances: Vec<InstanceReport>,
    /// What happened.
    pub events: Vec<EventReport>,
}

/// One instance as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceReport {
    /// Which.
    pub instance: InstanceId,
    /// Its generation.
    pub generation: u64,
    /// Where it stands.
    pub phase: InstancePhase,
    /// The container.
    pub container_id: String,
    /// A code for `message`.
    pub reason: String,
    /// Why it is not ready.
    pub message: String,
    /// Restarts after failures.
    pub restarts: u32,
    /// Published ports: inside, on the node.
    pub ports: Vec<(u16, u16)>,
    /// When its process began, in Unix milliseconds.
    pub started_at_ms: Option<u64>,
    /// How its last run ended.
    pub exit_code: Option<i32>,
    /// Bytes of a pull that are there.
    pub pulled_bytes: u64,
    /// Bytes of a pull in all, 0 while unknown.
    pub pull_total_bytes: u64,
}

/// Something that happened on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReport {
    /// Which; the same id twice is the same event.
    pub id: EventId,
    /// The instance that it concerns.
    pub instance: Option<InstanceId>,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
    /// A code.
    pub reason: String,
    /// An English sentence.
    pub message: String,
    /// How much it matters.
    pub severity: EventSeverity,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventSeverity {
    /// As it should be.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

impl TryFrom<fleet::Report> for NodeReport {
    type Error = BadMessage;
    fn try_from(report: fleet::Report) -> Result<Self, BadMessage> {
        at_most("instances", report.instances.len(), REPORT_INSTANCES_MAX)?;
        at_most("events", report.events.len(), REPORT_EVENTS_MAX)?;
        Ok(Self {
            sequence: report.sequence,
            epoch: report.epoch,
            generation: report.generation,
            docker_answers: report.docker_answers,
            instances: report.instances.into_iter().map(InstanceReport::try_from).collect::<Result<_, _>>()?,
            events: report.events.into_iter().map(EventReport::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<fleet::ObservedInstance> for InstanceReport {
    type Error = BadMessage;
    fn try_from(seen: fleet::ObservedInstance) -> Result<Self, BadMessage> {
        at_most("ports", seen.ports.len(), INSTANCE_PORTS_MAX)?;
        let port = |p: u32| u16::try_from(p).ok();
        Ok(Self {
            instance: convert::id(&seen.instance_id)?,
            generation: seen.generation,
            phase: InstancePhase::from_word(&seen.phase).ok_or_else(|| BadMessage::Phase(word(&seen.phase)))?,
            container_id: word(&seen.container_id),
            reason: word(&seen.reason),
            message: clean(&seen.message, SENTENCE_CHARS_MAX),
            restarts: seen.restarts,
            ports: seen.ports.iter().filter_map(|p| Some((port(p.container)?, port(p.host)?))).collect(),
            started_at_ms: (seen.started_at_ms > 0).then_some(seen.started_at_ms),
            exit_code: seen.ended.then_some(seen.exit_code),
            pulled_bytes: seen.pulled_bytes,
            pull_total_bytes: seen.pull_total_bytes,
        })
    }
}

impl TryFrom<fleet::AgentEvent> for EventReport {
    type Error = BadMessage;
    fn try_from(event: fleet::AgentEvent) -> Result<Self, BadMessage> {
        let concerns_node = event.instance_id.is_empty();
        Ok(Self {
            id: convert::id(&event.event_id)?,
            instance: if concerns_node { None } else { Some(convert::id(&event.instance_id)?) },
            at_ms: event.at_ms,
            reason: word(&event.reason),
            message: clean(&event.message, SENTENCE_CHARS_MAX),
            severity: match event.severity.as_str() {
                "error" => EventSeverity::Error,
                "warn" => EventSeverity::Warn,
                _ => EventSeverity::Info,
            },
        })
    }
}

fn at_most(what: &'static str, count: usize, max: usize) -> Result<(), BadMessage> {
    if count > max { Err(BadMessage::TooMany { what, max }) } else { Ok(()) }
}

fn word(text: &str) -> String {
    clean(text, WORD_CHARS_MAX)
}

fn clean(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(phase: &str) -> fleet::ObservedInstance {
        fleet::ObservedInstance {
            instance_id: vec![7; 16],
            phase: phase.into(),
            message: "ends\0here".into(),
            ports: vec![fleet::PublishedPort { container: 80, host: 70_000 }],
            ..Default::default()
        }
    }

    #[test]
    fn a_report_is_parsed_and_cleaned() {
        let report = fleet::Report { instances: vec![observed("ready")], ..Default::default() };
        let report = NodeReport::try_from(report).expect("a good report");
        let seen = &report.instances[0];
        assert_eq!((seen.phase, seen.message.as_str()), (InstancePhase::Ready, "endshere"));
        assert!(seen.ports.is_empty(), "a port that is none is left out");
        assert_eq!((seen.exit_code, seen.started_at_ms), (None, None));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let unknown = fleet::Report { instances: vec![observed("dancing")], ..Default::default() };
        assert_eq!(NodeReport::try_from(unknown), Err(BadMessage::Phase("dancing".into())));
        let crowd =
            fleet::Report { instances: vec![observed("ready"); REPORT_INSTANCES_MAX + 1], ..Default::default() };
        assert!(matches!(NodeReport::try_from(crowd), Err(BadMessage::TooMany { .. })));
        let event = fleet::AgentEvent { event_id: vec![1], ..Default::default() };
        assert!(matches!(EventReport::try_from(event), Err(BadMessage::Id(_))));
    }
}
