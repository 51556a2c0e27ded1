//! The live stream: one `EventSource` for the selected tenant, or for the platform. It says which things changed; what
//! shows them fetches again. When the stream breaks the console says so, asks in intervals instead, and tries again.

use crate::{
    api::{client::refresh_session, error::ApiError},
    scope::use_scope,
    support::{
        clock::{browser_ms, hear_server_time, now_ms},
        presence::on_presence,
    },
};
use berth_api_types::{
    path,
    v1::live::{BEAT_MS, Beat, Changed, Topic},
};
use gloo_timers::callback::{Interval, Timeout};
use leptos::prelude::*;
use std::{cell::RefCell, collections::BTreeMap, future::Future, pin::Pin, rc::Rc};
use wasm_bindgen::{JsCast, prelude::Closure};
use wasm_bindgen_futures::spawn_local;
use web_sys::{EventSource, MessageEvent};

/// Silence that counts as a broken stream, in milliseconds: two beats may be late.
const BROKEN_AFTER_MS: f64 = (BEAT_MS * 3) as f64;
/// Between two rounds of asking while the stream is broken, in milliseconds.
const POLL_MS: u32 = 5_000;
/// Before the first try to get the stream back, in milliseconds: most breaks are of a moment, as when a container's
/// network interface comes on the machine of the browser.
const RETRY_SOON_MS: u32 = 200;
/// Between two more tries, in milliseconds.
const RETRY_MS: u32 = 4_000;

/// How the page learns of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Not asked yet.
    Connecting,
    /// Changes are pushed.
    Live,
    /// The stream broke; the page asks every few seconds.
    Polling,
}

type Subscriber = Rc<dyn Fn(&[Topic])>;

/// The stream's handle. Copy it around.
#[derive(Clone, Copy)]
pub struct Live {
    connection: RwSignal<Connection>,
    last_beat_ms: RwSignal<f64>,
    inner: StoredValue<Inner, LocalStorage>,
}

#[derive(Default)]
struct Inner {
    subscribers: BTreeMap<u64, Subscriber>,
    next: u64,
    url: Option<String>,
    /// Nobody looks at the page, so nothing is asked or heard.
    is_left: bool,
    /// Changes may have been missed: everything is fetched again once the stream is there.
    has_missed: bool,
    source: Option<Source>,
    retry: Option<Timeout>,
    poll: Option<Interval>,
}

impl Inner {
    /// Neither hears nor asks any more.
    fn fall_silent(&mut self) {
        self.source = None;
        self.retry = None;
        self.poll = None;
    }
}

/// An open stream with its listeners; closes when dropped.
struct Source {
    source: EventSource,
    _listeners: Vec<Closure<dyn FnMut(MessageEvent)>>,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.source.set_onerror(None);
        self.source.set_onopen(None);
        self.source.close();
    }
}

impl Live {
    /// How the page learns of changes.
    pub fn connection(self) -> Signal<Connection> {
        self.connection.into()
    }
    /// When the stream was last heard, by the browser's clock in milliseconds since 1970.
    pub fn last_beat_ms(self) -> Signal<f64> {
        self.last_beat_ms.into()
    }
    /// Calls back on every change until the owner goes.
    pub fn subscribe(self, subscriber: impl Fn(&[Topic]) + 'static) {
        let id = self.inner.try_update_value(|inner| {
            inner.next += 1;
            inner.subscribers.insert(inner.next, Rc::new(subscriber));
            inner.next
        });
        on_cleanup(move || {
            self.inner.try_update_value(|inner| id.map(|id| inner.subscribers.remove(&id)));
        });
    }
    /// Tells everybody that these may have changed, as after a call of our own.
    pub fn notify(self, topics: &[Topic]) {
        let subscribers: Vec<Subscriber> =
            self.inner.try_with_value(|inner| inner.subscribers.values().cloned().collect()).unwrap_or_default();
        for subscriber in subscribers {
            subscriber(topics);
        }
    }

