//! Nodes.

use super::{
    client::{delete, get, get_with, patch, post_empty},
    error::ApiError,
};
use berth_api_types::{
    page::{Page, PageQuery},
    path,
    v1::{
        events::EventView,
        nodes::{JoinTokenView, NodeDetailView, NodeView, UpdateNodeBody},
    },
};

/// All nodes.
pub async fn list(page: &PageQuery) -> Result<Page<NodeView>, ApiError> {
    get_with(&path::nodes(), page).await
}
/// One node.
pub async fn read(node: &str) -> Result<NodeDetailView, ApiError> {
    get(&path::node(node)).await
}
/// Changes availability or labels.
pub async fn update(node: &str, body: &UpdateNodeBody) -> Result<NodeView, ApiError> {
    patch(&path::node(node), body).await
}
/// Removes a node for good.
pub async fn remove(node: &str) -> Result<(), ApiError> {
    delete(&path::node(node)).await
}
/// What happened on it.
pub async fn events(node: &str, page: &PageQuery) -> Result<Page<EventView>, ApiError> {
    get_with(&path::node_events(node), page).await
}
/// A token with which one node joins.
pub async fn create_join_token() -> Result<JoinTokenView, ApiError> {
    post_empty(&path::join_tokens()).await
}
