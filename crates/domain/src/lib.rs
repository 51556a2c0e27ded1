//! What exists in Berth: ids, names, quantities, the app spec, lifecycles, rights and quotas.
//!
//! Pure and wasm-safe: no IO, no clock, no random source. A value of a type in this crate is valid;
//! text becomes a value only through `parse`/`TryFrom`, and serde goes through the same door.

pub mod app;
pub mod diff;
pub mod field_error;
pub mod id;
pub mod image;
pub mod lifecycle;
pub mod limit;
pub mod name;
pub mod node;
pub mod quantity;
pub mod quota;
pub mod right;
