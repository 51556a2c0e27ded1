//! The whole platform as a user has it, on several real Docker hosts: a real Postgres, the real server, a real agent on
//! every host, driven through the HTTP API alone. Tests hurt it and look whether its promises hold; the benchmarks in
//! `berth-bench` measure it beside others.
//!
//! Like the rest of the test code it panics with a sentence where a test could not go on anyway.

pub mod apps;
pub mod client;
pub mod containers;
pub mod database;
pub mod guardian;
pub mod parts;
pub mod program;
pub mod run;
pub mod stack;
pub mod visitor;
pub mod wait;
