//! The lines on the page: only those that are seen are in the document, however many there are.

use super::{
    line::{Level, Line},
    stream::LogFeed,
    window::RowWindow,
};
use crate::i18n::t;
use leptos::{html::Div, prelude::*};
use wasm_bindgen::{JsCast, prelude::Closure};

/// Distance from the end that still counts as being there, in px.
const AT_END_PX: i32 = 8;
/// Frames that are waited for the page to be laid out.
const LAYOUT_FRAMES_MAX: u32 = 30;
/// Narrowest and widest column of instances' names, in characters.
const NAME_CHARS_MIN: usize = 6;
const NAME_CHARS_MAX: usize = 28;

/// What the lines are drawn with. Copy it around.
#[derive(Clone, Copy)]
pub struct LinesState {
    /// Whether new lines are brought into view.
    pub following: RwSignal<bool>,
    /// Lines with this number and above are not shown: the log is paused.
    pub paused_at: RwSignal<Option<u64>>,
    /// The line that is marked.
    pub marked: RwSignal<Option<u64>>,
    /// Text that is marked in each line.
    pub sought: RwSignal<String>,
    /// Brings this line to the middle, once.
    pub reveal: RwSignal<Option<u64>>,
}

impl LinesState {
    /// Follows the newest lines.
    pub fn new() -> Self {
        Self {
            following: RwSignal::new(true),
            paused_at: RwSignal::new(None),
            marked: RwSignal::new(None),
            sought: RwSignal::new(String::new()),
            reveal: RwSignal::new(None),
        }
    }
    /// How many lines pass the filter, as far as they are shown; followed.
    pub fn shown_len(self, feed: LogFeed) -> usize {
        let before = self.paused_at.get().unwrap_or(u64::MAX);
        feed.with(|buffer| buffer.shown_len(before))
    }
}

/// The window of lines. `on_pick` is called with a line that was clicked.
#[component]
pub fn LogLines(feed: LogFeed, state: LinesState, #[prop(into)] on_pick: Callback<Line>) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let (scroll, height) = (RwSignal::new(0.0_f64), RwSignal::new(400.0_f64));
    let window = Memo::new(move |_| RowWindow::new(state.shown_len(feed), height.get(), scroll.get()));
    let lines = Memo::new(move |_| {
        let (first, last) = window.get().range();
        feed.lines(first, last)
    });
    watch_height(node, height);
    // After each drawing: the line that was asked for, or the end while following.
    let place = Placing { node, window, feed, state };
    Effect::new(move |_| {
        window.track();
        state.reveal.track();
        state.following.track();
        place.when_laid_out(LAYOUT_FRAMES_MAX);
    });
    let on_scroll = move |_| {
        let Some(element) = node.get_untracked() else { return };
        let (before, now) = (scroll.get_untracked(), f64::from(element.scroll_top()));
        scroll.set(now);
        let to_end = element.scroll_height() - element.client_height() - element.scroll_top();
        // New lines move the end away; only somebody who scrolls up stops following.
        if to_end <= AT_END_PX && place.is_laid_out(&element) {
            state.following.set(true);
        } else if now < before {
            state.following.set(false);
        }
    };
    let name_width = Memo::new(move |_| {
        let longest = feed.with(|buffer| buffer.instances().iter().map(String::len).max().unwrap_or_default());
        longest.clamp(NAME_CHARS_MIN, NAME_CHARS_MAX)
    });
    view! {
        <div
            class="log"
            style:--name-width=move || format!("{}ch", name_width.get())
            node_ref=node
            role="log"
            aria-live="off"
            aria-label=t::apps::log_region()
            tabindex="0"
            on:scroll=on_scroll
        >
            <div class="log-all" style:height=move || format!("{}px", window.get().total_px())>
                <div class="log-rows" style:transform=move || format!("translateY({}px)", window.get().offset_px())>
                    <For each=move || lines.get() key=|line| line.number let:line>
                        <LogRow line=line state=state on_pick=on_pick />
                    </For>
                </div>
            </div>
        </div>
    }
}

/// Brings what is wanted into view.
#[derive(Clone, Copy)]
struct Placing {
    node: NodeRef<Div>,
    window: Memo<RowWindow>,
    feed: LogFeed,
    state: LinesState,
}

