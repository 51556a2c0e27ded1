//! Long lists: the first page at once, the others as somebody gets near the end. What is loaded stays current as a whole.

use crate::{
    api::{client::page_query, error::ApiError},
    i18n::t,
    live::{LiveResource, use_live_resource},
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::live::Topic,
};
use leptos::prelude::*;
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;

/// What a list has beyond its loaded rows. Copy it around.
#[derive(Clone, Copy)]
pub struct More {
    cursor: RwSignal<Option<String>>,
    /// A try ended that may be followed by another one. A failed one is not: it waits for the next scroll or refresh.
    settled: Trigger,
    load: Callback<()>,
}

impl More {
    /// Whether there are rows that are not loaded, followed.
    pub fn is_there(self) -> bool {
        self.cursor.with(Option::is_some)
    }
    /// A count of the loaded rows, with a word that there are more.
    pub fn count(self, loaded: String) -> String {
        if self.is_there() { t::common::more_than(loaded) } else { loaded }
    }
    /// Loads the next page whenever `wanted` holds. Call it once per table.
    pub fn load_while(self, wanted: impl Fn() -> bool + 'static) {
        Effect::new(move |_| {
            self.settled.track();
            if wanted() && self.is_there() {
                self.load.run(());
            }
        });
    }
}

/// [`use_live_resource`] for a list of pages: the rows of all loaded pages, and a handle to the others. A refresh asks
/// for as many rows as are shown, and puts them in at once: nothing goes, nothing is there twice.
pub fn use_live_pages<K, T, F>(
    key: impl Fn() -> K + Send + Sync + 'static,
    concerns: impl Fn(&K, &Topic) -> bool + 'static,
    fetch: impl Fn(K, PageQuery) -> F + 'static,
) -> (LiveResource<Vec<T>>, More)
where
    K: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, ApiError>> + 'static,
{
    let key = Memo::new(move |_| key());
    let fetch = Rc::new(fetch);
    let cursor = RwSignal::new(None::<String>);
    let shown = RwSignal::new(None::<LiveResource<Vec<T>>>);
    let refresh = {
        let fetch = fetch.clone();
        move |wanted: K| {
            let fetch = fetch.clone();
            // Nothing is shown: a cursor that is still there is of another list.
            if count(shown) == 0 {
                cursor.try_set(None);
            }
            async move {
                let mut page = fetch(wanted.clone(), page_query(None)).await?;
                // Asked anew each time, as another page may have been loaded meanwhile.
                while page.items.len() < count(shown)
                    && let Some(from) = page.next_cursor.take()
                {
                    let next = fetch(wanted.clone(), page_query(Some(from))).await?;
                    page.items.extend(next.items);
                    page.next_cursor = next.next_cursor;
                }
                if key.try_get_untracked() == Some(wanted) {
                    cursor.try_set(page.next_cursor);
                }
                Ok(page.items)
            }
        }
    };
    let resource = use_live_resource(move || key.get(), concerns, refresh);
    shown.set(Some(resource));
    (resource, grow(key, cursor, resource, fetch))
}

fn count<T: Send + Sync + 'static>(shown: RwSignal<Option<LiveResource<Vec<T>>>>) -> usize {
    let resource = shown.try_get_untracked().flatten();
    resource
        .and_then(|resource| resource.data.try_with_untracked(|rows| rows.as_ref().map(Vec::len)))
        .flatten()
        .unwrap_or(0)
}

fn grow<K, T, F>(
    key: Memo<K>,
    cursor: RwSignal<Option<String>>,
    resource: LiveResource<Vec<T>>,
    fetch: Rc<impl Fn(K, PageQuery) -> F + 'static>,
) -> More
where
    K: Clone + PartialEq + Send + Sync + 'static,
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Future<Output = Result<Page<T>, ApiError>> + 'static,
{
    let busy = StoredValue::new(false);
    let settled = Trigger::new();
    let load = move || {
        let Some(from) = cursor.get_untracked().filter(|_| !busy.get_value()) else { return };
        busy.set_value(true);
        let wanted = key.get_untracked();
        let page = fetch(wanted.clone(), page_query(Some(from.clone())));
        spawn_local(async move {
            let answer = page.await;
            if busy.try_set_value(false).is_some() {
                // The page is gone.
                return;
            }
            // After a refresh or on another page the rows no longer belong at the end; they are asked for again.
            let belongs = key.get_untracked() == wanted && cursor.with_untracked(|now| now.as_ref() == Some(&from));
            match answer {
                Ok(page) if belongs => {
                    cursor.set(page.next_cursor);
                    resource.data.update(|rows| rows.get_or_insert_default().extend(page.items));
                }
                Err(error) if belongs => return resource.error.set(Some(error)),
                Ok(_) | Err(_) => {}
            }
            settled.notify();
        });
    };
    let load = StoredValue::new_local(Rc::new(load) as Rc<dyn Fn()>);
    let load = Callback::new(move |()| {
        if let Some(load) = load.try_with_value(Rc::clone) {
            load();
        }
    });
    More { cursor, settled, load }
}
