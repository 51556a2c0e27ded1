//! Speaks just enough of Postgres' protocol to ask whether a server takes sessions, because a socket that accepts is
//! not yet a server that is ready, and to run one command without a client library.

use std::{
    io::{Error, ErrorKind, Read, Result, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// How long a server may take over an answer to a start.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How long a command may take: copying the template of a new database, on a slow disk.
const COMMAND_MAX: Duration = Duration::from_secs(60);
/// Longest message that is read, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Protocol 3.0.
const PROTOCOL: u32 = 3 << 16;

/// Whether the server behind the socket starts a session for `postgres`.
pub(crate) fn takes_sessions(socket: &Path) -> bool {
    Session::open(socket).is_ok_and(|session| session.is_some())
}

/// Runs a command as superuser. Returns the SQLSTATE when the server refuses it.
pub(crate) fn run(socket: &Path, command: &str) -> Result<Option<String>> {
    let mut session = Session::open(socket)?.ok_or_else(|| Error::from(ErrorKind::ConnectionRefused))?;
    session.stream.set_read_timeout(Some(COMMAND_MAX))?;
    let mut body = command.as_bytes().to_vec();
    body.push(0);
    session.send(b'Q', &body)?;
    session.read_until_ready()
}

/// A session that has been let in.
struct Session {
    stream: UnixStream,
}

impl Session {
    /// `None` when the server answers that it does not take sessions now.
    fn open(socket: &Path) -> Result<Option<Self>> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        let mut session = Self { stream };
        let body = b"user\0postgres\0database\0postgres\0\0";
        let length = u32::try_from(8 + body.len()).expect("a packet of forty bytes");
        session.stream.write_all(&[&length.to_be_bytes()[..], &PROTOCOL.to_be_bytes()[..], &body[..]].concat())?;
        let refused = session.read_until_ready()?.is_some();
        Ok((!refused).then_some(session))
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> Result<()> {
        let length = u32::try_from(4 + body.len()).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
        self.stream.write_all(&[&[kind][..], &length.to_be_bytes()[..], body].concat())
    }

    /// Reads until the server waits for the next command; the SQLSTATE of an error on the way.
    fn read_until_ready(&mut self) -> Result<Option<String>> {
        let mut refusal = None;
        loop {
            let mut head = [0_u8; 5];
            match self.stream.read_exact(&mut head) {
                // After a refusal at the start the server hangs up.
                Err(_) if refusal.is_some() => return Ok(refusal),
                other => other?,
            }
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            if !(4..=MESSAGE_BYTES_MAX).contains(&length) {
                return Err(Error::from(ErrorKind::InvalidData));
            }
            let mut body = vec![0; length - 4];
            self.stream.read_exact(&mut body)?;
            match head[0] {
                b'Z' => return Ok(refusal),
                b'E' => refusal = Some(sqlstate(&body)),
                _ => {}
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Politely, so that the server's log stays quiet. It does not matter if the server is gone already.
        self.send(b'X', &[]).ok();
    }
}

/// The field `C` of an error.
fn sqlstate(body: &[u8]) -> String {
    let field = body.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(b"C"));
    String::from_utf8_lossy(field.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::sqlstate;

    #[test]
    fn the_code_of_an_error_is_found() {
        assert_eq!(sqlstate(b"SERROR\0VERROR\0C42P04\0Mdatabase exists\0\0"), "42P04");
        assert_eq!(sqlstate(b""), "");
    }
}
