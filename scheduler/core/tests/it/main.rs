//! Properties of plans and rollouts, over clusters that nobody would think of, and a few examples for readers.

mod cluster;
mod oracle;
mod plan_examples;
mod plan_properties;
mod reference;
mod rollout_examples;
mod rollout_model;
mod rollout_properties;
