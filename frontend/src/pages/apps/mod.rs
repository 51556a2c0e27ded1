//! Apps: the list, the form for a new one, one app.

use crate::{components::page::PageHead, i18n::t};
use leptos::prelude::*;

/// All apps of an environment.
#[component]
pub fn AppsPage() -> impl IntoView {
    view! { <PageHead title=t::apps::title() /> }
}

/// A new app.
#[component]
pub fn NewAppPage() -> impl IntoView {
    view! { <PageHead title=t::apps::new_app() /> }
}

/// One app.
#[component]
pub fn AppPage() -> impl IntoView {
    view! { <PageHead title=t::apps::title() /> }
}
