//! What is wrong now, worst first, each with a way to it. Nothing at all when all is well.

use crate::{
    components::{
        button::LinkButton,
        icon::{Icon, Svg},
        pill::Tone,
        state,
        time_ago::TimeAgo,
    },
    i18n::{by_code, cores, mebibytes, number, t},
    live::LiveResource,
    said::said,
    scope::EnvironmentScope,
};
use berth_api_types::v1::{
    apps::{AppView, RefusalView},
    nodes::NodeView,
    tenants::TenantView,
};
use berth_domain::{
    lifecycle::AppState,
    node::{NodeAvailability, NodeState},
};
use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// From this share of a quota on it counts as nearly used, in percent.
const NEAR_PERCENT: u64 = 85;

#[derive(Clone, PartialEq)]
struct Trouble {
    is_bad: bool,
    title: String,
    detail: Option<String>,
    since: Option<DateTime<Utc>>,
    href: String,
}

/// What is wrong now.
#[component]
pub fn Troubles(
    at: Memo<EnvironmentScope>,
    apps: LiveResource<Vec<AppView>>,
    tenant: LiveResource<TenantView>,
    nodes: LiveResource<Vec<NodeView>>,
) -> impl IntoView {
    let all = Memo::new(move |_| {
        let at = at.get();
        let mut all: Vec<Trouble> = apps.get().into_iter().flatten().filter_map(|app| of_app(&at, &app)).collect();
        all.extend(nodes.get().into_iter().flatten().filter_map(of_node));
        all.extend(tenant.get().iter().filter_map(of_quota));
        all.sort_by_key(|trouble| !trouble.is_bad);
        all
    });
    move || {
        let all = all.get();
        (!all.is_empty()).then(|| {
            view! {
                <section class="troubles" aria-label=t::common::wrong_now()>
                    <ul>{all.into_iter().map(draw).collect_view()}</ul>
                </section>
            }
        })
    }
}

fn draw(trouble: Trouble) -> impl IntoView {
    let (tone, icon) = if trouble.is_bad { (Tone::Bad, Icon::Error) } else { (Tone::Warn, Icon::Warning) };
    let word = if trouble.is_bad { t::common::severity_error() } else { t::common::severity_warn() };
    view! {
        <li class=format!("trouble {}", tone.class())>
            <Svg icon=icon size=17 />
            <div class="trouble-text">
                <span class="hidden">{word} ": "</span>
                <strong>{trouble.title}</strong>
                {trouble.detail.map(|detail| view! { <span class="trouble-detail">{detail}</span> })}
                {trouble.since.map(|since| view! { <span class="trouble-detail">{t::overview::last_heard()} " " <TimeAgo at=since /></span> })}
            </div>
            <LinkButton small=true href=trouble.href>{t::overview::look()}</LinkButton>
        </li>
    }
}

fn of_app(at: &EnvironmentScope, app: &AppView) -> Option<Trouble> {
    let is_in_trouble = matches!(app.state, AppState::Down | AppState::Degraded | AppState::RollingBack);
    if !is_in_trouble && app.refusals.is_empty() {
        return None;
    }
    let title = match app.refusals.len() {
        0 => t::overview::app_trouble(&app.name, app.ready, app.replicas),
        count => t::overview::app_no_place(&app.name, t::common::instances_count(count as u64)),
    };
    let of_rollout =
        app.rollout.as_ref().filter(|rollout| !rollout.reason.is_empty()).map(|rollout| said(&rollout.reason));
    Some(Trouble {
        is_bad: app.state == AppState::Down || !app.refusals.is_empty(),
        title,
        detail: app.refusals.first().map(refusal_sentence).or(of_rollout),
        since: None,
        href: at.app_url(&app.name),
    })
}

fn of_node(node: NodeView) -> Option<Trouble> {
    if node.state == NodeState::Ready {
        return None;
    }
    let (tone, word) = state::node_state(node.state, NodeAvailability::Active);
    Some(Trouble {
        is_bad: tone == Tone::Bad,
        title: t::overview::node_trouble(&node.name, word),
        detail: Some(t::common::instances_count(node.instances.into())),
        since: node.last_seen_at,
        href: format!("/nodes/{}", node.name),
    })
}

fn of_quota(tenant: &TenantView) -> Option<Trouble> {
    let (usage, quota) = (tenant.usage, tenant.quota);
    let rows = [
        (t::common::cpu(), usage.cpu_milli.0, quota.cpu_milli.0, cores as fn(u64) -> String),
        (t::common::memory(), usage.memory_mib.0, quota.memory_mib.0, mebibytes),
        (t::common::instances(), usage.instances.into(), quota.instances.into(), number),
        (t::common::apps(), usage.apps.into(), quota.apps.into(), number),
    ];
    let near: Vec<String> = rows
        .into_iter()
        .filter(|(_, used, limit, _)| *used > 0 && used.saturating_mul(100) >= limit.saturating_mul(NEAR_PERCENT))
        .map(|(name, used, limit, format)| t::overview::near_quota_row(name, format(used), format(limit)))
        .collect();
    (!near.is_empty()).then(|| Trouble {
        is_bad: false,
        title: t::overview::near_quota().to_owned(),
        detail: Some(near.join(" ")),
        since: None,
        href: format!("/t/{}/-/settings?tab=quota", tenant.name),
    })
}

/// Why an instance finds no place: how many nodes lack what, and what the nearest one lacks.
pub fn refusal_sentence(refusal: &RefusalView) -> String {
    let reasons: Vec<String> = refusal
        .reasons
        .iter()
        .map(|(reason, count)| {
            let value = |name: &str| (name == "count").then(|| number(u64::from(*count)));
            by_code(&format!("refusal_{reason}"), value).unwrap_or_else(|| format!("{reason}: {count}"))
        })
        .collect();
    let reasons_text = reasons.join(t::overview::comma());
    match &refusal.nearest {
        // Nothing to lack anything.
        _ if reasons.is_empty() => t::overview::no_node().to_owned(),
        Some(nearest) => t::overview::refused_nearest(reasons_text, said(nearest.trim_end_matches('.'))),
        None => t::overview::refused(reasons_text),
    }
}
