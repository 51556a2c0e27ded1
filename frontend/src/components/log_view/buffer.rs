//! The lines that a log view holds, and which of them pass its filter. No signals here: a view asks when it draws.

use super::line::{Level, Line, contains_ignoring_case};
use berth_api_types::v1::logs::LogLineView;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

/// Lines that a view keeps: at a hundred bytes each, a hundred megabytes. The oldest go first.
pub const LINES_MAX: usize = 1_000_000;

/// Which lines are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only lines with this text; case does not matter. Empty: all.
    pub text: String,
    /// Only lines of this instance.
    pub instance: Option<String>,
    /// Only lines of this level and worse.
    pub level: Level,
}

impl Filter {
    /// Whether everything passes.
    pub fn is_open(&self) -> bool {
        self.text.is_empty() && self.instance.is_none() && self.level == Level::Any
    }
    fn passes(&self, line: &Line) -> bool {
        line.level >= self.level
            && self.instance.as_ref().is_none_or(|name| **name == *line.instance)
            && contains_ignoring_case(&line.text, &self.text)
    }
}

/// Lines in the order in which they came, numbered from 0 without gaps.
#[derive(Debug, Default)]
pub struct LogBuffer {
    lines: VecDeque<Line>,
    first_number: u64,
    filter: Filter,
    /// Numbers of the lines that pass; unused while the filter is open.
    passing: VecDeque<u64>,
    instances: BTreeSet<Arc<str>>,
}

