//! The gRPC contract between server and agents, and its conversions to and from domain values.

/// Generated from `proto/fleet.proto`.
#[allow(missing_docs, clippy::all)]
pub mod fleet {
    tonic::include_proto!("berth.fleet.v1");
}

pub mod convert;

/// Largest message in either direction, in bytes: a desired set of a thousand instances with full environments.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The URI that names a node in its certificate.
pub fn node_uri(install: berth_domain::id::InstallId, node: berth_domain::id::NodeId) -> String {
    format!("berth://{install}/{node}")
}
