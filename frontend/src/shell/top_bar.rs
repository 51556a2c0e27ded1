//! The top bar.

use super::{switcher::Switchers, use_shell};
use crate::{
    components::{
        button::IconButton,
        icon::{Icon, Logo, Svg},
        menu::{Menu, MenuGroup, MenuItem},
    },
    i18n::{Locale, t},
    live::{Connection, use_live},
    preferences::{Theme, use_preferences},
    session::use_session,
    support::clock::{browser_ms, use_clock},
};
use leptos::prelude::*;
use leptos_router::components::A;

/// The top bar.
#[component]
pub fn TopBar() -> impl IntoView {
    let shell = use_shell();
    view! {
        <header class="top">
            <div class="top-menu">
                <IconButton icon=Icon::Menu label=t::common::open_menu() on_click=move |_| shell.drawer.update(|open| *open = !*open) />
            </div>
            <A href="/" attr:class="brand" attr:aria-label="Berth">
                <Logo />
                <span class="brand-name">"Berth"</span>
            </A>
            <Switchers />
            <button type="button" class="find" on:click=move |_| shell.palette.set(true) aria-haspopup="dialog" aria-keyshortcuts="Control+K Meta+K">
                <Svg icon=Icon::Search size=15 />
                <span class="find-text">{t::common::find()}</span>
                <kbd>{format!("{} K", super::keys::modifier())}</kbd>
            </button>
            <LiveMark />
            <LanguageMenu />
            <ThemeMenu />
            <MeMenu />
        </header>
    }
}

/// Says how the page learns of changes.
#[component]
fn LiveMark() -> impl IntoView {
    let (live, clock) = (use_live(), use_clock());
    let words = move || match live.connection().get() {
        Connection::Live => (t::common::live(), t::common::live_title().to_owned(), "live ok"),
        Connection::Polling => {
            clock.tick();
            let age = crate::i18n::ago(((browser_ms() - live.last_beat_ms().get()) / 1000.0) as i64);
            (t::common::polling(), t::common::polling_title(age), "live warn")
        }
        Connection::Connecting => (t::common::connecting(), t::common::connecting().to_owned(), "live idle"),
    };
    let class = Memo::new(move |_| words().2);
    let word = Memo::new(move |_| words().0);
    let title = Memo::new(move |_| words().1);
    view! {
        <span class=class role="status" title=title>
            <i class="dot" aria-hidden="true"></i>
            <span class="live-word">{word}</span>
        </span>
    }
}

#[component]
fn LanguageMenu() -> impl IntoView {
    let preferences = use_preferences();
    let groups = Signal::derive(move || {
        let now = preferences.language();
        let item = |locale: Locale| {
            MenuItem::run(locale.name(), move || preferences.choose_language(locale)).chosen(locale == now)
        };
        vec![MenuGroup::from(Locale::ALL.map(item).to_vec())]
    });
    view! {
        <div class="top-wide">
            <Menu label=t::common::language() groups=groups class="icon-btn" to_left=true>
                <Svg icon=Icon::Language />
            </Menu>
        </div>
    }
}

#[component]
fn ThemeMenu() -> impl IntoView {
    let preferences = use_preferences();
    let groups = Signal::derive(move || vec![MenuGroup::from(theme_items(preferences))]);
    let icon = move || match preferences.theme() {
        Theme::System => Icon::Screen,
        Theme::Light => Icon::Sun,
        Theme::Dark => Icon::Moon,
    };
    view! {
        <div class="top-wide">
            <Menu label=t::common::theme() groups=groups class="icon-btn" to_left=true>
                {move || view! { <Svg icon=icon() /> }}
            </Menu>
        </div>
    }
}

fn theme_items(preferences: crate::preferences::Preferences) -> Vec<MenuItem> {
    let now = preferences.theme();
    [
        (Theme::System, t::common::theme_system(), Icon::Screen),
        (Theme::Light, t::common::theme_light(), Icon::Sun),
        (Theme::Dark, t::common::theme_dark(), Icon::Moon),
    ]
    .into_iter()
    .map(|(theme, words, icon)| {
        MenuItem::run(words, move || preferences.choose_theme(theme)).icon(icon).chosen(theme == now)
    })
    .collect()
}

#[component]
fn MeMenu() -> impl IntoView {
    let (session, preferences, shell) = (use_session(), use_preferences(), use_shell());
    let name = Memo::new(move |_| session.me().map(|me| me.display_name).unwrap_or_default());
    let groups = Signal::derive(move || {
        let me = session.me();
        let heading = me.map(|me| me.email.into());
        let now = preferences.language();
        let languages = Locale::ALL.map(|locale| {
            MenuItem::run(locale.name(), move || preferences.choose_language(locale)).chosen(locale == now)
        });
        vec![
            MenuGroup {
                heading,
                items: vec![
                    MenuItem::link(t::common::account(), "/account").icon(Icon::People),
                    MenuItem::run(t::common::shortcuts(), move || shell.help.set(true)).icon(Icon::Keyboard),
                ],
            },
            MenuGroup { heading: Some(t::common::theme().into()), items: theme_items(preferences) },
            MenuGroup { heading: Some(t::common::language().into()), items: languages.to_vec() },
            vec![MenuItem::run(t::common::sign_out(), move || session.sign_out()).icon(Icon::SignOut)].into(),
        ]
    });
    view! {
        <Menu label=t::common::me(name.get_untracked()) groups=groups class="me" to_left=true>
            <span class="initials" data-initials=move || initials(&name.get())></span>
        </Menu>
    }
}

/// One or two letters for a name: `Lin Wei` → `LW`, `林薇` → `林`.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().next());
    let first = words.next().unwrap_or('·');
    match words.next_back() {
        Some(last) if first.is_ascii() => format!("{first}{last}").to_uppercase(),
        _ => first.to_uppercase().to_string(),
    }
}
