//! The image: a reference to a registry, or a file that is loaded into the project.

use super::{
    draft::Draft,
    fields::{DraftField, Slot},
    state::FormState,
};
use crate::{
    api::{self, error::ApiError, uploads::Upload},
    components::{
        button::{Button, ButtonKind},
        error_state::ErrorLine,
        icon::{Icon, Svg},
        segment::Segment,
    },
    i18n::{bytes, t},
    live::use_live_resource,
    scope::EnvironmentScope,
};
use berth_api_types::v1::{
    images::{ARCHIVE_BYTES_MAX, ImageView, LoadImageQuery},
    live::Topic,
};
use leptos::{html, prelude::*};
use wasm_bindgen_futures::spawn_local;
use web_sys::{File, FileList};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Registry,
    File,
}

/// The image is not only written: the name follows it.
const IMAGE: Slot = Slot { get: |draft| &draft.image, set: Draft::set_image };

/// The image of an app.
#[component]
pub fn ImageFields(
    state: FormState,
    #[prop(into)] at: Signal<EnvironmentScope>,
    #[prop(optional)] autofocus: bool,
) -> impl IntoView {
    let source = RwSignal::new(Source::Registry);
    let options =
        vec![(Source::Registry, t::apps::source_registry().into()), (Source::File, t::apps::source_file().into())];
    view! {
        <Segment
            label=t::apps::source()
            options=options
            value=source
            on_change=move |chosen| source.set(chosen)
        />
        {move || match source.get() {
            Source::Registry => ().into_any(),
            Source::File => view! { <FileFields state=state at=at /> }.into_any(),
        }}
        <DraftField
            state=state
            field="image"
            part=IMAGE
            label=t::apps::image()
            hint=t::apps::image_hint()
            placeholder=t::apps::placeholder_image()
            autofocus=autofocus
        />
    }
}

/// What an upload is doing.
#[derive(Debug, Clone, PartialEq)]
enum Progress {
    None,
    Sending { done: u64, total: u64 },
    Reading,
    Loaded(ImageView),
}

#[component]
fn FileFields(state: FormState, at: Signal<EnvironmentScope>) -> impl IntoView {
    let progress = RwSignal::new(Progress::None);
    let error = RwSignal::new(None::<ApiError>);
    let too_large = RwSignal::new(None::<String>);
    let running = StoredValue::new_local(None::<Upload>);
    let images = use_live_resource(
        move || at.get(),
        |_, topic| matches!(topic, Topic::Projects),
        |at| async move { api::projects::list_images(&at.tenant, &at.project).await.map(|page| page.items) },
    );
    let take = Callback::new(move |file: File| {
        error.set(None);
        too_large.set(None);
        let size = file.size() as u64;
        if size > ARCHIVE_BYTES_MAX {
            too_large.set(Some(t::apps::image_file_too_large(bytes(size))));
            return;
        }
        progress.set(Progress::Sending { done: 0, total: size });
        spawn_local(async move {
            let at = at.get_untracked();
            let went = move |done, total| {
                progress.try_set(if done >= total { Progress::Reading } else { Progress::Sending { done, total } });
            };
            let ended = move |result: Result<ImageView, ApiError>| match result {
                Ok(image) => {
                    choose(state, &image);
                    progress.try_set(Progress::Loaded(image));
                    images.refetch();
                }
                Err(failure) => {
                    progress.try_set(Progress::None);
                    error.try_set(Some(failure));
                }
            };
            let query = LoadImageQuery::default();
            let upload = api::uploads::load_image(&at.tenant, &at.project, &query, &file, went, ended).await;
            running.try_update_value(|slot| *slot = upload);
        });
    });
    let cancel = move |_| {
        let upload = running.try_update_value(Option::take);
        drop(upload);
        progress.set(Progress::None);
    };
    on_cleanup(move || {
        let upload = running.try_update_value(Option::take);
        drop(upload);
    });
    view! {
        <div class="file-source">
            <LoadedImages state=state images=Signal::derive(move || images.get().unwrap_or_default()) />
            <DropZone take=take busy=Signal::derive(move || matches!(progress.get(), Progress::Sending { .. } | Progress::Reading)) />
            <div aria-live="polite">{move || progress_view(progress.get(), cancel)}</div>
            {move || too_large.get().map(|text| view! { <small class="fault">{text}</small> })}
            <ErrorLine error=error />
        </div>
    }
}

