//! The list of shortcuts.

use super::{keys, use_shell};
use crate::{components::dialog::Dialog, i18n::t};
use leptos::prelude::*;

/// The list of shortcuts, opened by `?`.
#[component]
pub fn ShortcutHelp() -> impl IntoView {
    let shell = use_shell();
    view! {
        <Dialog open=shell.help title=t::common::shortcuts()>
            <div class="shortcuts">
                {group(t::common::keys_general(), vec![
                    (vec![keys::modifier(), "K"], t::common::key_palette()),
                    (vec!["?"], t::common::key_help()),
                    (vec!["Esc"], t::common::key_close()),
                ])}
                {group(t::common::keys_go(), keys::JUMPS.iter().map(|jump| (vec!["g", jump.key], (jump.label)())).collect())}
                {group(t::common::keys_lists(), vec![
                    (vec!["↑", "↓"], t::common::key_rows()),
                    (vec!["Enter"], t::common::key_open()),
                    (vec!["/"], t::common::key_filter()),
                    (vec!["n"], t::common::key_new_app()),
                ])}
            </div>
        </Dialog>
    }
}

fn group(heading: &'static str, rows: Vec<(Vec<&'static str>, &'static str)>) -> impl IntoView {
    let rows = rows.into_iter().map(|(keys, words)| {
        let keys = keys.into_iter().map(|key| view! { <kbd>{key}</kbd> }).collect_view();
        view! { <div class="shortcut"><dt>{words}</dt><dd>{keys}</dd></div> }
    });
    view! {
        <section>
            <h3>{heading}</h3>
            <dl>{rows.collect_view()}</dl>
        </section>
    }
}
