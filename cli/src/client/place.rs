//! Which server, tenant, project and environment a command is about: flags, then the environment, then what was
//! remembered.

use super::{
    api::Api,
    profile::{self, Profile},
};
use crate::exit::{Exit, ended};
use anyhow::Result;

/// Where nobody said otherwise.
const SERVER: &str = "http://127.0.0.1:7800";

/// Options of every command that talks to a server.
#[derive(Debug, Clone, clap::Args)]
pub struct PlaceFlags {
    /// The server [default: the one of `berth login`]
    #[arg(long, global = true, env = "BERTH_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// A personal token instead of `berth login`
    #[arg(long, global = true, env = "BERTH_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// The tenant
    #[arg(long, short, global = true, env = "BERTH_TENANT")]
    pub tenant: Option<String>,
    /// The project
    #[arg(long, short, global = true, env = "BERTH_PROJECT")]
    pub project: Option<String>,
    /// The environment
    #[arg(long, short, global = true, env = "BERTH_ENVIRONMENT")]
    pub environment: Option<String>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,
}

/// Flags and memory together.
pub struct Place {
    pub flags: PlaceFlags,
    pub profile: Profile,
}

/// An environment that was named in full.
#[derive(Debug, Clone)]
pub struct Scope {
    pub tenant: String,
    pub project: String,
    pub environment: String,
}

impl Place {
    /// Reads what was remembered.
    pub fn new(flags: PlaceFlags) -> Result<Self> {
        Ok(Self { flags, profile: Profile::load(&profile::path()?)? })
    }

    /// The server's address.
    pub fn server(&self) -> String {
        let server = self.flags.server.as_ref().or(self.profile.server.as_ref());
        server.map_or(SERVER, String::as_str).trim_end_matches('/').to_owned()
    }

    /// The API as somebody who signed in.
    pub fn api(&self) -> Result<Api> {
        // A remembered token belongs to the remembered server; it must not go to another one.
        let same_server = self.profile.server.as_deref().is_none_or(|server| server == self.server());
        let remembered = self.profile.token.as_ref().filter(|_| same_server);
        let token = self.flags.token.as_ref().or(remembered);
        let token = token.ok_or_else(|| ended(Exit::Denied, "sign in first: berth login"))?;
        Api::new(&self.server(), Some(token))
    }

    /// The tenant that the command is about.
    pub fn tenant(&self) -> Result<String> {
        pick(&self.flags.tenant, &self.profile.tenant, "tenant")
    }

    /// The environment that the command is about.
    pub fn scope(&self) -> Result<Scope> {
        Ok(Scope {
            tenant: self.tenant()?,
            project: pick(&self.flags.project, &self.profile.project, "project")?,
            environment: pick(&self.flags.environment, &self.profile.environment, "environment")?,
        })
    }
}

fn pick(given: &Option<String>, remembered: &Option<String>, what: &str) -> Result<String> {
    given.clone().or_else(|| remembered.clone()).ok_or_else(|| {
        ended(
            Exit::Refused,
            format!("which {what}? Give --{what}, or choose once: berth use TENANT/PROJECT/ENVIRONMENT"),
        )
    })
}
