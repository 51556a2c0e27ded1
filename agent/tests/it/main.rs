//! The agent's tests through its own doors: one suite against an engine in memory and against a real Docker Engine, and
//! the session against a server that speaks the real protocol.

mod act;
mod archive;
mod bench;
mod contract;
mod engine;
mod fake;
mod faults;
mod hung;
mod sandboxes;
mod server;
mod session;
