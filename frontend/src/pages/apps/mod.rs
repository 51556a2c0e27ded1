//! Apps: the list, the form for a new one, and an app's own page.

pub mod app;
pub mod form;
pub mod list;
pub mod new;
pub mod plan_card;
pub mod words;
