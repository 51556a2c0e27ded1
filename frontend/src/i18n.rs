//! Languages: texts, numbers and dates.
//!
//! Texts are functions made from `locales/` by `build.rs`: `t::common::save()`. They are plain values: the whole tree is
//! drawn again when the language changes (see `app`), so nothing has to listen. Numbers and dates come from the
//! browser's own `Intl`, which costs no bytes.

use js_sys::{Array, Intl, Object, Reflect};
use std::{
    borrow::Cow,
    fmt::Display,
    sync::atomic::{AtomicUsize, Ordering},
};
use wasm_bindgen::JsValue;

/// A text that is shown: mostly static, sometimes put together.
pub type Text = Cow<'static, str>;

/// The texts.
pub mod t {
    include!(concat!(env!("OUT_DIR"), "/texts.rs"));
}

/// A language of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locale {
    /// English.
    En,
    /// Simplified Chinese.
    ZhCn,
}

impl Locale {
    /// In the order of `build.rs`.
    pub const ALL: [Self; 2] = [Self::En, Self::ZhCn];
    /// The BCP 47 tag, as in `lang` and in the API.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }
    /// Its own name for itself.
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::ZhCn => "简体中文",
        }
    }
    /// The nearest language for a tag of the browser or the server.
    pub fn from_tag(tag: &str) -> Self {
        if tag.to_ascii_lowercase().starts_with("zh") { Self::ZhCn } else { Self::En }
    }
}

static LOCALE: AtomicUsize = AtomicUsize::new(0);

/// The language that texts come in now.
pub fn locale() -> Locale {
    Locale::ALL[LOCALE.load(Ordering::Relaxed)]
}

/// Sets it for texts that are made from now on. To change what is on the page, use `preferences`.
pub fn set_locale(locale: Locale) {
    LOCALE.store(locale as usize, Ordering::Relaxed);
}

/// The text of the present language.
pub fn pick(texts: [&'static str; 2]) -> &'static str {
    texts[LOCALE.load(Ordering::Relaxed)]
}

/// Fills `{{ name }}`s.
pub fn fill(template: &str, values: &[(&str, &dyn Display)]) -> String {
    fill_with(template, |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string()))
}

fn fill_with(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else { break };
        out.push_str(&value(name.trim()).unwrap_or_default());
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The sentence for a code of the server, such as `event_node_joined`; none when this console does not know it, or
/// when the server did not send a parameter that the sentence needs.
pub fn by_code(code: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let row = t::CODES.binary_search_by(|(key, _)| (*key).cmp(code)).ok()?;
    let template = pick(t::CODES[row].1);
    let complete = std::cell::Cell::new(true);
    let text = fill_with(template, |name| {
        let found = value(name);
        complete.set(complete.get() && found.is_some());
        found
    });
    complete.get().then_some(text)
}

/// The same without parameters.
pub fn word_by_code(code: &str) -> Option<&'static str> {
    let row = t::CODES.binary_search_by(|(key, _)| (*key).cmp(code)).ok()?;
    Some(pick(t::CODES[row].1))
}

fn tags() -> Array {
    Array::of1(&JsValue::from_str(locale().tag()))
}

fn options(pairs: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (key, value) in pairs {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&object, &JsValue::from_str(key), value);
    }
    object
}

fn format_number(value: f64, digits: u32) -> String {
    let format = Intl::NumberFormat::new(&tags(), &options(&[("maximumFractionDigits", digits.into())]));
    let text = format.format().call1(&JsValue::UNDEFINED, &JsValue::from_f64(value));
    text.ok().and_then(|text| text.as_string()).unwrap_or_else(|| value.to_string())
}

/// A whole number, grouped by locale.
pub fn number(value: u64) -> String {
    if value < 1000 { value.to_string() } else { format_number(value as f64, 0) }
}

/// A number with at most so many decimal places.
pub fn decimal(value: f64, digits: u32) -> String {
    format_number(value, digits)
}

/// Thousandths of a core as cores: `0.25`.
pub fn cores(milli: u64) -> String {
    decimal(milli as f64 / 1000.0, if milli < 10_000 { 2 } else { 1 })
}

/// MiB in the unit that reads best: `512 MiB`, `1.5 GiB`.
pub fn mebibytes(mib: u64) -> String {
    const GIB: u64 = 1024;
    const TIB: u64 = 1024 * 1024;
    match mib {
        0..GIB => format!("{} MiB", number(mib)),
        GIB..TIB => format!("{} GiB", decimal(mib as f64 / GIB as f64, 1)),
        _ => format!("{} TiB", decimal(mib as f64 / TIB as f64, 1)),
    }
}

/// Bytes in the unit that reads best.
pub fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{} B", number(count)),
        1024..1_048_576 => format!("{} KiB", decimal(count as f64 / 1024.0, 0)),
        1_048_576..1_073_741_824 => format!("{} MiB", decimal(count as f64 / 1_048_576.0, 1)),
        _ => format!("{} GiB", decimal(count as f64 / 1_073_741_824.0, 2)),
    }
}

/// A point in time, whole: `22 Nov 2026, 12:21:07`.
pub fn date_time(at: chrono::DateTime<chrono::Utc>) -> String {
    let style = options(&[("dateStyle", "medium".into()), ("timeStyle", "medium".into())]);
    format_date(at, &style)
}

/// A day: `22 Nov 2026`.
pub fn date(at: chrono::DateTime<chrono::Utc>) -> String {
    format_date(at, &options(&[("dateStyle", "medium".into())]))
}

fn format_date(at: chrono::DateTime<chrono::Utc>, style: &Object) -> String {
    let format = Intl::DateTimeFormat::new(&tags(), style);
    let date = js_sys::Date::new(&JsValue::from_f64(at.timestamp_millis() as f64));
    let text = format.format().call1(&JsValue::UNDEFINED, &date);
    text.ok().and_then(|text| text.as_string()).unwrap_or_else(|| at.to_rfc3339())
}

/// How long ago, in one unit: `just now`, `12 sec. ago`, `3 days ago`; also ahead: `in 2 hours`.
pub fn ago(seconds: i64) -> String {
    if (-2..3).contains(&seconds) {
        return t::common::just_now().to_owned();
    }
    let (value, unit) = match seconds.abs() {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..2_592_000 => (seconds / 86_400, "day"),
        2_592_000..31_536_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    let style = options(&[("style", "short".into()), ("numeric", "always".into())]);
    Intl::RelativeTimeFormat::new(&tags(), &style).format(-value as f64, unit).into()
}

/// A duration in one unit: `12 s`, `3 min`.
pub fn duration(seconds: i64) -> String {
    let (value, unit) = match seconds {
        i64::MIN..60 => (seconds.max(0), "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let style = options(&[("style", "unit".into()), ("unit", unit.into()), ("unitDisplay", "short".into())]);
    let text =
        Intl::NumberFormat::new(&tags(), &style).format().call1(&JsValue::UNDEFINED, &JsValue::from_f64(value as f64));
    text.ok().and_then(|text| text.as_string()).unwrap_or_else(|| format!("{value} {unit}"))
}
