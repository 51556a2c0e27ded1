//! Who calls: read from the certificate of the connection, never from a message.

use berth_domain::id::{InstallId, NodeId};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _};

/// A node that showed a certificate of our authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Which node.
    pub node: NodeId,
    /// The certificate's number, 32 hexadecimal digits.
    pub serial: String,
}

impl Caller {
    /// Reads a certificate that TLS has verified. `None` when it names no node, or one of another installation.
    pub fn from_certificate(der: &[u8], install: InstallId) -> Option<Self> {
        let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
        let names = certificate.subject_alternative_name().ok()??;
        let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else { return None };
        let node = uri.strip_prefix("berth://")?.strip_prefix(&install.to_string())?.strip_prefix('/')?;
        Some(Self { node: node.parse().ok()?, serial: hex::encode(certificate.raw_serial()) })
    }
}
