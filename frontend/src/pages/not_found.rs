//! A URL that leads nowhere.

use crate::{
    components::{
        button::{ButtonKind, LinkButton},
        empty_state::EmptyState,
        icon::Icon,
        page::PageHead,
    },
    i18n::t,
};
use leptos::prelude::*;

/// Nothing is here.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    view! {
        <div class="quiet-head">
            <PageHead title=t::common::not_found_title() />
        </div>
        <EmptyState icon=Icon::Search title=t::common::not_found_title() text=t::common::not_found_text()>
            <LinkButton kind=ButtonKind::Main href="/">{t::common::to_overview()}</LinkButton>
        </EmptyState>
    }
}
