//! Who this node is: its key, its certificate, the authority it trusts. One file, only its owner may read it.

use crate::ledger::write_durably;
use anyhow::Context as _;
use berth_domain::id::{InstallId, NodeId};
use serde::{Deserialize, Serialize};
use std::{fmt, fs, io, path::Path};

const FILE: &str = "identity.json";

/// What joining gave.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Whose node this is.
    pub install: InstallId,
    /// Which node.
    pub node: NodeId,
    /// The node's certificate.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
    /// The authority's certificate.
    pub authority_pem: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} {})", self.install, self.node)
    }
}

impl Identity {
    /// Reads the identity of `directory`; `None` when the node has not joined.
    pub fn load(directory: &Path) -> anyhow::Result<Option<Self>> {
        let path = directory.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("{} cannot be read", path.display())),
        };
        serde_json::from_slice(&text).map(Some).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Writes it.
    pub fn save(&self, directory: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        write_durably(directory, FILE, &text).with_context(|| format!("{FILE} cannot be written"))
    }

    /// From when to when its certificate is good, in Unix seconds.
    pub fn validity_s(&self) -> anyhow::Result<(i64, i64)> {
        let (_, pem) = x509_parser::pem::parse_x509_pem(self.certificate_pem.as_bytes())?;
        let certificate = pem.parse_x509()?;
        let validity = certificate.validity();
        Ok((validity.not_before.timestamp(), validity.not_after.timestamp()))
    }
}
