//! Images loaded from files.

use crate::{
    authz::{action::image, permit::Permit},
    http::{
        error::Failure,
        input::{Body, Path, Query, State},
        page,
        reply::{Created, Done, Found},
    },
    service::images::{self, Image},
};
use actix_web::{HttpRequest, http::header};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::images::{ARCHIVE_BYTES_MAX, ARCHIVE_MEDIA_TYPE, ImageView, LoadImageQuery},
};
use berth_domain::id::ImageId;
use serde::Deserialize;

/// Images of the project, the newest first.
pub async fn list(
    permit: Permit<image::Read>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<ImageView>>, Failure> {
    let found = images::list(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(found, view)))
}

/// Loads an archive of `docker save`.
pub async fn load(
    permit: Permit<image::Load>,
    app: State,
    request: HttpRequest,
    Query(query): Query<LoadImageQuery>,
    Body(payload): Body,
) -> Result<Created<ImageView>, Failure> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header(header::CONTENT_TYPE) != Some(ARCHIVE_MEDIA_TYPE) {
        return Err(Failure::unsupported_media_type(ARCHIVE_MEDIA_TYPE));
    }
    let length = header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > ARCHIVE_BYTES_MAX) {
        return Err(Failure::body_too_large(ARCHIVE_BYTES_MAX));
    }
    let reference = query.reference.as_deref().map(images::parse_reference).transpose()?;
    let _place = app.uploads.take(permit.actor().user)?;
    Ok(Created(view(images::load(&app, &permit, reference, payload, ARCHIVE_BYTES_MAX).await?)))
}

/// Loads the sample's image.
pub async fn load_sample(permit: Permit<image::Load>, app: State) -> Result<Created<ImageView>, Failure> {
    Ok(Created(view(images::load_sample(&app, &permit).await?)))
}

/// Which image.
#[derive(Deserialize)]
pub struct ImagePath {
    image: ImageId,
}

/// One image.
pub async fn read(
    permit: Permit<image::Read>,
    app: State,
    Path(path): Path<ImagePath>,
) -> Result<Found<ImageView>, Failure> {
    Ok(Found(view(images::read(&app, &permit, path.image).await?)))
}

/// Deletes an image that no release uses.
pub async fn delete(permit: Permit<image::Delete>, app: State, Path(path): Path<ImagePath>) -> Result<Done, Failure> {
    images::delete(&app, &permit, path.image).await?;
    Ok(Done)
}

fn view(image: Image) -> ImageView {
    ImageView {
        id: image.id,
        reference: image.reference,
        digest: image.image_digest,
        size_bytes: image.size_bytes,
        exposed_ports: image.exposed_ports,
        created_by: image.created_by,
        created_at: image.created_at,
    }
}