/// Takes an image that is there. Its ports are proposed where none was typed.
fn choose(state: FormState, image: &ImageView) {
    state.change("image", |draft| {
        draft.set_image(image.reference.clone());
        if draft.ports.iter().all(|port| port.container.trim().is_empty()) {
            draft.ports.clear();
            for port in &image.exposed_ports {
                draft.add_port(port.to_string(), String::new());
            }
        }
    });
}

fn progress_view(progress: Progress, cancel: impl Fn(leptos::ev::MouseEvent) + Send + Sync + 'static) -> AnyView {
    match progress {
        Progress::None => ().into_any(),
        Progress::Sending { done, total } => {
            let percent = done.saturating_mul(100).checked_div(total).unwrap_or_default();
            view! {
                <div class="upload">
                    <progress max="100" value=percent.to_string() aria-label=t::apps::image_file()></progress>
                    <span>{t::apps::upload_progress(bytes(done), bytes(total))}</span>
                    <Button small=true kind=ButtonKind::Quiet on_click=cancel>{t::apps::upload_cancel()}</Button>
                </div>
            }
            .into_any()
        }
        Progress::Reading => {
            view! { <div class="upload"><progress aria-label=t::apps::image_file()></progress><span>{t::apps::upload_reading()}</span></div> }
                .into_any()
        }
        Progress::Loaded(image) => {
            view! {
                <div class="upload upload-done">
                    <Svg icon=Icon::Success />
                    <span>{t::apps::upload_done(&image.reference, bytes(image.size_bytes))}</span>
                </div>
            }
            .into_any()
        }
    }
}

/// Images of the project, to choose from.
#[component]
fn LoadedImages(state: FormState, images: Signal<Vec<ImageView>>) -> impl IntoView {
    let draw = move |image: ImageView| {
        let chosen = {
            let reference = image.reference.clone();
            move || state.draft.with(|draft| draft.image == reference)
        };
        let ports = image.exposed_ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let about = if ports.is_empty() {
            bytes(image.size_bytes)
        } else {
            format!("{} · {}", bytes(image.size_bytes), t::apps::listens_on(ports))
        };
        let reference = image.reference.clone();
        view! {
            <li>
                <button
                    type="button"
                    class="pick"
                    aria-pressed=move || chosen().to_string()
                    on:click=move |_| choose(state, &image)
                >
                    <span class="mono">{reference}</span>
                    <span class="faint">{about}</span>
                </button>
            </li>
        }
    };
    let any = Memo::new(move |_| images.with(|images| !images.is_empty()));
    view! {
        <div class="field">
            <span class="label" id="loaded-images">{t::apps::image_pick()}</span>
            {move || if any.get() {
                view! {
                    <ul class="picks" aria-labelledby="loaded-images">
                        <For each=move || images.get() key=|image| image.id children=draw />
                    </ul>
                }.into_any()
            } else {
                view! { <p class="faint">{t::apps::image_pick_none()}</p> }.into_any()
            }}
        </div>
    }
}

/// Takes a file by button or by dropping it.
#[component]
fn DropZone(take: Callback<File>, busy: Signal<bool>) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let over = RwSignal::new(false);
    let first = |files: Option<FileList>| files.and_then(|files| files.get(0));
    let picked = move |_| {
        let Some(element) = input.get_untracked() else { return };
        if let Some(file) = first(element.files()) {
            take.run(file);
        }
        // So that the same file can be chosen again.
        element.set_value("");
    };
    let dropped = move |event: leptos::ev::DragEvent| {
        event.prevent_default();
        over.set(false);
        if let Some(file) = first(event.data_transfer().and_then(|data| data.files()))
            && !busy.get_untracked()
        {
            take.run(file);
        }
    };
    let open = move |_| {
        if let Some(element) = input.get_untracked() {
            element.click();
        }
    };
    view! {
        <div
            class="drop"
            class:drop-over=over
            on:dragover=move |event| {
                event.prevent_default();
                over.set(true);
            }
            on:dragleave=move |_| over.set(false)
            on:drop=dropped
        >
            <Button icon=Icon::Upload disabled=busy on_click=open>{t::apps::image_file_choose()}</Button>
            <span class="muted">{t::apps::image_file_drop()}</span>
            <small class="faint">{t::apps::image_file_hint()}</small>
            <input type="file" id="image-file" accept=".tar,application/x-tar" class="hidden" tabindex="-1" aria-hidden="true" node_ref=input on:change=picked />
        </div>
    }
}
