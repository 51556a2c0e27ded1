//! The server at its boundary: HTTP and gRPC in, rows out. Each test has a database of its own.

mod agent;
mod apps;
mod door;
mod engine;
mod fake_fleet;
mod fleet_protocol;
mod helpers;
mod idempotency;
mod images;
mod logs;
mod nodes;
mod nodes_http;
mod placement;
mod plan;
mod projects;
mod quota;
mod registry;
mod releases;
mod rollouts;
mod session;
mod setup;
mod tenancy;
mod terminal;
mod trail;
mod whole;
mod world;
