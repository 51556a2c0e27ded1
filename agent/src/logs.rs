//! Sends the log of one instance through a tunnel, until it ends or nobody listens any more.

use crate::{
    runtime::{LogQuery, LogRecord, Runtime},
    tunnel::Tunnel,
};
use berth_proto::fleet::{LogLine, tunnel_frame::Kind};
use futures::StreamExt as _;

/// Nanoseconds in a millisecond.
const NS_PER_MS: u64 = 1_000_000;

/// Sends the log.
pub async fn send(runtime: &dyn Runtime, container: &str, query: LogQuery, mut tunnel: Tunnel) {
    let mut lines = match runtime.logs(container, query).await {
        Ok(lines) => lines,
        Err(error) => return tunnel.end(1, error.to_string()).await,
    };
    loop {
        tokio::select! {
            line = lines.next() => match line {
                Some(Ok(line)) if within(&line, query) => {
                    if tunnel.send(to_wire(line)).await.is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return tunnel.end(1, error.to_string()).await,
                None => return tunnel.end(0, "").await,
            },
            // The server says nothing here but that it has had enough.
            None = tunnel.next() => return,
        }
    }
}

/// The engine cuts by whole seconds, and we were asked by milliseconds.
fn within(line: &LogRecord, query: LogQuery) -> bool {
    let until_ns = if query.until_ms == 0 { u64::MAX } else { query.until_ms.saturating_mul(NS_PER_MS) };
    line.at_ns >= query.since_ms.saturating_mul(NS_PER_MS) && line.at_ns <= until_ns
}

fn to_wire(line: LogRecord) -> Kind {
    Kind::LogLine(LogLine {
        at_ns: line.at_ns,
        stderr: line.stderr,
        text: line.text.to_vec(),
        truncated: line.truncated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_milliseconds() {
        let line = |at_ns| LogRecord { at_ns, stderr: false, text: "x".into(), truncated: false };
        let query = LogQuery { tail: 1, follow: false, since_ms: 1_500, until_ms: 1_600 };
        for (at_ns, want) in
            [(1_499_999_999, false), (1_500_000_000, true), (1_600_000_000, true), (1_600_000_001, false)]
        {
            assert_eq!(within(&line(at_ns), query), want, "{at_ns}");
        }
        assert!(within(&line(u64::MAX), LogQuery { until_ms: 0, ..query }));
    }
}
