//! What stands around every page: top bar, side bar, palette, shortcuts.

mod context;
mod help;
mod keys;
mod palette;
mod side_bar;
mod switcher;
mod top_bar;

use crate::{i18n::t, live::provide_live, scope::provide_scope, support::dom::focus};
pub use context::use_shell;
use help::ShortcutHelp;
use leptos::prelude::*;
use leptos_router::{components::Outlet, hooks::use_location};
use palette::Palette;
use side_bar::SideBar;
use top_bar::TopBar;

/// The shell of a signed-in caller. Stays while pages change inside.
#[component]
pub fn Shell() -> impl IntoView {
    provide_scope();
    provide_live();
    context::provide_shell();
    keys::listen();
    let shell = use_shell();
    let location = use_location();
    // A new page takes the focus to its title, as a fresh document would; a new query does not.
    Effect::new(move |before: Option<String>| {
        let path = location.pathname.get();
        if before.is_some_and(|before| before != path) {
            shell.drawer.set(false);
            request_animation_frame(|| {
                if crate::support::dom::document()
                    .active_element()
                    .is_none_or(|active| !matches!(active.tag_name().as_str(), "INPUT" | "TEXTAREA"))
                {
                    focus("#page-title");
                }
            });
        }
        path
    });
    view! {
        <a class="skip" href="#content">{t::common::skip_to_content()}</a>
        <div class="shell" class:drawer-open=shell.drawer>
            <TopBar />
            <SideBar />
            <main id="content" class="content" tabindex="-1">
                <Outlet />
            </main>
        </div>
        <Palette />
        <ShortcutHelp />
    }
}
