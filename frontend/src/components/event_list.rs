//! Events as sentences, newest first.

use super::{pill::Dot, state, time_ago::TimeAgo};
use crate::{
    i18n::{Locale, by_code, locale, word_by_code},
    said::said,
    scope::EnvironmentScope,
};
use berth_api_types::v1::events::EventView;
use leptos::prelude::*;

/// The sentence of an event in the person's language; the server's English one for a reason that is not known here.
pub fn event_sentence(event: &EventView) -> String {
    let value = |name: &str| {
        event.params.get(name).map(|value| said(value)).or_else(|| match name {
            "app" => event.app.clone(),
            "instance" => event.instance.clone(),
            "node" => event.node.clone(),
            "project" => event.project.clone(),
            "environment" => event.environment.clone(),
            _ => None,
        })
    };
    by_code(&format!("event_{}", event.reason), value).unwrap_or_else(|| of_agent(event))
}

/// Agents say what happened in English; the kind of trouble is said in the person's language before it.
fn of_agent(event: &EventView) -> String {
    let kind = word_by_code(&format!("reason_{}", event.reason)).filter(|_| locale() != Locale::En);
    let subject = event.instance.as_ref().or(event.node.as_ref());
    match (subject, kind) {
        (Some(subject), Some(kind)) => format!("{subject}: {kind}（{}）", event.message),
        (Some(subject), None) if !event.message.contains(subject.as_str()) => format!("{subject}: {}", event.message),
        (None, Some(kind)) => format!("{kind}（{}）", event.message),
        (Some(_) | None, None) => event.message.clone(),
    }
}

/// A list of events. With a tenant, those of an app lead to it.
#[component]
pub fn EventList(
    #[prop(into)] events: Signal<Vec<EventView>>,
    #[prop(optional, into)] tenant: Option<String>,
) -> impl IntoView {
    let draw = move |event: EventView| {
        let place = match (&tenant, &event.project, &event.environment, &event.app) {
            (Some(tenant), Some(project), Some(environment), Some(app)) => {
                let at = EnvironmentScope {
                    tenant: tenant.clone(),
                    project: project.clone(),
                    environment: environment.clone(),
                };
                Some((at.app_url(app), format!("{project} / {environment} / {app}")))
            }
            _ => None,
        };
        let tone = state::severity(event.severity);
        view! {
            <li>
                <Dot tone=tone />
                <span class="hidden">{state::severity_word(event.severity)} ": "</span>
                <span class="event-text">
                    {event_sentence(&event)}
                    {place.map(|(href, words)| view! { <a class="event-place" href=href>{words}</a> })}
                </span>
                <TimeAgo at=event.at />
            </li>
        }
    };
    view! {
        <ul class="events">
            <For each=move || events.get() key=|event| event.id children=draw />
        </ul>
    }
}
