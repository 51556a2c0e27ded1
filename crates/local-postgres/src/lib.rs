//! Runs the machine's own Postgres binaries as a private server: made at the first start, reached through a Unix
//! socket in its own directory, never over TCP. Used by `berth up` and by the tests.
//!
//! Everything here blocks; asynchronous callers use a blocking thread. It never downloads anything and never touches
//! a server that it did not find in its own directory.

mod account;
mod binaries;
mod error;
mod probe;
mod server;

pub mod paths;

pub use account::Account;
pub use binaries::Binaries;
pub use error::Error;
pub use server::{Durability, Server};
