//! May they: actions, the scopes that they apply to, permits, and the gate that alone makes permits.

pub mod action;
mod denial;
pub mod gate;
pub mod permit;
pub mod rule;
pub mod scope;
