//! An audit trail: who did what, what it changed, whether the trail is whole, and a way to take it away.

use crate::{
    api::{self, audit::Trail, client::with_query, error::ApiError},
    components::{
        button::Button,
        card::Card,
        copy::CodeBlock,
        empty_state::EmptyState,
        error_state::ErrorLine,
        field::{SelectField, TextField, TextKind},
        icon::{Icon, Svg},
        key_value::{Fact, Facts},
        loaded::loaded,
        menu::{Menu, MenuGroup, MenuItem},
        note::Note,
        page::PageHead,
        pill::{Pill, Tone},
        segment::Segment,
        skeleton::SkeletonRows,
    },
    i18n::{Text, date_time, t},
    live::LiveResource,
    live_pages::{More, use_live_pages},
    scope::use_scope,
    support::{dom::download, url::use_query_value},
};
use berth_api_types::v1::audit::{AuditCheckView, AuditQuery, AuditView};
use chrono::{TimeDelta, Utc};
use gloo_timers::callback::Timeout;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Rows of a page.
const PAGE: usize = 50;
/// A filter is asked for when nobody has typed for so long, in milliseconds.
const TYPED_MS: u32 = 250;

/// A tenant's trail.
#[component]
pub fn AuditPage() -> impl IntoView {
    let scope = use_scope();
    let trail = Memo::new(move |_| Trail::Tenant(scope.get().tenant.unwrap_or_default()));
    view! { <TrailPage trail=trail text=t::audit::text() /> }
}

/// The platform's trail.
#[component]
pub fn PlatformAuditPage() -> impl IntoView {
    let trail = Memo::new(move |_| Trail::Platform);
    view! { <TrailPage trail=trail text=t::audit::platform_text() /> }
}

/// What is looked for, as it stands in the URL.
#[derive(Clone, Copy)]
struct Wanted {
    actor: (Memo<String>, Callback<String>),
    action: (Memo<String>, Callback<String>),
    target: (Memo<String>, Callback<String>),
    result: (Memo<String>, Callback<String>),
    range: (Memo<String>, Callback<String>),
}

impl Wanted {
    fn from_url() -> Self {
        Self {
            actor: use_query_value("actor"),
            action: use_query_value("action"),
            target: use_query_value("target"),
            result: use_query_value("result"),
            range: use_query_value("range"),
        }
    }

    /// As the API wants it, followed.
    fn query(self) -> AuditQuery {
        let text = |value: Memo<String>| Some(value.get()).filter(|text| !text.is_empty());
        let hours = match self.range.0.get().as_str() {
            "hour" => Some(1),
            "day" => Some(24),
            "week" => Some(7 * 24),
            "month" => Some(30 * 24),
            _ => None,
        };
        AuditQuery {
            actor: text(self.actor.0),
            action: text(self.action.0),
            target: text(self.target.0),
            result: text(self.result.0),
            since: hours.map(|hours| Utc::now() - TimeDelta::hours(hours)),
            ..AuditQuery::default()
        }
    }
}

#[component]
fn TrailPage(trail: Memo<Trail>, text: &'static str) -> impl IntoView {
    let wanted = Wanted::from_url();
    let query = Memo::new(move |_| wanted.query());
    let (rows, more) = use_live_pages(
        move || (trail.get(), query.get()),
        |_, _| true,
        |(trail, query), page| async move {
            api::audit::list(&trail, &AuditQuery { cursor: page.cursor, limit: page.limit, ..query }).await
        },
    );
    let check = Check::new();
    // What was said of one trail says nothing of another.
    Effect::new(move |before: Option<Trail>| {
        let now = trail.get();
        if before.is_some_and(|before| before != now) {
            check.found.set(None);
            check.error.set(None);
        }
        now
    });
    let actions = move || {
        let save = move |url: String| {
            // A download brings no fresh session along: asked for first, so that a page left open can still export.
            spawn_local(async move {
                match api::session::me().await {
                    Ok(_) => download(&url),
                    Err(error) => {
                        check.error.try_set(Some(error));
                    }
                }
            });
        };
        let groups = Signal::derive(move || {
            let proof = move || save(trail.get_untracked().export_url());
            let table = move || save(with_query(&trail.get_untracked().table_url(), &query.get_untracked()));
            let items = vec![
                MenuItem::run(t::audit::export_proof(), proof).icon(Icon::Shield).note(t::audit::export_proof_note()),
                MenuItem::run(t::audit::export_table(), table).icon(Icon::Download).note(t::audit::export_table_note()),
            ];
            vec![MenuGroup { heading: None, items }]
        });
        view! {
            <Button icon=Icon::Shield busy=check.busy on_click=move |_| check.run(trail) id="check-audit">{t::audit::check()}</Button>
            <Menu label=t::audit::export() groups=groups to_left=true named_by_content=true>
                <Svg icon=Icon::Download />
                <span class="btn-label">{t::audit::export()}</span>
            </Menu>
        }
    };
    view! {
        <PageHead title=t::audit::title() sub=move || view! { <span>{text}</span> } actions=actions />
        <CheckResult check=check />
        <Filters wanted=wanted />
        <Rows rows=rows more=more query=query />
    }
}

