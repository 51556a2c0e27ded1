//! What went wrong: what happened, why, what to do, and the request's id. A missing right says which one and who can
//! grant it.

use super::{
    button::{Button, ButtonKind},
    copy::CopyButton,
    icon::{Icon, Svg},
};
use crate::{
    api::error::ApiError,
    i18n::{Locale, Text, by_code, cores, locale, mebibytes, number, t, word_by_code},
};
use berth_api_types::error::{Problem, ProblemCode};
use berth_domain::{
    field_error::FieldError,
    quota::{QuotaExceeded, QuotaKind},
};
use leptos::prelude::*;

/// What happened, in a short sentence.
pub fn error_title(error: &ApiError) -> Text {
    match error {
        ApiError::Problem(problem) => match word_by_code(&format!("problem_{}", code_word(problem.code))) {
            Some(title) => title.into(),
            None => problem.title.clone().into(),
        },
        ApiError::Unreachable => t::common::unreachable_title().into(),
        ApiError::TimedOut => t::common::timed_out_title().into(),
        ApiError::Strange(_) => t::common::strange_title().into(),
    }
}

/// Why, and what to do. Falls back to the server's own English sentence.
pub fn error_detail(error: &ApiError) -> Text {
    match error {
        ApiError::Problem(problem) => problem_detail(problem),
        ApiError::Unreachable => t::common::unreachable_detail().into(),
        ApiError::TimedOut => t::common::timed_out_detail().into(),
        ApiError::Strange(status) => t::common::strange_detail(status).into(),
    }
}

fn problem_detail(problem: &Problem) -> Text {
    if problem.code == ProblemCode::QuotaExceeded && !problem.quota.is_empty() {
        return problem.quota.iter().map(quota_sentence).collect::<Vec<_>>().join(" ").into();
    }
    if problem.code == ProblemCode::Forbidden {
        return match &problem.missing_right {
            Some(right) => t::common::forbidden_detail(right_name(right), who_grants(right)).into(),
            None => problem.detail.clone().into(),
        };
    }
    // What exactly stands in the way, the server says best; in its own language.
    let is_specific = matches!(problem.code, ProblemCode::NotEmpty | ProblemCode::Conflict);
    if is_specific && locale() == Locale::En && !problem.detail.is_empty() {
        return problem.detail.clone().into();
    }
    match word_by_code(&format!("problem_{}_detail", code_word(problem.code))) {
        Some(detail) => detail.into(),
        None => problem.detail.clone().into(),
    }
}

/// One bound of the quota that would be passed, as a sentence.
pub fn quota_sentence(exceeded: &QuotaExceeded) -> String {
    match exceeded.kind {
        QuotaKind::CpuMilli => t::common::quota_cpu_exceeded(cores(exceeded.wanted), cores(exceeded.limit)),
        QuotaKind::MemoryMib => t::common::quota_memory_exceeded(mebibytes(exceeded.wanted), mebibytes(exceeded.limit)),
        QuotaKind::Instances => t::common::quota_instances_exceeded(number(exceeded.wanted), number(exceeded.limit)),
        QuotaKind::Apps => t::common::quota_apps_exceeded(number(exceeded.wanted), number(exceeded.limit)),
    }
}

/// What is wrong with a field, in the person's language; the server's English sentence where the code alone says less.
pub fn field_sentence(error: &FieldError) -> String {
    let word = serde_word(&error.code);
    // A field may have a better sentence of its own than the code has: `field_image_bad_format`.
    let own = format!("field_{}_{word}", error.field.rsplit(['.', ']']).next().unwrap_or_default());
    let value = |name: &str| match name {
        "limit" => error.limit.map(number),
        "found" => error.found.clone(),
        _ => None,
    };
    // A code may come without what its sentence needs; then there is a plainer one.
    [own.clone(), format!("field_{word}"), format!("{own}_plain"), format!("field_{word}_plain")]
        .iter()
        .find_map(|code| by_code(code, value))
        .unwrap_or_else(|| error.message.clone())
}

/// The name of a right in words.
pub fn right_name(right: &str) -> String {
    word_by_code(&format!("right_{}", right.replace('.', "_"))).map_or_else(|| right.to_owned(), str::to_owned)
}

fn who_grants(right: &str) -> &'static str {
    let of_platform = ["node.", "tenant.manage", "platform_audit."].iter().any(|start| right.starts_with(start));
    if of_platform { t::common::granted_by_platform() } else { t::common::granted_by_owner() }
}

fn code_word(code: ProblemCode) -> String {
    serde_word(&code)
}

/// The word of a unit variant on the wire.
fn serde_word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A failure where content should be.
#[component]
pub fn ErrorState(
    error: ApiError,
    /// Tries again.
    #[prop(optional, into)]
    retry: Option<Callback<()>>,
) -> impl IntoView {
    let icon = match error.code() {
        Some(ProblemCode::Forbidden) => Icon::Lock,
        Some(ProblemCode::NotFound) => Icon::Search,
        _ => Icon::Warning,
    };
    let request = match &error {
        ApiError::Problem(problem) => Some(problem.request_id.clone()),
        ApiError::Unreachable | ApiError::TimedOut | ApiError::Strange(_) => None,
    };
    view! {
        <div class="empty" role="alert">
            <span class="empty-icon"><Svg icon=icon size=22 /></span>
            <p class="empty-title">{error_title(&error)}</p>
            <p>{error_detail(&error)}</p>
            {retry
                .map(|retry| {
                    view! {
                        <div class="empty-actions">
                            <Button kind=ButtonKind::Plain icon=Icon::Restart on_click=move |_| retry.run(())>
                                {t::common::try_again()}
                            </Button>
                        </div>
                    }
                })}
            {request
                .map(|id| {
                    view! {
                        <p class="request-id">
                            {t::common::request_id()} " " <code>{id.clone()}</code> <CopyButton text=id />
                        </p>
                    }
                })}
        </div>
    }
}

/// A failure of a form or an action, in a line, above what is there.
#[component]
pub fn ErrorLine(#[prop(into)] error: Signal<Option<ApiError>>) -> impl IntoView {
    view! {
        <div aria-live="assertive">
            {move || {
                error
                    .get()
                    .map(|error| {
                        let request = match &error {
                            ApiError::Problem(problem) => Some(problem.request_id.clone()),
                            ApiError::Unreachable | ApiError::TimedOut | ApiError::Strange(_) => None,
                        };
                        view! {
                            <div class="error-line">
                                <Svg icon=Icon::Error />
                                <div>
                                    <strong>{error_title(&error)}</strong>
                                    <span>{error_detail(&error)}</span>
                                    {request.map(|id| view! { <code class="faint">{id}</code> })}
                                </div>
                            </div>
                        }
                    })
            }}
        </div>
    }
}
