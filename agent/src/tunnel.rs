//! One stream of bytes to the server for one log or one terminal.

use berth_proto::fleet::{TunnelEnd, TunnelFrame, fleet_client::FleetClient, tunnel_frame::Kind};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

/// Frames under way towards the server; beyond them the container's output waits.
const FRAMES_MAX: usize = 64;

/// An open tunnel.
pub struct Tunnel {
    /// To the server.
    pub out: mpsc::Sender<TunnelFrame>,
    /// From the server.
    pub incoming: Streaming<TunnelFrame>,
}

/// Why a tunnel cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("the tunnel is closed")]
pub struct Closed;

impl Tunnel {
    /// Opens the tunnel that a command named.
    pub async fn open(mut client: FleetClient<Channel>, tunnel_id: String) -> Result<Self, tonic::Status> {
        let (out, frames) = mpsc::channel(FRAMES_MAX);
        // There is room for the first frame.
        let _ = out.try_send(TunnelFrame { kind: Some(Kind::Open(tunnel_id)) });
        let incoming = client.tunnel(ReceiverStream::new(frames)).await?.into_inner();
        Ok(Self { out, incoming })
    }

    /// Sends one frame.
    pub async fn send(&self, kind: Kind) -> Result<(), Closed> {
        self.out.send(TunnelFrame { kind: Some(kind) }).await.map_err(|_| Closed)
    }

    /// Sends the last frame.
    pub async fn end(&self, exit_code: i32, message: impl Into<String>) {
        let _ = self.send(Kind::End(TunnelEnd { exit_code, message: message.into() })).await;
    }

    /// What the server says next; `None` when it has gone or has had enough.
    pub async fn next(&mut self) -> Option<Kind> {
        match self.incoming.message().await.ok().flatten()?.kind? {
            Kind::End(_) => None,
            kind => Some(kind),
        }
    }
}
