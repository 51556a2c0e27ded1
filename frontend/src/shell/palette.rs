//! `⌘K`: finds apps, nodes, pages and actions, and does them.

use super::use_shell;
use crate::{
    api::{self, client::whole},
    components::icon::{Icon, Svg},
    i18n::{Locale, Text, t},
    preferences::{Theme, use_preferences},
    scope::{EnvironmentScope, use_scope},
    session::use_session,
};
use berth_domain::right::Right;
use leptos::{ev, html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;

/// Most results at once.
const SHOWN_MAX: usize = 40;

/// Something that can be found.
#[derive(Clone)]
struct Entry {
    group: &'static str,
    icon: Icon,
    label: Text,
    note: Text,
    /// What is searched, in lower case.
    haystack: String,
    action: Action,
}

#[derive(Clone)]
enum Action {
    Go(String),
    Theme(Theme),
    Language(Locale),
    Help,
    SignOut,
}

impl Entry {
    fn new(group: &'static str, icon: Icon, label: impl Into<Text>, note: impl Into<Text>, action: Action) -> Self {
        let (label, note) = (label.into(), note.into());
        let haystack = format!("{label} {note}").to_lowercase();
        Self { group, icon, label, note, haystack, action }
    }
}

/// How well a query fits: smaller is better; none when it does not. All words must be there.
fn rank(haystack: &str, query: &str) -> Option<usize> {
    let mut score = 0;
    for word in query.split_whitespace() {
        let at = haystack.find(word)?;
        let at_start = at == 0 || haystack[..at].ends_with([' ', '-', '/', '.']);
        score += if at_start { at } else { at + 100 };
    }
    Some(score)
}

/// The palette.
#[component]
pub fn Palette() -> impl IntoView {
    let shell = use_shell();
    let node = NodeRef::<html::Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (shell.palette.get(), dialog.open()) {
            (true, false) => {
                let _ = dialog.show_modal();
            }
            (false, true) => dialog.close(),
            (true, true) | (false, false) => {}
        }
    });
    let outside = move |event: ev::MouseEvent| {
        if node.get_untracked().is_some_and(|dialog| event.target().as_ref() == Some(dialog.as_ref())) {
            shell.palette.set(false);
        }
    };
    view! {
        <dialog node_ref=node class="palette" aria-label=t::common::find() on:close=move |_| shell.palette.set(false) on:mousedown=outside>
            {move || shell.palette.get().then(|| view! { <PaletteBox /> })}
        </dialog>
    }
}

