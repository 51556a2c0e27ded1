//! What changed from one spec to another: a line for each field, the old value beside the new one.

use crate::i18n::{cores, mebibytes, t};
use berth_domain::{
    app::{AppSpecInput, Probe, ProbeCheck},
    diff::{SpecChange, diff},
};
use leptos::prelude::*;

/// All differences, by the server's own code; none while one of the two is not valid.
pub fn changes(before: &AppSpecInput, after: &AppSpecInput) -> Vec<SpecChange> {
    match (before.parse(), after.parse()) {
        (Ok(old), Ok(new)) => {
            let mut found = diff(&old, &new);
            // The server's text for a check is for machines' logs; people get it in their own words.
            if let Some(change) = found.iter_mut().find(|change| change.field == "readiness") {
                change.before = before.readiness.as_ref().map(probe_words);
                change.after = after.readiness.as_ref().map(probe_words);
            }
            found
        }
        _ => Vec::new(),
    }
}

/// A readiness check in words: what it asks, and the times that are not the usual ones.
fn probe_words(probe: &Probe) -> String {
    let usual = Probe::new(probe.check.clone());
    let mut parts = vec![match &probe.check {
        ProbeCheck::Http { path, port } => format!("GET :{port}{path}"),
        ProbeCheck::Tcp { port } => format!("TCP :{port}"),
    }];
    let mut say = |now: u32, usual: u32, label: &str, unit: &str| {
        if now != usual {
            parts.push(format!("{label} {now} {unit}").trim_end().to_owned());
        }
    };
    let ms = t::apps::milliseconds();
    say(probe.period_ms, usual.period_ms, t::apps::ready_period(), ms);
    say(probe.timeout_ms, usual.timeout_ms, t::apps::ready_timeout(), ms);
    say(probe.initial_delay_ms, usual.initial_delay_ms, t::apps::ready_initial_delay(), ms);
    say(probe.success_threshold, usual.success_threshold, t::apps::ready_success(), "");
    say(probe.failure_threshold, usual.failure_threshold, t::apps::ready_failure(), "");
    parts.join(" · ")
}

/// A field's name for people; variables keep their own.
fn field_name(field: &str) -> String {
    let name = match field {
        "image" => t::apps::field_image(),
        "command" => t::apps::field_command(),
        "ports" => t::apps::field_ports(),
        "resources.cpu_milli" => t::apps::field_cpu(),
        "resources.memory_mib" => t::apps::field_memory(),
        "readiness" => t::apps::field_readiness(),
        "stop_grace_s" => t::apps::field_stop_grace(),
        "rollout.max_surge" => t::apps::field_max_surge(),
        "rollout.max_unavailable" => t::apps::field_max_unavailable(),
        "rollout.ready_deadline_s" => t::apps::field_ready_deadline(),
        "placement.node_labels" => t::apps::field_node_labels(),
        "placement.strategy" => t::apps::field_strategy(),
        other => return other.strip_prefix("env.").unwrap_or(other).to_owned(),
    };
    name.to_owned()
}

/// A value with its unit.
fn value_text(field: &str, value: &str) -> String {
    match (field, value.parse::<u64>()) {
        ("resources.cpu_milli", Ok(milli)) => format!("{} {}", cores(milli), t::apps::cores()),
        ("resources.memory_mib", Ok(mib)) => mebibytes(mib),
        ("stop_grace_s" | "rollout.ready_deadline_s", Ok(_)) => format!("{value} {}", t::apps::seconds()),
        ("placement.strategy", _) if value == "spread" => t::apps::diff_spread().to_owned(),
        ("placement.strategy", _) if value == "pack" => t::apps::diff_pack().to_owned(),
        _ => value.to_owned(),
    }
}

/// The differences as a table.
#[component]
pub fn DiffView(#[prop(into)] changes: Signal<Vec<SpecChange>>) -> impl IntoView {
    let draw = |change: SpecChange| {
        let is_variable = change.field.starts_with("env.");
        let side = |value: &Option<String>| match value {
            Some(value) if value.is_empty() => "\"\"".into_any(),
            Some(value) => value_text(&change.field, value).into_any(),
            None => view! { <em class="faint">{t::apps::diff_absent()}</em> }.into_any(),
        };
        view! {
            <tr>
                <th scope="row" class:mono=is_variable>{field_name(&change.field)}</th>
                <td>
                    <del class:diff-absent=change.before.is_none()>{side(&change.before)}</del>
                </td>
                <td>
                    <ins class:diff-absent=change.after.is_none()>{side(&change.after)}</ins>
                </td>
            </tr>
        }
    };
    move || {
        let changes = changes.get();
        if changes.is_empty() {
            return view! { <p class="diff-none muted">{t::apps::diff_none()}</p> }.into_any();
        }
        view! {
            <div class="diff" tabindex="0" role="region" aria-label=t::apps::what_changed()>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{t::apps::diff_field()}</th>
                            <th scope="col">{t::apps::diff_before()}</th>
                            <th scope="col">{t::apps::diff_after()}</th>
                        </tr>
                    </thead>
                    <tbody>{changes.into_iter().map(draw).collect_view()}</tbody>
                </table>
            </div>
        }
        .into_any()
    }
}