    fn open(self, url: &str) {
        self.inner.update_value(|inner| {
            inner.url = Some(url.to_owned());
            inner.retry = None;
            inner.source = None;
        });
        let Ok(source) = EventSource::new(url) else { return self.broken() };
        let changed = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            self.alive();
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(changed) = serde_json::from_str::<Changed>(&text) {
                self.notify(&changed.topics);
            }
        });
        let beat = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            self.alive();
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(beat) = serde_json::from_str::<Beat>(&text) {
                hear_server_time(beat.at);
            }
        });
        let opened = Closure::<dyn FnMut(MessageEvent)>::new(move |_| {
            // Whatever was missed while the stream was away.
            let has_missed = self.inner.try_update_value(|inner| std::mem::take(&mut inner.has_missed)) == Some(true);
            self.alive();
            if has_missed {
                self.notify(&[Topic::Everything]);
            }
        });
        let error = Closure::<dyn FnMut(MessageEvent)>::new(move |_| self.broken());
        for (name, listener) in [("changed", &changed), ("beat", &beat)] {
            let _ = source.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        }
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onerror(Some(error.as_ref().unchecked_ref()));
        let source = Source { source, _listeners: vec![changed, beat, opened, error] };
        self.inner.update_value(|inner| inner.source = Some(source));
    }

    fn close(self) {
        self.inner.update_value(|inner| {
            inner.url = None;
            inner.fall_silent();
        });
        self.connection.set(Connection::Connecting);
    }

    /// Opens the stream of `url`, now or when somebody looks at the page again.
    fn follow(self, url: &str) {
        if self.inner.with_value(|inner| inner.is_left) {
            self.inner.update_value(|inner| inner.url = Some(url.to_owned()));
        } else {
            self.open(url);
        }
    }

    fn leave(self) {
        self.inner.try_update_value(|inner| {
            inner.is_left = true;
            inner.fall_silent();
        });
    }

    /// As after a break: what was missed is fetched once the stream is there again, and in intervals until then.
    fn come_back(self) {
        let url = self.inner.try_update_value(|inner| {
            inner.is_left = false;
            inner.url.clone()
        });
        let Some(Some(url)) = url else { return };
        self.connection.set(Connection::Connecting);
        self.poll();
        self.inner.update_value(|inner| inner.has_missed = true);
        self.open(&url);
    }

    fn poll(self) {
        self.inner.update_value(|inner| {
            inner.poll.get_or_insert_with(|| Interval::new(POLL_MS, move || self.notify(&[Topic::Everything])));
        });
    }

    fn alive(self) {
        self.last_beat_ms.set(browser_ms());
        if self.connection.get_untracked() != Connection::Live {
            self.connection.set(Connection::Live);
            self.inner.update_value(|inner| inner.poll = None);
        }
    }

    /// Falls back to asking, and tries to get the stream again. The browser's own retry stops at an answer of 401, so
    /// the session is refreshed and the stream opened anew.
    fn broken(self) {
        if self.inner.with_value(|inner| inner.is_left || inner.retry.is_some() || inner.url.is_none()) {
            return;
        }
        let is_first = self.connection.get_untracked() != Connection::Polling;
        let wait_ms = if is_first { RETRY_SOON_MS } else { RETRY_MS };
        self.connection.set(Connection::Polling);
        self.poll();
        self.inner.update_value(|inner| {
            inner.has_missed = true;
            inner.retry = Some(Timeout::new(wait_ms, move || {
                spawn_local(async move {
                    refresh_session().await;
                    let url = self.inner.try_with_value(|inner| inner.url.clone().filter(|_| !inner.is_left)).flatten();
                    if let Some(url) = url {
                        self.open(&url);
                    }
                });
            }));
        });
    }

    fn watch_silence(self) {
        let silent = browser_ms() - self.last_beat_ms.get_untracked() > BROKEN_AFTER_MS;
        if silent && self.connection.get_untracked() == Connection::Live {
            self.broken();
        }
    }
}

/// Opens the stream of the tenant of the page, or of the platform for those who administer it. Call it once, inside
/// the router and below the session.
pub fn provide_live() {
    let live = Live {
        connection: RwSignal::new(Connection::Connecting),
        last_beat_ms: RwSignal::new(browser_ms()),
        inner: StoredValue::new_local(Inner::default()),
    };
    provide_context(live);
    let scope = use_scope();
    let session = crate::session::use_session();
    let url = Memo::new(move |_| {
        let me = session.me()?;
        let tenant = scope.get().tenant.filter(|tenant| me.tenants.iter().any(|mine| mine.name == *tenant));
        match tenant {
            Some(tenant) => Some(path::tenant_live(&tenant)),
            None if !me.platform_rights.is_empty() => Some(path::platform_live()),
            None => None,
        }
    });
    Effect::new(move |_| match url.get() {
        Some(url) => live.follow(&url),
        None => live.close(),
    });
    on_presence(move || live.leave(), move || live.come_back());
    let watch = Interval::new(BEAT_MS as u32, move || live.watch_silence());
    let watch = StoredValue::new_local(Some(watch));
    on_cleanup(move || {
        watch.try_update_value(Option::take);
        live.inner.try_update_value(|inner| *inner = Inner::default());
    });
}

/// The stream.
pub fn use_live() -> Live {
    expect_context()
}

/// Something of the server that a page shows: fetched at once and again whenever it changes. Old data stay visible
/// while new ones come, and beside an error.
pub struct LiveResource<T: Send + Sync + 'static> {
    /// The newest data.
    pub data: RwSignal<Option<T>>,
    /// Why the last try failed; none after a success.
    pub error: RwSignal<Option<ApiError>>,
    /// When the data were fetched, in milliseconds since 1970.
    pub fetched_at_ms: RwSignal<f64>,
    refetch: Callback<()>,
}

impl<T: Send + Sync + 'static> Clone for LiveResource<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Send + Sync + 'static> Copy for LiveResource<T> {}

