//! The engine's answers, as little of them as is used, and what they mean here. Whatever else they hold is ignored, so
//! that engines of any age can be read.

use super::{Listed, LogRecord};
use crate::{
    container::{Container, ContainerState, Exit, Joined, Link, Marks},
    limit,
};
use bytes::Bytes;
use chrono::DateTime;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

/// A container in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedContainer {
    id: String,
    state: String,
}

impl From<ListedContainer> for Listed {
    fn from(listed: ListedContainer) -> Self {
        Self { running: matches!(listed.state.as_str(), "running" | "paused" | "restarting"), id: listed.id }
    }
}

/// A network in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedNetwork {
    /// Its name.
    pub name: String,
}

/// An image in a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedImage {
    id: String,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
}

impl ListedImage {
    /// Its id, the digests that registries know it by, and its names.
    pub fn names(self) -> Vec<String> {
        let digests = self.repo_digests.unwrap_or_default();
        let digests = digests.iter().filter_map(|name| Some(name.split_once('@')?.1.to_owned()));
        let tags = self.repo_tags.unwrap_or_default().into_iter().filter(|tag| !tag.starts_with("<none>"));
        std::iter::once(self.id).chain(digests).chain(tags).collect()
    }
}

/// A container, looked at closely.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Inspected {
    id: String,
    state: State,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    network_settings: NetworkSettings,
    #[serde(default)]
    host_config: HostConfig,
}
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    nano_cpus: u64,
    #[serde(default)]
    network_mode: String,
}
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    #[serde(default)]
    exit_code: i64,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    started_at: String,
    #[serde(default)]
    finished_at: String,
}
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    ports: Option<HashMap<String, Option<Vec<Binding>>>>,
    #[serde(default)]
    networks: Option<HashMap<String, Endpoint>>,
}
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    host_port: String,
}
#[derive(Debug, Deserialize)]
struct Endpoint {
    #[serde(default, rename = "IPAddress")]
    address: String,
}

impl Inspected {
    /// The id of the container whose network it uses.
    pub fn joined(&self) -> Option<String> {
        self.host_config.network_mode.strip_prefix("container:").map(str::to_owned)
    }

    /// What it is, with what is known of the sandbox that it joined; `None`: that is gone.
    pub fn with_sandbox(self, sandbox: Option<Self>) -> Container {
        let joined = self.joined();
        let mut container = Container::from(self);
        let sandbox = sandbox.map(Container::from);
        container.joined = joined.map(|id| {
            let link = match &sandbox {
                // One that was started again after it has a new network, which a process from before is not in.
                Some(sandbox)
                    if sandbox.runs() && !(container.runs() && sandbox.started_at_ms > container.started_at_ms) =>
                {
                    Link::Up
                }
                Some(_) => Link::Down,
                None => Link::Gone,
            };
            Joined { sandbox: id, link }
        });
        if let (Some(sandbox), true) = (sandbox, container.runs()) {
            (container.address, container.ports) = (sandbox.address, sandbox.ports);
        }
        container
    }
}

impl From<Inspected> for Container {
    fn from(inspected: Inspected) -> Self {
        let Marks { install, instance, generation, environment, sandbox } =
            Marks::read(&inspected.config.labels.unwrap_or_default());
        let networks = inspected.network_settings.networks.unwrap_or_default();
        let ports = inspected.network_settings.ports.unwrap_or_default();
        Self {
            id: inspected.id,
            install,
            instance,
            generation,
            environment,
            sandbox,
            joined: None,
            started_at_ms: unix_ms(&inspected.state.started_at),
            cpu_milli: inspected.host_config.nano_cpus / 1_000_000,
            state: inspected.state.into(),
            address: networks.values().find_map(|endpoint| endpoint.address.parse().ok()),
            ports: ports.iter().filter_map(|(port, bindings)| published(port, bindings.as_ref()?)).collect(),
        }
    }
}

