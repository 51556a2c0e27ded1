//! The component kit. Every part is shown in every state on `/kit`.

pub mod bar;
pub mod button;
pub mod card;
pub mod copy;
pub mod dialog;
pub mod empty_state;
pub mod error_state;
pub mod event_list;
pub mod field;
pub mod form;
pub mod icon;
pub mod key_value;
pub mod loaded;
pub mod menu;
pub mod note;
pub mod page;
pub mod pill;
pub mod segment;
pub mod skeleton;
pub mod state;
pub mod switch;
pub mod table;
pub mod tabs;
pub mod time_ago;
pub mod toast;
pub mod virtual_list;
