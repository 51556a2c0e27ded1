//! A terminal in an instance. The code that draws it is loaded when the first one opens (`frontend/js`).

use super::{
    button::{Button, ButtonKind},
    error_state::{ErrorLine, error_title},
    icon::Icon,
    pill::{Pill, Tone},
};
use crate::{
    api::{apps, error::ApiError},
    i18n::t,
    scope::EnvironmentScope,
    support::dom::{document, focus},
};
use berth_api_types::path;
use berth_domain::id::InstanceId;
use leptos::{html::Div, prelude::*};
use wasm_bindgen::{JsCast, prelude::*};
use wasm_bindgen_futures::{JsFuture, spawn_local};

#[wasm_bindgen(inline_js = "export function load_part(url) { return import(url); }")]
extern "C" {
    #[wasm_bindgen(js_name = load_part)]
    fn load_part(url: &str) -> js_sys::Promise;

    /// `frontend/js/src/terminal.ts`, loaded.
    type TerminalModule;
    #[wasm_bindgen(method, catch)]
    fn open(
        this: &TerminalModule,
        host: &web_sys::HtmlElement,
        url: &str,
        ticket: &str,
        notify: &Closure<dyn FnMut(String, i32, String)>,
    ) -> Result<TerminalHandle, JsValue>;

    /// One open terminal.
    type TerminalHandle;
    #[wasm_bindgen(method)]
    fn dispose(this: &TerminalHandle);
}

/// Where a terminal leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalTarget {
    /// The app's environment.
    pub at: EnvironmentScope,
    /// The app.
    pub app: String,
    /// The instance.
    pub instance: InstanceId,
    /// Its name.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    Closed,
    Connecting,
    Open,
    Ended(i32, String),
    Lost(String),
    Refused(ApiError),
    NotLoaded,
}

/// An open terminal with what it calls; disposed of when dropped.
struct Opened {
    handle: TerminalHandle,
    _notify: Closure<dyn FnMut(String, i32, String)>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.handle.dispose();
    }
}

/// One wish to open a terminal. The next one and a new target end it: what it hears after that is of another instance
/// than the page names, so it is ignored.
#[derive(Clone, Copy)]
struct Attempt {
    number: u32,
    newest: StoredValue<u32>,
    state: RwSignal<State>,
}

impl Attempt {
    fn begin(newest: StoredValue<u32>, state: RwSignal<State>) -> Self {
        newest.update_value(|number| *number += 1);
        Self { number: newest.get_value(), newest, state }
    }
    /// Whether the page still waits for it.
    fn is_wanted(self) -> bool {
        self.newest.try_get_value() == Some(self.number)
    }
    fn tell(self, state: State) {
        if self.is_wanted() {
            self.state.try_set(state);
        }
    }
}

