//! Pure scheduling decisions: which instance on which node, and the next step of a rollout.
//!
//! Reading order: `snapshot` (what is known), `plan` (what shall change), `plan_app` (one app: keep → place → drain),
//! `rollout` (how many of which release). The store commits a plan; the simulator, the tests and the console's
//! preview carry it out with `apply`.
//!
//! No IO, no clock, no async, no floats, no hash-map order: the same snapshot gives the same plan, byte for byte.
#![no_std]
extern crate alloc;

pub mod apply;
mod feasible;
mod index;
mod keep;
mod place;
pub mod plan;
mod plan_app;
pub mod rollout;
mod score;
pub mod snapshot;
