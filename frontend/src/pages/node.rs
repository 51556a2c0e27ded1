//! Placeholder heading, replaced below.

use crate::{components::page::PageHead, i18n::t};
use leptos::prelude::*;

/// The page.
#[component]
pub fn NodePage() -> impl IntoView {
    view! { <PageHead title=t::common::nodes() /> }
}
