//! What `berth up` can be told: flags win over environment variables, these over the file, it over defaults.

use anyhow::{Context, Result};
use nix::unistd::geteuid;
use serde::Deserialize;
use std::{
    env, fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// One source of settings: what it does not say is left to the next one.
#[derive(Debug, Clone, Default, clap::Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Flags {
    /// A file with the same settings, in TOML, with underscores for dashes. Its table [server] goes to berth-server
    #[arg(long, env = "BERTH_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Where everything is kept [default: /var/lib/berth for root, else ~/.local/share/berth]
    #[arg(long, env = "BERTH_HOME")]
    home: Option<PathBuf>,
    /// Where console and API are served [default: 127.0.0.1:7800]
    #[arg(long, env = "BERTH_LISTEN")]
    listen: Option<SocketAddr>,
    /// Where agents of other machines connect [default: 127.0.0.1:7801]
    #[arg(long, env = "BERTH_AGENT_LISTEN")]
    agent_listen: Option<SocketAddr>,
    /// A database of yours instead of the private Postgres, as postgres://user:password@host:port/name
    #[arg(long, env = "BERTH_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Where browsers reach the console [default: http:// and the listen address]
    #[arg(long, env = "BERTH_PUBLIC_URL")]
    public_url: Option<String>,
    /// Where agents of other machines reach the server [default: https:// and the agents' listen address]
    #[arg(long, env = "BERTH_AGENT_PUBLIC_URL")]
    agent_public_url: Option<String>,
    /// The socket of the Docker Engine [default: /var/run/docker.sock; where none answers, root gets a private engine]
    #[arg(long, env = "BERTH_DOCKER")]
    docker: Option<String>,
    /// Name of this machine among the nodes [default: its host name]
    #[arg(long, env = "BERTH_NODE_NAME")]
    node_name: Option<String>,
    /// Address at which ports of apps on this machine are bound and reached [default: 127.0.0.1]
    #[arg(long, env = "BERTH_ADVERTISE_ADDRESS")]
    advertise_address: Option<IpAddr>,
    /// Settings of berth-server that have no flag here.
    #[arg(skip)]
    server: toml::Table,
}

/// All settings, decided.
#[derive(Debug, Clone)]
pub struct Settings {
    pub home: PathBuf,
    pub listen: SocketAddr,
    pub agent_listen: SocketAddr,
    pub database_url: Option<String>,
    pub public_url: Option<String>,
    pub agent_public_url: Option<String>,
    /// The engine's socket when it was named: then no private engine takes its place.
    pub docker: Option<PathBuf>,
    pub node_name: Option<String>,
    pub advertise_address: IpAddr,
    pub server: toml::Table,
}

impl Flags {
    /// Reads the file that the flags name and fills in defaults.
    pub fn resolve(self) -> Result<Settings> {
        let file = self.config.as_deref().map_or_else(|| Ok(Self::default()), Self::from_file)?;
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let home = match self.home.or(file.home) {
            Some(home) => home,
            None => default_home()?,
        };
        let docker = self.docker.or(file.docker);
        Ok(Settings {
            home: std::path::absolute(&home).with_context(|| format!("finding {}", home.display()))?,
            listen: self.listen.or(file.listen).unwrap_or_else(|| local(7800)),
            agent_listen: self.agent_listen.or(file.agent_listen).unwrap_or_else(|| local(7801)),
            database_url: self.database_url.or(file.database_url),
            public_url: self.public_url.or(file.public_url),
            agent_public_url: self.agent_public_url.or(file.agent_public_url),
            docker: docker.map(|socket| PathBuf::from(socket.trim_start_matches("unix://"))),
            node_name: self.node_name.or(file.node_name),
            advertise_address: self
                .advertise_address
                .or(file.advertise_address)
                .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            server: file.server,
        })
    }

    fn from_file(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a valid configuration", path.display()))
    }
}

impl Settings {
    /// Where this machine reaches the server: a wildcard address is no place to go.
    pub fn local_url(&self) -> String {
        format!("http://{}", reachable(self.listen))
    }

    /// Where people reach the console.
    pub fn console_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| self.local_url()).trim_end_matches('/').to_owned()
    }

    /// Where agents reach the server.
    pub fn agent_url(&self) -> String {
        self.agent_public_url.clone().unwrap_or_else(|| format!("https://{}", reachable(self.agent_listen)))
    }
}

fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())) } else { address }
}

/// Where everything is kept when nobody says otherwise.
pub fn default_home() -> Result<PathBuf> {
    if geteuid().is_root() {
        return Ok("/var/lib/berth".into());
    }
    if let Some(data) = env::var_os("XDG_DATA_HOME").filter(|data| !data.is_empty()) {
        return Ok(PathBuf::from(data).join("berth"));
    }
    let user = env::var_os("HOME").context("neither BERTH_HOME nor HOME is set: where shall everything be kept?")?;
    Ok(PathBuf::from(user).join(".local/share/berth"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_win_over_the_file_and_unknown_settings_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("berth.toml");
        fs::write(&path, "listen = '10.0.0.1:80'\nhome = '/srv/berth'\n[server]\nlog_format = 'json'\n")
            .expect("written");
        let flags = Flags {
            config: Some(path.clone()),
            listen: Some(SocketAddr::from(([0, 0, 0, 0], 81))),
            ..Flags::default()
        };
        let settings = flags.resolve().expect("valid");
        assert_eq!(settings.local_url(), "http://127.0.0.1:81");
        assert_eq!(settings.home, Path::new("/srv/berth"));
        assert_eq!(settings.server["log_format"].as_str(), Some("json"));
        fs::write(&path, "listne = '10.0.0.1:80'\n").expect("written");
        assert!(Flags { config: Some(path), ..Flags::default() }.resolve().is_err());
    }
}
