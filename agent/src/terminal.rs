//! Attaches a person's terminal to a command in one instance, through a tunnel.

use crate::{
    runtime::{Runtime, RuntimeError, Terminal, TerminalSize},
    tunnel::{Tunnel, next_of, send_to},
};
use berth_proto::fleet::{TunnelFrame, tunnel_frame::Kind};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::mpsc,
    time,
};
use tonic::Streaming;

/// Tried in this order when no command was given.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
/// Largest piece of output in one frame, in bytes.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// A command's end and its exit code are not there at the same moment; looks for it.
const EXIT_LOOKS: u32 = 20;
/// Between two looks.
const EXIT_PERIOD: Duration = Duration::from_millis(25);

/// How the two directions of a terminal ended.
enum Outcome {
    /// The command closed its side.
    Ended,
    /// The person is gone.
    Left,
}

/// Runs a command until it ends or the person goes away; then it is hung up.
///
/// Output and input flow independently: a command that prints while much is pasted into it takes nothing in until its
/// output is taken, and a command that reads nothing must not hide that the person left.
pub async fn attach(
    runtime: Arc<dyn Runtime>,
    container: &str,
    command: Vec<String>,
    size: TerminalSize,
    mut tunnel: Tunnel,
) {
    let terminal = match open(runtime.as_ref(), container, command, size).await {
        Ok(terminal) => terminal,
        Err(message) => return tunnel.end(-1, message).await,
    };
    let Terminal { exec_id, mut output, mut input } = terminal;
    let mut hang_up = HangUp(Some((runtime.clone(), exec_id.clone())));
    let outcome = tokio::select! {
        outcome = show(&mut output, &tunnel.out) => outcome,
        outcome = type_in(runtime.as_ref(), &exec_id, &mut input, &mut tunnel.incoming) => outcome,
        // The server gave up the tunnel while input waited for the command to take it.
        () = tunnel.out.closed() => Outcome::Left,
    };
    if matches!(outcome, Outcome::Ended) {
        hang_up.0 = None;
        tunnel.end(exit_code(runtime.as_ref(), &exec_id).await, "").await;
    }
}

/// From the command to the person.
async fn show(output: &mut (impl AsyncRead + Unpin), out: &mpsc::Sender<TunnelFrame>) -> Outcome {
    let mut bytes = vec![0; OUTPUT_BYTES_MAX];
    loop {
        match output.read(&mut bytes).await {
            Ok(0) | Err(_) => return Outcome::Ended,
            Ok(count) => {
                if send_to(out, Kind::Data(bytes[..count].to_vec())).await.is_err() {
                    return Outcome::Left;
                }
            }
        }
    }
}

/// From the person to the command.
async fn type_in(
    runtime: &dyn Runtime,
    exec_id: &str,
    input: &mut (impl AsyncWrite + Unpin),
    incoming: &mut Streaming<TunnelFrame>,
) -> Outcome {
    loop {
        match next_of(incoming).await {
            Some(Kind::Data(data)) => {
                if input.write_all(&data).await.is_err() || input.flush().await.is_err() {
                    // It reads no more; what it still prints is shown to its end.
                    std::future::pending::<()>().await;
                }
            }
            Some(Kind::Resize(size)) => {
                let size = size_of(size.columns, size.rows);
                // A window that could not be resized is drawn a bit wrong; the person goes on typing.
                let _ = runtime.resize_terminal(exec_id, size).await;
            }
            Some(_) => {}
            None => return Outcome::Left,
        }
    }
}

/// Hangs the command up when it is dropped: also when the connection to the server breaks and the whole terminal with
/// it. Otherwise a shell that nobody sees any more would stay in the container for ever.
struct HangUp(Option<(Arc<dyn Runtime>, String)>);

impl Drop for HangUp {
    fn drop(&mut self) {
        let Some((runtime, exec_id)) = self.0.take() else { return };
        // Without a runtime the whole agent ends.
        let Ok(handle) = tokio::runtime::Handle::try_current() else { return };
        handle.spawn(async move {
            if let Err(error) = runtime.hang_up_terminal(&exec_id).await {
                tracing::warn!(%error, "a terminal could not be hung up");
            }
        });
    }
}

/// A size that a terminal can have.
pub fn size_of(columns: u32, rows: u32) -> TerminalSize {
    let clamp = |n: u32| u16::try_from(n.clamp(1, 1_000)).unwrap_or(1_000);
    TerminalSize { columns: clamp(columns), rows: clamp(rows) }
}

async fn open(
    runtime: &dyn Runtime,
    container: &str,
    command: Vec<String>,
    size: TerminalSize,
) -> Result<Terminal, String> {
    let command = if command.is_empty() { vec![shell(runtime, container).await?] } else { command };
    runtime.open_terminal(container, &command, size).await.map_err(|error| match error {
        RuntimeError::NotFound(_) => "The container is gone.".to_owned(),
        other => other.to_string(),
    })
}

async fn shell(runtime: &dyn Runtime, container: &str) -> Result<String, String> {
    for shell in SHELLS {
        if runtime.has_file(container, shell).await.map_err(|e| e.to_string())? {
            return Ok(shell.to_owned());
        }
    }
    Err(format!("This image has no shell ({}). Give a command that it has.", SHELLS.join(", ")))
}

async fn exit_code(runtime: &dyn Runtime, exec_id: &str) -> i32 {
    for _ in 0..EXIT_LOOKS {
        match runtime.terminal_exit(exec_id).await {
            Ok(Some(code)) => return code,
            Ok(None) => time::sleep(EXIT_PERIOD).await,
            Err(_) => break,
        }
    }
    -1
}
