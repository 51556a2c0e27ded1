//! Asks a server whether it takes sessions, with the first packet of the protocol: a socket that accepts is not yet
//! a server that is ready.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long a server may take over the first answer.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Protocol 3.0.
const PROTOCOL: u32 = 3 << 16;

/// Whether the server behind the socket starts a session for `postgres`.
pub(crate) fn takes_sessions(socket: &Path) -> bool {
    ask(socket).unwrap_or(false)
}

fn ask(socket: &Path) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.write_all(&start_up_packet())?;
    let mut kind = [0_u8; 1];
    stream.read_exact(&mut kind)?;
    let ready = kind[0] == b'R';
    // Terminate politely, so that the log stays quiet. It does not matter if the server is gone already.
    stream.write_all(&[b'X', 0, 0, 0, 4]).ok();
    Ok(ready)
}

fn start_up_packet() -> Vec<u8> {
    let body = b"user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(8 + body.len()).expect("a packet of forty bytes");
    [&length.to_be_bytes()[..], &PROTOCOL.to_be_bytes()[..], &body[..]].concat()
}
