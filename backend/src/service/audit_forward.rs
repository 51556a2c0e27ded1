//! Sends audit trails to a log collector, as syslog messages (RFC 5424): each row and each signed checkpoint once it is
//! there, in order, at least once. What a collector holds is out of reach of whoever owns the database.
//!
//! The text of a message is the line that an export has for the same row, so that what was collected can be checked with
//! the same means.

use crate::{
    authz::permit::SystemPermit,
    settings::{Collector, Transport},
    startup::App,
    store::{
        SystemTx,
        audit_read::list_audit_after,
        checkpoints::list_checkpoints,
        forwarding::{Unsent, list_unsent, try_lock_forwarding, upsert_forwarded},
    },
};
use anyhow::{Context as _, bail};
use berth_audit::export::Line;
use chrono::{DateTime, SecondsFormat, Utc};
use std::{collections::BTreeSet, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UdpSocket, lookup_host},
    time,
};

/// Between two looks whether there is something to send.
const PERIOD: Duration = Duration::from_secs(1);
/// After a failure.
const RETRY: Duration = Duration::from_secs(5);
/// Connecting, or sending a message, that takes longer has failed.
const SEND_WAIT: Duration = Duration::from_secs(5);
/// Rows of a chain that are sent before how far it came is written down.
const ROWS_AT_ONCE: i64 = 50;
/// Longest datagram: what every collector takes (RFC 5426 asks for 2 KiB, and 8 KiB is usual).
const DATAGRAM_BYTES_MAX: usize = 8 * 1024;
/// “Log audit” (RFC 5424, table 1).
const FACILITY: u8 = 13;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;

/// A way to a collector, opened when it is first needed and again after it broke.
pub struct Sender {
    to: Collector,
    host: String,
    way: Option<Way>,
}

enum Way {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Sender {
    /// Nothing is opened yet. `host`: this machine's name, for the collector.
    pub fn new(to: Collector, host: String) -> Self {
        Self { to, host, way: None }
    }

    async fn send(&mut self, line: &Line) -> anyhow::Result<()> {
        let message = message(&self.host, line);
        let mut way = match self.way.take() {
            Some(way) => way,
            None => time::timeout(SEND_WAIT, self.open()).await.context("no connection in time")??,
        };
        let sent = async {
            match &mut way {
                Way::Tcp(stream) => {
                    refuse_closed(stream)?;
                    stream.write_all(format!("{} ", message.len()).as_bytes()).await?;
                    stream.write_all(message.as_bytes()).await
                }
                Way::Udp(socket) => socket.send(cut(&message).as_bytes()).await.map(drop),
            }
        };
        time::timeout(SEND_WAIT, sent).await.context("not taken in time")??;
        // Kept only while it works: a message that went half way must not be followed by another one.
        self.way = Some(way);
        Ok(())
    }