#[component]
fn PaletteBox() -> impl IntoView {
    let shell = use_shell();
    let query = RwSignal::new(String::new());
    let chosen = RwSignal::new(0usize);
    let found_apps = untrack(fetch_apps);
    let found_nodes = untrack(fetch_nodes);
    let pages = untrack(page_entries);
    let actions = untrack(action_entries);
    let compute = move |_: Option<&Vec<Entry>>| {
        let query = query.get().to_lowercase();
        let mut all: Vec<(usize, usize, Entry)> = Vec::new();
        let sources = [found_apps.get(), pages.clone(), found_nodes.get(), actions.clone()];
        for (group, entries) in sources.into_iter().enumerate() {
            all.extend(
                entries
                    .into_iter()
                    .filter_map(|entry| rank(&entry.haystack, &query).map(|score| (group, score, entry))),
            );
        }
        all.sort_by_key(|(group, score, _)| (*group, *score));
        all.into_iter().take(SHOWN_MAX).map(|(_, _, entry)| entry).collect::<Vec<_>>()
    };
    // Results are not compared: drawing them costs less.
    let results = Memo::new_with_compare(compute, |_, _| true);
    let run = use_runner();
    let act = move |index: usize| {
        if let Some(entry) = results.with_untracked(|all| all.get(index).cloned()) {
            shell.palette.set(false);
            run.run(entry.action);
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        let count = results.with_untracked(Vec::len);
        if count == 0 || event.is_composing() {
            return;
        }
        let next = match event.key().as_str() {
            "ArrowDown" => (chosen.get_untracked() + 1) % count,
            "ArrowUp" => (chosen.get_untracked() + count - 1) % count,
            "Home" if event.ctrl_key() => 0,
            "End" if event.ctrl_key() => count - 1,
            "Enter" => {
                event.prevent_default();
                return act(chosen.get_untracked());
            }
            _ => return,
        };
        event.prevent_default();
        chosen.set(next);
        request_animation_frame(move || scroll_to(next));
    };
    let input = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            let _ = input.focus();
        }
    });
    view! {
        <div class="palette-box" on:keydown=keys>
            <div class="palette-input">
                <Svg icon=Icon::Search />
                <input
                    node_ref=input
                    type="text"
                    role="combobox"
                    aria-expanded="true"
                    aria-controls="palette-results"
                    aria-autocomplete="list"
                    aria-activedescendant=move || format!("palette-{}", chosen.get())
                    aria-label=t::common::palette_placeholder()
                    placeholder=t::common::palette_placeholder()
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=query
                    on:input=move |event| {
                        query.set(event_target_value(&event));
                        chosen.set(0);
                    }
                />
                <kbd>"Esc"</kbd>
            </div>
            <span class="hidden" role="status">{move || t::common::palette_results(results.with(Vec::len) as u64)}</span>
            <div id="palette-results" class="palette-results" role="listbox" aria-label=t::common::find()>
                {move || {
                    let mut heading = "";
                    results
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(index, entry)| {
                            let first = std::mem::replace(&mut heading, entry.group) != entry.group;
                            view! {
                                {first.then(|| view! { <div class="palette-heading" role="presentation">{entry.group}</div> })}
                                <div
                                    id=format!("palette-{index}")
                                    class="palette-item"
                                    role="option"
                                    aria-selected=move || (chosen.get() == index).to_string()
                                    on:mousemove=move |_| if chosen.get_untracked() != index { chosen.set(index) }
                                    on:click=move |_| act(index)
                                >
                                    <Svg icon=entry.icon />
                                    <span>{entry.label}</span>
                                    <span class="faint">{entry.note}</span>
                                </div>
                            }
                        })
                        .collect_view()
                }}
                {move || results.with(Vec::is_empty).then(|| view! { <p class="palette-empty">{t::common::palette_empty()}</p> })}
            </div>
            <footer class="palette-foot">
                <span><kbd>"↑"</kbd><kbd>"↓"</kbd> {t::common::palette_hint_move()}</span>
                <span><kbd>"Enter"</kbd> {t::common::palette_hint_open()}</span>
                <span><kbd>"Esc"</kbd> {t::common::palette_hint_close()}</span>
            </footer>
        </div>
    }
}

fn scroll_to(index: usize) {
    let element = crate::support::dom::document().get_element_by_id(&format!("palette-{index}"));
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Nearest);
        element.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

fn use_runner() -> Callback<Action> {
    let (shell, preferences, session) = (use_shell(), use_preferences(), use_session());
    let navigate = use_navigate();
    Callback::new(move |action: Action| match action {
        Action::Go(url) => navigate(&url, NavigateOptions::default()),
        Action::Theme(theme) => preferences.choose_theme(theme),
        Action::Language(locale) => preferences.choose_language(locale),
        Action::Help => shell.help.set(true),
        Action::SignOut => session.sign_out(),
    })
}

/// Apps of all environments of the project that the person is in, then of its siblings.
fn fetch_apps() -> RwSignal<Vec<Entry>> {
    let found = RwSignal::new(Vec::new());
    let (shell, scope) = (use_shell(), use_scope());
    let Some(tenant) = scope.get_untracked().tenant else { return found };
    let projects = shell.projects.data.get_untracked().unwrap_or_default();
    for project in projects {
        for environment in project.environments.into_iter().filter(|environment| environment.apps > 0) {
            let at = EnvironmentScope {
                tenant: tenant.clone(),
                project: project.name.clone(),
                environment: environment.name,
            };
            spawn_local(async move {
                // What cannot be fetched is not found; its own page says why.
                let Ok(apps) = whole(async |page| api::apps::list(&at, &page).await).await else { return };
                found.try_update(|found| {
                    found.extend(apps.iter().map(|app| {
                        let place = format!("{} / {}", at.project, at.environment);
                        Entry::new(
                            t::common::palette_apps(),
                            Icon::App,
                            app.name.clone(),
                            place,
                            Action::Go(at.app_url(&app.name)),
                        )
                    }));
                });
            });
        }
    }
    found
}