/// A check of the whole trail, and how it ended.
#[derive(Clone, Copy)]
struct Check {
    busy: RwSignal<bool>,
    found: RwSignal<Option<AuditCheckView>>,
    error: RwSignal<Option<ApiError>>,
}

impl Check {
    fn new() -> Self {
        Self { busy: RwSignal::new(false), found: RwSignal::new(None), error: RwSignal::new(None) }
    }

    fn run(self, trail: Memo<Trail>) {
        let asked = trail.get_untracked();
        self.busy.set(true);
        self.found.set(None);
        self.error.set(None);
        spawn_local(async move {
            let result = api::audit::check(&asked).await;
            self.busy.try_set(false);
            if trail.try_get_untracked() != Some(asked) {
                return;
            }
            match result {
                Ok(found) => drop(self.found.try_set(Some(found))),
                Err(error) => drop(self.error.try_set(Some(error))),
            }
        });
    }
}

#[component]
fn CheckResult(check: Check) -> impl IntoView {
    let note = move || {
        let found = check.found.get()?;
        let view = match found.broken_at {
            Some(at) => view! {
                <Note tone=Tone::Bad title=t::audit::broken(at)>
                    <p>{fault(found.fault.as_deref().unwrap_or_default())} " " {t::audit::broken_text()}</p>
                </Note>
            }
            .into_any(),
            None => {
                let count = u64::try_from(found.to - found.from + 1).unwrap_or_default();
                view! {
                    <Note tone=Tone::Ok title=t::audit::whole(count)>
                        <p>{t::audit::whole_text(found.checkpoints, date_time(found.signed_at))}</p>
                        <CodeBlock text=found.key />
                    </Note>
                }
                .into_any()
            }
        };
        Some(view)
    };
    view! {
        <div class="audit-check">
            {note}
            <ErrorLine error=check.error />
        </div>
    }
}

fn fault(code: &str) -> &'static str {
    match code {
        "changed" => t::audit::fault_changed(),
        "unlinked" => t::audit::fault_unlinked(),
        "out_of_order" => t::audit::fault_out_of_order(),
        "missing" => t::audit::fault_missing(),
        "cut_off" => t::audit::fault_cut_off(),
        "unsigned" => t::audit::fault_unsigned(),
        "rewritten" => t::audit::fault_rewritten(),
        "elsewhere" => t::audit::fault_elsewhere(),
        _ => t::audit::fault_other(),
    }
}

#[component]
fn Filters(wanted: Wanted) -> impl IntoView {
    let results: Vec<(String, Text)> = vec![
        (String::new(), t::common::all().into()),
        ("done".to_owned(), t::audit::done().into()),
        ("denied".to_owned(), t::audit::denied().into()),
        ("failed".to_owned(), t::audit::failed().into()),
    ];
    let ranges = [
        ("", t::audit::any_time()),
        ("hour", t::audit::last_hour()),
        ("day", t::audit::last_day()),
        ("week", t::audit::last_week()),
        ("month", t::audit::last_month()),
    ];
    let ranges: Vec<(String, String)> =
        ranges.into_iter().map(|(value, words)| (value.to_owned(), words.to_owned())).collect();
    view! {
        <div class="filters" id="audit-filters">
            <TextField label=t::audit::who() placeholder=t::audit::who_placeholder() value=typed(wanted.actor) name="actor" />
            <TextField label=t::audit::what() placeholder=t::audit::what_placeholder() kind=TextKind::Code value=typed(wanted.action) name="action" />
            <TextField label=t::audit::place() placeholder=t::audit::place_placeholder() kind=TextKind::Code value=typed(wanted.target) name="target" />
            <SelectField label=t::audit::when() options=ranges value=typed(wanted.range) name="range" />
            <Segment label=t::audit::how() options=results value=wanted.result.0 on_change=wanted.result.1 />
        </div>
    }
}

