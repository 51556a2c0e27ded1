//! What the person chose for this browser: language and theme.

use crate::{
    i18n::{Locale, set_locale},
    support::{dom::document, storage},
};
use leptos::prelude::*;

const LANGUAGE_KEY: &str = "berth-language";
/// `js` that runs before the first paint reads the same key.
const THEME_KEY: &str = "berth-theme";

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// As the system says.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];
    const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Language and theme.
#[derive(Debug, Clone, Copy)]
pub struct Preferences {
    language: RwSignal<Locale>,
    theme: RwSignal<Theme>,
}

impl Preferences {
    /// The language, followed.
    pub fn language(self) -> Locale {
        self.language.get()
    }
    /// Changes the language; the tree is drawn again.
    pub fn set_language(self, locale: Locale) {
        apply_language(locale);
        self.language.set(locale);
    }
    /// The same, and remembers it.
    pub fn choose_language(self, locale: Locale) {
        storage::write(LANGUAGE_KEY, locale.tag());
        self.set_language(locale);
    }
    /// The theme, followed.
    pub fn theme(self) -> Theme {
        self.theme.get()
    }
    /// Changes and remembers the theme.
    pub fn choose_theme(self, theme: Theme) {
        storage::write(THEME_KEY, theme.word());
        apply_theme(theme);
        self.theme.set(theme);
    }
}

/// Reads what was chosen; otherwise asks the browser. Call it once, first.
pub fn provide_preferences() {
    let chosen = storage::read(LANGUAGE_KEY);
    let wanted = chosen.or_else(|| web_sys::window()?.navigator().language()).unwrap_or_default();
    let language = Locale::from_tag(&wanted);
    apply_language(language);
    let word = storage::read(THEME_KEY).unwrap_or_default();
    let theme = Theme::ALL.into_iter().find(|theme| theme.word() == word).unwrap_or(Theme::System);
    provide_context(Preferences { language: RwSignal::new(language), theme: RwSignal::new(theme) });
}

/// Language and theme.
pub fn use_preferences() -> Preferences {
    expect_context()
}

/// Whether a language was chosen in this browser, which then outweighs the account's.
pub fn has_chosen_language() -> bool {
    storage::read(LANGUAGE_KEY).is_some()
}

fn apply_language(locale: Locale) {
    set_locale(locale);
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", locale.tag());
    }
}

fn apply_theme(theme: Theme) {
    let Some(root) = document().document_element() else { return };
    let _ = match theme {
        Theme::System => root.remove_attribute("data-theme"),
        Theme::Light | Theme::Dark => root.set_attribute("data-theme", theme.word()),
    };
}