impl LogBuffer {
    /// Adds a line at the end.
    pub fn push(&mut self, view: LogLineView) {
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
            self.first_number += 1;
            while self.passing.front().is_some_and(|n| *n < self.first_number) {
                self.passing.pop_front();
            }
        }
        let instance = match self.instances.get(view.instance.as_str()) {
            Some(name) => name.clone(),
            None => {
                let name: Arc<str> = view.instance.as_str().into();
                self.instances.insert(name.clone());
                name
            }
        };
        let line = Line::new(self.end(), view, instance);
        if !self.filter.is_open() && self.filter.passes(&line) {
            self.passing.push_back(line.number);
        }
        self.lines.push_back(line);
    }

    /// The number that the next line will have.
    pub fn end(&self) -> u64 {
        self.first_number + self.lines.len() as u64
    }

    /// Lines that are kept.
    pub fn kept(&self) -> usize {
        self.lines.len()
    }

    /// The line of this number.
    pub fn line_at(&self, number: u64) -> Option<Line> {
        self.line(number).cloned()
    }

    /// Names of all instances that said something.
    pub fn instances(&self) -> Vec<String> {
        self.instances.iter().map(|name| name.to_string()).collect()
    }

    /// Forgets all lines and keeps the filter. Numbers go on, as a pause and a mark remember some.
    pub fn clear(&mut self) {
        let (first_number, filter) = (self.end(), std::mem::take(&mut self.filter));
        *self = Self { first_number, filter, ..Self::default() };
    }

    /// Shows other lines from now on.
    pub fn set_filter(&mut self, filter: Filter) {
        self.passing = if filter.is_open() {
            VecDeque::new()
        } else {
            self.lines.iter().filter(|line| filter.passes(line)).map(|line| line.number).collect()
        };
        self.filter = filter;
    }

    /// How many lines pass the filter and have a number below `before`.
    pub fn shown_len(&self, before: u64) -> usize {
        if self.filter.is_open() {
            before.min(self.end()).saturating_sub(self.first_number) as usize
        } else {
            self.passing.partition_point(|number| *number < before)
        }
    }

    /// The shown lines `from..to`, as far as they are there.
    pub fn shown(&self, from: usize, to: usize) -> Vec<Line> {
        let numbers: Box<dyn Iterator<Item = u64>> = if self.filter.is_open() {
            Box::new((from..to.min(self.lines.len())).map(|i| self.first_number + i as u64))
        } else {
            Box::new((from..to.min(self.passing.len())).map(|i| self.passing[i]))
        };
        numbers.filter_map(|number| self.line(number).cloned()).collect()
    }

    /// Where the line of this number stands among the shown ones, or the next one after it.
    pub fn position(&self, number: u64) -> usize {
        self.shown_len(number)
    }

    /// The line that a permalink names, or the first one after it.
    pub fn find(&self, at: chrono::DateTime<chrono::Utc>, instance: Option<&str>) -> Option<u64> {
        let exact = self
            .lines
            .iter()
            .find(|line| line.at == at && instance.is_none_or(|name| *line.instance == *name))
            .map(|line| line.number);
        exact.or_else(|| self.lines.iter().find(|line| line.at >= at).map(|line| line.number))
    }

    /// The shown lines as a text file.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for line in self.shown(0, self.shown_len(self.end())) {
            line.write_to(&mut out);
        }
        out
    }

    fn line(&self, number: u64) -> Option<&Line> {
        self.lines.get(number.checked_sub(self.first_number)? as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn view(second: i64, instance: &str, text: &str) -> LogLineView {
        LogLineView {
            at: DateTime::from_timestamp(second, 0).expect("a time"),
            instance: instance.into(),
            stderr: false,
            text: text.into(),
            truncated: false,
        }
    }
    fn texts(lines: &[Line]) -> Vec<&str> {
        lines.iter().map(|line| &*line.text).collect()
    }

    #[test]
    fn a_filter_shows_old_and_new_lines_that_pass() {
        let mut buffer = LogBuffer::default();
        buffer.push(view(1, "web-1-1", "GET /cart"));
        buffer.push(view(2, "web-1-2", "ERROR no cart"));
        buffer.set_filter(Filter { text: "CART".into(), ..Filter::default() });
        buffer.push(view(3, "web-1-1", "nothing"));
        buffer.push(view(4, "web-1-1", "cart again"));
        assert_eq!(texts(&buffer.shown(0, 10)), ["GET /cart", "ERROR no cart", "cart again"]);
        buffer.set_filter(Filter { level: Level::Error, ..Filter::default() });
        assert_eq!(texts(&buffer.shown(0, 10)), ["ERROR no cart"]);
        buffer.set_filter(Filter { instance: Some("web-1-1".into()), ..Filter::default() });
        assert_eq!(buffer.shown_len(buffer.end()), 3);
        assert_eq!(buffer.instances(), ["web-1-1", "web-1-2"]);
    }

    #[test]
    fn a_pause_is_a_number_that_lines_stay_below() {
        let mut buffer = LogBuffer::default();
        buffer.push(view(1, "a", "one"));
        let paused_at = buffer.end();
        buffer.push(view(2, "a", "two"));
        assert_eq!((buffer.shown_len(paused_at), buffer.end() - paused_at), (1, 1));
    }

    #[test]
    fn numbers_go_on_after_clearing() {
        let mut buffer = LogBuffer::default();
        buffer.push(view(1, "a", "one"));
        buffer.clear();
        buffer.push(view(2, "a", "two"));
        assert_eq!((buffer.kept(), buffer.shown_len(1), buffer.shown_len(buffer.end())), (1, 0, 1));
        assert_eq!(buffer.find(view(2, "a", "").at, None), Some(1));
    }

    #[test]
    fn a_permalink_finds_its_line_or_the_next() {
        let mut buffer = LogBuffer::default();
        for second in [10, 20, 30] {
            buffer.push(view(second, "a", "x"));
        }
        let at = |second| DateTime::from_timestamp(second, 0).expect("a time");
        assert_eq!(buffer.find(at(20), Some("a")), Some(1));
        assert_eq!(buffer.find(at(20), Some("gone")), Some(1));
        assert_eq!(buffer.find(at(25), None), Some(2));
        assert_eq!(buffer.find(at(99), None), None);
    }
}
