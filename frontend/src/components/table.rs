//! Tables: real ones, sorted by their heads, walked with the arrows, virtual when they are long.

use super::icon::{Icon, Svg};
use crate::{
    i18n::{Text, t},
    live_pages::More,
    support::url::{use_query_setter, use_query_value},
};
use leptos::{ev::KeyboardEvent, html, prelude::*};
use leptos_router::{components::A, hooks::use_navigate};
use std::{any::Any, cmp::Ordering, collections::HashMap, marker::PhantomData, sync::Arc};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

/// Longer tables draw only the rows that are seen.
const VIRTUAL_FROM_ROWS: usize = 200;
/// Height of a row of a virtual table, in px.
const ROW_PX: usize = 41;
/// Height of a virtual table, in px.
const VIRTUAL_PX: usize = 640;
/// Rows drawn above and below what is seen.
const OVERSCAN_ROWS: usize = 12;
/// So many rows before the end the next page is loaded: it is there before somebody gets to it.
const NEAR_END_ROWS: usize = 60;

type Compare = Arc<dyn Fn(&dyn Any, &dyn Any) -> Ordering + Send + Sync>;
type Cell = Arc<dyn Fn(&dyn Any) -> AnyView + Send + Sync>;

/// A column of rows of `T`. Inside, the type is forgotten: the table's code is in the module once, not per type.
pub struct Column<T> {
    part: Part,
    row: PhantomData<fn(&T)>,
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        Self { part: self.part.clone(), row: PhantomData }
    }
}

#[derive(Clone)]
struct Part {
    key: &'static str,
    label: Text,
    cell: Cell,
    compare: Option<Compare>,
    to_end: bool,
    /// Goes first when there is little room.
    minor: bool,
}

impl Part {
    fn class(&self) -> &'static str {
        match (self.to_end, self.minor) {
            (false, false) => "",
            (true, false) => "num",
            (false, true) => "minor",
            (true, true) => "num minor",
        }
    }
}

/// What is put in is what is taken out: columns and rows of a table are of one type.
fn typed<T: 'static>(row: &dyn Any) -> &T {
    row.downcast_ref().expect("a table's rows and columns are of one type")
}

impl<T: 'static> Column<T> {
    /// A column. `key` is its name in the URL.
    pub fn new<V: IntoView + 'static>(
        key: &'static str,
        label: impl Into<Text>,
        cell: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Self {
        let cell: Cell = Arc::new(move |row| cell(typed(row)).into_any());
        let part = Part { key, label: label.into(), cell, compare: None, to_end: false, minor: false };
        Self { part, row: PhantomData }
    }
    /// Can be sorted by.
    #[must_use]
    pub fn sorted(mut self, compare: impl Fn(&T, &T) -> Ordering + Send + Sync + 'static) -> Self {
        self.part.compare = Some(Arc::new(move |a, b| compare(typed(a), typed(b))));
        self
    }
    /// Numbers stand at the end.
    #[must_use]
    #[expect(clippy::wrong_self_convention, reason = "says where the cell stands, converts nothing")]
    pub fn to_end(mut self) -> Self {
        self.part.to_end = true;
        self
    }
    /// Left out on narrow screens.
    #[must_use]
    pub fn minor(mut self) -> Self {
        self.part.minor = true;
        self
    }
}

/// The link that a row is about.
pub fn row_link(href: String, text: String) -> AnyView {
    view! { <A href=href>{text}</A> }.into_any()
}

/// A table. Rows are followed by key, so what is focused stays focused when data change.
#[component]
pub fn Table<T>(
    /// What it lists, for those who do not see it.
    #[prop(into)]
    caption: Text,
    columns: Vec<Column<T>>,
    #[prop(into)] rows: Signal<Vec<T>>,
    /// A row's identity.
    key: fn(&T) -> String,
    /// Where a row leads: Enter or a click anywhere on it.
    #[prop(optional, into)]
    href: Option<Callback<T, String>>,
    /// Rows that are not loaded yet: they are when somebody gets near the end, filters or sorts.
    #[prop(optional, into)]
    more: Option<More>,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let rows =
        Signal::derive(move || rows.with(|rows| rows.iter().map(|row| Row::of(key(row), row)).collect::<Vec<_>>()));
    let columns = columns.into_iter().map(|column| column.part).collect();
    let href = href.map(|href| Callback::new(move |row: Row| href.run(typed::<T>(&*row.data).clone())));
    view! { <Body caption=caption columns=columns rows=rows href=href more=more /> }
}

/// A row whose type is forgotten; it still knows an equal one.
#[derive(Clone)]
struct Row {
    key: String,
    data: Arc<dyn Any + Send + Sync>,
    is_same: fn(&dyn Any, &dyn Any) -> bool,
}

