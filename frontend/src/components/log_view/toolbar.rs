//! What a log is filtered by, and what can be done with it.

use super::{
    buffer::{Filter, LogBuffer},
    line::Level,
    lines::LinesState,
    stream::{LogFeed, StreamState},
};
use crate::{
    components::{
        button::{Button, ButtonKind, IconButton},
        icon::{Icon, Svg},
        pill::{Pill, Tone},
    },
    i18n::{date_time, t},
    support::{dom::document, url::use_query_value},
};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

/// Quiet time after the last key before a filter looks at a million lines, in milliseconds.
const QUIET_MS: u32 = 120;
/// From how many lines on it waits.
const QUIET_FROM_LINES: usize = 20_000;

/// What is chosen. Copy it around.
#[derive(Clone, Copy)]
pub struct FilterState {
    /// Text in the line.
    pub text: RwSignal<String>,
    /// The instance's name; empty for all.
    pub instance: RwSignal<String>,
    /// How bad at least.
    pub level: RwSignal<Level>,
}

impl FilterState {
    /// Everything passes.
    pub fn new() -> Self {
        Self {
            text: RwSignal::new(String::new()),
            instance: RwSignal::new(String::new()),
            level: RwSignal::new(Level::Any),
        }
    }
    /// Lets everything pass.
    pub fn clear(self) {
        if self.is_set() {
            self.text.set(String::new());
            self.instance.set(String::new());
            self.level.set(Level::Any);
        }
    }
    /// Whether something is left out; followed.
    pub fn is_set(self) -> bool {
        self.text.with(|text| !text.is_empty())
            || self.instance.with(|name| !name.is_empty())
            || self.level.get() != Level::Any
    }
    fn filter(self) -> Filter {
        let instance = Some(self.instance.get()).filter(|name| !name.is_empty());
        Filter { text: self.text.get(), instance, level: self.level.get() }
    }
}

/// Keeps the buffer's filter as it was chosen.
pub fn apply_filter(feed: LogFeed, state: LinesState, chosen: FilterState) {
    let waiting = StoredValue::new_local(None::<Timeout>);
    Effect::new(move |before: Option<Filter>| {
        let filter = chosen.filter();
        if before.as_ref() == Some(&filter) {
            return filter;
        }
        let wanted = filter.clone();
        let apply = move || {
            state.sought.set(wanted.text.clone());
            feed.update(|buffer| buffer.set_filter(wanted));
        };
        if feed.with_untracked(LogBuffer::kept) > QUIET_FROM_LINES {
            waiting.set_value(Some(Timeout::new(QUIET_MS, apply)));
        } else {
            apply();
        }
        filter
    });
}

/// The bar above the lines.
#[component]
pub fn LogToolbar(
    feed: LogFeed,
    state: LinesState,
    filter: FilterState,
    instances: Signal<Vec<String>>,
    app: Signal<String>,
    back_to_live: Callback<()>,
) -> impl IntoView {
    let (from_url, _) = use_query_value("instance");
    filter.instance.set(from_url.get_untracked());
    let is_static = Memo::new(move |_| matches!(feed.state.get(), StreamState::Static(_)));
    let pill = move || {
        let paused = state.paused_at.with(Option::is_some);
        let (tone, text): (Tone, String) = match feed.state.get() {
            StreamState::Static(at) => (Tone::Idle, t::apps::log_static(date_time(at))),
            StreamState::Connecting => (Tone::Busy, t::apps::log_connecting().to_owned()),
            StreamState::Broken | StreamState::Failed(_) => (Tone::Warn, t::apps::log_broken().to_owned()),
            StreamState::Live if paused => (Tone::Idle, t::apps::log_paused().to_owned()),
            StreamState::Live => (Tone::Ok, t::apps::log_live().to_owned()),
        };
        view! { <Pill tone=tone text=text /> }
    };
    let download = move |_| {
        let text = feed.with_untracked(LogBuffer::to_text);
        save_file(&format!("{}.log", app.get_untracked()), &text);
    };
    let clear = move |_| {
        feed.update(LogBuffer::clear);
        state.marked.set(None);
        // What was missed until now is gone too.
        let end = feed.with_untracked(LogBuffer::end);
        state.paused_at.update(|paused| *paused = paused.map(|_| end));
    };
    view! {
        <div class="log-bar">
            <span aria-live="polite">{pill}</span>
            <label class="input input-small log-filter" data-filter="log">
                <Svg icon=Icon::Search size=14 />
                <input
                    type="search"
                    id="log-filter"
                    aria-label=t::apps::log_filter()
                    placeholder=t::apps::filter_short()
                    bind:value=filter.text
                />
            </label>
            <InstanceChoice feed=feed filter=filter instances=instances />
            <LevelChoice filter=filter />
            <span class="log-actions">
                {move || if is_static.get() {
                    view! { <Button small=true kind=ButtonKind::Main id="log-live" on_click=move |_| back_to_live.run(())>{t::apps::log_back_to_live()}</Button> }.into_any()
                } else {
                    view! { <PauseButton feed=feed state=state /> }.into_any()
                }}
                <IconButton icon=Icon::Download label=t::apps::log_download() on_click=download />
                <IconButton icon=Icon::Trash label=t::apps::log_clear() on_click=clear />
            </span>
        </div>
    }
}

