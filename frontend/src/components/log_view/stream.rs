//! A live log in the page: what comes over the stream goes into a buffer, and the page draws it a few times a second.

use super::{buffer::LogBuffer, line::Line};
use crate::api::{apps, client::refresh_session, error::ApiError};
use crate::scope::EnvironmentScope;
use crate::support::presence::on_presence;
use berth_api_types::v1::logs::{LogGapView, LogLineView, LogQuery};
use chrono::{DateTime, Utc};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use std::collections::BTreeMap;
use wasm_bindgen::{JsCast, prelude::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{EventSource, MessageEvent};

/// Between two drawings of what came, in milliseconds: fast for the eye, slow enough for a flood.
const DRAW_MS: u32 = 80;
/// Before the first try to get a broken stream back, in milliseconds: most breaks are of a moment.
const RETRY_SOON_MS: u32 = 200;
/// Between two more tries, in milliseconds.
const RETRY_MS: u32 = 2_000;

/// How a log is being fed.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamState {
    /// The stream is being opened.
    Connecting,
    /// Lines come as they are printed.
    Live,
    /// The stream broke; it is being tried again.
    Broken,
    /// A part of the past, around a line; nothing comes.
    Static(DateTime<Utc>),
    /// It could not be read.
    Failed(ApiError),
}

/// Whose log, and how much of the past comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    /// The app's environment.
    pub at: EnvironmentScope,
    /// The app.
    pub app: String,
    /// Lines of the past, per instance.
    pub tail: u32,
}

/// A log that is shown. Copy it around.
#[derive(Clone, Copy)]
pub struct LogFeed {
    inner: StoredValue<Inner, LocalStorage>,
    /// Grows whenever there is something new to draw.
    version: RwSignal<u64>,
    /// How it is being fed.
    pub state: RwSignal<StreamState>,
    /// Whether the lines of the past have come, or it is known that there are none.
    pub has_past: RwSignal<bool>,
    /// Instances whose log cannot be read, and why.
    pub gaps: RwSignal<BTreeMap<String, String>>,
}

#[derive(Default)]
struct Inner {
    buffer: LogBuffer,
    source: Option<LogSource>,
    stream: Option<Stream>,
    draw: Option<Timeout>,
    retry: Option<Timeout>,
    /// Beats since the stream was opened.
    beats: u32,
    /// Nobody looks at the page, so nothing is heard.
    is_left: bool,
    /// Newest line of each instance before the stream broke: what comes again up to there is left out.
    seen: BTreeMap<String, DateTime<Utc>>,
    resumed_from: BTreeMap<String, DateTime<Utc>>,
}

struct Stream {
    source: EventSource,
    _listeners: Vec<Closure<dyn FnMut(MessageEvent)>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.source.set_onerror(None);
        self.source.set_onopen(None);
        self.source.close();
    }
}

impl LogFeed {
    /// An empty feed; it ends with its owner.
    pub fn new() -> Self {
        let feed = Self {
            inner: StoredValue::new_local(Inner::default()),
            version: RwSignal::new(0),
            state: RwSignal::new(StreamState::Connecting),
            has_past: RwSignal::new(false),
            gaps: RwSignal::new(BTreeMap::new()),
        };
        on_presence(move || feed.leave(), move || feed.come_back());
        on_cleanup(move || {
            feed.inner.try_update_value(|inner| *inner = Inner::default());
        });
        feed
    }

    /// Reads from the buffer, and again whenever it changes.
    pub fn with<R: Default>(self, read: impl FnOnce(&LogBuffer) -> R) -> R {
        self.version.track();
        self.with_untracked(read)
    }
    /// Reads from the buffer once.
    pub fn with_untracked<R: Default>(self, read: impl FnOnce(&LogBuffer) -> R) -> R {
        self.inner.try_with_value(|inner| read(&inner.buffer)).unwrap_or_default()
    }
    /// Changes the buffer and draws it at once.
    pub fn update(self, change: impl FnOnce(&mut LogBuffer)) {
        self.inner.try_update_value(|inner| change(&mut inner.buffer));
        self.draw();
    }
    /// The lines `from..to` that pass the filter.
    pub fn lines(self, from: usize, to: usize) -> Vec<Line> {
        self.with(|buffer| buffer.shown(from, to))
    }

    /// Ends the stream; what comes meanwhile is read when somebody looks again.
    fn leave(self) {
        self.inner.try_update_value(|inner| {
            inner.is_left = true;
            inner.stream = None;
            inner.retry = None;
        });
    }

    fn come_back(self) {
        self.inner.try_update_value(|inner| inner.is_left = false);
        let is_followed = !matches!(self.state.get_untracked(), StreamState::Static(_) | StreamState::Failed(_));
        if is_followed {
            self.open();
        }
    }

    /// Begins with the newest lines of `source` and follows them.
    pub fn follow(self, source: LogSource) {
        self.inner.update_value(|inner| {
            inner.stream = None;
            inner.retry = None;
            inner.seen.clear();
            inner.resumed_from.clear();
            inner.buffer.clear();
            inner.source = Some(source);
        });
        self.gaps.set(BTreeMap::new());
        self.has_past.set(false);
        self.draw();
        self.open();
    }

