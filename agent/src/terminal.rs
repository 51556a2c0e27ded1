//! Attaches a person's terminal to a command in one instance, through a tunnel.

use crate::{
    runtime::{Runtime, RuntimeError, Terminal, TerminalSize},
    tunnel::Tunnel,
};
use berth_proto::fleet::tunnel_frame::Kind;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time,
};

/// Tried in this order when no command was given.
const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
/// Largest piece of output in one frame, in bytes.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;
/// A command's end and its exit code are not there at the same moment; looks for it.
const EXIT_LOOKS: u32 = 20;
/// Between two looks.
const EXIT_PERIOD: Duration = Duration::from_millis(25);

/// Runs a command until it ends or the person goes away; then it is hung up.
pub async fn attach(
    runtime: &dyn Runtime,
    container: &str,
    command: Vec<String>,
    size: TerminalSize,
    mut tunnel: Tunnel,
) {
    let mut terminal = match open(runtime, container, command, size).await {
        Ok(terminal) => terminal,
        Err(message) => return tunnel.end(-1, message).await,
    };
    let mut output = vec![0; OUTPUT_BYTES_MAX];
    loop {
        tokio::select! {
            read = terminal.output.read(&mut output) => match read {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    if tunnel.send(Kind::Data(output[..count].to_vec())).await.is_err() {
                        return hang_up(runtime, &terminal.exec_id).await;
                    }
                }
            },
            frame = tunnel.next() => match frame {
                Some(Kind::Data(data)) => {
                    if terminal.input.write_all(&data).await.is_err() {
                        break;
                    }
                    let _ = terminal.input.flush().await;
                }
                Some(Kind::Resize(size)) => {
                    let size = size_of(size.columns, size.rows);
                    // A window that could not be resized is drawn a bit wrong; the person goes on typing.
                    let _ = runtime.resize_terminal(&terminal.exec_id, size).await;
                }
                Some(_) => {}
                None => return hang_up(runtime, &terminal.exec_id).await,
            },
        }
    }
    tunnel.end(exit_code(runtime, &terminal.exec_id).await, "").await;
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

async fn hang_up(runtime: &dyn Runtime, exec_id: &str) {
    if let Err(error) = runtime.hang_up_terminal(exec_id).await {
        tracing::debug!(%error, "a terminal could not be hung up");
    }
}
