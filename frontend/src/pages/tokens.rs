//! Personal tokens, for programs that act as the caller. A secret is shown once.

use crate::{
    api,
    components::{
        button::{Button, ButtonKind, IconButton},
        card::Card,
        copy::CodeBlock,
        dialog::{ConfirmDialog, Dialog, DialogActions, FormActions, open_while},
        empty_state::EmptyState,
        field::{NumberField, TextField},
        form::Form,
        icon::Icon,
        loaded::loaded,
        note::Note,
        pill::Tone,
        skeleton::SkeletonRows,
        table::{Column, Table},
        time_ago::TimeAgo,
        toast::use_toasts,
    },
    i18n::{date, t},
    live_pages::use_live_pages,
};
use berth_api_types::v1::session::{CreateTokenBody, TokenView};
use berth_domain::field_error::{FieldCode, FieldError};
use leptos::{ev::SubmitEvent, prelude::*};

/// Days that a token lives when nothing else was asked for.
const DAYS: u64 = 90;
/// Most days that a token lives.
const DAYS_MAX: u64 = 365;

/// Personal tokens.
#[component]
pub fn Tokens() -> impl IntoView {
    let toasts = use_toasts();
    let adding = RwSignal::new(false);
    let going = RwSignal::new(None::<TokenView>);
    let (tokens, more) =
        use_live_pages(|| (), |(), _| false, |(), page| async move { api::session::list_tokens(&page).await });
    let columns = StoredValue::new(vec![
        Column::new("name", t::common::name(), |one: &TokenView| one.name.clone()).sorted(|a, b| a.name.cmp(&b.name)),
        Column::new("expires", t::settings::expires(), |one: &TokenView| date(one.expires_at)).sorted(|a, b| a.expires_at.cmp(&b.expires_at)),
        Column::new("used", t::settings::last_used(), |one: &TokenView| match one.last_used_at {
            Some(at) => view! { <span class="muted"><TimeAgo at=at /></span> }.into_any(),
            None => view! { <span class="faint">{t::settings::never()}</span> }.into_any(),
        })
        .minor(),
        Column::new("actions", t::common::actions(), move |one: &TokenView| {
            let one = one.clone();
            view! { <div class="row-actions"><IconButton icon=Icon::Trash label=t::settings::end_token() on_click=move |_| going.set(Some(one.clone())) /></div> }
        })
        .to_end(),
    ]);
    let form = Form::new();
    let confirm = open_while(going, move || form.clear());
    let remove = move |()| {
        let Some(one) = going.get_untracked() else { return };
        form.send(async move { api::session::delete_token(one.id).await }, move |()| {
            going.set(None);
            tokens.refetch();
            toasts.done(t::settings::token_ended(&one.name));
        });
    };
    view! {
        <Card
            title=t::settings::tokens()
            flush=true
            actions=move || view! { <Button small=true kind=ButtonKind::Main icon=Icon::Plus on_click=move |_| adding.set(true) id="new-token">{t::settings::new_token()}</Button> }
        >
            {loaded(tokens, || view! { <SkeletonRows rows=2 /> }.into_any(), move |rows: Signal<Vec<TokenView>>| {
                let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
                move || if is_empty.get() {
                    view! { <EmptyState icon=Icon::Key title=t::settings::no_tokens() text=t::settings::no_tokens_text() /> }.into_any()
                } else {
                    view! { <Table caption=t::settings::tokens() columns=columns.get_value() rows=rows more=more key=|one| one.id.to_string() /> }.into_any()
                }
            })}
        </Card>
        <Dialog open=adding title=t::settings::new_token()>
            <TokenForm open=adding on_made=move |()| tokens.refetch() />
        </Dialog>
        <ConfirmDialog
            open=confirm
            title=Signal::derive(move || t::settings::end_token_title(going.get().map(|one| one.name).unwrap_or_default()))
            text=Signal::derive(move || t::settings::end_token_text(going.get().map(|one| one.name).unwrap_or_default()))
            action=t::settings::end_token()
            busy=form.busy
            error=form.error
            on_confirm=remove
        />
    }
}

#[component]
fn TokenForm(open: RwSignal<bool>, #[prop(into)] on_made: Callback<()>) -> impl IntoView {
    let name = RwSignal::new(String::new());
    let days = RwSignal::new(Some(DAYS));
    let secret = RwSignal::new(None::<String>);
    let form = Form::new();
    form.check_typed(move || {
        name.track();
        days.track();
        Vec::new()
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let body = CreateTokenBody {
            name: name.get_untracked().trim().to_owned(),
            days: days.get_untracked().and_then(|days| u32::try_from(days).ok()).unwrap_or_default(),
        };
        let needed = [("name", body.name.is_empty()), ("days", body.days == 0)];
        let faults: Vec<_> = needed
            .into_iter()
            .filter(|(_, missing)| *missing)
            .map(|(field, _)| FieldError::new(field, FieldCode::Required, ""))
            .collect();
        if !faults.is_empty() {
            return form.set_faults(faults);
        }
        form.send(async move { api::session::create_token(&body).await }, move |made| {
            secret.set(Some(made.secret));
            on_made.run(());
        });
    };
    move || {
        match secret.get() {
        Some(secret) => view! {
            <Note tone=Tone::Warn title=t::settings::secret_once()>{t::settings::secret_once_text()}</Note>
            <CodeBlock text=secret />
            <DialogActions>
                <Button kind=ButtonKind::Main on_click=move |_| open.set(false)>{t::common::done()}</Button>
            </DialogActions>
        }
        .into_any(),
        None => view! {
            <form on:submit=submit novalidate=true>
                <TextField label=t::settings::token_name() value=name placeholder=t::settings::token_name_example() fault=form.fault("name") autofocus=true name="token-name" />
                <NumberField label=t::settings::token_days() min=1 max=DAYS_MAX step=30 unit=t::settings::days() value=days fault=form.fault("days") />
                <FormActions form=form open=open action=t::common::create() />
            </form>
        }
        .into_any(),
    }
    }
}