impl Row {
    fn of<T: Clone + PartialEq + Send + Sync + 'static>(key: String, row: &T) -> Self {
        let is_same = |a: &dyn Any, b: &dyn Any| a.downcast_ref::<T>() == b.downcast_ref::<T>();
        Self { key, data: Arc::new(row.clone()), is_same }
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && (self.is_same)(&*self.data, &*other.data)
    }
}

#[component]
fn Body(
    caption: Text,
    columns: Vec<Part>,
    rows: Signal<Vec<Row>>,
    #[prop(optional_no_strip)] href: Option<Callback<Row, String>>,
    #[prop(optional_no_strip)] more: Option<More>,
) -> impl IntoView {
    let (sort, _) = use_query_value("sort");
    let columns = StoredValue::new(columns);
    let sorted = Memo::new(move |_| {
        let mut all = rows.get();
        let order = sort.get();
        let (name, down) = order.strip_prefix('-').map_or((order.as_str(), false), |name| (name, true));
        let compare = columns.with_value(|columns| {
            columns.iter().find(|column| column.key == name).and_then(|column| column.compare.clone())
        });
        if let Some(compare) = compare {
            all.sort_by(|a, b| if down { compare(&*b.data, &*a.data) } else { compare(&*a.data, &*b.data) });
        }
        all
    });
    let by_key = Memo::new(move |_| {
        sorted.with(|all| all.iter().map(|row| (row.key.clone(), row.clone())).collect::<HashMap<_, _>>())
    });
    let scroll_px = RwSignal::new(0usize);
    let is_virtual = Memo::new(move |_| sorted.with(Vec::len) > VIRTUAL_FROM_ROWS);
    let window = Memo::new(move |_| {
        let count = sorted.with(Vec::len);
        if !is_virtual.get() {
            return (0, count);
        }
        let first = (scroll_px.get() / ROW_PX).saturating_sub(OVERSCAN_ROWS);
        (first, (first + VIRTUAL_PX / ROW_PX + 2 * OVERSCAN_ROWS).min(count))
    });
    if let Some(more) = more {
        // A sorted list is right only as a whole; of a filtered one the seen rows are soon all that there are.
        more.load_while(move || {
            !sort.with(String::is_empty) || window.get().1 + NEAR_END_ROWS >= sorted.with(Vec::len)
        });
    }
    let visible = move || {
        let (first, end) = window.get();
        sorted.with(|all| {
            all.get(first..end.min(all.len())).unwrap_or_default().iter().map(|row| row.key.clone()).collect::<Vec<_>>()
        })
    };
    let navigate = use_navigate();
    let open = Callback::new(move |id: String| {
        let row = by_key.with_untracked(|all| all.get(&id).cloned());
        if let (Some(href), Some(row)) = (href, row) {
            navigate(&href.run(row), leptos_router::NavigateOptions::default());
        }
    });
    let count = columns.with_value(Vec::len);
    let spacer = move |rows: usize| {
        (rows > 0).then(|| view! { <tr class="spacer" aria-hidden="true"><td colspan=count style:height=format!("{}px", rows * ROW_PX)></td></tr> })
    };
    let scroller = NodeRef::<html::Div>::new();
    view! {
        <div
            class="table-box"
            class:table-virtual=is_virtual
            node_ref=scroller
            on:scroll=move |_| {
                if let Some(scroller) = scroller.get_untracked() {
                    scroll_px.set(scroller.scroll_top().max(0) as usize);
                }
            }
        >
            <table on:keydown=walk aria-rowcount=move || is_virtual.get().then(|| row_count(sorted.with(Vec::len), more))>
                <caption class="hidden">{caption}</caption>
                <thead>
                    <tr>{columns.with_value(|columns| columns.iter().map(|column| draw_head(column, sort)).collect_view())}</tr>
                </thead>
                <tbody>
                    {move || spacer(window.get().0)}
                    <For
                        each=visible
                        key=|id| id.clone()
                        children=move |id| {
                            let row = {
                                let id = id.clone();
                                Memo::new(move |_| by_key.with(|all| all.get(&id).cloned()))
                            };
                            let cells = move || {
                                row.get().map(|row| columns.with_value(|columns| draw_cells(columns, &*row.data)))
                            };
                            let clicked = id.clone();
                            view! {
                                <tr
                                    tabindex=href.is_some().then_some("-1")
                                    class:clickable=href.is_some()
                                    data-key=id
                                    on:click=move |event| {
                                        if href.is_some() && !is_control(&event) {
                                            open.run(clicked.clone());
                                        }
                                    }
                                >
                                    {cells}
                                </tr>
                            }
                        }
                    />
                    {move || spacer(sorted.with(Vec::len).saturating_sub(window.get().1))}
                </tbody>
            </table>
        </div>
    }
}

