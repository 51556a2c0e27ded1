//! Logs of an app: read once, or followed as server-sent events.
//!
//! `event: line` carries a line, `event: gap` says which instance cannot be read and why, `event: beat` shows that the
//! stream lives.

use crate::{
    authz::{action::app::Logs, gate, permit::Permit},
    http::{
        error::Failure,
        input::{Query, State},
        places::{Place, RETRY_AFTER_S},
        reply::{Events, Found, event_stream},
    },
    service::{
        error::Error,
        logs::{self, Follower, LogFilter, LogGap, LogItem, LogLine},
    },
};
use berth_api_types::v1::{
    live::{BEAT_MS, Beat},
    logs::{LOG_LINES_MAX, LogGapView, LogLineView, LogQuery, LogsView},
};
use berth_domain::field_error::{FieldCode, FieldError};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{FutureExt as _, Stream};
use serde::Serialize;
use std::{convert::Infallible, time::Duration};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, MissedTickBehavior, interval, interval_at},
};

/// Lines from the end, per instance, when nothing is said.
const TAIL_DEFAULT: u32 = 200;
/// Longest text to search for, in characters.
const CONTAINS_CHARS_MAX: usize = 500;
/// Between two looks at which instances the app has, in milliseconds.
const LOOK_MS: u64 = 2_000;
/// Between two questions whether the reader still may, in milliseconds: a lost right ends a stream within 5 s.
const GUARD_MS: u64 = 4_000;
/// Items that are written together when many wait: few system calls, and still a short piece.
const ITEMS_AT_ONCE: usize = 256;
/// Live logs that one server serves at the same time: each holds a tunnel per instance.
static LIVE_LOGS: Semaphore = Semaphore::const_new(500);

/// The newest lines of all instances, merged.
pub async fn read(permit: Permit<Logs>, app: State, Query(query): Query<LogQuery>) -> Result<Found<LogsView>, Failure> {
    let (filter, only) = parse(query)?;
    let sources = logs::sources(&app.store, &permit, only.as_deref()).await?;
    if let (Some(name), true) = (&only, sources.is_empty()) {
        let error = FieldError::new("instance", FieldCode::Unknown, "the app has no instance of this name");
        return Err(Error::field(error.found(name.as_str())).into());
    }
    let (lines, gaps) = logs::read(&*app.fleet, &sources, &filter).await;
    Ok(Found(LogsView {
        lines: lines.into_iter().map(line_view).collect(),
        gaps: gaps.into_iter().map(gap_view).collect(),
    }))
}

/// The newest lines, and all that come.
pub async fn follow(permit: Permit<Logs>, app: State, Query(query): Query<LogQuery>) -> Result<Events, Failure> {
    let (filter, only) = parse(query)?;
    let own = app.streams.take(permit.actor().user)?;
    let place = LIVE_LOGS.try_acquire().map_err(|_| Error::TooManyRequests { after_s: RETRY_AFTER_S })?;
    Ok(event_stream(stream(permit, app, filter, only, (own, place))))
}

fn stream(
    permit: Permit<Logs>,
    app: State,
    filter: LogFilter,
    only: Option<String>,
    place: (Place, SemaphorePermit<'static>),
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    async_stream::stream! {
        let _place = place;
        let ms = Duration::from_millis;
        let Ok(sources) = logs::sources(&app.store, &permit, only.as_deref()).await else { return };
        let mut follower = Follower::begin(app.fleet.clone(), filter, &sources).await;
        let mut beat = interval(ms(BEAT_MS));
        let mut look = interval_at(Instant::now() + ms(LOOK_MS), ms(LOOK_MS));
        let mut guard = interval_at(Instant::now() + ms(GUARD_MS), ms(GUARD_MS));
        for timer in [&mut beat, &mut look, &mut guard] {
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            tokio::select! {
                () = app.stopping.cancelled() => return,
                item = follower.next() => yield Ok(write_all(item, &mut follower)),
                _ = beat.tick() => yield Ok(event("beat", &Beat { at: app.clock.now() })),
                _ = look.tick() => match logs::sources(&app.store, &permit, only.as_deref()).await {
                    Ok(sources) => follower.watch(&sources),
                    Err(error) => tracing::debug!(%error, "cannot look at which instances an app has"),
                },
                _ = guard.tick() => match gate::still_holds(&app.store, &permit).await {
                    Ok(true) => {}
                    // Not known is not allowed; the page comes back by itself.
                    Ok(false) | Err(_) => return,
                },
            }
        }
    }
}

/// An item and those that wait behind it.
fn write_all(first: LogItem, follower: &mut Follower) -> Bytes {
    let mut out = BytesMut::new();
    let mut next = Some(first);
    let mut count = 0;
    while let Some(item) = next {
        match item {
            LogItem::Line(line) => write(&mut out, "line", &line_view(line)),
            LogItem::Gap(gap) => write(&mut out, "gap", &gap_view(gap)),
        }
        count += 1;
        next = if count < ITEMS_AT_ONCE { follower.next().now_or_never() } else { None };
    }
    out.freeze()
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let mut out = BytesMut::new();
    write(&mut out, name, data);
    out.freeze()
}

/// One event. JSON has no line breaks outside its strings, and none inside them either.
fn write(out: &mut BytesMut, name: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).unwrap_or_default();
    out.put_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
}

fn parse(query: LogQuery) -> Result<(LogFilter, Option<String>), Error> {
    let mut errors = Vec::new();
    let tail = query.tail.unwrap_or(TAIL_DEFAULT);
    if tail > LOG_LINES_MAX {
        let error = FieldError::new("tail", FieldCode::TooLarge, format!("at most {LOG_LINES_MAX}"));
        errors.push(error.limit(LOG_LINES_MAX.into()));
    }
    let contains = query.contains.filter(|text| !text.is_empty());
    if contains.as_ref().is_some_and(|text| text.chars().count() > CONTAINS_CHARS_MAX) {
        let error = FieldError::new("contains", FieldCode::TooLong, format!("at most {CONTAINS_CHARS_MAX} characters"));
        errors.push(error.limit(CONTAINS_CHARS_MAX as u64));
    }
    if errors.is_empty() {
        Ok((LogFilter { tail, contains, since: query.since, until: query.until }, query.instance))
    } else {
        Err(Error::Invalid(errors))
    }
}

fn line_view(line: LogLine) -> LogLineView {
    LogLineView {
        at: line.at,
        instance: line.instance.to_string(),
        stderr: line.stderr,
        text: line.text,
        truncated: line.truncated,
    }
}

fn gap_view(gap: LogGap) -> LogGapView {
    LogGapView { instance: gap.instance.to_string(), message: gap.message }
}
