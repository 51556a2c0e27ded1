//! Just enough HTTP/1.1: requests without bodies, answers with a length, connections that stay open.

use crate::{behaviour::Behaviour, routes};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: u64 = 16 * 1024;
/// Connections at once; each has a thread.
const CONNECTIONS_MAX: usize = 512;
/// How long a connection may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The part of a request that we look at.
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub wants_json: bool,
}

impl Request {
    /// A parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let value = self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(decode(value))
    }
}

/// An answer.
pub struct Response {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Response {
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() + "\n" }
    }
}

/// Accepts connections until the process ends.
pub fn serve(listener: &TcpListener, behaviour: &Arc<Behaviour>) {
    let connections = Arc::new(());
    for stream in listener.incoming().flatten() {
        if Arc::strong_count(&connections) > CONNECTIONS_MAX {
            continue; // Dropped, and so closed: the caller may try again.
        }
        let (behaviour, counted) = (Arc::clone(behaviour), Arc::clone(&connections));
        thread::spawn(move || {
            // A peer that goes away is no event worth a line.
            converse(stream, &behaviour).ok();
            drop(counted);
        });
    }
}

fn converse(mut stream: TcpStream, behaviour: &Behaviour) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?.ip();
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some((request, keep_open)) = read_head(&mut reader)? {
        let begun = Instant::now();
        behaviour.requests.fetch_add(1, Ordering::SeqCst);
        let response = routes::answer(&request, behaviour);
        let keep_open = keep_open && !behaviour.stopping.load(Ordering::SeqCst);
        let written = write_response(&mut stream, &request, &response, keep_open);
        if request.path != "/healthz" {
            let took_ms = begun.elapsed().as_millis();
            println!("{} {} {} {took_ms}ms {peer}", request.method, request.path, response.status);
        }
        behaviour.requests.fetch_sub(1, Ordering::SeqCst);
        written?;
        if !keep_open {
            break;
        }
    }
    Ok(())
}

/// The next request and whether its sender wants to go on; `None` when the connection ends or says something else.
fn read_head(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<(Request, bool)>> {
    let mut head = reader.by_ref().take(HEAD_BYTES_MAX);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        return Ok(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request { method: method.into(), path: path.into(), query: query.into(), wants_json: false };
    let mut keep_open = version == "HTTP/1.1";
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim().to_ascii_lowercase();
        match line.split_once(':').map(|(name, value)| (name, value.trim())) {
            None => return Ok(line.is_empty().then_some((request, keep_open))),
            Some(("accept", value)) => request.wants_json = value.starts_with("application/json"),
            Some(("connection", "close")) => keep_open = false,
            // We read no bodies, so what follows would be taken for the next request.
            Some(("content-length" | "transfer-encoding", value)) if value != "0" => keep_open = false,
            Some(_) => {}
        }
    }
}

fn write_response(stream: &mut TcpStream, request: &Request, response: &Response, open: bool) -> std::io::Result<()> {
    let reason = match response.status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    let mut out = format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: {}\r\ncontent-length: {}\r\ncache-control: no-store\r\nconnection: {}\r\n\r\n",
        response.status,
        response.content_type,
        response.body.len(),
        if open { "keep-alive" } else { "close" },
    );
    if request.method != "HEAD" {
        out.push_str(&response.body);
    }
    stream.write_all(out.as_bytes())
}

/// Undoes percent-encoding; what is not UTF-8 afterwards is replaced.
fn decode(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match (bytes[at], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn percent_signs_are_undone() {
        assert_eq!(decode("a%20b+c%C3%A9"), "a b cé");
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
    }
}