impl Placing {
    /// Whether the element is as tall as its lines want it: before that, no place in it means anything.
    fn is_laid_out(self, element: &web_sys::HtmlElement) -> bool {
        f64::from(element.scroll_height()) + 1.0 >= self.window.get_untracked().total_px()
    }
    /// Waits for the page to be laid out. What is wanted is asked then, as several changes may come before.
    fn when_laid_out(self, frames: u32) {
        request_animation_frame(move || {
            let Some(element) = self.node.try_get_untracked().flatten() else { return };
            if self.is_laid_out(&element) {
                self.scroll(&element);
            } else if frames > 0 {
                self.when_laid_out(frames - 1);
            }
        });
    }
    fn scroll(self, element: &web_sys::HtmlElement) {
        if let Some(number) = self.state.reveal.get_untracked() {
            self.state.reveal.set(None);
            self.state.following.set(false);
            let row = self.feed.with_untracked(|buffer| buffer.position(number));
            element.set_scroll_top(self.window.get_untracked().scroll_to(row) as i32);
        } else if self.state.following.get_untracked() {
            element.set_scroll_top(element.scroll_height());
        }
    }
}

fn watch_height(node: NodeRef<Div>, height: RwSignal<f64>) {
    type Observed = (web_sys::ResizeObserver, Closure<dyn FnMut()>);
    let observed = StoredValue::new_local(None::<Observed>);
    Effect::new(move |_| {
        let Some(element) = node.get() else { return };
        height.set(f64::from(element.client_height()));
        let watched = element.clone();
        let changed = Closure::<dyn FnMut()>::new(move || {
            height.try_set(f64::from(watched.client_height()));
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(changed.as_ref().unchecked_ref()) {
            observer.observe(&element);
            observed.set_value(Some((observer, changed)));
        }
    });
    on_cleanup(move || {
        if let Some((observer, _)) = observed.try_update_value(Option::take).flatten() {
            observer.disconnect();
        }
    });
}

#[component]
fn LogRow(line: Line, state: LinesState, on_pick: Callback<Line>) -> impl IntoView {
    let number = line.number;
    let class = match (line.level, line.stderr) {
        (Level::Error, _) => "log-row log-error",
        (Level::Warn, _) => "log-row log-warn",
        (Level::Any, true) => "log-row log-stderr",
        (Level::Any, false) => "log-row",
    };
    let (instance, text, truncated, stderr) = (line.instance.clone(), line.text.clone(), line.truncated, line.stderr);
    let time = clock_text(line.at);
    view! {
        <div class=class class:log-marked=move || state.marked.get() == Some(number)>
            <button
                type="button"
                class="log-time"
                tabindex="-1"
                title=t::apps::log_permalink()
                on:click=move |_| on_pick.run(line.clone())
            >
                {time}
            </button>
            <span class="log-instance" title=instance.to_string()>{instance.to_string()}</span>
            <span class="log-stream">{stderr.then(|| view! { <abbr title=t::apps::log_stderr()>"err"</abbr> })}</span>
            <span class="log-text">
                {move || marked_text(&text, &state.sought.get())}
                {truncated.then(|| view! { <em class="log-cut">" … " {t::apps::log_truncated()}</em> })}
            </span>
        </div>
    }
}

/// Time of day in the person's zone, to the millisecond.
fn clock_text(at: chrono::DateTime<chrono::Utc>) -> String {
    let date = js_sys::Date::new(&wasm_bindgen::JsValue::from_f64(at.timestamp_millis() as f64));
    let (hours, minutes, seconds) = (date.get_hours(), date.get_minutes(), date.get_seconds());
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", date.get_milliseconds())
}

/// The text with every place marked where `sought` stands.
fn marked_text(text: &str, sought: &str) -> AnyView {
    if sought.is_empty() {
        return text.to_owned().into_any();
    }
    pieces(text, sought)
        .into_iter()
        .map(|(hit, piece)| {
            let piece = piece.to_owned();
            if hit { view! { <mark>{piece}</mark> }.into_any() } else { piece.into_any() }
        })
        .collect_view()
        .into_any()
}

/// Cuts a text where `sought` stands, ignoring the case of ASCII letters.
fn pieces<'a>(text: &'a str, sought: &str) -> Vec<(bool, &'a str)> {
    let mut found = Vec::new();
    let (mut plain_from, mut at) = (0, 0);
    while at + sought.len() <= text.len() {
        // A match of the same bytes begins and ends where characters do.
        if text.as_bytes()[at..at + sought.len()].eq_ignore_ascii_case(sought.as_bytes()) {
            if plain_from < at {
                found.push((false, &text[plain_from..at]));
            }
            found.push((true, &text[at..at + sought.len()]));
            at += sought.len();
            plain_from = at;
        } else {
            at += 1;
        }
    }
    if plain_from < text.len() {
        found.push((false, &text[plain_from..]));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_marked() {
        assert_eq!(pieces("GET /get 泊位", "get"), [(true, "GET"), (false, " /"), (true, "get"), (false, " 泊位")]);
        assert_eq!(pieces("泊位 泊", "泊"), [(true, "泊"), (false, "位 "), (true, "泊")]);
        assert_eq!(pieces("short", "longer than it"), [(false, "short")]);
    }
}
