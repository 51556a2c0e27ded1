//! What the agent asks of the server beside its stream: the image of an upload, the credentials for a pull.

use crate::runtime::Credential;
use async_trait::async_trait;
use berth_domain::id::{ImageId, InstanceId};
use bytes::Bytes;
use futures::stream::BoxStream;
use std::io;

/// The server said no, or cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UplinkError(pub String);

/// The way to the server. In tests a few lines without a network.
#[async_trait]
pub trait Uplink: Send + Sync + 'static {
    /// Credentials for the image of an instance; `None` when it needs none.
    async fn pull_credential(&self, instance: InstanceId) -> Result<Option<Credential>, UplinkError>;
    /// The archive of an uploaded image.
    async fn fetch_image(&self, image: ImageId) -> Result<BoxStream<'static, Result<Bytes, io::Error>>, UplinkError>;
}