impl From<State> for ContainerState {
    fn from(state: State) -> Self {
        match state.status.as_str() {
            "created" => Self::Created,
            "running" | "paused" | "restarting" => Self::Running,
            "removing" | "dead" => Self::Dying,
            _ => Self::Exited(Exit {
                code: i32::try_from(state.exit_code).unwrap_or(-1),
                out_of_memory: state.oom_killed,
                error: limit::cut(&state.error),
                at_ms: unix_ms(&state.finished_at),
            }),
        }
    }
}

fn published(port: &str, bindings: &[Binding]) -> Option<(u16, u16)> {
    let inside = port.strip_suffix("/tcp")?.parse().ok()?;
    Some((inside, bindings.first()?.host_port.parse().ok()?))
}

/// 0 for the engine's "never", which is in the year 1.
fn unix_ms(text: &str) -> u64 {
    DateTime::parse_from_rfc3339(text).ok().and_then(|at| u64::try_from(at.timestamp_millis()).ok()).unwrap_or(0)
}

/// Makes lines of what the engine sends: its time off, its newline off, long lines cut.
///
/// The engine itself cuts long lines into pieces of [`limit::LOG_LINE_BYTES_MAX`]; the first piece stays, the rest of the
/// line goes, or one line of ten megabytes would be six hundred.
#[derive(Debug, Default)]
pub struct LineCutter {
    /// Whether the last piece of standard output, of standard error, has more to come.
    within: [bool; 2],
}

impl LineCutter {
    /// The line that begins with a message, if one does.
    pub fn on(&mut self, message: Bytes, stderr: bool) -> Option<LogRecord> {
        let space = message.iter().position(|byte| *byte == b' ');
        let time = space.and_then(|at| std::str::from_utf8(&message[..at]).ok());
        let at = time.and_then(|text| DateTime::parse_from_rfc3339(text).ok()).and_then(|at| at.timestamp_nanos_opt());
        let text = match (at, space) {
            (Some(_), Some(space)) => message.slice(space + 1..),
            _ => message,
        };
        let whole = text.ends_with(b"\n");
        let end = text.len() - usize::from(whole);
        let end = end - usize::from(whole && text[..end].ends_with(b"\r"));
        let more = !whole && end >= limit::LOG_LINE_BYTES_MAX;
        let continues = std::mem::replace(&mut self.within[usize::from(stderr)], more);
        (!continues).then(|| LogRecord {
            at_ns: at.and_then(|at| u64::try_from(at).ok()).unwrap_or(0),
            stderr,
            text: text.slice(..end.min(limit::LOG_LINE_BYTES_MAX)),
            truncated: more || end > limit::LOG_LINE_BYTES_MAX,
        })
    }
}