/// A terminal that opens when asked to. A new target closes it.
#[component]
pub fn Terminal(
    #[prop(into)] target: Signal<TerminalTarget>,
    /// Beside the state: what to choose.
    #[prop(optional, into)]
    choice: Option<ViewFn>,
) -> impl IntoView {
    let host = NodeRef::<Div>::new();
    let state = RwSignal::new(State::Closed);
    let opened = StoredValue::new_local(None::<Opened>);
    let close = move || {
        // Dropped outside of the store, as it calls back.
        let old = opened.try_update_value(Option::take);
        drop(old);
    };
    let newest = StoredValue::new(0);
    let connect = Callback::new(move |()| {
        close();
        state.set(State::Connecting);
        let (target, attempt) = (target.get_untracked(), Attempt::begin(newest, state));
        spawn_local(async move {
            match start(&target, host, attempt).await {
                // Dropped, and so closed, when the page is gone or leads elsewhere by now.
                Ok(terminal) if attempt.is_wanted() => drop(opened.try_update_value(|slot| *slot = Some(terminal))),
                Ok(terminal) => drop(terminal),
                Err(next) => attempt.tell(next),
            }
        });
    });
    Effect::new(move |before: Option<TerminalTarget>| {
        let now = target.get();
        if before.is_some_and(|before| before != now) {
            close();
            // Begun for nothing but its number: one that is still connecting is not wanted any more.
            Attempt::begin(newest, state).tell(State::Closed);
        }
        now
    });
    on_cleanup(close);
    let words = move || state_words(&state.get(), &target.get().name);
    let can_connect = move || !matches!(state.get(), State::Connecting | State::Open);
    let error = Signal::derive(move || match state.get() {
        State::Refused(error) => Some(error),
        _ => None,
    });
    view! {
        <div class="terminal">
            <div class="terminal-bar">
                {choice.map(|choice| choice.run())}
                <span aria-live="polite">
                    {move || words().map(|(tone, text)| view! { <Pill tone=tone text=text /> })}
                </span>
                <span class="terminal-actions">
                    {move || can_connect().then(|| {
                        let again = state.get() != State::Closed;
                        view! {
                            <Button
                                kind=ButtonKind::Main
                                icon=Icon::Terminal
                                id="terminal-connect"
                                on_click=move |_| connect.run(())
                            >
                                {if again { t::apps::terminal_again() } else { t::apps::terminal_connect() }}
                            </Button>
                        }
                    })}
                </span>
            </div>
            <ErrorLine error=error />
            <div
                class="terminal-host"
                class:terminal-idle=move || state.get() == State::Closed
                node_ref=host
                data-keys="own"
                role="region"
                aria-label=move || t::apps::terminal_region(target.get().name)
            ></div>
            <p class="terminal-note faint">{t::apps::terminal_keys()} " " {t::apps::terminal_audited()}</p>
        </div>
    }
}

fn state_words(state: &State, instance: &str) -> Option<(Tone, String)> {
    Some(match state {
        State::Closed => return None,
        State::Connecting => (Tone::Busy, t::apps::terminal_connecting(instance)),
        State::Open => (Tone::Ok, t::apps::terminal_open().to_owned()),
        State::Ended(0, _) => (Tone::Idle, t::apps::terminal_ended(0)),
        State::Ended(code, message) if message.is_empty() => (Tone::Warn, t::apps::terminal_ended(code)),
        State::Ended(_, message) => (Tone::Bad, t::apps::terminal_ended_message(message)),
        State::Lost(message) if message.is_empty() => (Tone::Bad, t::apps::terminal_closed().to_owned()),
        State::Lost(message) => (Tone::Bad, t::apps::terminal_closed_message(message)),
        State::Refused(error) => (Tone::Bad, error_title(error).into_owned()),
        State::NotLoaded => (Tone::Bad, t::apps::terminal_load_failed().to_owned()),
    })
}

/// Loads the code, gets a ticket, opens.
async fn start(target: &TerminalTarget, host: NodeRef<Div>, attempt: Attempt) -> Result<Opened, State> {
    let module = load().await.ok_or(State::NotLoaded)?;
    // The ticket is good for seconds only, so it comes last.
    let ticket = apps::terminal_ticket(&target.at, &target.app, target.instance).await.map_err(State::Refused)?;
    // A shell that nobody waits for is not opened at all.
    let host = host.try_get_untracked().flatten().filter(|_| attempt.is_wanted()).ok_or(State::Closed)?;
    host.set_inner_html("");
    let notify = Closure::<dyn FnMut(String, i32, String)>::new(move |kind: String, code: i32, message: String| {
        match kind.as_str() {
            "open" => attempt.tell(State::Open),
            "ended" => attempt.tell(State::Ended(code, message)),
            "leave" => focus("#terminal-instance, .terminal-bar button"),
            _ => attempt.tell(State::Lost(message)),
        }
    });
    let handle = module.open(&host, &path::terminal(), &ticket.ticket, &notify).map_err(|_| State::NotLoaded)?;
    Ok(Opened { handle, _notify: notify })
}

async fn load() -> Option<TerminalModule> {
    let meta = document().query_selector("meta[name=berth-part-terminal]").ok().flatten()?;
    let url = meta.get_attribute("content")?;
    JsFuture::from(load_part(&url)).await.ok().map(JsCast::unchecked_into)
}
