//! Settings: flags win over environment variables (`BERTH_*`), these over the file (`--config`), it over defaults.

use anyhow::Context as _;
use clap::Parser;
use secrecy::SecretString;
use serde::Deserialize;
use std::{
    fmt, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

/// Where HTTP is served when nothing else is said.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7800);
/// Connections to Postgres of each of the two pools when nothing else is said. Postgres itself allows 100 by default.
const DATABASE_CONNECTIONS_DEFAULT: u32 = 10;

/// All that the server can be told.
#[derive(Clone)]
pub struct Settings {
    /// Where HTTP is served: API, console, live stream.
    pub listen: SocketAddr,
    /// Where agents connect.
    pub agent_listen: SocketAddr,
    /// `postgres://…`.
    pub database_url: SecretString,
    /// Connections of each of the two pools.
    pub database_connections: u32,
    /// Uploaded images, the master key, the set-up token.
    pub data_dir: PathBuf,
    /// The file with the master key; made at the first start.
    pub master_key_file: PathBuf,
    /// The master key itself, instead of the file.
    pub master_key: Option<SecretString>,
    /// The built console; without it only the API is served.
    pub console_dir: Option<PathBuf>,
    /// The sample's image as a docker-archive.
    pub sample_image: Option<PathBuf>,
    /// Where browsers reach the server, without a trailing slash.
    pub public_url: String,
    /// Where agents reach the server, as in join commands.
    pub agent_public_url: String,
    /// Where the first node's join token is written, when there is no node yet.
    pub bootstrap_join_token_file: Option<PathBuf>,
    /// How logs are written.
    pub log_format: LogFormat,
    /// Where audit trails are sent.
    pub audit_syslog: Option<Collector>,
}

/// A collector of log messages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Collector {
    /// How.
    pub transport: Transport,
    /// `host:port`.
    pub address: String,
}

/// How log messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Each message with its length before it (RFC 6587).
    Tcp,
    /// A message a datagram (RFC 5426). What gets lost is lost.
    Udp,
}

impl FromStr for Collector {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("“{text}” is neither tcp://HOST:PORT nor udp://HOST:PORT");
        let (scheme, address) = text.split_once("://").ok_or_else(bad)?;
        let transport = match scheme {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => return Err(bad()),
        };
        let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(bad());
        }
        Ok(Self { transport, address: address.to_owned() })
    }
}

impl TryFrom<String> for Collector {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

/// What the process is to do.
pub enum Command {
    /// Serve.
    Serve(Box<Settings>),
    /// Ask the server that listens there whether it is ready.
    Check(SocketAddr),
}

impl Command {
    /// From the process's arguments, environment and the file that they name.
    pub fn from_process() -> anyhow::Result<Self> {
        let flags = Sources::parse();
        let file = match &flags.config {
            Some(path) => Sources::from_file(path)?,
            None => Sources::default(),
        };
        let sources = flags.or(file);
        if sources.check {
            return Ok(Self::Check(sources.listen.unwrap_or(LISTEN_DEFAULT)));
        }
        Ok(Self::Serve(Box::new(sources.resolve()?)))
    }
}

impl Settings {
    /// Whether browsers come by HTTPS: cookies are then bound to it.
    pub fn secure_cookies(&self) -> bool {
        self.public_url.starts_with("https://")
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For collectors: one object a line.
    Json,
}

/// One source of settings: what it does not say is left to the next one.
#[derive(Parser, Default, Deserialize)]
#[command(name = "berth-server", version, about = "The control plane of Berth")]
#[serde(deny_unknown_fields, default)]
struct Sources {
    /// A file with the same settings, in TOML, with underscores for dashes.
    #[arg(long, env = "BERTH_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Only ask the server that runs here whether it is ready; ends with 0 if it is
    #[arg(long)]
    #[serde(skip)]
    check: bool,
    /// Where to serve HTTP [default: 127.0.0.1:7800]
    #[arg(long, env = "BERTH_LISTEN")]
    listen: Option<SocketAddr>,
    /// Where agents connect [default: 127.0.0.1:7801]
    #[arg(long, env = "BERTH_AGENT_LISTEN")]
    agent_listen: Option<SocketAddr>,
    /// The database, as postgres://user:password@host:port/name
    #[arg(long, env = "BERTH_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Connections of each of the two pools [default: 10]
    #[arg(long, env = "BERTH_DATABASE_CONNECTIONS")]
    database_connections: Option<u32>,
    /// Uploaded images, master key, set-up token [default: berth-data]
    #[arg(long, env = "BERTH_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// The file with the master key [default: master.key in the data directory]
    #[arg(long, env = "BERTH_MASTER_KEY_FILE")]
    master_key_file: Option<PathBuf>,
    /// The master key itself. An argument would be seen in the list of processes.
    #[arg(skip)]
    #[serde(skip)]
    master_key: Option<String>,
    /// The built console
    #[arg(long, env = "BERTH_CONSOLE_DIR")]
    console_dir: Option<PathBuf>,
    /// The sample's image as a docker-archive
    #[arg(long, env = "BERTH_SAMPLE_IMAGE")]
    sample_image: Option<PathBuf>,
    /// Where browsers reach the server [default: http:// and the listen address]
    #[arg(long, env = "BERTH_PUBLIC_URL")]
    public_url: Option<String>,
    /// Where agents reach the server [default: https:// and the agents' listen address]
    #[arg(long, env = "BERTH_AGENT_PUBLIC_URL")]
    agent_public_url: Option<String>,
    /// Write a join token here when no node has joined yet
    #[arg(long, env = "BERTH_BOOTSTRAP_JOIN_TOKEN_FILE")]
    bootstrap_join_token_file: Option<PathBuf>,
    /// How logs are written [default: text]
    #[arg(long, env = "BERTH_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,
    /// Send every audit row and checkpoint to this log collector, as syslog: tcp://HOST:PORT or udp://HOST:PORT
    #[arg(long, env = "BERTH_AUDIT_SYSLOG", value_name = "URL")]
    audit_syslog: Option<Collector>,
}

impl Sources {
    fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a valid configuration", path.display()))
    }

