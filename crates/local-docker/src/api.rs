//! Just enough of the engine's HTTP to see that it is there, and to remove everything when it shall go. Whatever runs
//! apps is in the agent.

use crate::error::Error;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// A stopped engine accepts and never answers, so every call has an end.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// How long an engine may take over a ping.
const PING_MAX: Duration = Duration::from_secs(2);
/// Largest answer that is read, in bytes.
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The engine behind a socket.
#[derive(Debug, Clone)]
pub struct Api {
    socket: PathBuf,
}

impl Api {
    /// Nothing is sent yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// The socket's file.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether an engine answers.
    pub fn ping(&self) -> bool {
        matches!(self.exchange("GET", "/_ping", "text/plain", &[], PING_MAX), Ok((200, _)))
    }

    /// Reads something.
    pub fn get(&self, path: &str) -> Result<Value, Error> {
        self.call("GET", path, "application/json", &[])
    }

    /// Makes or does something.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.call("POST", path, "application/json", &bytes)
    }

    /// Removes something.
    pub fn delete(&self, path: &str) -> Result<Value, Error> {
        self.call("DELETE", path, "application/json", &[])
    }

    /// Loads an archive as `docker save` writes it.
    pub fn load_image(&self, archive: &[u8]) -> Result<(), Error> {
        self.call("POST", "/images/load?quiet=true", "application/x-tar", archive).map(drop)
    }

    fn call(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Result<Value, Error> {
        let (status, answer) = self
            .exchange(method, path, media_type, body, ANSWER_MAX)
            .map_err(Error::os(format!("{method} {path} at {}", self.socket.display())))?;
        // Some answers are a stream of values, one per line; the first one is as good as any for whoever asks here.
        let value = answer.lines().next().and_then(|_| serde_json::from_str(&answer).ok()).unwrap_or(Value::Null);
        if status < 400 {
            return Ok(value);
        }
        let message = value["message"].as_str().unwrap_or(&answer).trim().to_owned();
        Err(Error::Refused { request: format!("{method} {path}"), status, message })
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
        patience: Duration,
    ) -> std::io::Result<(u16, String)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: docker\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        read_answer(BufReader::new(stream.take(BODY_BYTES_MAX)))
    }
}

fn read_answer(mut reader: impl BufRead) -> std::io::Result<(u16, String)> {
    let invalid = |what: &'static str| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| invalid("no status"))?;
    let mut chunked = false;
    let mut length = None;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(invalid("the answer ends in its head"));
        }
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        chunked |= header == "transfer-encoding: chunked";
        length = header.strip_prefix("content-length:").and_then(|value| value.trim().parse::<u64>().ok()).or(length);
    }
    let mut body = Vec::new();
    if chunked {
        read_chunks(&mut reader, &mut body)?;
    } else if let Some(length) = length {
        reader.take(length).read_to_end(&mut body)?;
    } else if status != 204 && status != 304 {
        reader.read_to_end(&mut body)?;
    }
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> std::io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16)
            .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "a chunk without a size"))?;
        if size == 0 {
            return Ok(());
        }
        reader.by_ref().take(size).read_to_end(body)?;
        line.clear();
        reader.read_line(&mut line)?;
    }
}

#[cfg(test)]
mod tests {
    use super::read_answer;

    #[test]
    fn answers_are_read_by_length_and_by_chunks() {
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOKmore";
        assert_eq!(read_answer(&plain[..]).expect("read"), (200, "OK".into()));
        let chunked = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(read_answer(&chunked[..]).expect("read"), (404, "abcd".into()));
        assert!(read_answer(&b""[..]).is_err());
    }
}
