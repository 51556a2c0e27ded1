//! Logs of an app: the logs of its instances, merged. Read once, or followed.
//!
//! Every instance's log comes from the agent of its node over one tunnel. An instance whose log cannot be read now is
//! told as a gap, never left out in silence. Nothing is kept here: what nobody reads is dropped, and the drop is told.

use super::error::Error;
use crate::{
    authz::{action::app::Logs, permit::Permit},
    store::{
        ReadTx, Store,
        instances::instance_name,
        instances_read::{InstanceRecord, list_instances},
    },
};
use berth_domain::{
    id::{InstanceId, NodeId},
    lifecycle::InstancePhase,
};
use berth_scheduler::fleet::{Fleet, FleetError, LogEntry, LogOptions};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// Most lines of one instance that a search looks through, from the end: an answer comes within a second.
const SEARCH_LINES_MAX: u32 = 5_000;
/// Most lines that one answer carries; older ones are left out.
pub const LINES_MAX: usize = 5_000;
/// Most text that one answer carries, in bytes; older lines are left out. Also what is kept of one instance while it is
/// read, so that a few readers of long lines cannot fill the server's memory.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Instances whose logs are read at the same time: a tunnel each, from few nodes.
const TUNNELS_AT_ONCE: usize = 16;
/// Instances that one reader follows at the most: a tunnel and a task each.
const FOLLOWED_MAX: usize = 100;
/// How long one instance's log may take to be read, in milliseconds; what came until then is shown.
const READ_DEADLINE_MS: u64 = 5_000;
/// Lines that wait for a reader that does not keep up; further ones are dropped, and told.
const WAITING_LINES_MAX: usize = 2_000;

/// An instance whose log is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// Which.
    pub instance: InstanceId,
    /// Where it is.
    pub node: NodeId,
    /// Its name, as people know it.
    pub name: String,
    /// Why its log cannot be read now, when that is known already.
    pub unreadable: Option<String>,
}

/// The instances of an app, or the one of that name: none when it is not there.
pub async fn sources(store: &Store, permit: &Permit<Logs>, only: Option<&str>) -> Result<Vec<LogSource>, Error> {
    let app = &permit.scope().app;
    let mut tx = ReadTx::begin(store, permit).await?;
    let source = |record: InstanceRecord| LogSource {
        instance: record.id,
        node: record.node,
        name: instance_name(&app.name, record.release_number, record.number),
        unreadable: unreadable(&record).map(str::to_owned),
    };
    let all = list_instances(tx.conn(), app.id).await?.into_iter().map(source);
    Ok(all.filter(|source| only.is_none_or(|name| source.name == name)).collect())
}

/// What is known to be in the way, so that no agent is asked for it.
fn unreadable(record: &InstanceRecord) -> Option<&'static str> {
    use InstancePhase as P;
    if record.node_lost {
        return Some("its node is not heard; the log is read when it is back");
    }
    match record.observed.as_ref().map_or(P::Waiting, |seen| seen.phase) {
        P::Waiting | P::Pulling | P::Creating => Some("it has not started yet"),
        P::Starting | P::Ready | P::Unready | P::BackOff | P::Stopping | P::Stopped => None,
    }
}

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogFilter {
    /// Lines from the end, per instance.
    pub tail: u32,
    /// Only lines that contain this, without regard to case.
    pub contains: Option<String>,
    /// Only lines from this time on.
    pub since: Option<DateTime<Utc>>,
    /// Only lines before this time.
    pub until: Option<DateTime<Utc>>,
}

impl LogFilter {
    fn options(&self) -> LogOptions {
        LogOptions {
            tail: if self.contains.is_some() && self.tail > 0 { SEARCH_LINES_MAX } else { self.tail },
            follow: false,
            since_ms: self.since.map(unix_ms),
            until_ms: self.until.map(unix_ms),
        }
    }
    fn wants(&self, line: &LogLine) -> bool {
        self.contains.as_ref().is_none_or(|text| line.text.to_lowercase().contains(&text.to_lowercase()))
    }
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When Docker read it.
    pub at: DateTime<Utc>,
    /// The instance's name.
    pub instance: Arc<str>,
    /// Whether it came on standard error.
    pub stderr: bool,
    /// The text; what is not UTF-8 is replaced.
    pub text: String,
    /// Whether it was longer and cut.
    pub truncated: bool,
}

/// An instance whose log cannot be read, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGap {
    /// The instance's name.
    pub instance: Arc<str>,
    /// Why, in English.
    pub message: String,
}