    fn or(self, next: Self) -> Self {
        Self {
            config: self.config.or(next.config),
            check: self.check,
            listen: self.listen.or(next.listen),
            agent_listen: self.agent_listen.or(next.agent_listen),
            database_url: self.database_url.or(next.database_url),
            database_connections: self.database_connections.or(next.database_connections),
            data_dir: self.data_dir.or(next.data_dir),
            master_key_file: self.master_key_file.or(next.master_key_file),
            master_key: self.master_key.or(next.master_key),
            console_dir: self.console_dir.or(next.console_dir),
            sample_image: self.sample_image.or(next.sample_image),
            public_url: self.public_url.or(next.public_url),
            agent_public_url: self.agent_public_url.or(next.agent_public_url),
            bootstrap_join_token_file: self.bootstrap_join_token_file.or(next.bootstrap_join_token_file),
            log_format: self.log_format.or(next.log_format),
            audit_syslog: self.audit_syslog.or(next.audit_syslog),
        }
    }

    fn resolve(self) -> anyhow::Result<Settings> {
        let listen = self.listen.unwrap_or(LISTEN_DEFAULT);
        let agent_listen = self.agent_listen.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 7801)));
        let data_dir = self.data_dir.unwrap_or_else(|| PathBuf::from("berth-data"));
        let master_key = self.master_key.or_else(|| std::env::var("BERTH_MASTER_KEY").ok()).filter(|k| !k.is_empty());
        let trimmed = |url: String| url.trim_end_matches('/').to_owned();
        Ok(Settings {
            listen,
            agent_listen,
            database_url: self
                .database_url
                .context("no database: give --database-url, BERTH_DATABASE_URL or database_url in the file")?
                .into(),
            database_connections: self.database_connections.unwrap_or(DATABASE_CONNECTIONS_DEFAULT),
            master_key_file: self.master_key_file.unwrap_or_else(|| data_dir.join("master.key")),
            master_key: master_key.map(SecretString::from),
            data_dir,
            console_dir: self.console_dir,
            sample_image: self.sample_image,
            public_url: self.public_url.map_or_else(|| format!("http://{listen}"), trimmed),
            agent_public_url: self.agent_public_url.map_or_else(|| format!("https://{agent_listen}"), trimmed),
            bootstrap_join_token_file: self.bootstrap_join_token_file,
            log_format: self.log_format.unwrap_or_default(),
            audit_syslog: self.audit_syslog,
        })
    }
}

/// Settings for tests of single modules.
#[cfg(test)]
pub(crate) fn test_settings() -> Settings {
    Sources { database_url: Some("postgres://nowhere".into()), ..Sources::default() }.resolve().expect("complete")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_unknown_settings_are_refused() {
        let file: Sources =
            toml::from_str("listen = '10.0.0.1:80'\ndatabase_url = 'postgres://file'\nlog_format = 'json'")
                .expect("valid");
        let flags = Sources { listen: Some(SocketAddr::from(([10, 0, 0, 2], 80))), ..Sources::default() };
        let settings = flags.or(file).resolve().expect("complete");
        assert_eq!(settings.listen.to_string(), "10.0.0.2:80");
        assert_eq!(settings.public_url, "http://10.0.0.2:80");
        assert_eq!(settings.log_format, LogFormat::Json);
        assert!(toml::from_str::<Sources>("listne = 'x'").is_err());
        assert!(Sources::default().resolve().is_err(), "a database must be named");
    }

    #[test]
    fn a_collector_is_read_or_refused() {
        for text in ["tcp://logs.example:6514", "udp://10.0.0.9:514", "tcp://[::1]:514"] {
            assert_eq!(text.parse::<Collector>().map(|to| to.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "logs.example", "tls://logs:1", "tcp://logs", "udp://:514", "tcp://logs:99999"] {
            assert!(text.parse::<Collector>().is_err(), "{text}");
        }
    }
}
