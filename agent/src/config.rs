//! What the agent is told: flags, then environment, then a file, then defaults.

use crate::limit;
use anyhow::{Context as _, bail};
use berth_domain::{app::check_labels, name::Name};
use clap::Parser;
use serde::Deserialize;
use std::{collections::BTreeMap, fs, net::IpAddr, path::PathBuf};

/// Networks kept ready, unless told otherwise.
const SPARE_SANDBOXES: usize = 1;

/// Runs on every node: makes what the server wants true on the local Docker Engine.
///
/// The agent only dials out. It keeps running what it last knew when the server is away, and leaves the containers
/// running when it is stopped itself.
#[derive(Debug, Parser)]
#[command(name = "berth-agent", version)]
pub struct Flags {
    /// A TOML file with the same settings; flags and the environment win.
    #[arg(long, env = "BERTH_AGENT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the server's agent port is.
    #[arg(long, env = "BERTH_AGENT_SERVER", value_name = "URL")]
    server: Option<String>,
    /// The one-time token of “Add a node”. Needed once.
    #[arg(long, env = "BERTH_AGENT_JOIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    join_token: Option<String>,
    /// A file that holds the token, or will.
    #[arg(long, env = "BERTH_AGENT_JOIN_TOKEN_FILE", value_name = "FILE", conflicts_with = "join_token")]
    join_token_file: Option<PathBuf>,
    /// Where the key, the certificate and the ledger are kept.
    #[arg(long, env = "BERTH_AGENT_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// The Docker Engine's socket.
    #[arg(long, env = "BERTH_AGENT_DOCKER", value_name = "URL")]
    docker: Option<String>,
    /// The node's name. Default: the host's.
    #[arg(long, env = "BERTH_AGENT_NAME", value_name = "NODE")]
    name: Option<String>,
    /// The address of this node where published ports are bound and reached.
    #[arg(long, env = "BERTH_AGENT_ADVERTISE_ADDRESS", value_name = "IP")]
    advertise_address: Option<IpAddr>,
    /// A file that appears when the server has taken this node in, for whoever waits for that.
    #[arg(long, env = "BERTH_AGENT_READY_FILE", value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Networks kept ready for the next instance, for each environment and set of published ports on this node. Each is a
    /// container of some 4 MB that waits; 0 keeps none, and instances start in three times the time.
    #[arg(long, env = "BERTH_AGENT_SPARE_SANDBOXES", value_name = "NUMBER")]
    spare_sandboxes: Option<usize>,
    /// A label that placement rules can ask for.
    #[arg(long = "label", env = "BERTH_AGENT_LABELS", value_name = "KEY=VALUE", value_delimiter = ',')]
    labels: Vec<String>,
}

/// The same in a file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    server: Option<String>,
    join_token_file: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    docker: Option<String>,
    name: Option<String>,
    advertise_address: Option<IpAddr>,
    ready_file: Option<PathBuf>,
    spare_sandboxes: Option<usize>,
    labels: BTreeMap<String, String>,
}

/// Settings that are whole and valid.
#[derive(Debug, Clone)]
pub struct Config {
    /// `https://host:port`.
    pub server: String,
    /// The token itself.
    pub join_token: Option<String>,
    /// A file that holds it, or will.
    pub join_token_file: Option<PathBuf>,
    /// Where state is kept.
    pub state_dir: PathBuf,
    /// `unix:///…`.
    pub docker: String,
    /// The node's name.
    pub name: Name,
    /// Where published ports are bound and reached.
    pub advertise_address: IpAddr,
    /// Holds the node's id from the first connection of this process on.
    pub ready_file: Option<PathBuf>,
    /// Networks kept ready for the next instance, of each kind.
    pub spare_sandboxes: usize,
    /// The node's labels.
    pub labels: BTreeMap<String, String>,
}

impl Config {
    /// From the command line, the environment and the file that they name.
    pub fn from_flags(flags: Flags) -> anyhow::Result<Self> {
        let file = match &flags.config {
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
                toml::from_str(&text).with_context(|| format!("{} is not as it should be", path.display()))?
            }
            None => File::default(),
        };
        let mut labels = file.labels;
        for label in flags.labels.iter().filter(|label| !label.is_empty()) {
            let (key, value) = label.split_once('=').with_context(|| format!("the label “{label}” has no ="))?;
            labels.insert(key.to_owned(), value.to_owned());
        }
        let mut errors = Vec::new();
        check_labels("label", &labels, &mut errors);
        if let Some(error) = errors.first() {
            bail!("{}: {}", error.field, error.message);
        }
        let spare_sandboxes = flags.spare_sandboxes.or(file.spare_sandboxes).unwrap_or(SPARE_SANDBOXES);
        if spare_sandboxes > limit::SPARES_MAX {
            bail!("spare sandboxes: {spare_sandboxes} is more than the {} that make sense", limit::SPARES_MAX);
        }
        let name = flags.name.or(file.name).unwrap_or_else(host_name);
        Ok(Self {
            server: flags.server.or(file.server).unwrap_or_else(|| "https://127.0.0.1:7801".to_owned()),
            join_token: flags.join_token,
            join_token_file: flags.join_token_file.or(file.join_token_file),
            state_dir: flags.state_dir.or(file.state_dir).unwrap_or_else(|| PathBuf::from("/var/lib/berth-agent")),
            docker: flags.docker.or(file.docker).unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned()),
            name: Name::parse(&name).map_err(|e| anyhow::anyhow!("the node's name “{name}”: {}", e.message))?,
            advertise_address: flags
                .advertise_address
                .or(file.advertise_address)
                .unwrap_or(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
            ready_file: flags.ready_file.or(file.ready_file),
            spare_sandboxes,
            labels,
        })
    }
}

/// The host's name as a name of ours: its first label, what does not fit replaced.
fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let label = name.trim().split('.').next().unwrap_or_default().to_lowercase();
    let clean = label.replace(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit(), "-");
    let clean: String = clean.trim_matches('-').chars().take(30).collect();
    if clean.starts_with(|c: char| c.is_ascii_lowercase()) {
        clean
    } else {
        format!("node-{clean}").trim_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str]) -> anyhow::Result<Config> {
        Config::from_flags(Flags::try_parse_from([&["berth-agent", "--name", "n1"], args].concat())?)
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "server = \"https://a:1\"\nstate_dir = \"/s\"\n[labels]\nzone = \"a\"\n")
            .expect("written");
        let path = file.path().to_str().expect("text");
        let config = config(&["--config", path, "--server", "https://b:2", "--label", "disk=ssd"]).expect("valid");
        assert_eq!(config.server, "https://b:2");
        assert_eq!(config.state_dir, PathBuf::from("/s"));
        assert_eq!(config.docker, "unix:///var/run/docker.sock");
        assert_eq!(config.labels.len(), 2);
        assert_eq!(config.spare_sandboxes, SPARE_SANDBOXES);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for args in [
            &["--label", "nothing"][..],
            &["--label", "a=b c"],
            &["--advertise-address", "here"],
            &["--spare-sandboxes", "33"],
            &["--x"],
        ] {
            assert!(config(args).is_err(), "{args:?}");
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "sever = \"https://a:1\"\n").expect("written");
        assert!(config(&["--config", file.path().to_str().expect("text")]).is_err());
    }

    #[test]
    fn the_hosts_name_is_always_a_valid_one() {
        assert!(Name::parse(&host_name()).is_ok(), "{}", host_name());
    }
}
