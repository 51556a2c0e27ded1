//! What the parts of the shell share: what is open, and the lists that switchers, side bar and palette show.

use crate::{
    api::{self, client::whole},
    live::{LiveResource, use_live_resource},
    scope::use_scope,
};
use berth_api_types::v1::{live::Topic, projects::ProjectView};
use leptos::prelude::*;

/// Shared by the shell's parts and open to pages.
#[derive(Clone, Copy)]
pub struct ShellContext {
    /// Whether the side bar is drawn over the page, on narrow screens.
    pub drawer: RwSignal<bool>,
    /// Whether the palette is open.
    pub palette: RwSignal<bool>,
    /// Whether the list of shortcuts is open.
    pub help: RwSignal<bool>,
    /// Projects of the present tenant with their environments.
    pub projects: LiveResource<Vec<ProjectView>>,
}

/// Makes it. Call it once, inside the shell.
pub fn provide_shell() {
    let scope = use_scope();
    let projects = use_live_resource(
        move || scope.get().tenant,
        // Environments say how many apps they hold.
        |_, topic| matches!(topic, Topic::Projects | Topic::App { .. }),
        |tenant| async move {
            match tenant {
                Some(tenant) => whole(async |page| api::projects::list(&tenant, &page).await).await,
                None => Ok(Vec::new()),
            }
        },
    );
    provide_context(ShellContext {
        drawer: RwSignal::new(false),
        palette: RwSignal::new(false),
        help: RwSignal::new(false),
        projects,
    });
}

/// What the shell's parts share.
pub fn use_shell() -> ShellContext {
    expect_context()
}
