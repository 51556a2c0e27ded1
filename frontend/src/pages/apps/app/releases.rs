//! The releases of an app: what each changed, how it went, the way back.

use super::{AppContext, actions::RollbackDialog, overview::ReleaseEnd, use_app_pages};
use crate::{
    api::{self, error::ApiError},
    components::{
        card::Card,
        diff_view::{DiffView, changes},
        error_state::ErrorLine,
        field::SelectField,
        loaded::loaded,
        skeleton::{SkeletonLines, SkeletonRows},
        table::{Column, Table},
        time_ago::TimeAgo,
    },
    i18n::t,
    pages::apps::words,
    support::url::use_query_value,
};
use berth_api_types::v1::releases::{ReleaseSummary, ReleaseView};
use leptos::prelude::*;
use std::collections::BTreeMap;
use wasm_bindgen_futures::spawn_local;

/// The tab.
#[component]
pub fn ReleasesTab(context: AppContext) -> impl IntoView {
    let (releases, more) = use_app_pages(context.at, context.name, |at, name, page| async move {
        api::apps::list_releases(&at, &name, &page).await
    });
    let back_to = RwSignal::new(None::<u32>);
    loaded(
        releases,
        || view! { <div class="card"><SkeletonRows rows=4 /></div> }.into_any(),
        move |releases| {
            view! {
                <div class="stack">
                    <CompareCard context=context releases=releases />
                    <Card title=t::apps::releases() flush=true>
                        <Table
                            caption=t::apps::releases()
                            columns=columns(context, back_to)
                            rows=releases
                            more=more
                            key=|release: &ReleaseSummary| release.number.to_string()
                        />
                    </Card>
                </div>
                <RollbackDialog context=context release=back_to />
            }
        },
    )
}

fn columns(context: AppContext, back_to: RwSignal<Option<u32>>) -> Vec<Column<ReleaseSummary>> {
    vec![
        Column::new("number", t::apps::col_release(), move |release: &ReleaseSummary| {
            let number = release.number;
            let from = number.saturating_sub(1).max(1);
            let href = context.url(&format!("tab=releases&from={from}&to={number}"));
            view! { <a class="row-link mono" href=href>{number}</a> }
        }),
        Column::new("image", t::apps::col_image(), |release: &ReleaseSummary| {
            let note = release.note.clone();
            view! {
                <span class="mono ellipsis" title=release.image.clone()>{words::image_name(&release.image)}</span>
                {(!note.is_empty()).then(|| view! { <div class="muted">{note}</div> })}
            }
        }),
        Column::new("by", t::apps::col_by(), |release: &ReleaseSummary| {
            view! { <span class="muted">{release.created_by.clone().unwrap_or_else(|| t::apps::unknown_person().to_owned())}</span> }
        })
        .minor(),
        Column::new("when", t::apps::col_updated(), |release: &ReleaseSummary| {
            view! { <span class="muted"><TimeAgo at=release.created_at /></span> }
        })
        .minor(),
        Column::new("end", t::apps::col_result(), move |release: &ReleaseSummary| {
            view! { <span class="release-end"><ReleaseEnd context=context release=release.clone() back_to=back_to /></span> }
        })
        .to_end(),
    ]
}

/// The difference between any two releases; both are in the URL.
#[component]
fn CompareCard(context: AppContext, releases: Signal<Vec<ReleaseSummary>>) -> impl IntoView {
    let (from_query, set_from) = use_query_value("from");
    let (to_query, set_to) = use_query_value("to");
    // Without a choice: the newest release beside the one that runs, or beside the one before when it runs itself.
    let current = move || context.app.with(|app| app.release.number);
    let newest = move || releases.with(|all| all.first().map_or_else(current, |release| release.number));
    let to = Memo::new(move |_| to_query.with(|text| text.parse::<u32>().ok()).unwrap_or_else(newest));
    let from = Memo::new(move |_| {
        from_query.with(|text| text.parse::<u32>().ok()).unwrap_or_else(|| match current() {
            current if current < to.get() => current,
            _ => to.get().saturating_sub(1).max(1),
        })
    });
    let known = RwSignal::new(BTreeMap::<u32, ReleaseView>::new());
    let error = RwSignal::new(None::<ApiError>);
    // A release never changes, so what was read stays.
    Effect::new(move |_| {
        for number in [from.get(), to.get()] {
            if known.with_untracked(|known| known.contains_key(&number)) {
                continue;
            }
            let (at, name) = (context.at.get(), context.name.get());
            spawn_local(async move {
                match api::apps::read_release(&at, &name, number).await {
                    Ok(release) => drop(known.try_update(|known| known.insert(number, release))),
                    Err(failure) => drop(error.try_set(Some(failure))),
                }
            });
        }
    });
    let found = Memo::new(move |_| {
        known.with(|known| Some(changes(&known.get(&from.get())?.spec, &known.get(&to.get())?.spec)))
    });
    let known_both = Memo::new(move |_| found.with(Option::is_some));
    let found_changes = Signal::derive(move || found.get().unwrap_or_default());
    let only_one = Memo::new(move |_| from.get() == to.get() && releases.with(Vec::len) == 1);
    let options = Signal::derive(move || {
        releases.with(|all| {
            all.iter().map(|release| (release.number.to_string(), release.number.to_string())).collect::<Vec<_>>()
        })
    });
    view! {
        <Card
            title=t::apps::what_changed()
            flush=true
            actions=move || view! {
                <Choice label=t::apps::release_from() options=options value=from on_choose=set_from />
                <span class="faint" aria-hidden="true">"→"</span>
                <Choice label=t::apps::release_to() options=options value=to on_choose=set_to />
            }
        >
            <ErrorLine error=error />
            {move || if only_one.get() {
                view! { <p class="card-empty muted">{t::apps::release_first()}</p> }.into_any()
            } else if known_both.get() {
                view! { <DiffView changes=found_changes /> }.into_any()
            } else {
                view! { <div class="card-body"><SkeletonLines lines=2 /></div> }.into_any()
            }}
        </Card>
    }
}

#[component]
fn Choice(
    label: &'static str,
    options: Signal<Vec<(String, String)>>,
    value: Memo<u32>,
    on_choose: Callback<String>,
) -> impl IntoView {
    let chosen = RwSignal::new(value.get_untracked().to_string());
    Effect::new(move |_| {
        let now = value.get().to_string();
        if chosen.with_untracked(|chosen| *chosen != now) {
            chosen.set(now);
        }
    });
    Effect::new(move |before: Option<String>| {
        let now = chosen.get();
        if before.is_some_and(|before| before != now) && value.get_untracked().to_string() != now {
            on_choose.run(now.clone());
        }
        now
    });
    view! { <div class="choice"><SelectField label=label hide_label=true value=chosen options=options /></div> }
}