/// A field's text that goes to the URL when nobody has typed for a moment.
fn typed((value, set_value): (Memo<String>, Callback<String>)) -> RwSignal<String> {
    let text = RwSignal::new(value.get_untracked());
    let waiting = StoredValue::new_local(None::<Timeout>);
    Effect::new(move |before: Option<String>| {
        let now = text.get();
        if before.is_some_and(|before| before != now) {
            let goes = now.clone();
            // The one that waited is dropped, and with it what it would have done.
            waiting.set_value(Some(Timeout::new(TYPED_MS, move || set_value.run(goes.trim().to_owned()))));
        }
        now
    });
    text
}

#[component]
fn Rows(rows: LiveResource<Vec<AuditView>>, more: More, query: Memo<AuditQuery>) -> impl IntoView {
    let shown = RwSignal::new(PAGE);
    let loaded_rows = move || rows.data.with(|rows| rows.as_ref().map_or(0, Vec::len));
    more.load_while(move || loaded_rows() < shown.get());
    let next = move |_| shown.set(loaded_rows() + PAGE);
    loaded(
        rows,
        || view! { <Card flush=true><SkeletonRows rows=8 /></Card> }.into_any(),
        move |rows: Signal<Vec<AuditView>>| {
            let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
            let title = move || {
                let all = query.with(|query| *query == AuditQuery::default());
                if all { t::audit::empty_title() } else { t::audit::none_match() }
            };
            view! {
                <Card flush=true>
                    {move || is_empty.get().then(|| view! { <EmptyState icon=Icon::Shield title=title() /> })}
                    <ul class="audit">
                        <For each=move || rows.get() key=|row| row.sequence let:row>
                            <RowItem row=row />
                        </For>
                    </ul>
                    {move || more.is_there().then(|| view! {
                        <div class="more"><Button on_click=next id="more-rows">{t::common::show_more()}</Button></div>
                    })}
                </Card>
            }
        },
    )
}

#[component]
fn RowItem(row: AuditView) -> impl IntoView {
    let open = RwSignal::new(false);
    let (tone, word) = match row.result.as_str() {
        "done" => (Tone::Ok, t::audit::done()),
        "denied" => (Tone::Warn, t::audit::denied()),
        _ => (Tone::Bad, t::audit::failed()),
    };
    let actor = if row.actor.is_empty() { t::audit::nobody().to_owned() } else { row.actor.clone() };
    let (target, action, at) = (row.target.clone(), row.action.clone(), row.at);
    let row = StoredValue::new(row);
    let toggled = move |event: leptos::ev::Event| {
        open.set(event_target::<web_sys::HtmlDetailsElement>(&event).open());
    };
    view! {
        <li>
            <details on:toggle=toggled>
                <summary>
                    <time datetime=at.to_rfc3339()>{date_time(at)}</time>
                    <span class="audit-actor">{actor}</span>
                    <code class="audit-action">{action}</code>
                    <span class="audit-target">{target}</span>
                    <Pill tone=tone text=word.to_owned() />
                </summary>
                {move || open.get().then(|| view! { <RowDetail row=row.get_value() /> })}
            </details>
        </li>
    }
}

#[component]
fn RowDetail(row: AuditView) -> impl IntoView {
    let nothing = row.before.is_none() && row.after.is_none();
    let side = |value: Option<serde_json::Value>| match value.as_ref().map(serde_json::to_string_pretty) {
        Some(Ok(text)) => view! { <pre>{text}</pre> }.into_any(),
        _ => view! { <p class="faint">{t::audit::nothing()}</p> }.into_any(),
    };
    view! {
        <div class="audit-detail">
            <Facts>
                <Fact label=t::audit::row()>{row.sequence}</Fact>
                <Fact label=t::audit::source()>{row.source}</Fact>
                <Fact label=t::audit::request()><code>{row.request_id}</code></Fact>
                <Fact label=t::audit::hash()><code>{row.sha256}</code></Fact>
            </Facts>
            {if nothing {
                view! { <p class="muted">{t::audit::no_change()}</p> }.into_any()
            } else {
                view! {
                    <div class="audit-sides">
                        <section><h2>{t::audit::before()}</h2>{side(row.before)}</section>
                        <section><h2>{t::audit::after()}</h2>{side(row.after)}</section>
                    </div>
                }
                .into_any()
            }}
        </div>
    }
}