    async fn open(&self) -> anyhow::Result<Way> {
        Ok(match self.to.transport {
            Transport::Tcp => Way::Tcp(TcpStream::connect(&self.to.address).await?),
            Transport::Udp => {
                let address = lookup_host(&self.to.address).await?.next().context("the name has no address")?;
                let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
                let socket = UdpSocket::bind(any).await?;
                socket.connect(address).await?;
                Way::Udp(socket)
            }
        })
    }
}

/// A collector says nothing; what can be read of it is only that it went away, and what is written then is lost.
fn refuse_closed(stream: &TcpStream) -> io::Result<()> {
    match stream.try_read(&mut [0; 64]) {
        Ok(0) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the collector closed the connection")),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A datagram that is too long loses its end, and with it the row's hash: it says what happened and proves nothing.
fn cut(message: &str) -> &str {
    let end = message.floor_char_boundary(DATAGRAM_BYTES_MAX);
    &message[..end]
}

/// A line as a syslog message.
fn message(host: &str, line: &Line) -> String {
    let (at, severity, kind) = match line {
        Line::Row(row) => (row.at, if row.result == "done" { NOTICE } else { WARNING }, "audit"),
        Line::Checkpoint(checkpoint) => (checkpoint.at, NOTICE, "checkpoint"),
        Line::Head(_) => (DateTime::<Utc>::UNIX_EPOCH, NOTICE, "head"),
    };
    let priority = FACILITY * 8 + severity;
    let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
    format!("<{priority}>1 {at} {host} berth - {kind} - {}", line.to_text().trim_end())
}

/// Sends what is there, now and every [`PERIOD`], until the server stops. Does nothing without a collector.
pub async fn run(app: Arc<App>) {
    let Some(to) = app.settings.audit_syslog.clone() else { return };
    let mut sender = Sender::new(to.clone(), host_name());
    let mut told = false;
    loop {
        let wait = match round(&app, &mut sender).await {
            Ok(sent) => {
                if std::mem::take(&mut told) {
                    tracing::info!(collector = %to, "audit trails are sent again");
                }
                if sent > 0 { Duration::ZERO } else { PERIOD }
            }
            Err(error) => {
                // Once: nothing is lost meanwhile.
                if !std::mem::replace(&mut told, true) {
                    tracing::error!(collector = %to, error = format!("{error:#}"), "audit trails cannot be sent; trying on");
                }
                RETRY
            }
        };
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = time::sleep(wait) => {}
        }
    }
}

/// Sends a part of each chain that has something new. Returns how many messages; 0 also while another server sends.
pub async fn round(app: &App, sender: &mut Sender) -> anyhow::Result<usize> {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    // A transaction a chain: what was sent of one stays sent, whatever becomes of the next.
    loop {
        let mut tx = SystemTx::begin(&app.store, &SystemPermit::for_duty("audit forwarding")).await?;
        if !try_lock_forwarding(&mut tx).await? {
            return Ok(count);
        }
        let next = list_unsent(&mut tx).await?.into_iter().find(|chain| seen.insert(chain.tenant));
        let Some(mut chain) = next else { return Ok(count) };
        if chain.sequence > chain.head {
            tracing::error!(
                tenant.id = chain.tenant.map(tracing::field::display),
                sent = chain.sequence,
                there = chain.head,
                "an audit trail is shorter than what the collector got of it: its tail was cut off"
            );
            chain.sequence = chain.head;
            chain.checkpoint = chain.checkpoint.min(chain.head);
        }
        let mut outcome = Ok(());
        for line in part_of(&mut tx, &chain).await? {
            outcome = sender.send(&line).await.with_context(|| format!("sending to {}", sender.to));
            if outcome.is_err() {
                break;
            }
            count += 1;
            match &line {
                Line::Row(row) => chain.sequence = row.sequence,
                Line::Checkpoint(checkpoint) => chain.checkpoint = checkpoint.sequence,
                Line::Head(_) => bail!("a part has no head"),
            }
        }
        upsert_forwarded(&mut tx, &chain).await?;
        tx.commit_unaudited().await?;
        outcome?;
    }
}

/// The next rows, and the checkpoints up to the last of them: one never comes before its row.
async fn part_of(tx: &mut SystemTx, chain: &Unsent) -> anyhow::Result<Vec<Line>> {
    let rows = list_audit_after(tx.conn(), chain.tenant, chain.sequence, chain.head, ROWS_AT_ONCE).await?;
    let last = rows.last().map_or(chain.sequence, |row| row.sequence);
    let signed = list_checkpoints(tx.conn(), chain.tenant, chain.checkpoint + 1, last).await?;
    let rows = rows.into_iter().map(|row| Line::Row(Box::new(row)));
    Ok(rows.chain(signed.into_iter().map(Line::Checkpoint)).collect())
}

/// The host's name as a syslog message takes it: printable and without spaces, or `-`.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let clean: String = name.trim().chars().filter(char::is_ascii_graphic).take(255).collect();
    if clean.is_empty() { "-".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_cut_between_characters() {
        let text = format!("{}数据", "x".repeat(DATAGRAM_BYTES_MAX - 1));
        assert_eq!(cut(&text).len(), DATAGRAM_BYTES_MAX - 1);
    }
}
