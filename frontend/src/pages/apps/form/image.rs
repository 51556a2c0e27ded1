//! The image: a reference to a registry, or a file that is loaded into the project.

use super::{
    draft::Draft,
    fields::{DraftField, Slot},
    state::FormState,
};
use crate::{
    api::{self, client::whole, error::ApiError, upload},
    components::{
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
use leptos::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

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

/// Images of the project, and the way for a new one into it.
#[component]
fn FileFields(state: FormState, at: Signal<EnvironmentScope>) -> impl IntoView {
    let loaded = RwSignal::new(None::<ImageView>);
    let images = use_live_resource(
        move || at.get(),
        |_, topic| matches!(topic, Topic::Projects),
        |at| async move { whole(async |page| api::projects::list_images(&at.tenant, &at.project, &page).await).await },
    );
    let done = Callback::new(move |image: ImageView| {
        choose(state, &image);
        loaded.set(Some(image));
        images.refetch();
    });
    view! {
        <LoadedImages state=state images=Signal::derive(move || images.get().unwrap_or_default()) />
        <UploadField at=at on_done=done />
        <div role="status">
            {move || loaded.get().map(|image| view! {
                <p class="upload-done">
                    <Svg icon=Icon::Success size=15 />
                    {t::apps::upload_done(&image.reference, bytes(image.size_bytes))}
                </p>
            })}
        </div>
    }
}

/// Takes an image that is there. Its ports are proposed where none was typed.
fn choose(state: FormState, image: &ImageView) {
    state.change("image", |draft| {
        draft.set_image(image.reference.clone());
        draft.propose_ports(&image.exposed_ports);
    });
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

/// Takes an archive by choosing or by dropping it, and shows how far it is.
#[component]
fn UploadField(at: Signal<EnvironmentScope>, on_done: Callback<ImageView>) -> impl IntoView {
    let over = RwSignal::new(false);
    let running = RwSignal::new(None::<String>);
    let (sent, total) = (RwSignal::new(0_u64), RwSignal::new(0_u64));
    let error = RwSignal::new(None::<ApiError>);
    let too_large = RwSignal::new(None::<String>);
    let begin = move |file: Option<File>| {
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
            let progress = move |bytes, all| {
                sent.try_set(bytes);
                total.try_set(all);
            };
            let query = LoadImageQuery::default();
            let result = upload::image(&at.tenant, &at.project, &query, &file, progress).await;
            // Somebody may have gone to another page; the image is loaded all the same.
            if running.try_set(None).is_some() {
                return;
            }
            match result {
                Ok(image) => on_done.run(image),
                Err(failure) => error.set(Some(failure)),
            }
        });
    };
    let words = move || match (sent.get(), total.get()) {
        (sent, total) if sent >= total => t::apps::upload_reading().to_owned(),
        (sent, total) => t::apps::upload_progress(bytes(sent), bytes(total)),
    };
    view! {
        <div class="field">
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
                <input
                    type="file"
                    id="image-file"
                    accept=".tar,application/x-tar"
                    disabled=move || running.with(Option::is_some)
                    on:change=move |event| begin(upload::first_file(upload::chosen(&event)))
                />
                <Svg icon=Icon::Upload size=20 />
                <strong>{t::apps::image_file_choose()} " " {t::apps::image_file_drop()}</strong>
                <span>{t::apps::image_file_hint()}</span>
            </label>
            {move || {
                running.get().map(|name| view! {
                    <div class="upload meter" role="status">
                        <div class="meter-words"><span class="mono">{name}</span><span class="muted">{words}</span></div>
                        <progress aria-label=t::apps::image_file() max=move || total.get().to_string() value=move || sent.get().to_string()></progress>
                    </div>
                })
            }}
            {move || too_large.get().map(|text| view! { <small class="fault" role="alert">{text}</small> })}
            <ErrorLine error=error />
        </div>
    }
}
