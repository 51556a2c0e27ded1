//! The log of an app: all instances merged, live, with pause, filters, download and links to single lines.

pub mod buffer;
pub mod line;
pub mod lines;
pub mod stream;
pub mod toolbar;
pub mod window;

use self::{
    line::Line,
    lines::{LinesState, LogLines},
    stream::{LogFeed, LogSource, StreamState},
    toolbar::{FilterState, LogToolbar, apply_filter},
};
use super::error_state::ErrorState;
use crate::{
    i18n::{number, t},
    said::said,
    scope::EnvironmentScope,
    support::url::use_query_value,
};
use chrono::{DateTime, SecondsFormat, Utc};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// Lines of the past that the page asks for, per instance.
const TAIL_LINES: u32 = 1_000;
/// The same around a linked line.
const TAIL_AROUND_LINES: u32 = 5_000;
/// Lines of the past in the preview, per instance.
const TAIL_PREVIEW_LINES: u32 = 30;

/// The whole log view. `?line={instance}@{time}` links to a line.
#[component]
pub fn LogView(
    #[prop(into)] at: Signal<EnvironmentScope>,
    #[prop(into)] app: Signal<String>,
    /// Instances that may be chosen before they said anything.
    #[prop(into)]
    instances: Signal<Vec<String>>,
) -> impl IntoView {
    let feed = LogFeed::new();
    let state = LinesState::new();
    let filter = FilterState::new();
    let (linked, set_linked) = use_query_value("line");
    let missing = RwSignal::new(false);
    let source = move |tail| LogSource { at: at.get(), app: app.get(), tail };
    let follow = Callback::new(move |()| {
        state.paused_at.set(None);
        state.marked.set(None);
        state.following.set(true);
        missing.set(false);
        feed.follow(untrack(|| source(TAIL_LINES)));
    });
    Effect::new(move |_| {
        // Only the app is followed: a click on a line sets the link and must not load anything.
        let source = source(TAIL_AROUND_LINES);
        match linked.with_untracked(|link| parse_link(link)) {
            Some((instance, time)) => feed.around(source, time, move || {
                let found = feed.with_untracked(|buffer| buffer.find(time, Some(&instance)));
                let hit = found.and_then(|number| feed.with_untracked(|buffer| buffer.line_at(number)));
                missing.set(hit.is_none_or(|line| line.at != time));
                state.marked.set(found);
                state.following.set(false);
                state.reveal.set(found);
            }),
            None => follow.run(()),
        }
    });
    apply_filter(feed, state, filter);
    let pick = move |line: Line| {
        // A line is looked at in its context, and it must not run away.
        filter.clear();
        let end = feed.with_untracked(buffer::LogBuffer::end);
        state.paused_at.update(|paused| *paused = paused.or(Some(end)));
        state.marked.set(Some(line.number));
        state.reveal.set(Some(line.number));
        set_linked.run(link(&line));
    };
    let back_to_live = Callback::new(move |()| {
        set_linked.run(String::new());
        follow.run(());
    });
    view! {
        <div class="log-view">
            <LogToolbar feed=feed state=state filter=filter instances=instances app=app back_to_live=back_to_live />
            <LogGaps feed=feed />
            {move || missing.get().then(|| view! { <p class="log-note" role="status">{t::apps::log_link_missing()}</p> })}
            <LogBody feed=feed state=state filter=filter on_pick=pick />
            <LogCount feed=feed state=state />
        </div>
    }
}

/// The last lines, live, for the overview.
#[component]
pub fn LogPreview(#[prop(into)] at: Signal<EnvironmentScope>, #[prop(into)] app: Signal<String>) -> impl IntoView {
    let feed = LogFeed::new();
    let state = LinesState::new();
    let navigate = use_navigate();
    Effect::new(move |_| feed.follow(LogSource { at: at.get(), app: app.get(), tail: TAIL_PREVIEW_LINES }));
    let pick = move |line: Line| {
        let page = at.with_untracked(|at| app.with_untracked(|app| at.app_url(app)));
        navigate(&format!("{page}?tab=logs&line={}", link(&line)), NavigateOptions::default());
    };
    view! {
        <div class="log-view log-preview">
            <LogBody feed=feed state=state filter=FilterState::new() on_pick=pick />
        </div>
    }
}

#[component]
fn LogBody(
    feed: LogFeed,
    state: LinesState,
    filter: FilterState,
    #[prop(into)] on_pick: Callback<Line>,
) -> impl IntoView {
    let nothing = Memo::new(move |_| state.shown_len(feed) == 0);
    let words = move || {
        let all = feed.with(|buffer| buffer.kept()) as u64;
        match feed.state.get() {
            StreamState::Connecting => t::apps::log_connecting().to_owned(),
            StreamState::Live if !feed.has_past.get() => t::apps::log_reading().to_owned(),
            _ if all > 0 && filter.is_set() => t::apps::log_no_match(all),
            _ => t::apps::log_empty().to_owned(),
        }
    };
    view! {
        {move || match feed.state.get() {
            StreamState::Failed(error) => view! { <ErrorState error=error /> }.into_any(),
            _ => ().into_any(),
        }}
        <div class="log-frame">
            <LogLines feed=feed state=state on_pick=on_pick />
            {move || nothing.get().then(|| view! { <p class="log-empty">{words}</p> })}
        </div>
    }
}

/// Instances whose log cannot be read now.
#[component]
fn LogGaps(feed: LogFeed) -> impl IntoView {
    move || {
        let gaps = feed.gaps.get();
        (!gaps.is_empty()).then(|| {
            let sentences: Vec<_> = gaps
                .into_iter()
                .map(|(instance, message)| view! { <p class="log-note" role="status">{t::apps::log_gap(instance, said(&message))}</p> })
                .collect();
            sentences
        })
    }
}

#[component]
fn LogCount(feed: LogFeed, state: LinesState) -> impl IntoView {
    let words = Memo::new(move |_| {
        let all = feed.with(|buffer| buffer.kept()) as u64;
        let shown = state.shown_len(feed) as u64;
        if shown == all { t::apps::log_count(all) } else { t::apps::log_count_of(number(shown), number(all)) }
    });
    view! { <p class="log-count faint">{move || words.get()}</p> }
}

/// A line as a link names it. Only what may stand in a query string occurs in it.
fn link(line: &Line) -> String {
    format!("{}@{}", line.instance, line.at.to_rfc3339_opts(SecondsFormat::Nanos, true))
}

fn parse_link(text: &str) -> Option<(String, DateTime<Utc>)> {
    let (instance, at) = text.split_once('@')?;
    Some((instance.to_owned(), at.parse().ok()?))
}