/// Sends SIGHUP to a process, but only if it lives in the container: numbers of processes are used again, and an agent
/// in a container of its own sees other numbers.
pub fn hang_up(pid: i64, container: &str) {
    let Ok(pid) = i32::try_from(pid) else { return };
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    if pid > 1 && groups.contains(container) {
        let _ = kill(Pid::from_raw(pid), Signal::SIGHUP);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_engines_answer_is_read_and_unknown_fields_are_not_minded() {
        let inspected: Inspected = serde_json::from_value(json!({
            "Id": "c1", "New": {"Field": 1},
            "State": {"Status": "exited", "ExitCode": 137, "OOMKilled": true, "Error": "",
                "StartedAt": "2026-11-22T10:00:00.5Z", "FinishedAt": "2026-11-22T10:00:01Z"},
            "Config": {"Labels": {"berth.generation": "3"}},
            "NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "49153"}], "81/tcp": null},
                "Networks": {"n": {"IPAddress": "172.18.0.2"}}}
        }))
        .expect("read");
        let container = Container::from(inspected);
        assert_eq!(container.generation, 3);
        assert_eq!(container.ports, BTreeMap::from([(80, 49153)]));
        assert_eq!(container.address, Some("172.18.0.2".parse().expect("an address")));
        assert_eq!(container.started_at_ms, 1_795_341_600_500);
        let ContainerState::Exited(exit) = container.state else { panic!("it has ended") };
        assert_eq!((exit.code, exit.out_of_memory, exit.at_ms), (137, true, 1_795_341_601_000));
        assert_eq!(unix_ms("0001-01-01T00:00:00Z"), 0);
    }

    #[test]
    fn one_that_joined_a_sandbox_is_where_its_sandbox_is() {
        let inspected = |status: &str, mode: &str, networks: serde_json::Value| -> Inspected {
            serde_json::from_value(json!({
                "Id": "c", "State": {"Status": status}, "HostConfig": {"NetworkMode": mode},
                "NetworkSettings": {"Ports": {"80/tcp": [{"HostPort": "49153"}]}, "Networks": networks}
            }))
            .expect("read")
        };
        let network = json!({"n": {"IPAddress": "172.18.0.2"}});
        let seen = |status: &str, sandbox: Option<&str>| {
            let sandbox = sandbox.map(|status| inspected(status, "berth-env", network.clone()));
            inspected(status, "container:s", json!({})).with_sandbox(sandbox)
        };
        let up = seen("running", Some("running"));
        assert_eq!(up.joined, Some(Joined { sandbox: "s".to_owned(), link: Link::Up }));
        assert_eq!((up.address, up.ports.len()), ("172.18.0.2".parse().ok(), 1));
        assert!(!up.is_cut_off());
        let cases = [
            (seen("running", Some("exited")), Link::Down, true),
            (seen("exited", Some("exited")), Link::Down, false),
            (seen("exited", Some("running")), Link::Up, false),
            (seen("exited", None), Link::Gone, true),
        ];
        let restarted = |at: &str| -> Inspected {
            serde_json::from_value(json!({
                "Id": "s", "State": {"Status": "running", "StartedAt": at}, "HostConfig": {"NetworkMode": "container:s"}
            }))
            .expect("read")
        };
        let later = restarted("2026-11-22T10:00:00Z").with_sandbox(Some(restarted("2026-11-22T10:00:01Z")));
        assert!(later.is_cut_off(), "its sandbox was started again under it");
        assert!(!restarted("2026-11-22T10:00:01Z").with_sandbox(Some(restarted("2026-11-22T10:00:00Z"))).is_cut_off());
        for (container, link, cut_off) in cases {
            assert_eq!(container.joined.as_ref().map(|joined| joined.link), Some(link));
            assert_eq!(container.is_cut_off(), cut_off, "{container:?}");
        }
    }

    fn line(message: &'static [u8], stderr: bool) -> LogRecord {
        LineCutter::default().on(Bytes::from_static(message), stderr).expect("a line")
    }

    #[test]
    fn a_line_loses_its_time_and_its_newline_and_nothing_else() {
        let whole = line(b"2026-11-22T10:00:00.000000007Z  two  words\r\n", true);
        assert_eq!((whole.at_ns, &whole.text[..]), (1_795_341_600_000_000_007, &b" two  words"[..]));
        assert!(whole.stderr && !whole.truncated);
        let last_words = line(b"2026-11-22T10:00:00Z half", false);
        assert_eq!((&last_words.text[..], last_words.truncated), (&b"half"[..], false));
        let odd = line(b"\xff\xfe no time\n", false);
        assert_eq!((odd.at_ns, &odd.text[..]), (0, &b"\xff\xfe no time"[..]));
        assert_eq!(&line(b"2026-11-22T10:00:00Z \n", false).text[..], b"");
    }

    #[test]
    fn a_long_line_keeps_its_beginning_only() {
        let piece = |newline: &str| Bytes::from(format!("2026-11-22T10:00:00Z {}{newline}", "x".repeat(16 * 1024)));
        let mut cutter = LineCutter::default();
        let first = cutter.on(piece(""), false).expect("its beginning");
        assert_eq!((first.text.len(), first.truncated), (limit::LOG_LINE_BYTES_MAX, true));
        assert!(cutter.on(Bytes::from_static(b"2026-11-22T10:00:00Z other\n"), true).is_some(), "another stream");
        assert_eq!(cutter.on(piece(""), false), None);
        assert_eq!(cutter.on(Bytes::from_static(b"2026-11-22T10:00:00Z end\n"), false), None);
        assert!(cutter.on(Bytes::from_static(b"2026-11-22T10:00:01Z next\n"), false).is_some());
    }
}