/// What a reader of a live log gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogItem {
    /// A line.
    Line(LogLine),
    /// A gap.
    Gap(LogGap),
}

/// The newest lines of all sources in the order of time, and the gaps.
pub async fn read(fleet: &dyn Fleet, sources: &[LogSource], filter: &LogFilter) -> (Vec<LogLine>, Vec<LogGap>) {
    let (lines, read) = read_each(fleet, sources, filter).await;
    (lines, read.into_iter().filter_map(|one| one.gap).collect())
}

/// What one instance's log gave.
#[derive(Default)]
struct Read {
    lines: VecDeque<LogLine>,
    /// Length of all their texts, in bytes.
    text_bytes: usize,
    /// Time of the last line that came, wanted or not, in Unix nanoseconds.
    last_ns: Option<u64>,
    gap: Option<LogGap>,
}

impl Read {
    /// Takes a line, the newest so far, and lets the oldest go.
    fn push(&mut self, line: LogLine, lines_max: usize) {
        self.text_bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > lines_max || self.text_bytes > TEXT_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.text_bytes -= oldest.text.len();
        }
    }
}

/// The newest lines of all sources in the order of time, and what each source gave besides, in the sources' order. Merged
/// as they come: the logs of a hundred instances are never in memory at once.
async fn read_each(fleet: &dyn Fleet, sources: &[LogSource], filter: &LogFilter) -> (Vec<LogLine>, Vec<Read>) {
    let mut each = stream::iter(sources).map(|source| read_one(fleet, source, filter)).buffered(TUNNELS_AT_ONCE);
    let (mut lines, mut read) = (Vec::new(), Vec::with_capacity(sources.len()));
    while let Some(mut one) = each.next().await {
        lines.extend(std::mem::take(&mut one.lines));
        keep_newest(&mut lines);
        read.push(one);
    }
    (lines, read)
}

/// Sorts by time and lets the oldest go until the limits hold.
fn keep_newest(lines: &mut Vec<LogLine>) {
    // Stable: lines of one instance with the same time keep their order.
    lines.sort_by_key(|line| line.at);
    let mut text_bytes = 0;
    let fits = |line: &&LogLine| {
        text_bytes += line.text.len();
        text_bytes <= TEXT_BYTES_MAX
    };
    let kept = lines.iter().rev().take(LINES_MAX).take_while(fits).count();
    lines.drain(..lines.len() - kept);
}

async fn read_one(fleet: &dyn Fleet, source: &LogSource, filter: &LogFilter) -> Read {
    let name: Arc<str> = source.name.as_str().into();
    let mut read = Read::default();
    let outcome = match &source.unreadable {
        Some(why) => Err(why.clone()),
        None => collect(fleet, source, filter, &name, &mut read).await,
    };
    read.gap = outcome.err().map(|message| LogGap { instance: name, message });
    read
}

async fn collect(
    fleet: &dyn Fleet,
    source: &LogSource,
    filter: &LogFilter,
    name: &Arc<str>,
    read: &mut Read,
) -> Result<(), String> {
    let keep = usize::try_from(filter.tail).unwrap_or(LINES_MAX).min(LINES_MAX);
    if keep == 0 {
        return Ok(());
    }
    let all = async {
        let mut lines = fleet.open_log(source.node, source.instance, filter.options()).await.map_err(sentence)?;
        while let Some(entry) = lines.next().await {
            let entry = entry?;
            read.last_ns = Some(entry.at_ns);
            let line = line_of(name, entry);
            if filter.wants(&line) {
                read.push(line, keep);
            }
        }
        Ok(())
    };
    tokio::time::timeout(Duration::from_millis(READ_DEADLINE_MS), all)
        .await
        .unwrap_or_else(|_| Err("its node sent the log too slowly; older lines are missing".to_owned()))
}

/// Follows the logs of an app for one reader: first the newest lines in the order of time, then all that come.
///
/// The owner calls [`Follower::watch`] with the app's present instances, first and again as they change, and takes items
/// from [`Follower::next`]. Dropping it ends all tunnels.
pub struct Follower {
    fleet: Arc<dyn Fleet>,
    filter: Arc<LogFilter>,
    backlog: VecDeque<LogItem>,
    followed: BTreeMap<InstanceId, Followed>,
    items: mpsc::Receiver<Event>,
    sender: mpsc::Sender<Event>,
}

