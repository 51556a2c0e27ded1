//! Commands the agents: the server side of the gRPC contract in `berth-proto`.
//!
//! Agents dial in with a certificate of our own authority; the server sends desired sets and opens logs and terminals
//! over the streams that they hold open. This crate knows no database: what it must ask, it asks a [`door::Directory`];
//! what reconcilers and services want of agents, they ask a [`fleet::Fleet`].

pub mod authority;
pub mod door;
pub mod fleet;
pub mod identity;
pub mod message;
pub mod registry;
pub mod server;
mod service;
mod tunnel;
