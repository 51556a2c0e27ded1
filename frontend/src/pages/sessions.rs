//! Where the caller is signed in. What they do not know they end, at once.

use crate::{
    api,
    components::{
        button::{Button, IconButton},
        card::Card,
        dialog::{ConfirmDialog, open_while},
        form::Form,
        icon::Icon,
        loaded::loaded,
        pill::{Pill, Tone},
        skeleton::SkeletonRows,
        table::{Column, Table},
        time_ago::TimeAgo,
        toast::use_toasts,
    },
    i18n::t,
    live_pages::use_live_pages,
};
use berth_api_types::v1::session::OpenSessionView;
use leptos::prelude::*;

/// What ends.
#[derive(Clone, PartialEq)]
enum Ending {
    One(Box<OpenSessionView>),
    Others,
}

/// Where the caller is signed in.
#[component]
pub fn Sessions() -> impl IntoView {
    let toasts = use_toasts();
    let ending = RwSignal::new(None::<Ending>);
    let (sessions, more) =
        use_live_pages(|| (), |(), _| false, |(), page| async move { api::session::list_sessions(&page).await });
    let columns = StoredValue::new(vec![
        Column::new("browser", t::settings::browser(), |one: &OpenSessionView| {
            let (name, title) = (browser(&one.user_agent), one.user_agent.clone());
            let here = one.current.then(|| view! { <Pill tone=Tone::Ok text=Signal::stored(t::settings::this_browser()) /> });
            view! { <span class="with-pill"><strong title=title>{name}</strong>{here}</span> }
        }),
        Column::new("source", t::settings::address(), |one: &OpenSessionView| one.source.clone()),
        Column::new("used", t::settings::last_used(), |one: &OpenSessionView| view! { <span class="muted"><TimeAgo at=one.last_used_at /></span> }),
        Column::new("since", t::settings::signed_in_at(), |one: &OpenSessionView| view! { <span class="muted"><TimeAgo at=one.created_at /></span> }).minor(),
        Column::new("actions", t::common::actions(), move |one: &OpenSessionView| {
            let session = one.clone();
            let end = move |_| ending.set(Some(Ending::One(Box::new(session.clone()))));
            // One's own is ended by signing out.
            (!one.current).then(|| view! { <div class="row-actions"><IconButton icon=Icon::SignOut label=t::settings::end_session() on_click=end /></div> })
        })
        .to_end(),
    ]);
    let form = Form::new();
    let confirm = open_while(ending, move || form.clear());
    let end = move |()| {
        let Some(what) = ending.get_untracked() else { return };
        let call = async move {
            match what {
                Ending::One(session) => api::session::end_session(session.id).await,
                Ending::Others => api::session::end_other_sessions().await,
            }
        };
        form.send(call, move |()| {
            ending.set(None);
            sessions.refetch();
            toasts.done(t::settings::session_ended());
        });
    };
    let text = move || match ending.get() {
        Some(Ending::One(session)) => t::settings::end_session_text(browser(&session.user_agent)),
        _ => t::settings::end_other_sessions_text().to_owned(),
    };
    view! {
        <Card
            title=t::settings::sessions()
            flush=true
            actions=move || view! { <Button small=true icon=Icon::SignOut on_click=move |_| ending.set(Some(Ending::Others)) id="end-others">{t::settings::end_other_sessions()}</Button> }
        >
            {loaded(sessions, || view! { <SkeletonRows rows=2 /> }.into_any(), move |rows: Signal<Vec<OpenSessionView>>| {
                view! { <Table caption=t::settings::sessions() columns=columns.get_value() rows=rows more=more key=|one| one.id.to_string() /> }
            })}
        </Card>
        <ConfirmDialog
            open=confirm
            title=Signal::derive(t::settings::end_session_title)
            text=Signal::derive(text)
            action=t::settings::end_session()
            busy=form.busy
            error=form.error
            on_confirm=end
        />
    }
}

/// A browser as people call it, from its own words: the first of the marks that each one carries beside those of the ones
/// that it wants to be taken for.
fn browser(user_agent: &str) -> String {
    let first_of = |marks: &[(&str, &'static str)]| {
        marks.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    let name = first_of(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = first_of(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} · {system}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => user_agent.split(['/', ' ']).next().filter(|word| !word.is_empty()).unwrap_or("?").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_their_own_mark() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome · Linux");
        assert_eq!(browser(&format!("{chrome} Edg/140.0")), "Edge · Linux");
        assert_eq!(browser("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_1) Version/17.1 Safari/605.1"), "Safari · macOS");
        assert_eq!(browser("curl/8.1"), "curl");
        assert_eq!(browser(""), "?");
    }
}
