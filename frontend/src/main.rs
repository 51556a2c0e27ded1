//! The console: shows what the server says, live, and decides nothing by itself.

mod api;
mod app;
mod components;
mod i18n;
mod live;
mod live_pages;
mod pages;
mod preferences;
mod said;
mod scope;
mod session;
mod shell;
mod support;

fn main() {
    console_error_panic_hook::set_once();
    // The first paint is plain HTML; it goes when the real page is there.
    if let Some(boot) = support::dom::document().get_element_by_id("boot") {
        boot.remove();
    }
    leptos::mount::mount_to_body(app::App);
}
