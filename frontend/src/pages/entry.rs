//! The frame of set-up, sign-in and welcome: one column, no shell.

use crate::{
    components::{
        icon::{Icon, Logo, Svg},
        menu::{Menu, MenuGroup, MenuItem},
    },
    i18n::{Locale, t},
    preferences::use_preferences,
    support::dom::set_title,
};
use leptos::prelude::*;

/// One column with the mark, the title and the choice of language.
#[component]
pub fn Entry(
    #[prop(into)] title: Signal<String>,
    #[prop(into)] text: Signal<String>,
    #[prop(optional)] wide: bool,
    children: Children,
) -> impl IntoView {
    let preferences = use_preferences();
    let groups = Signal::derive(move || {
        let now = preferences.language();
        let item = |locale: Locale| {
            MenuItem::run(locale.name(), move || preferences.choose_language(locale)).chosen(locale == now)
        };
        vec![MenuGroup::from(Locale::ALL.map(item).to_vec())]
    });
    Effect::new(move |_| set_title(&title.get()));
    view! {
        <main class="entry" id="content">
            <div class="entry-box" class:entry-wide=wide>
                <div class="entry-brand">
                    <Logo size=26 />
                    "Berth"
                    <Menu label=t::common::language() groups=groups class="icon-btn" to_left=true>
                        <Svg icon=Icon::Language />
                    </Menu>
                </div>
                <h1 id="page-title" tabindex="-1">{move || title.get()}</h1>
                <p class="entry-text">{move || text.get()}</p>
                {children()}
            </div>
        </main>
    }
}

/// Where one is in a few steps.
#[component]
pub fn StepsLine(steps: Vec<&'static str>, #[prop(into)] current: Signal<usize>) -> impl IntoView {
    let items = steps.into_iter().enumerate().map(|(index, words)| {
        view! {
            <li class:past=move || index < current.get() aria-current=move || (index == current.get()).then_some("step")>
                {words}
            </li>
        }
    });
    view! { <ol class="steps-line" aria-label=t::session::steps()>{items.collect_view()}</ol> }
}