fn fetch_nodes() -> RwSignal<Vec<Entry>> {
    let found = RwSignal::new(Vec::new());
    if use_session().may_on_platform(Right::NodeRead) {
        spawn_local(async move {
            let Ok(nodes) = whole(async |page| api::nodes::list(&page).await).await else { return };
            found.try_set(
                nodes
                    .into_iter()
                    .map(|node| {
                        let url = format!("/nodes/{}", node.name);
                        Entry::new(t::common::palette_nodes(), Icon::Node, node.name, node.address, Action::Go(url))
                    })
                    .collect(),
            );
        });
    }
    found
}

fn page_entries() -> Vec<Entry> {
    let (scope, session, shell) = (use_scope().get_untracked(), use_session(), use_shell());
    let page = |icon, label: &'static str, note: String, url: String| {
        Entry::new(t::common::palette_pages(), icon, label, note, Action::Go(url))
    };
    let mut out = Vec::new();
    if let Some(at) = scope.environment_scope() {
        let place = format!("{} / {}", at.project, at.environment);
        out.push(page(Icon::Overview, t::common::overview(), place.clone(), at.url()));
        out.push(page(Icon::App, t::common::apps(), place, at.apps_url()));
    }
    if let Some(tenant) = &scope.tenant {
        out.push(page(Icon::Activity, t::common::activity(), tenant.clone(), format!("/t/{tenant}/-/activity")));
        if session.may(Right::AuditRead, tenant, None, None) {
            out.push(page(Icon::Shield, t::audit::title(), tenant.clone(), format!("/t/{tenant}/-/audit")));
        }
        out.push(page(Icon::Settings, t::common::tenant_settings(), tenant.clone(), format!("/t/{tenant}/-/settings")));
        for project in shell.projects.data.get_untracked().unwrap_or_default() {
            let url = format!("/t/{tenant}/{}/-/settings", project.name);
            out.push(page(Icon::Settings, t::common::project_settings(), project.name.clone(), url));
            for environment in project.environments {
                let note = t::common::apps_count(environment.apps.into());
                let url = format!("/t/{tenant}/{}/{}", project.name, environment.name);
                let label = format!("{} / {}", project.name, environment.name);
                out.push(Entry::new(t::common::palette_pages(), Icon::Overview, label, note, Action::Go(url)));
            }
        }
    }
    if session.may_on_platform(Right::NodeRead) {
        out.push(page(Icon::Node, t::common::nodes(), String::new(), "/nodes".to_owned()));
    }
    if session.may_on_platform(Right::TenantManage) {
        out.push(page(Icon::Tenant, t::common::tenants(), String::new(), "/tenants".to_owned()));
    }
    if session.may_on_platform(Right::PlatformAuditRead) {
        out.push(page(Icon::Shield, t::audit::title(), t::common::platform().to_owned(), "/audit".to_owned()));
    }
    out.push(page(Icon::People, t::common::account(), String::new(), "/account".to_owned()));
    out
}

fn action_entries() -> Vec<Entry> {
    let (scope, session) = (use_scope().get_untracked(), use_session());
    let entry = |icon, label: &'static str, action| Entry::new(t::common::palette_actions(), icon, label, "", action);
    let mut out = Vec::new();
    if let Some(at) = scope.environment_scope().filter(|at| session.may_in(Right::AppCreate, at)) {
        out.push(entry(Icon::Plus, t::common::action_new_app(), Action::Go(at.new_app_url())));
    }
    let other = if crate::i18n::locale() == Locale::En { Locale::ZhCn } else { Locale::En };
    out.push(entry(Icon::Sun, t::common::action_light(), Action::Theme(Theme::Light)));
    out.push(entry(Icon::Moon, t::common::action_dark(), Action::Theme(Theme::Dark)));
    out.push(entry(Icon::Screen, t::common::action_system(), Action::Theme(Theme::System)));
    out.push(entry(Icon::Language, t::common::action_language(), Action::Language(other)));
    out.push(entry(Icon::Keyboard, t::common::shortcuts(), Action::Help));
    out.push(entry(Icon::SignOut, t::common::sign_out(), Action::SignOut));
    out
}
