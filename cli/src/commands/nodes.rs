//! `berth nodes`: the machines that apps run on, and how one more joins.

use crate::{client::place::Place, output};
use anyhow::Result;
use berth_api_types::{
    path,
    v1::nodes::{JoinTokenView, NodeView, UpdateNodeBody},
};
use berth_domain::node::NodeAvailability;
use chrono::Utc;
use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

/// What to do; without anything, they are listed.
#[derive(Debug, clap::Args)]
pub struct NodesFlags {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Prints the command that makes a machine a node; it works once
    Join,
    /// Puts nothing new on a node
    Cordon {
        /// The node
        node: String,
    },
    /// Moves its instances to other nodes
    Drain {
        /// The node
        node: String,
    },
    /// Uses a node again
    Activate {
        /// The node
        node: String,
    },
    /// Removes a node that is lost, or drained and empty
    Remove {
        /// The node
        node: String,
    },
}

/// Does it.
pub async fn run(place: &Place, flags: NodesFlags) -> Result<()> {
    match flags.action {
        None => list(place).await,
        Some(Action::Join) => join(place).await,
        Some(Action::Cordon { node }) => update(place, &node, NodeAvailability::Cordoned).await,
        Some(Action::Drain { node }) => update(place, &node, NodeAvailability::Drained).await,
        Some(Action::Activate { node }) => update(place, &node, NodeAvailability::Active).await,
        Some(Action::Remove { node }) => {
            place.api()?.delete(&path::node(&node)).await?;
            output::done(place.flags.json, format!("{node} is removed."), &json!({ "node": node, "removed": true }))
        }
    }
}

async fn list(place: &Place) -> Result<()> {
    let nodes: Vec<NodeView> = place.api()?.list(&path::nodes()).await?;
    let now = Utc::now();
    let headings = ["NAME", "STATE", "USE", "INSTANCES", "CPU", "MEMORY", "ADDRESS", "DOCKER", "SEEN"];
    output::list(place.flags.json, &nodes, &headings, |node| {
        let cores = |milli: u64| format!("{}.{}", milli / 1_000, milli % 1_000 / 100);
        vec![
            node.name.clone(),
            output::word(&node.state),
            output::word(&node.availability),
            node.instances.to_string(),
            format!("{}/{}", cores(node.reserved.cpu_milli.0), cores(node.capacity.cpu_milli.0)),
            format!("{}/{} MiB", node.reserved.memory_mib.0, node.capacity.memory_mib.0),
            node.address.clone(),
            node.docker_version.clone(),
            node.last_seen_at.map_or_else(|| "never".into(), |at| format!("{} ago", output::age(at, now))),
        ]
    })
}

async fn join(place: &Place) -> Result<()> {
    let token: JoinTokenView = place.api()?.act(&path::join_tokens()).await?;
    if place.flags.json {
        return output::value(&token);
    }
    println!("Run this on the new machine before {} UTC; it works once:\n", token.expires_at.format("%H:%M"));
    println!("  {}", token.command);
    Ok(())
}

async fn update(place: &Place, node: &str, availability: NodeAvailability) -> Result<()> {
    let body = UpdateNodeBody { availability: Some(availability), ..UpdateNodeBody::default() };
    let view: NodeView = place.api()?.send_json(Method::PATCH, &path::node(node), &body).await?;
    if place.flags.json {
        return output::value(&view);
    }
    println!("{}: {}, {}", view.name, output::word(&view.state), output::word(&view.availability));
    Ok(())
}
