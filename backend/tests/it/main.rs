//! The server at its boundary: HTTP and gRPC in, rows out. Each test has a database of its own.

mod agent;
mod engine;
mod fleet_protocol;
mod nodes;
mod placement;
mod rollouts;
