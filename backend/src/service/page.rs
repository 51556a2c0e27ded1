//! Pages of lists: at most so many after the last one seen. A page is read with one entry more than is shown, to know
//! whether another follows.

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// Key of the last entry of the page before.
    pub after: Option<K>,
    /// Entries, within the limits of the API.
    pub limit: u32,
}

impl<K> PageRequest<K> {
    /// How many rows to read.
    pub fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts the rows that were read to a page; `key` is what the next page starts after.
    pub fn cut<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Paged<T, K> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(key) } else { None };
        Paged { items: rows, next }
    }
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T, K> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page starts; none on the last one.
    pub next: Option<K>,
}
