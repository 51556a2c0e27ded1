//! Pages whose code is loaded when they are opened, so that the first load is small.
//!
//! A part is a WebAssembly module of its own; functions with the same part's name end up in it together. What a page
//! shares with the first load stays there.

use crate::{
    components::{button::Button, empty_state::EmptyState, icon::Icon, page::PageHead, skeleton::SkeletonLines},
    i18n::t,
};
use leptos::{
    prelude::*,
    wasm_split::{SplitLoaderError, wasm_split},
};
use std::future::Future;
use wasm_bindgen_futures::spawn_local;

/// Draws a page whose part is there.
type Draw = fn() -> AnyView;

/// The part could not be loaded: the network, or a server that was replaced by a newer one meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Missing;

impl From<SplitLoaderError> for Missing {
    fn from(_: SplitLoaderError) -> Self {
        Self
    }
}

/// Declares the pages of a part: a component for each, which shows a skeleton until the part is there.
macro_rules! pages_of {
    ($part:ident: $($page:ident at $($module:ident)::+ as $load:ident),+ $(,)?) => {$(
        #[wasm_split($part, wasm_split_path = ::leptos::wasm_split, fallible)]
        fn $load() -> Result<Draw, Missing> {
            Ok(|| super::$($module)::+::$page().into_any())
        }


        #[component]
        pub fn $page() -> impl IntoView {
            when_loaded($load)
        }
    )+};
}

pages_of!(apps: NewAppPage at apps::new as load_new_app, AppPage at apps::app as load_app);

pages_of!(
    administration:
    AccountPage at account as load_account,
    ActivityPage at activity as load_activity,
    AuditPage at audit as load_audit,
    PlatformAuditPage at audit as load_platform_audit,
    NodePage at node as load_node,
    NodesPage at nodes as load_nodes,
    ProjectSettingsPage at project_settings as load_project_settings,
    TenantSettingsPage at tenant_settings as load_tenant_settings,
    TenantsPage at tenants as load_tenants,
);

pages_of!(kit: KitPage at kit as load_kit);

/// What the part draws; a skeleton before, and what to do if it does not come.
fn when_loaded<F>(load: fn() -> F) -> AnyView
where
    F: Future<Output = Result<Draw, Missing>> + 'static,
{
    let loaded = RwSignal::new(None);
    spawn_local(async move {
        let outcome = load().await;
        // The person may have gone on meanwhile, and the signal with the page.
        loaded.try_set(Some(outcome));
    });
    let view = move || match loaded.get() {
        None => view! { <SkeletonLines lines=4 /> }.into_any(),
        Some(Ok(draw)) => draw(),
        Some(Err(Missing)) => missing(),
    };
    view.into_any()
}

/// Only a reload helps: an updated server has other parts, and this page would ask for the old ones for ever.
fn missing() -> AnyView {
    let reload = move |_| {
        // It cannot fail but by a browser that forbids it, and then there is nothing to be done.
        let _ = window().location().reload();
    };
    view! {
        <div class="quiet-head">
            <PageHead title=t::common::part_missing_title() />
        </div>
        <div role="alert">
            <EmptyState icon=Icon::Warning title=t::common::part_missing_title() text=t::common::part_missing_text()>
                <Button icon=Icon::Restart id="reload" on_click=reload>{t::common::reload()}</Button>
            </EmptyState>
        </div>
    }
    .into_any()
}
