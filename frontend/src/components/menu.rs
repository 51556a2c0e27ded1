//! A button that opens a list of things to do or to choose.

use super::icon::{Icon, Svg};
use crate::{i18n::Text, support::dom::fresh_id};
use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

/// What an entry does.
#[derive(Clone)]
pub enum MenuAction {
    /// Goes to a page.
    Link(String),
    /// Does something.
    Run(Callback<()>),
}

/// An entry.
#[derive(Clone)]
pub struct MenuItem {
    /// Its words.
    pub label: Text,
    /// A second, quieter word.
    pub note: Option<Text>,
    /// Before the words.
    pub icon: Option<Icon>,
    /// Whether it is the one that is chosen now.
    pub chosen: bool,
    /// Whether it takes something away.
    pub danger: bool,
    /// What it does.
    pub action: MenuAction,
}

impl MenuItem {
    /// An entry that goes to a page.
    pub fn link(label: impl Into<Text>, href: impl Into<String>) -> Self {
        let action = MenuAction::Link(href.into());
        Self { label: label.into(), note: None, icon: None, chosen: false, danger: false, action }
    }
    /// An entry that does something.
    pub fn run(label: impl Into<Text>, run: impl Fn() + Send + Sync + 'static) -> Self {
        let action = MenuAction::Run(Callback::new(move |()| run()));
        Self { label: label.into(), note: None, icon: None, chosen: false, danger: false, action }
    }
    /// With an icon.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }
    /// As chosen.
    #[must_use]
    pub fn chosen(mut self, chosen: bool) -> Self {
        self.chosen = chosen;
        self
    }
    /// With a second word.
    #[must_use]
    pub fn note(mut self, note: impl Into<Text>) -> Self {
        self.note = Some(note.into());
        self
    }
    /// As one that takes something away.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.danger = true;
        self
    }
}

/// A group of entries with an optional heading.
#[derive(Clone, Default)]
pub struct MenuGroup {
    /// Its heading.
    pub heading: Option<Text>,
    /// Its entries.
    pub items: Vec<MenuItem>,
}

impl From<Vec<MenuItem>> for MenuGroup {
    fn from(items: Vec<MenuItem>) -> Self {
        Self { heading: None, items }
    }
}

/// A menu. `children` is what stands in the button; arrows, Home, End and Esc work inside.
#[component]
pub fn Menu(
    /// The button's name, for those who do not see it and as its tip.
    #[prop(into)]
    label: Text,
    #[prop(into)] groups: Signal<Vec<MenuGroup>>,
    /// The button's classes.
    #[prop(default = "btn")]
    class: &'static str,
    /// Opens to the left.
    #[prop(optional)]
    to_left: bool,
    /// The button's own words are its name; `label` is only its tip.
    #[prop(optional)]
    named_by_content: bool,
    children: Children,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let root = NodeRef::<html::Div>::new();
    let id = fresh_id("menu");
    let close_outside = window_event_listener(ev::pointerdown, move |event| {
        let inside = root.get_untracked().is_some_and(|root| {
            event
                .target()
                .and_then(|target| target.dyn_into::<web_sys::Node>().ok())
                .is_some_and(|node| root.contains(Some(&node)))
        });
        if !inside && open.get_untracked() {
            open.set(false);
        }
    });
    on_cleanup(move || close_outside.remove());
    Effect::new(move |_| {
        if open.get() {
            focus_item(root, |_, _| 0);
        }
    });
    let close = move || {
        open.set(false);
        focus_button(root);
    };
    let keys = move |event: ev::KeyboardEvent| match event.key().as_str() {
        "Escape" if open.get_untracked() => {
            event.prevent_default();
            event.stop_propagation();
            close();
        }
        "ArrowDown" if open.get_untracked() => {
            event.prevent_default();
            focus_item(root, |now, count| (now + 1) % count)
        }
        "ArrowDown" => {
            event.prevent_default();
            open.set(true)
        }
        "ArrowUp" if open.get_untracked() => {
            event.prevent_default();
            focus_item(root, |now, count| (now + count - 1) % count)
        }
        "Home" if open.get_untracked() => {
            event.prevent_default();
            focus_item(root, |_, _| 0)
        }
        "End" if open.get_untracked() => {
            event.prevent_default();
            focus_item(root, |_, count| count - 1)
        }
        "Tab" => open.set(false),
        _ => {}
    };
    view! {
        <div class="menu" node_ref=root on:keydown=keys>
            <button
                type="button"
                class=class
                aria-haspopup="menu"
                aria-expanded=move || open.get().to_string()
                aria-controls=id.clone()
                aria-label=(!named_by_content).then(|| label.clone())
                title=label
                on:click=move |_| open.update(|open| *open = !*open)
            >
                {children()}
            </button>
            {move || {
                open.get()
                    .then(|| {
                        view! {
                            <div id=id.clone() class="menu-list" class:menu-left=to_left role="menu" data-keys="own">
                                {groups.get().into_iter().map(|group| draw_group(group, open)).collect_view()}
                            </div>
                        }
                    })
            }}
        </div>
    }
}

fn draw_group(group: MenuGroup, open: RwSignal<bool>) -> impl IntoView {
    let name = group.heading.clone();
    view! {
        <div class="menu-group" role="group" aria-label=name>
            {group.heading.map(|heading| view! { <div class="menu-heading" aria-hidden="true">{heading}</div> })}
            {group.items.into_iter().map(|item| draw_item(item, open)).collect_view()}
        </div>
    }
}

fn draw_item(item: MenuItem, open: RwSignal<bool>) -> AnyView {
    let MenuItem { label, note, icon, chosen, danger, action } = item;
    let inner = view! {
        {icon.map(|icon| view! { <Svg icon=icon size=15 /> })}
        <span class="menu-label">{label}</span>
        {note.map(|note| view! { <span class="faint">{note}</span> })}
        {chosen.then(|| view! { <Svg icon=Icon::Check size=15 /> })}
    };
    match action {
        MenuAction::Link(href) => view! {
            <a href=href class="menu-item" class:danger=danger role="menuitem" tabindex="-1" aria-current=chosen.then_some("true") on:click=move |_| open.set(false)>
                {inner}
            </a>
        }
        .into_any(),
        MenuAction::Run(run) => view! {
            <button type="button" class="menu-item" class:danger=danger role="menuitem" tabindex="-1" aria-current=chosen.then_some("true")
                on:click=move |_| {
                    open.set(false);
                    run.run(());
                }
            >
                {inner}
            </button>
        }
        .into_any(),
    }
}

fn focus_item(root: NodeRef<html::Div>, next: impl Fn(usize, usize) -> usize) {
    let Some(root) = root.get_untracked() else { return };
    let Ok(items) = root.query_selector_all("[role=menuitem]") else { return };
    let active = web_sys::window().and_then(|window| window.document()).and_then(|document| document.active_element());
    let all: Vec<HtmlElement> = (0..items.length()).filter_map(|i| items.get(i)?.dyn_into().ok()).collect();
    if all.is_empty() {
        return;
    }
    let now = all.iter().position(|item| Some(item.as_ref()) == active.as_ref());
    let at = now.map_or_else(|| next(all.len() - 1, all.len()), |now| next(now, all.len()));
    if let Some(item) = all.get(at) {
        let _ = item.focus();
    }
}

fn focus_button(root: NodeRef<html::Div>) {
    let button = root.get_untracked().and_then(|root| root.query_selector("[aria-haspopup=menu]").ok().flatten());
    if let Some(button) = button.and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
        let _ = button.focus();
    }
}
