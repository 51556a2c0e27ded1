//! Runs the machine's own `dockerd` and `containerd` as a private engine, apart from the one that the machine may
//! have: other data, other sockets. Used by `berth up` where no engine answers, and by the tests for their hosts.
//!
//! Everything here blocks. It deploys nothing: containers are the agent's business.

pub mod api;
mod engine;
mod error;

pub use engine::{Engine, Layout, Options};
pub use error::Error;
