//! Agents, played: logs that a test writes, terminals that echo.

use async_trait::async_trait;
use berth_domain::id::{InstanceId, NodeId};
use berth_proto::fleet::{DesiredSet, TunnelFrame, tunnel_frame::Kind};
use berth_scheduler::fleet::{
    Attached, Fleet, FleetError, LogEntry, LogOptions, LogStream, Terminal, TerminalInput, TerminalOptions,
    TerminalOutput,
};
use futures::StreamExt as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;

/// The agents.
#[derive(Default)]
pub struct FakeFleet {
    logs: Mutex<BTreeMap<InstanceId, Log>>,
    away: Mutex<BTreeSet<NodeId>>,
}

struct Log {
    lines: Vec<LogEntry>,
    news: broadcast::Sender<LogEntry>,
}

impl FakeFleet {
    /// An instance writes a line.
    pub fn write(&self, instance: InstanceId, at_ns: u64, text: &str) {
        let entry = LogEntry { at_ns, stderr: false, text: text.as_bytes().to_vec(), truncated: false };
        let mut logs = self.logs.lock().expect("no test panics while it writes");
        let log = logs.entry(instance).or_insert_with(Log::new);
        log.lines.push(entry.clone());
        log.news.send(entry).ok();
    }
    /// The agent of a node is not connected from now on.
    pub fn detach(&self, node: NodeId) {
        self.away.lock().expect("no test panics while it detaches").insert(node);
    }
    fn check(&self, node: NodeId) -> Result<(), FleetError> {
        let away = self.away.lock().expect("no test panics while it detaches");
        if away.contains(&node) { Err(FleetError::NotAttached) } else { Ok(()) }
    }
}

impl Log {
    fn new() -> Self {
        Self { lines: Vec::new(), news: broadcast::channel(64).0 }
    }
}

#[async_trait]
impl Fleet for FakeFleet {
    fn attached(&self) -> Vec<Attached> {
        Vec::new()
    }
    fn send_desired(&self, _: NodeId, _: DesiredSet) -> Result<(), FleetError> {
        Err(FleetError::NotAttached)
    }
    fn disconnect(&self, _: NodeId) {}

    async fn open_log(&self, node: NodeId, instance: InstanceId, options: LogOptions) -> Result<LogStream, FleetError> {
        self.check(node)?;
        let mut logs = self.logs.lock().expect("no test panics while it writes");
        let log = logs.entry(instance).or_insert_with(Log::new);
        let since_ns = options.since_ms.unwrap_or(0) * 1_000_000;
        let until_ns = options.until_ms.map_or(u64::MAX, |ms| ms * 1_000_000);
        let wanted: Vec<_> =
            log.lines.iter().filter(|line| (since_ns..until_ns).contains(&line.at_ns)).cloned().collect();
        let skip = wanted.len().saturating_sub(options.tail as usize);
        let lines = futures::stream::iter(wanted.into_iter().skip(skip).map(Ok));
        if !options.follow {
            return Ok(LogStream::new(lines));
        }
        let news = futures::stream::unfold(log.news.subscribe(), |mut news| async move {
            let entry = news.recv().await.ok()?;
            Some((Ok(entry), news))
        });
        Ok(LogStream::new(lines.chain(news)))
    }

    async fn open_terminal(&self, node: NodeId, _: InstanceId, _: TerminalOptions) -> Result<Terminal, FleetError> {
        self.check(node)?;
        let (input, mut typed) = mpsc::channel::<TunnelFrame>(8);
        let (shown, output) = mpsc::channel(8);
        tokio::spawn(async move {
            while let Some(frame) = typed.recv().await {
                let item = match frame.kind {
                    Some(Kind::Data(bytes)) if bytes == b"exit\n" => {
                        TerminalOutput::Ended { exit_code: 3, message: String::new() }
                    }
                    Some(Kind::Data(bytes)) => TerminalOutput::Data(bytes),
                    Some(Kind::Resize(size)) => {
                        TerminalOutput::Data(format!("{}x{}", size.columns, size.rows).into_bytes())
                    }
                    _ => continue,
                };
                if shown.send(item).await.is_err() {
                    return;
                }
            }
        });
        Ok(Terminal { input: TerminalInput::new(input), output: ReceiverStream::new(output).boxed() })
    }
}
