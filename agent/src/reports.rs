//! When the next report goes out. Pure: the time is an argument.
//!
//! A report is everything that is known, so only the newest matters. A few may be under way at once; what is not
//! acknowledged in time goes out again under a new number.

use crate::{limit, observe::Observation};
use berth_proto::fleet::{AgentEvent, Report};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Reports under way at the same time. A slow server gets fewer and newer ones.
const IN_FLIGHT_MAX: usize = 4;
/// Later than anything that is waited for.
const FAR: Duration = Duration::from_secs(3_600);

/// The reports of one connection.
pub struct Reports {
    sequence: u64,
    seen: Option<Arc<Observation>>,
    due: Option<Instant>,
    in_flight: VecDeque<InFlight>,
    last_sent: Option<Instant>,
}

struct InFlight {
    sequence: u64,
    sent: Instant,
    events: Vec<Vec<u8>>,
}

impl Reports {
    /// Numbers begin above every one that an earlier connection used, as long as the clock goes forward.
    pub fn new(now_ms: u64) -> Self {
        Self { sequence: now_ms, seen: None, due: None, in_flight: VecDeque::new(), last_sent: None }
    }

    /// There is something new to tell.
    pub fn observed(&mut self, seen: Option<Arc<Observation>>, now: Instant) {
        let Some(seen) = seen else { return };
        let much = self.seen.as_ref().is_none_or(|before| seen.differs_much_from(before));
        self.seen = Some(seen);
        self.wish(now + if much { limit::REPORT_DELAY } else { limit::REPORT_DELAY_MINOR });
    }

    /// An event was added.
    pub fn event_added(&mut self, now: Instant) {
        self.wish(now + limit::REPORT_DELAY);
    }

    /// When to call [`Self::next`].
    pub fn due(&self) -> Instant {
        let resend = self.in_flight.front().map(|first| first.sent + limit::REPORT_RESEND);
        let wished = self.due.filter(|_| self.in_flight.len() < IN_FLIGHT_MAX);
        let regular = self.last_sent.map(|sent| sent + limit::REPORT_PERIOD);
        [resend, wished, regular].into_iter().flatten().min().unwrap_or_else(|| Instant::now() + FAR)
    }

    /// The report to send now; `None` as long as nothing was observed.
    pub fn next(&mut self, events: Vec<AgentEvent>, now: Instant) -> Option<Report> {
        self.due = None;
        let seen = self.seen.clone()?;
        self.sequence += 1;
        if self.in_flight.front().is_some_and(|first| now >= first.sent + limit::REPORT_RESEND) {
            // What they told is told again by this one.
            self.in_flight.clear();
        }
        let ids = events.iter().map(|event| event.event_id.clone()).collect();
        self.in_flight.push_back(InFlight { sequence: self.sequence, sent: now, events: ids });
        self.last_sent = Some(now);
        Some(seen.to_report(self.sequence, events))
    }

    /// The server has everything up to a number; returns the events that it has.
    pub fn acknowledged(&mut self, sequence: u64) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        while let Some(first) = self.in_flight.pop_front_if(|first| first.sequence <= sequence) {
            events.extend(first.events);
        }
        events
    }

    fn wish(&mut self, at: Instant) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(docker_answers: bool) -> Option<Arc<Observation>> {
        Some(Arc::new(Observation { docker_answers, ..Observation::default() }))
    }

    fn event(id: u8) -> AgentEvent {
        AgentEvent { event_id: vec![id], ..Default::default() }
    }

    #[test]
    fn changes_are_told_soon_and_progress_later() {
        let now = Instant::now();
        let mut reports = Reports::new(100);
        reports.observed(seen(true), now);
        assert_eq!(reports.due(), now + limit::REPORT_DELAY);
        assert_eq!(reports.next(vec![], now).expect("a report").sequence, 101);
        assert_eq!(reports.acknowledged(101), Vec::<Vec<u8>>::new());
        reports.observed(seen(true), now);
        assert_eq!(reports.due(), now + limit::REPORT_DELAY_MINOR);
        reports.observed(seen(false), now);
        assert_eq!(reports.due(), now + limit::REPORT_DELAY);
    }

    #[test]
    fn what_is_not_acknowledged_goes_out_again() {
        let now = Instant::now();
        let mut reports = Reports::new(0);
        reports.observed(seen(true), now);
        let first = reports.next(vec![event(1)], now).expect("a report");
        assert_eq!(reports.due(), now + limit::REPORT_RESEND);
        let later = now + limit::REPORT_RESEND;
        let again = reports.next(vec![event(1), event(2)], later).expect("a report");
        assert!(again.sequence > first.sequence);
        assert_eq!(reports.acknowledged(first.sequence), Vec::<Vec<u8>>::new(), "that one was given up");
        assert_eq!(reports.acknowledged(again.sequence), [vec![1], vec![2]]);
        assert_eq!(reports.due(), later + limit::REPORT_PERIOD);
    }

    #[test]
    fn a_slow_server_gets_a_few_and_then_the_newest() {
        let now = Instant::now();
        let mut reports = Reports::new(0);
        for n in 0..IN_FLIGHT_MAX {
            reports.observed(seen(n % 2 == 0), now);
            reports.next(vec![], now).expect("a report");
        }
        reports.observed(seen(true), now);
        assert!(reports.due() > now + limit::REPORT_DELAY);
        reports.acknowledged(1);
        assert_eq!(reports.due(), now + limit::REPORT_DELAY);
    }
}
