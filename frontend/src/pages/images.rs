//! Images that were loaded from files.

use super::project_settings::ProjectScope;
use crate::{
    api::{self, error::ApiError, upload},
    components::{
        bar::Bar,
        button::IconButton,
        card::Card,
        copy::CopyButton,
        dialog::{ConfirmDialog, open_while},
        empty_state::EmptyState,
        error_state::ErrorLine,
        form::Form,
        icon::{Icon, Svg},
        loaded::loaded,
        skeleton::SkeletonRows,
        table::{Column, Table},
        time_ago::TimeAgo,
        toast::use_toasts,
    },
    i18n::{bytes, t},
    live_pages::use_live_pages,
    session::use_session,
};
use berth_api_types::v1::{
    images::{ARCHIVE_BYTES_MAX, ImageView, LoadImageQuery},
    live::Topic,
};
use berth_domain::right::Right;
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;

/// Images that were loaded from files.
#[component]
pub fn Images(at: Memo<ProjectScope>) -> impl IntoView {
    let (session, toasts) = (use_session(), use_toasts());
    let going = RwSignal::new(None::<ImageView>);
    let (images, more) = use_live_pages(
        move || at.get(),
        |_, topic| matches!(topic, Topic::Projects),
        |at, page| async move { api::projects::list_images(&at.tenant, &at.project, &page).await },
    );
    let may = move || {
        let at = at.get();
        session.may(Right::ImageManage, &at.tenant, Some(&at.project), None)
    };
    let columns = StoredValue::new(vec![
        Column::new("reference", t::settings::reference(), |one: &ImageView| {
            view! { <span class="mono">{one.reference.clone()}</span> " " <CopyButton text=one.reference.clone() /> }
        })
        .sorted(|a, b| a.reference.cmp(&b.reference)),
        Column::new("size", t::settings::size(), |one: &ImageView| bytes(one.size_bytes)).to_end().sorted(|a, b| a.size_bytes.cmp(&b.size_bytes)),
        Column::new("by", t::settings::loaded_by(), |one: &ImageView| one.created_by.clone().unwrap_or_default()).minor(),
        Column::new("created", t::common::created(), |one: &ImageView| view! { <span class="muted"><TimeAgo at=one.created_at /></span> }).minor().sorted(|a, b| a.created_at.cmp(&b.created_at)),
        Column::new("actions", t::common::actions(), move |one: &ImageView| {
            let one = one.clone();
            may().then(|| view! { <div class="row-actions"><IconButton icon=Icon::Trash label=t::common::delete() on_click=move |_| going.set(Some(one.clone())) /></div> })
        })
        .to_end(),
    ]);
    let form = Form::new();
    let confirm = open_while(going, move || form.clear());
    let remove = move |()| {
        let (at, Some(one)) = (at.get_untracked(), going.get_untracked()) else { return };
        form.send(async move { api::projects::remove_image(&at.tenant, &at.project, one.id).await }, move |()| {
            going.set(None);
            images.refetch();
            toasts.done(t::settings::image_deleted(&one.reference));
        });
    };
    view! {
        <div class="stack">
            {move || may().then(|| view! { <Upload at=at on_done=move |()| images.refetch() /> })}
            <Card title=t::settings::images() flush=true>
                {loaded(images, || view! { <SkeletonRows rows=2 /> }.into_any(), move |rows: Signal<Vec<ImageView>>| {
                    let is_empty = Memo::new(move |_| rows.with(Vec::is_empty));
                    move || if is_empty.get() {
                        view! { <EmptyState icon=Icon::Image title=t::settings::no_images() text=t::settings::no_images_text() /> }.into_any()
                    } else {
                        view! { <Table caption=t::settings::images() columns=columns.get_value() rows=rows more=more key=|one| one.id.to_string() /> }.into_any()
                    }
                })}
            </Card>
        </div>
        <ConfirmDialog
            open=confirm
            title=Signal::derive(move || t::settings::delete_image_title(going.get().map(|one| one.reference).unwrap_or_default()))
            text=Signal::derive(move || t::settings::delete_image_text(going.get().map(|one| one.reference).unwrap_or_default()))
            action=t::common::delete()
            busy=form.busy
            error=form.error
            on_confirm=remove
        />
    }
}

/// Where an archive is dropped or chosen, with the progress of its way.
#[component]
fn Upload(at: Memo<ProjectScope>, #[prop(into)] on_done: Callback<()>) -> impl IntoView {
    let toasts = use_toasts();
    let over = RwSignal::new(false);
    // Name, bytes sent, bytes in all.
    let running = RwSignal::new(None::<String>);
    let (sent, total) = (RwSignal::new(0u64), RwSignal::new(0u64));
    let error = RwSignal::new(None::<ApiError>);
    let too_large = RwSignal::new(None::<String>);
    let begin = move |file: Option<web_sys::File>| {
        let Some(file) = file.filter(|_| running.with_untracked(Option::is_none)) else { return };
        let size = file.size() as u64;
        error.set(None);
        too_large.set((size > ARCHIVE_BYTES_MAX).then(|| t::apps::image_file_too_large(bytes(size))));
        if size > ARCHIVE_BYTES_MAX {
            return;
        }
        running.set(Some(file.name()));
        sent.set(0);
        total.set(size);
        spawn_local(async move {
            let at = at.get_untracked();
            let progress = move |bytes: u64, all: u64| {
                sent.try_set(bytes);
                total.try_set(all);
            };
            let result = upload::image(&at.tenant, &at.project, &LoadImageQuery::default(), &file, progress).await;
            running.try_set(None);
            match result {
                Ok(image) => {
                    toasts.done(t::settings::image_loaded(image.reference));
                    on_done.run(());
                }
                Err(failure) => {
                    error.try_set(Some(failure));
                }
            }
        });
    };
    view! {
        <Card title=t::settings::load_image()>
            <label
                class="drop"
                class:drop-over=over
                on:dragover=move |event| {
                    event.prevent_default();
                    over.set(true);
                }
                on:dragleave=move |_| over.set(false)
                on:drop=move |event| {
                    event.prevent_default();
                    over.set(false);
                    begin(upload::first_file(upload::dropped(&event)));
                }
            >
                <input type="file" accept=".tar,application/x-tar" disabled=move || running.with(Option::is_some) on:change=move |event| begin(upload::first_file(upload::chosen(&event))) />
                <Svg icon=Icon::Upload size=22 />
                <strong>{t::settings::drop_image()}</strong>
                <span>{t::settings::drop_image_text()}</span>
            </label>
            <div aria-live="polite">
                {move || {
                    running
                        .get()
                        .map(|name| {
                            view! {
                                <div class="upload meter">
                                    <div class="meter-words">
                                        <span class="mono">{name}</span>
                                        <span class="muted">
                                            {move || {
                                                if sent.get() >= total.get() { t::settings::reading_image().to_owned() } else { format!("{} / {}", bytes(sent.get()), bytes(total.get())) }
                                            }}
                                        </span>
                                    </div>
                                    <Bar label=t::settings::load_image() used=sent limit=total />
                                </div>
                            }
                        })
                }}
            </div>
            {move || too_large.get().map(|text| view! { <small class="fault" role="alert">{text}</small> })}
            <div style:margin-top="12px"><ErrorLine error=error /></div>
        </Card>
    }
}