/// One instance that is followed.
struct Followed {
    name: Arc<str>,
    /// Its reading task; none while its log cannot be read.
    task: Option<Task>,
    /// Time of the last line that came, in Unix nanoseconds: a new tunnel goes on after it.
    last_ns: Option<u64>,
    /// What was last told to be wrong, so that it is told once.
    told: Option<String>,
}

/// Ends with its owner.
struct Task(JoinHandle<()>);
impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

enum Event {
    Line(InstanceId, LogLine, u64),
    Dropped(InstanceId, u64),
    Ended(InstanceId, Option<String>),
}

impl Follower {
    /// Reads the newest lines of `sources` and begins to follow them. `filter.until` is not looked at.
    pub async fn begin(fleet: Arc<dyn Fleet>, filter: LogFilter, sources: &[LogSource]) -> Self {
        let filter = LogFilter { until: None, ..filter };
        let (sender, items) = mpsc::channel(WAITING_LINES_MAX);
        let mut follower = Self {
            fleet,
            filter: Arc::new(filter),
            backlog: VecDeque::new(),
            followed: BTreeMap::new(),
            items,
            sender,
        };
        let now = &sources[..sources.len().min(FOLLOWED_MAX)];
        let (lines, read) = read_each(&*follower.fleet, now, &follower.filter).await;
        for (source, one) in now.iter().zip(read) {
            let told = one.gap.as_ref().map(|gap| gap.message.clone());
            follower.backlog.extend(one.gap.map(LogItem::Gap));
            let name = source.name.as_str().into();
            follower.followed.insert(source.instance, Followed { name, task: None, last_ns: one.last_ns, told });
        }
        follower.backlog.extend(lines.into_iter().map(LogItem::Line));
        follower.watch_from(sources, follower.filter.tail);
        follower
    }

    /// Follows just these instances from now on: new ones from their first line, and those whose tunnel broke again.
    pub fn watch(&mut self, sources: &[LogSource]) {
        self.watch_from(sources, SEARCH_LINES_MAX);
    }

    fn watch_from(&mut self, sources: &[LogSource], tail: u32) {
        let present: BTreeSet<_> = sources.iter().map(|source| source.instance).collect();
        self.followed.retain(|instance, _| present.contains(instance));
        for source in sources {
            if !self.followed.contains_key(&source.instance) && self.followed.len() >= FOLLOWED_MAX {
                self.tell_too_many(&source.name);
                break;
            }
            let followed = self.followed.entry(source.instance).or_insert_with(|| Followed {
                name: source.name.as_str().into(),
                task: None,
                last_ns: None,
                told: None,
            });
            if let Some(why) = &source.unreadable {
                followed.task = None;
                tell(&mut self.backlog, followed, why);
            } else if followed.task.is_none() {
                let tail = if followed.last_ns.is_some() { SEARCH_LINES_MAX } else { tail };
                let reader = Reader {
                    fleet: Arc::clone(&self.fleet),
                    filter: Arc::clone(&self.filter),
                    source: source.clone(),
                    name: Arc::clone(&followed.name),
                    after_ns: followed.last_ns,
                    tail,
                    out: self.sender.clone(),
                };
                followed.task = Some(Task(tokio::spawn(reader.run())));
            }
        }
    }

    fn tell_too_many(&mut self, name: &str) {
        let message = format!("only {FOLLOWED_MAX} instances are followed at once; name one to follow it");
        let gap = LogGap { instance: name.into(), message };
        if !self.backlog.contains(&LogItem::Gap(gap.clone())) {
            self.backlog.push_back(LogItem::Gap(gap));
        }
    }

    /// The next line or gap; waits for it.
    pub async fn next(&mut self) -> LogItem {
        loop {
            if let Some(item) = self.backlog.pop_front() {
                return item;
            }
            // Never ends: this value holds a sender itself.
            let Some(event) = self.items.recv().await else { std::future::pending().await };
            match event {
                Event::Line(instance, line, at_ns) => {
                    // Lines of an instance that is not followed any more are of no interest.
                    let Some(followed) = self.followed.get_mut(&instance) else { continue };
                    followed.last_ns = Some(at_ns);
                    followed.told = None;
                    if self.filter.wants(&line) {
                        return LogItem::Line(line);
                    }
                }
                Event::Dropped(instance, lines) => {
                    let Some(followed) = self.followed.get(&instance) else { continue };
                    let message = format!("{lines} lines were left out: they came faster than they were read");
                    return LogItem::Gap(LogGap { instance: Arc::clone(&followed.name), message });
                }
                Event::Ended(instance, why) => {
                    let Some(followed) = self.followed.get_mut(&instance) else { continue };
                    followed.task = None;
                    if let Some(why) = why {
                        tell(&mut self.backlog, followed, &why);
                    }
                }
            }
        }
    }
}