/// Pause, and what came meanwhile; or the way back to the end after scrolling up.
#[component]
fn PauseButton(feed: LogFeed, state: LinesState) -> impl IntoView {
    let missed = Memo::new(move |_| {
        let paused_at = state.paused_at.get()?;
        Some(feed.with(LogBuffer::end).saturating_sub(paused_at))
    });
    let resume = move || {
        state.paused_at.set(None);
        state.marked.set(None);
        state.following.set(true);
    };
    let toggle = move |_| {
        if state.paused_at.with_untracked(Option::is_some) {
            resume();
        } else {
            state.paused_at.set(Some(feed.with_untracked(LogBuffer::end)));
        }
    };
    let words = move || match missed.get() {
        None => t::apps::log_pause().to_owned(),
        Some(0) => t::apps::log_resume().to_owned(),
        Some(count) => t::apps::log_resume_count(count),
    };
    let scrolled_up = Memo::new(move |_| !state.following.get() && state.paused_at.with(Option::is_none));
    view! {
        {move || scrolled_up.get().then(|| view! {
            <Button small=true icon=Icon::Down id="log-newest" on_click=move |_| resume()>{t::apps::log_follow()}</Button>
        })}
        <button type="button" class="btn btn-small" id="log-pause" on:click=toggle aria-pressed=move || missed.get().is_some().to_string()>
            {move || view! { <Svg icon=if missed.get().is_some() { Icon::Play } else { Icon::Pause } size=15 /> }}
            <span class="btn-label">{words}</span>
        </button>
    }
}

#[component]
fn InstanceChoice(feed: LogFeed, filter: FilterState, instances: Signal<Vec<String>>) -> impl IntoView {
    let names = Memo::new(move |_| {
        let mut names = feed.with(LogBuffer::instances);
        names.extend(instances.get());
        names.extend(Some(filter.instance.get()).filter(|name| !name.is_empty()));
        names.sort();
        names.dedup();
        names
    });
    view! {
        <label class="input input-select input-small">
            <span class="hidden">{t::apps::log_instance()}</span>
            <select id="log-instance" on:change=move |event| filter.instance.set(event_target_value(&event))>
                <option value="" selected=move || filter.instance.with(String::is_empty)>{t::apps::log_all_instances()}</option>
                <For each=move || names.get() key=|name| name.clone() let:name>
                    {
                        let own = name.clone();
                        view! { <option value=name.clone() selected=move || filter.instance.with(|chosen| *chosen == own)>{name.clone()}</option> }
                    }
                </For>
            </select>
            <Svg icon=Icon::Down size=14 />
        </label>
    }
}

#[component]
fn LevelChoice(filter: FilterState) -> impl IntoView {
    let options = [
        (Level::Any, "any", t::apps::log_level_any()),
        (Level::Warn, "warn", t::apps::log_level_warn()),
        (Level::Error, "error", t::apps::log_level_error()),
    ];
    let choose = move |event| {
        filter.level.set(match event_target_value(&event).as_str() {
            "error" => Level::Error,
            "warn" => Level::Warn,
            _ => Level::Any,
        });
    };
    view! {
        <label class="input input-select input-small log-level">
            <span class="hidden">{t::apps::log_level()}</span>
            <select id="log-level" on:change=choose>
                {options
                    .map(|(level, word, label)| view! { <option value=word selected=move || filter.level.get() == level>{label}</option> })
                    .collect_view()}
            </select>
            <Svg icon=Icon::Down size=14 />
        </label>
    }
}

/// Hands a text to the person as a file.
fn save_file(name: &str, text: &str) {
    let parts = js_sys::Array::of1(&JsValue::from_str(text));
    let Ok(blob) = web_sys::Blob::new_with_str_sequence(&parts) else { return };
    let Ok(url) = web_sys::Url::create_object_url_with_blob(&blob) else { return };
    if let Ok(element) = document().create_element("a") {
        let link: web_sys::HtmlAnchorElement = element.unchecked_into();
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    let _ = web_sys::Url::revoke_object_url(&url);
}
