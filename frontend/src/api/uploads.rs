//! Uploads of image archives: files of gigabytes, so with progress and a way to stop.

use super::{client, error::ApiError};
use berth_api_types::{
    error::Problem,
    path,
    v1::images::{ARCHIVE_MEDIA_TYPE, ImageView, LoadImageQuery},
};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, prelude::Closure};
use web_sys::{File, ProgressEvent, XmlHttpRequest};

/// An upload that is going on. Dropping it stops it.
pub struct Upload {
    request: XmlHttpRequest,
    _listeners: Vec<Closure<dyn FnMut(ProgressEvent)>>,
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.request.set_onload(None);
        self.request.set_onerror(None);
        self.request.set_onabort(None);
        if let Ok(upload) = self.request.upload() {
            upload.set_onprogress(None);
        }
        // Does nothing to a request that is over.
        let _ = self.request.abort();
    }
}

/// Sends an archive. `progress` hears the bytes that went and the bytes in all; `done` hears the end, once.
///
/// `fetch` cannot tell how much of a body went, so this is the one call that is made by hand.
pub async fn load_image(
    tenant: &str,
    project: &str,
    query: &LoadImageQuery,
    file: &File,
    progress: impl Fn(u64, u64) + 'static,
    done: impl FnOnce(Result<ImageView, ApiError>) + 'static,
) -> Option<Upload> {
    // An access token must not run out on the way: the body cannot be sent again.
    client::refresh_session().await;
    let done = Rc::new(RefCell::new(Some(done)));
    let fail = |error| {
        if let Some(done) = done.borrow_mut().take() {
            done(Err(error));
        }
    };
    let url = client::with_query(&path::images(tenant, project), query);
    let Some(request) = open(&url) else {
        fail(ApiError::Unreachable);
        return None;
    };
    let on_progress = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
        progress(event.loaded() as u64, event.total() as u64);
    });
    let (answered, of_load) = (request.clone(), done.clone());
    let on_load = Closure::<dyn FnMut(ProgressEvent)>::new(move |_| {
        if let Some(done) = of_load.borrow_mut().take() {
            done(read_answer(&answered));
        }
    });
    let of_error = done.clone();
    let on_error = Closure::<dyn FnMut(ProgressEvent)>::new(move |_| {
        if let Some(done) = of_error.borrow_mut().take() {
            done(Err(ApiError::Unreachable));
        }
    });
    if let Ok(upload) = request.upload() {
        upload.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
    }
    request.set_onload(Some(on_load.as_ref().unchecked_ref()));
    request.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    if request.send_with_opt_blob(Some(file)).is_err() {
        fail(ApiError::Unreachable);
        return None;
    }
    Some(Upload { request, _listeners: vec![on_progress, on_load, on_error] })
}

fn open(url: &str) -> Option<XmlHttpRequest> {
    let request = XmlHttpRequest::new().ok()?;
    request.open_with_async("POST", url, true).ok()?;
    request.set_request_header("content-type", ARCHIVE_MEDIA_TYPE).ok()?;
    request.set_request_header("accept", "application/json").ok()?;
    request.set_request_header("idempotency-key", &client::idempotency_key()).ok()?;
    Some(request)
}

fn read_answer(request: &XmlHttpRequest) -> Result<ImageView, ApiError> {
    let status = request.status().unwrap_or_default();
    let text = request.response_text().ok().flatten().unwrap_or_default();
    if (200..300).contains(&status) {
        return serde_json::from_str(&text).map_err(|_| ApiError::Strange(status));
    }
    Err(match serde_json::from_str::<Problem>(&text) {
        Ok(problem) => ApiError::Problem(Box::new(problem)),
        Err(_) => ApiError::Strange(status),
    })
}