fn tell(backlog: &mut VecDeque<LogItem>, followed: &mut Followed, why: &str) {
    if followed.told.as_deref() != Some(why) {
        followed.told = Some(why.to_owned());
        backlog.push_back(LogItem::Gap(LogGap { instance: Arc::clone(&followed.name), message: why.to_owned() }));
    }
}

/// Reads one instance's log for a follower.
struct Reader {
    fleet: Arc<dyn Fleet>,
    filter: Arc<LogFilter>,
    source: LogSource,
    name: Arc<str>,
    after_ns: Option<u64>,
    tail: u32,
    out: mpsc::Sender<Event>,
}

impl Reader {
    async fn run(self) {
        let why = self.forward().await.err();
        // The owner may be gone; then nobody asks.
        let _ = self.out.send(Event::Ended(self.source.instance, why)).await;
    }

    async fn forward(&self) -> Result<(), String> {
        let after_ms = self.after_ns.map(|ns| ns / 1_000_000);
        let since_ms = after_ms.or_else(|| self.filter.since.map(unix_ms));
        let options = LogOptions { tail: self.tail, follow: true, since_ms, until_ms: None };
        let mut lines = self.fleet.open_log(self.source.node, self.source.instance, options).await.map_err(sentence)?;
        let mut dropped = 0_u64;
        while let Some(entry) = lines.next().await {
            let entry = entry?;
            // A tunnel begins at a millisecond; lines of that millisecond may have been sent already.
            if self.after_ns.is_some_and(|after| entry.at_ns <= after) {
                continue;
            }
            if dropped > 0 {
                match self.out.try_send(Event::Dropped(self.source.instance, dropped)) {
                    Ok(()) => dropped = 0,
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        dropped += 1;
                        continue;
                    }
                    Err(mpsc::error::TrySendError::Closed(_)) => return Ok(()),
                }
            }
            let at_ns = entry.at_ns;
            let line = line_of(&self.name, entry);
            match self.out.try_send(Event::Line(self.source.instance, line, at_ns)) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => dropped += 1,
                Err(mpsc::error::TrySendError::Closed(_)) => return Ok(()),
            }
        }
        if dropped > 0 {
            let _ = self.out.send(Event::Dropped(self.source.instance, dropped)).await;
        }
        Ok(())
    }
}

fn line_of(name: &Arc<str>, entry: LogEntry) -> LogLine {
    LogLine {
        at: DateTime::from_timestamp_nanos(i64::try_from(entry.at_ns).unwrap_or(i64::MAX)),
        instance: Arc::clone(name),
        stderr: entry.stderr,
        text: String::from_utf8(entry.text)
            .unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned()),
        truncated: entry.truncated,
    }
}

fn unix_ms(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}

fn sentence(error: FleetError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, text: &str) -> LogLine {
        let at = DateTime::from_timestamp(second, 0).expect("a time");
        LogLine { at, instance: "web".into(), stderr: false, text: text.into(), truncated: false }
    }

    #[test]
    fn the_newest_lines_are_kept_in_the_order_of_time() {
        let mut lines: Vec<_> = (0..LINES_MAX as i64 + 10).rev().map(|second| line(second, "x")).collect();
        keep_newest(&mut lines);
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines.first().map(|line| line.at.timestamp()), Some(10));
        assert!(lines.is_sorted_by_key(|line| line.at));
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes_in_one_log_and_in_all_together() {
        let long = "x".repeat(TEXT_BYTES_MAX / 4);
        let mut read = Read::default();
        (0..10).for_each(|second| read.push(line(second, &long), LINES_MAX));
        assert_eq!(read.lines.iter().map(|line| line.at.timestamp()).collect::<Vec<_>>(), [6, 7, 8, 9]);
        assert_eq!(read.text_bytes, TEXT_BYTES_MAX);
        let mut lines: Vec<_> = read.lines.into_iter().chain((20..23).map(|second| line(second, &long))).collect();
        keep_newest(&mut lines);
        assert_eq!(lines.iter().map(|line| line.at.timestamp()).collect::<Vec<_>>(), [9, 20, 21, 22]);
    }
}
