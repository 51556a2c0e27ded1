//! The agent: makes the desired set of instances true on the local Docker Engine, and reports what it sees.
//!
//! ```text
//! session ─desired set─▶ manager ─View─▶ diff ─steps─▶ worker, probe ─▶ runtime ─▶ Docker
//!    ▲                     │  ▲──────────── results, events ───────────────┘
//!    └──── reports ◀───────┘ observation
//! ```

pub mod admit;
pub mod agent;
pub mod backoff;
pub mod clock;
pub mod config;
pub mod container;
pub mod desired;
pub mod diff;
pub mod enroll;
pub mod events;
pub mod facts;
pub mod identity;
pub mod images;
pub mod ledger;
pub mod limit;
pub mod logs;
pub mod manager;
pub mod observe;
pub mod probe;
pub mod reason;
pub mod reports;
pub mod runtime;
pub mod sandbox;
pub mod session;
pub mod terminal;
pub mod tls;
pub mod track;
pub mod tunnel;
pub mod uplink;
pub mod wanted;
pub mod worker;

#[cfg(test)]
mod testing;