/// How many rows there are; −1 is ARIA's word for “nobody knows”.
fn row_count(loaded: usize, more: Option<More>) -> String {
    if more.is_some_and(More::is_there) { "-1".to_owned() } else { loaded.to_string() }
}

fn draw_cells(columns: &[Part], row: &dyn Any) -> AnyView {
    columns.iter().map(|column| view! { <td class=column.class()>{(column.cell)(row)}</td> }).collect_view().into_any()
}

fn draw_head(column: &Part, sort: Memo<String>) -> AnyView {
    let (key, label, class) = (column.key, column.label.clone(), column.class());
    if column.compare.is_none() {
        return view! { <th scope="col" class=class>{label}</th> }.into_any();
    }
    let setter = use_query_setter();
    let state = move || match sort.get().as_str() {
        order if order == key => "ascending",
        order if order.strip_prefix('-') == Some(key) => "descending",
        _ => "none",
    };
    let next = move |_| {
        let order = match state() {
            "none" => key.to_owned(),
            "ascending" => format!("-{key}"),
            _ => String::new(),
        };
        setter.run(("sort", order, true));
    };
    view! {
        <th scope="col" class=class aria-sort=state>
            <button type="button" class="sort" title=t::common::sort_by(&label) on:click=next>
                {label.clone()}
                {move || match state() {
                    "ascending" => Some(view! { <Svg icon=Icon::Up size=12 /> }),
                    "descending" => Some(view! { <Svg icon=Icon::Down size=12 /> }),
                    _ => None,
                }}
            </button>
        </th>
    }
    .into_any()
}

/// Links and buttons in a row keep their own clicks, and a selected text is no click.
fn is_control(event: &leptos::ev::MouseEvent) -> bool {
    let element = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let control =
        element.and_then(|element| element.closest("a, button, input, select, label").ok().flatten()).is_some();
    control || event.ctrl_key() || event.meta_key() || event.default_prevented()
}

/// Arrows go from row to row, Home and End to the ends; Enter follows the row's first link.
fn walk(event: KeyboardEvent) {
    let Some(active) = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok()) else { return };
    if matches!(active.tag_name().as_str(), "INPUT" | "SELECT" | "TEXTAREA") {
        return;
    }
    let Ok(Some(row)) = active.closest("tbody tr") else {
        if event.key() == "ArrowDown"
            && let Ok(Some(first)) = active
                .closest("table")
                .map(|table| table.and_then(|table| table.query_selector("tbody tr:not(.spacer)").ok().flatten()))
        {
            event.prevent_default();
            focus_row(&first);
        }
        return;
    };
    let target = match event.key().as_str() {
        "ArrowDown" | "j" => row.next_element_sibling(),
        "ArrowUp" | "k" => row.previous_element_sibling(),
        key @ ("Home" | "End") => {
            event.prevent_default();
            return go_to_end(&row, key == "Home");
        }
        "Enter" if active == row.clone().unchecked_into::<HtmlElement>() => {
            event.prevent_default();
            if let Ok(Some(link)) = row.query_selector("a, button") {
                link.unchecked_into::<HtmlElement>().click();
            }
            return;
        }
        _ => return,
    };
    if let Some(target) = target.filter(|target| !target.class_list().contains("spacer")) {
        event.prevent_default();
        focus_row(&target);
    }
}

/// Goes to the first or to the last row. In a virtual table that one is drawn only after scrolling to it.
fn go_to_end(row: &web_sys::Element, to_first: bool) {
    let Some(body) = row.parent_element() else { return };
    let focus_end = move || {
        let rows = body.query_selector_all("tr:not(.spacer)").ok();
        let end = rows.and_then(|rows| rows.item(if to_first { 0 } else { rows.length().saturating_sub(1) }));
        if let Some(end) = end.and_then(|end| end.dyn_into::<web_sys::Element>().ok()) {
            focus_row(&end);
        }
    };
    let Ok(Some(scroller)) = row.closest(".table-virtual") else { return focus_end() };
    scroller.set_scroll_top(if to_first { 0 } else { scroller.scroll_height() });
    // One frame for the browser to tell that it scrolled, one for the rows to be there.
    request_animation_frame(move || request_animation_frame(focus_end));
}

/// Focuses a row's first link, or the row itself.
fn focus_row(row: &web_sys::Element) {
    let link = row.query_selector("a, button").ok().flatten();
    let target = link.unwrap_or_else(|| row.clone()).unchecked_into::<HtmlElement>();
    let _ = target.focus();
}
