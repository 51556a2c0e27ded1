//! A list of any length that draws only what is seen. Rows have one height.

use leptos::{html, prelude::*};

/// Rows drawn above and below what is seen.
const OVERSCAN_ROWS: usize = 10;

/// A virtual list. Rows are drawn by their index; a row is drawn again when `version` changes.
#[component]
pub fn VirtualList(
    /// What it lists.
    #[prop(into)]
    label: String,
    /// How many rows.
    #[prop(into)]
    count: Signal<usize>,
    /// Height of a row, in px.
    row_px: usize,
    /// Draws a row.
    #[prop(into)]
    row: Callback<usize, AnyView>,
    /// Changes when rows have to be drawn again though their number is the same.
    #[prop(optional, into)]
    version: Signal<u64>,
    /// Stays at the end while rows come, until somebody scrolls up; follows what somebody does.
    #[prop(optional)]
    follow: Option<RwSignal<bool>>,
    #[prop(optional)] class: &'static str,
) -> impl IntoView {
    let node = NodeRef::<html::Div>::new();
    let scroll_px = RwSignal::new(0usize);
    let height_px = RwSignal::new(600usize);
    let window = Memo::new(move |_| {
        let first = (scroll_px.get() / row_px).saturating_sub(OVERSCAN_ROWS);
        let shown = height_px.get() / row_px + 2 * OVERSCAN_ROWS;
        (first.min(count.get()), (first + shown).min(count.get()))
    });
    let measure = move || {
        if let Some(node) = node.get_untracked() {
            scroll_px.set(node.scroll_top().max(0) as usize);
            height_px.set(node.client_height().max(1) as usize);
        }
    };
    Effect::new(move |_| {
        count.track();
        version.track();
        if node.get().is_none() {
            return;
        }
        // After the rows are there.
        request_animation_frame(move || {
            if let Some(node) = node.get_untracked()
                && follow.is_some_and(|follow| follow.get_untracked())
            {
                node.set_scroll_top(node.scroll_height());
            }
            measure();
        });
    });
    let scrolled = move |_| {
        let before = scroll_px.get_untracked();
        measure();
        if let (Some(follow), Some(node)) = (follow, node.get_untracked()) {
            let at_end = node.scroll_top() + node.client_height() >= node.scroll_height() - row_px as i32;
            let went_up = scroll_px.get_untracked() < before;
            if at_end != follow.get_untracked() && (at_end || went_up) {
                follow.set(at_end);
            }
        }
    };
    view! {
        <div class=format!("virtual {class}") node_ref=node tabindex="0" role="region" aria-label=label on:scroll=scrolled>
            <div class="virtual-space" style:height=move || format!("{}px", count.get() * row_px)>
                <div style:transform=move || format!("translateY({}px)", window.get().0 * row_px)>
                    {move || {
                        version.track();
                        let (first, end) = window.get();
                        (first..end).map(|index| row.run(index)).collect_view()
                    }}
                </div>
            </div>
        </div>
    }
}
