//! Pure scheduling decisions: which instance on which node, and the next step of a rollout.
//!
//! No IO, no clock, no async, no floats, no hash-map order: the same snapshot gives the same plan, byte for byte.
#![no_std]
extern crate alloc;

pub mod plan;
pub mod rollout;
pub mod snapshot;
