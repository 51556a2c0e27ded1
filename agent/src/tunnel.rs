//! One stream of bytes to the server for one log or one terminal.

use berth_proto::fleet::{TunnelEnd, TunnelFrame, fleet_client::FleetClient, tunnel_frame::Kind};
use std::time::Duration;
use tokio::{sync::mpsc, time};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

/// Frames under way towards the server; beyond them the container's output waits.
const FRAMES_MAX: usize = 64;

/// For the server to take the last frames and close its side.
const END_DEADLINE: Duration = Duration::from_secs(10);

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
        send_to(&self.out, kind).await
    }

    /// Sends the last frame and waits until the server has closed its side too: to drop the stream before would reset
    /// it, and what is under way would be lost.
    pub async fn end(mut self, exit_code: i32, message: impl Into<String>) {
        if self.send(Kind::End(TunnelEnd { exit_code, message: message.into() })).await.is_err() {
            return;
        }
        drop(self.out);
        let _ = time::timeout(END_DEADLINE, async { while let Ok(Some(_)) = self.incoming.message().await {} }).await;
    }

    /// What the server says next; `None` when it has gone or has had enough.
    pub async fn next(&mut self) -> Option<Kind> {
        next_of(&mut self.incoming).await
    }
}

/// [`Tunnel::send`], for whoever needs both directions at once.
pub async fn send_to(out: &mpsc::Sender<TunnelFrame>, kind: Kind) -> Result<(), Closed> {
    out.send(TunnelFrame { kind: Some(kind) }).await.map_err(|_| Closed)
}

/// [`Tunnel::next`], for whoever needs both directions at once.
pub async fn next_of(incoming: &mut Streaming<TunnelFrame>) -> Option<Kind> {
    match incoming.message().await.ok().flatten()?.kind? {
        Kind::End(_) => None,
        kind => Some(kind),
    }
}