impl<T: Clone + Send + Sync + 'static> LiveResource<T> {
    /// Fetches again now.
    pub fn refetch(self) {
        self.refetch.run(());
    }
    /// The newest data.
    pub fn get(self) -> Option<T> {
        self.data.get()
    }
    /// Puts in what a call of our own answered, without waiting for the stream.
    pub fn set(self, data: T) {
        self.data.set(Some(data));
        self.error.set(None);
    }
}

/// Fetches `key` now, whenever `key` changes (then old data go, as they are of something else), and whenever the stream
/// says that something changed for which `concerns` is true. `key` is tracked; `fetch` is not.
///
/// ```ignore
/// let apps = use_live_resource(
///     move || scope.get(),
///     |scope, topic| matches!(topic, Topic::App { project, environment, .. } if *project == scope.project && *environment == scope.environment),
///     |scope| async move { api::apps::list(&scope).await },
/// );
/// ```
pub fn use_live_resource<K, T, F>(
    key: impl Fn() -> K + Send + Sync + 'static,
    concerns: impl Fn(&K, &Topic) -> bool + 'static,
    fetch: impl Fn(K) -> F + 'static,
) -> LiveResource<T>
where
    K: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<T, ApiError>> + 'static,
{
    let key = Memo::new(move |_| key());
    let data = RwSignal::new(None);
    let error = RwSignal::new(None);
    let fetched_at_ms = RwSignal::new(0.0);
    let once = move || -> Fetch {
        let Some(wanted) = key.try_get_untracked() else { return Box::pin(async { Outcome::Gone }) };
        let answer = fetch(wanted.clone());
        Box::pin(async move {
            let result = answer.await;
            match key.try_get_untracked() {
                None => Outcome::Gone,
                Some(now) if now != wanted => Outcome::OfSomethingElse,
                Some(_) => {
                    keep(result, data, error, fetched_at_ms);
                    Outcome::Kept
                }
            }
        })
    };
    let reset = move || {
        data.set(None);
        error.set(None);
    };
    let hit = move |topics: &[Topic]| {
        let hit = key.try_with_untracked(|key| topics.iter().any(|topic| concerns(key, topic)));
        hit == Some(true)
    };
    let refetch = drive(Rc::new(once), Box::new(move || key.track()), Box::new(reset), Box::new(hit));
    LiveResource { data, error, fetched_at_ms, refetch }
}

/// What became of one fetch.
enum Outcome {
    /// The page is gone.
    Gone,
    /// The page shows something else by now.
    OfSomethingElse,
    /// The answer is shown, or why there is none.
    Kept,
}

type Fetch = Pin<Box<dyn Future<Output = Outcome>>>;
/// Whether what is shown may have changed with these topics.
type Concerns = Box<dyn Fn(&[Topic]) -> bool>;

/// The part of a live resource that is the same for every type, so that it is in the module once.
fn drive(
    once: Rc<dyn Fn() -> Fetch>,
    track_key: Box<dyn Fn()>,
    reset: Box<dyn Fn()>,
    concerns: Concerns,
) -> Callback<()> {
    let state = Rc::new(RefCell::new(Fetching::default()));
    let run = move || {
        if !state.borrow_mut().begin() {
            return;
        }
        let (state, once) = (state.clone(), once.clone());
        spawn_local(async move {
            loop {
                match once().await {
                    Outcome::Gone => return,
                    Outcome::OfSomethingElse => state.borrow_mut().again = true,
                    Outcome::Kept => {}
                }
                if !state.borrow_mut().go_on() {
                    return;
                }
            }
        });
    };
    let run = StoredValue::new_local(Rc::new(run) as Rc<dyn Fn()>);
    let call = move || {
        if let Some(run) = run.try_with_value(Rc::clone) {
            run();
        }
    };
    Effect::new(move |first: Option<()>| {
        track_key();
        // A memo tells only of changes, so whatever is shown is of something else.
        if first.is_some() {
            reset();
        }
        call();
    });
    use_live().subscribe(move |topics| {
        if topics.contains(&Topic::Everything) || concerns(topics) {
            call();
        }
    });
    Callback::new(move |()| call())
}

/// One fetch at a time; what changes meanwhile is fetched once more afterwards.
#[derive(Default)]
struct Fetching {
    running: bool,
    again: bool,
}

impl Fetching {
    fn begin(&mut self) -> bool {
        self.again = self.running;
        !std::mem::replace(&mut self.running, true)
    }
    fn go_on(&mut self) -> bool {
        self.running = std::mem::take(&mut self.again);
        self.running
    }
}

fn keep<T: PartialEq + Send + Sync + 'static>(
    result: Result<T, ApiError>,
    data: RwSignal<Option<T>>,
    error: RwSignal<Option<ApiError>>,
    fetched_at_ms: RwSignal<f64>,
) {
    match result {
        Ok(value) => {
            fetched_at_ms.set(now_ms());
            if error.with_untracked(Option::is_some) {
                error.set(None);
            }
            // What is the same is not drawn again.
            if data.with_untracked(|old| old.as_ref() != Some(&value)) {
                data.set(Some(value));
            }
        }
        Err(failure) => error.set(Some(failure)),
    }
}