    /// Shows what was printed around `at`, and nothing that comes.
    pub fn around(self, source: LogSource, at: DateTime<Utc>, then: impl FnOnce() + 'static) {
        const BEFORE_AND_AFTER: chrono::Duration = chrono::Duration::minutes(2);
        self.inner.update_value(|inner| {
            inner.stream = None;
            inner.retry = None;
            inner.buffer.clear();
            inner.source = Some(source.clone());
        });
        self.draw();
        self.state.set(StreamState::Connecting);
        let query = LogQuery {
            tail: Some(source.tail),
            since: Some(at - BEFORE_AND_AFTER),
            until: Some(at + BEFORE_AND_AFTER),
            ..LogQuery::default()
        };
        spawn_local(async move {
            let result = apps::logs(&source.at, &source.app, &query).await;
            let current = self.inner.try_with_value(|inner| inner.source.as_ref() == Some(&source)) == Some(true);
            if !current {
                return;
            }
            match result {
                Ok(logs) => {
                    self.gaps.set(logs.gaps.into_iter().map(|gap| (gap.instance, gap.message)).collect());
                    self.update(|buffer| logs.lines.into_iter().for_each(|line| buffer.push(line)));
                    self.has_past.set(true);
                    self.state.set(StreamState::Static(at));
                    then();
                }
                Err(error) => self.state.set(StreamState::Failed(error)),
            }
        });
    }

    fn open(self) {
        if self.inner.try_with_value(|inner| inner.is_left) != Some(false) {
            return;
        }
        let Some(source) = self.inner.try_with_value(|inner| inner.source.clone()).flatten() else { return };
        let since = self.inner.with_value(|inner| inner.seen.values().min().copied());
        let query = LogQuery { tail: Some(source.tail), since, ..LogQuery::default() };
        self.state.set(if since.is_some() { StreamState::Broken } else { StreamState::Connecting });
        let Ok(events) = EventSource::new(&apps::logs_live_url(&source.at, &source.app, &query)) else {
            return self.broken();
        };
        let line = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| self.take_line(&event));
        let gap = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            self.has_past.set(true);
            if let Some(gap) = read::<LogGapView>(&event) {
                self.gaps.update(|gaps| {
                    gaps.insert(gap.instance, gap.message);
                });
            }
        });
        let opened = Closure::<dyn FnMut(MessageEvent)>::new(move |_| self.state.set(StreamState::Live));
        let beat = Closure::<dyn FnMut(MessageEvent)>::new(move |_| self.take_beat());
        let error = Closure::<dyn FnMut(MessageEvent)>::new(move |_| self.broken());
        for (name, listener) in [("line", &line), ("gap", &gap), ("beat", &beat)] {
            let _ = events.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        }
        events.set_onopen(Some(opened.as_ref().unchecked_ref()));
        events.set_onerror(Some(error.as_ref().unchecked_ref()));
        let stream = Stream { source: events, _listeners: vec![line, gap, beat, opened, error] };
        self.inner.update_value(|inner| {
            inner.resumed_from = inner.seen.clone();
            inner.beats = 0;
            inner.stream = Some(stream);
        });
    }

    /// The first beat comes with the opening. Whoever said nothing until the second one has nothing to say of the past.
    fn take_beat(self) {
        let beats = self.inner.try_update_value(|inner| {
            inner.beats += 1;
            inner.beats
        });
        if beats > Some(1) && !self.has_past.get_untracked() {
            self.has_past.set(true);
        }
    }

    fn take_line(self, event: &MessageEvent) {
        let Some(line) = read::<LogLineView>(event) else { return };
        if !self.has_past.get_untracked() {
            self.has_past.set(true);
        }
        if self.gaps.with_untracked(|gaps| gaps.contains_key(&line.instance)) {
            self.gaps.update(|gaps| {
                gaps.remove(&line.instance);
            });
        }
        self.inner.update_value(|inner| {
            if inner.resumed_from.get(&line.instance).is_some_and(|seen| line.at <= *seen) {
                return;
            }
            match inner.seen.get_mut(&line.instance) {
                Some(seen) => *seen = line.at.max(*seen),
                None => drop(inner.seen.insert(line.instance.clone(), line.at)),
            }
            inner.buffer.push(line);
            if inner.draw.is_none() {
                inner.draw = Some(Timeout::new(DRAW_MS, move || self.draw()));
            }
        });
    }

    fn draw(self) {
        self.inner.try_update_value(|inner| inner.draw = None);
        self.version.try_update(|version| *version += 1);
    }

    /// The browser's own retry would begin anew, or stop at an answer of 401: close, refresh the session, go on from
    /// the last line.
    fn broken(self) {
        let retrying = self.inner.try_with_value(|inner| inner.is_left || inner.retry.is_some());
        if retrying != Some(false) {
            return;
        }
        let was_live = matches!(self.state.get_untracked(), StreamState::Live);
        let wait_ms = if was_live { RETRY_SOON_MS } else { RETRY_MS };
        self.state.set(StreamState::Broken);
        self.inner.update_value(|inner| {
            if let Some(stream) = &inner.stream {
                stream.source.close();
            }
            inner.retry = Some(Timeout::new(wait_ms, move || {
                spawn_local(async move {
                    refresh_session().await;
                    if self.inner.try_update_value(|inner| inner.retry.take()).flatten().is_some() {
                        self.open();
                    }
                });
            }));
        });
    }
}

fn read<T: serde::de::DeserializeOwned>(event: &MessageEvent) -> Option<T> {
    serde_json::from_str(&event.data().as_string()?).ok()
}
