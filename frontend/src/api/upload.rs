//! Uploads of image archives, with progress. `fetch` cannot tell how much was sent, so this uses the older call.

use super::{client, error::ApiError};
use berth_api_types::{
    path,
    v1::images::{ARCHIVE_MEDIA_TYPE, ImageView, LoadImageQuery},
};
use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue, prelude::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, ProgressEvent, XmlHttpRequest};

/// Sends an archive. `progress` is told bytes sent and bytes in all.
pub async fn image(
    tenant: &str,
    project: &str,
    query: &LoadImageQuery,
    file: &File,
    progress: impl Fn(u64, u64) + 'static,
) -> Result<ImageView, ApiError> {
    // A token that runs out in the middle would cost the whole upload.
    let _ = client::refresh_session().await;
    let url = client::with_query(&path::images(tenant, project), query);
    let request = XmlHttpRequest::new().map_err(|_| ApiError::Unreachable)?;
    let opened = request.open_with_async("POST", &url, true);
    let typed = opened.and_then(|()| request.set_request_header("content-type", ARCHIVE_MEDIA_TYPE));
    let keyed = typed.and_then(|()| request.set_request_header("idempotency-key", &client::idempotency_key()));
    keyed.map_err(|_| ApiError::Unreachable)?;
    let told = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
        progress(event.loaded() as u64, event.total() as u64);
    });
    if let Ok(upload) = request.upload() {
        upload.set_onprogress(Some(told.as_ref().unchecked_ref()));
    }
    let ended = Promise::new(&mut |resolve: Function, _| request.set_onloadend(Some(&resolve)));
    request.send_with_opt_blob(Some(file)).map_err(|_| ApiError::Unreachable)?;
    let _ = JsFuture::from(ended).await;
    answer(&request)
}

fn answer(request: &XmlHttpRequest) -> Result<ImageView, ApiError> {
    let status = request.status().unwrap_or(0);
    let text = request.response_text().ok().flatten().unwrap_or_default();
    match status {
        0 => Err(ApiError::Unreachable),
        200..300 => serde_json::from_str(&text).map_err(|_| ApiError::Strange(status)),
        _ => Err(match serde_json::from_str(&text) {
            Ok(problem) => ApiError::Problem(Box::new(problem)),
            Err(_) => ApiError::Strange(status),
        }),
    }
}

/// The first file of an input or of what was dropped.
pub fn first_file(files: Option<web_sys::FileList>) -> Option<File> {
    files.and_then(|files| files.get(0))
}

/// The files of a drop.
pub fn dropped(event: &web_sys::DragEvent) -> Option<web_sys::FileList> {
    event.data_transfer().and_then(|transfer| transfer.files())
}

/// The files of an input.
pub fn chosen(event: &web_sys::Event) -> Option<web_sys::FileList> {
    let target: JsValue = event.target()?.into();
    target.dyn_into::<web_sys::HtmlInputElement>().ok()?.files()
}
