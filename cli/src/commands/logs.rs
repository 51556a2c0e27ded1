//! `berth logs`: the lines of all instances of an app, merged, read once or followed.

use crate::{
    client::place::Place,
    exit::{Exit, ended},
    output,
};
use anyhow::{Context, Result};
use berth_api_types::{
    path,
    v1::{
        live::BEAT_MS,
        logs::{LogGapView, LogLineView, LogQuery, LogsView},
    },
};
use futures::StreamExt;
use std::{collections::BTreeSet, time::Duration};

/// Longest silence of a followed log: four beats.
const SILENCE_MAX: Duration = Duration::from_millis(4 * BEAT_MS);
/// Longest event that is read, in bytes: a line of 16 KiB, each byte escaped.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// Which lines.
#[derive(Debug, clap::Args)]
pub struct LogsFlags {
    app: String,
    /// Go on with lines as they come
    #[arg(long, short)]
    follow: bool,
    /// Lines from the end, per instance
    #[arg(long, short = 'n', default_value_t = 200)]
    tail: u32,
    /// Only one instance, by its name
    #[arg(long)]
    instance: Option<String>,
    /// Only lines that contain this text
    #[arg(long)]
    contains: Option<String>,
    /// Print the time of each line
    #[arg(long)]
    timestamps: bool,
}

/// Prints them.
pub async fn show(place: &Place, flags: LogsFlags) -> Result<()> {
    let (scope, api) = (place.scope()?, place.api()?);
    let (tenant, project, environment) = (&scope.tenant, &scope.project, &scope.environment);
    let query = LogQuery {
        tail: Some(flags.tail),
        instance: flags.instance.clone(),
        contains: flags.contains.clone(),
        ..LogQuery::default()
    };
    if !flags.follow {
        let logs: LogsView = api.get_with(&path::logs(tenant, project, environment, &flags.app), &query).await?;
        logs.gaps.iter().for_each(tell_gap);
        return logs.lines.iter().try_for_each(|line| print(place, &flags, line));
    }
    let answer = api.follow(&path::logs_live(tenant, project, environment, &flags.app), &query).await?;
    let mut chunks = answer.bytes_stream();
    let mut events = Events::default();
    let mut told = BTreeSet::new();
    loop {
        // The stream beats every few seconds: silence is a connection that died without a word.
        let next = tokio::time::timeout(SILENCE_MAX, chunks.next()).await;
        let silent =
            |_| ended(Exit::Unreachable, format!("nothing came for {} s; follow it again", SILENCE_MAX.as_secs()));
        let Some(chunk) = next.map_err(silent)? else {
            return Err(ended(Exit::Unreachable, "the server ended the stream; follow it again"));
        };
        for (name, data) in events.push(&chunk.context("the stream broke")?) {
            match name.as_str() {
                "line" => print(place, &flags, &serde_json::from_str(&data)?)?,
                "gap" => {
                    let gap: LogGapView = serde_json::from_str(&data)?;
                    if told.insert((gap.instance.clone(), gap.message.clone())) {
                        tell_gap(&gap);
                    }
                }
                _ => {}
            }
        }
    }
}

fn print(place: &Place, flags: &LogsFlags, line: &LogLineView) -> Result<()> {
    if place.flags.json {
        return output::line(serde_json::to_string(line)?);
    }
    let time = if flags.timestamps { format!("{} ", line.at.format("%Y-%m-%dT%H:%M:%S%.3fZ")) } else { String::new() };
    output::line(format_args!("{time}{} | {}", line.instance, output::harmless(&line.text)))
}

fn tell_gap(gap: &LogGapView) {
    eprintln!("{}: {}", gap.instance, gap.message);
}

/// Server-sent events from bytes that arrive in any pieces.
#[derive(Default)]
struct Events {
    pending: Vec<u8>,
}

impl Events {
    /// Takes bytes and returns the events that they complete, as name and data.
    fn push(&mut self, bytes: &[u8]) -> Vec<(String, String)> {
        self.pending.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(end) = self.pending.windows(2).position(|window| window == b"\n\n") {
            let block: Vec<u8> = self.pending.drain(..end + 2).collect();
            let (mut name, mut data) = (String::new(), String::new());
            for line in String::from_utf8_lossy(&block).lines() {
                match line.split_once(": ") {
                    Some(("event", value)) => name = value.to_owned(),
                    Some(("data", value)) => data.push_str(value),
                    _ => {}
                }
            }
            whole.push((name, data));
        }
        if self.pending.len() > EVENT_BYTES_MAX {
            self.pending.clear();
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::Events;

    #[test]
    fn events_come_whole_from_any_pieces() {
        let text = b"event: line\ndata: {\"a\":1}\n\n: beat\n\nevent: gap\ndata: {}\n\n";
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<_> = text.chunks(size).flat_map(|chunk| events.push(chunk)).collect();
            assert_eq!(found.len(), 3);
            assert_eq!(found[0], ("line".to_owned(), "{\"a\":1}".to_owned()));
            assert_eq!(found[2], ("gap".to_owned(), "{}".to_owned()));
        }
    }
}
