//! The only place that talks to the server: one typed function per endpoint, a file per noun.

pub mod apps;
pub mod audit;
pub mod client;
pub mod error;
pub mod nodes;
pub mod projects;
pub mod session;
pub mod tenants;
pub mod upload;
