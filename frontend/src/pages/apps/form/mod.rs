//! The form for an app: the same fields for a new one and for a new release.

pub mod advanced;
pub mod dotenv;
pub mod draft;
pub mod env_table;
pub mod fields;
pub mod image;
pub mod ports;
pub mod read;
pub mod readiness;
pub mod resources;
pub mod state;
pub mod words;
