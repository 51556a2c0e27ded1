//! `berth-server --check`: asks the server that runs beside it whether it is ready, for a supervisor without an HTTP client
//! of its own. One line each way; nothing of the server is started.

use anyhow::{Context as _, bail};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// For the connection, and again for the answer. A ready server answers in milliseconds; supervisors give up after seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Fails unless the server that listens on `listen` says that it is ready.
pub fn ask(listen: SocketAddr) -> anyhow::Result<()> {
    let address = SocketAddr::new(reached_at(listen.ip()), listen.port());
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("no server listens on {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).context("the server does not answer")?;
    match status.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        _ => bail!("the server is not ready: {}", status.trim_end()),
    }
}

/// Where one's own machine reaches what listens on every address.
fn reached_at(listen: IpAddr) -> IpAddr {
    match listen {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}
