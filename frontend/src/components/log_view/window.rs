//! Which rows of a long list are drawn, and where. Browsers stop growing an element at some millions of pixels, so a
//! longer list is squeezed: the scroll bar then moves faster than the rows.

/// Height of a row in px; `.log-row` has the same.
pub const ROW_PX: f64 = 20.0;
/// Tallest element that all browsers draw, with room to spare, in px.
const TALLEST_PX: f64 = 8_000_000.0;
/// Rows drawn above and below what is seen.
const SPARE_ROWS: usize = 12;

/// A list of `rows` rows in a window of `height` px, scrolled to `scroll` px.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowWindow {
    rows: usize,
    height: f64,
    scroll: f64,
}

impl RowWindow {
    /// Describes the window.
    pub fn new(rows: usize, height: f64, scroll: f64) -> Self {
        let mut window = Self { rows, height, scroll: 0.0 };
        window.scroll = scroll.clamp(0.0, window.scroll_max());
        window
    }
    /// Height of the element that is scrolled.
    pub fn total_px(self) -> f64 {
        self.real_px().min(TALLEST_PX)
    }
    /// The rows to draw: first, and one after the last.
    pub fn range(self) -> (usize, usize) {
        let first = (self.top_px() / ROW_PX) as usize;
        let seen = (self.height / ROW_PX) as usize + 2;
        (first.saturating_sub(SPARE_ROWS), (first + seen + SPARE_ROWS).min(self.rows))
    }
    /// Where the first drawn row stands in the scrolled element.
    pub fn offset_px(self) -> f64 {
        self.scroll - self.top_px() + self.range().0 as f64 * ROW_PX
    }
    /// Scroll position that brings `row` to the middle.
    pub fn scroll_to(self, row: usize) -> f64 {
        let top = row as f64 * ROW_PX - (self.height - ROW_PX) / 2.0;
        let top = top.clamp(0.0, (self.real_px() - self.height).max(0.0));
        top * self.squeeze()
    }
    fn real_px(self) -> f64 {
        self.rows as f64 * ROW_PX
    }
    fn scroll_max(self) -> f64 {
        (self.total_px() - self.height).max(0.0)
    }
    fn squeeze(self) -> f64 {
        let real = self.real_px() - self.height;
        if real <= 0.0 { 1.0 } else { self.scroll_max() / real }
    }
    /// Where the window's upper edge stands in the list as it would be without squeezing.
    fn top_px(self) -> f64 {
        self.scroll / self.squeeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_list_is_drawn_as_it_is() {
        let window = RowWindow::new(100, 200.0, 400.0);
        assert_eq!(window.range(), (8, 44));
        assert_eq!(window.offset_px(), 160.0);
        assert_eq!(window.total_px(), 2000.0);
    }

    #[test]
    fn a_million_rows_reach_their_end() {
        let rows = 1_000_000;
        let end = RowWindow::new(rows, 400.0, f64::MAX);
        let (first, last) = end.range();
        assert_eq!(last, rows);
        let last_bottom = end.offset_px() + (last - first) as f64 * ROW_PX;
        assert!((last_bottom - end.total_px()).abs() < 0.01, "{last_bottom}");
    }

    #[test]
    fn a_row_is_brought_to_the_middle() {
        for rows in [1_000, 1_000_000] {
            let row = rows / 2;
            let scroll = RowWindow::new(rows, 410.0, 0.0).scroll_to(row);
            let (first, last) = RowWindow::new(rows, 410.0, scroll).range();
            assert!(first < row && row < last);
            assert!(row - first >= SPARE_ROWS + 8 && last - row >= SPARE_ROWS + 8, "{first} {row} {last}");
        }
    }
}
