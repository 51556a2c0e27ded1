//! Images loaded from files. An archive lies in the data directory under its digest; a sweep removes those that no
//! image needs.

use super::{
    archive::{self, ArchiveError, Inspected},
    error::Error,
    page::{PageRequest, Paged},
    room::must_have_room,
};
use crate::{
    authz::{action, permit::Permit},
    startup::App,
    store::{
        ReadTx, StoreError, Tx,
        audit::AuditEntry,
        counted::Counted,
        images::{self, ImageRecord, NewImage, Wanted},
        nudge::Topic,
    },
};
use anyhow::Context as _;
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::ImageId,
    image::{Digest, ImageReference},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use nix::sys::statvfs::statvfs;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;

/// An image that was loaded from a file.
pub type Image = ImageRecord;

/// Longest silence of who sends an archive.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Longest time for an archive in all: 4 GiB at a little more than 1 MB/s. Who sends a byte a minute holds a place for ever.
const SEND_MAX: Duration = Duration::from_secs(3600);
/// So much of the data directory's disk stays free, in bytes: the key, the set-up token and, on small installations, the
/// database live there too.
const FREE_BYTES_MIN: u64 = 1024 * 1024 * 1024;
/// The free space is looked at again after so many bytes.
const LOOK_AGAIN_BYTES: u64 = 64 * 1024 * 1024;
/// A file that nothing needs is removed after this long: a load may be about to name it.
const SWEEP_AFTER: Duration = Duration::from_secs(3600);

/// Where archives lie.
pub fn images_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("images")
}

/// Where the archive of a digest (`sha256:…`) lies.
pub fn archive_path(images_dir: &Path, archive_sha256: &str) -> PathBuf {
    images_dir.join(format!("{}.tar", archive_sha256.trim_start_matches("sha256:")))
}

/// A page of a project's images, the newest first.
pub async fn list(
    app: &App,
    permit: &Permit<action::image::Read>,
    page: PageRequest<ImageId>,
) -> Result<Paged<Image, ImageId>, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let wanted = Wanted::Page { after: page.after, limit: page.rows() };
    let rows = images::list_images(tx.conn(), permit.scope().project.id, wanted).await?;
    Ok(page.cut(rows, |image| image.id))
}

/// One image.
pub async fn read(app: &App, permit: &Permit<action::image::Read>, image: ImageId) -> Result<Image, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    images::get_image(tx.conn(), permit.scope().project.id, image).await?.ok_or(Error::NotFound)
}

/// Parses the reference under which apps shall find an image.
pub fn parse_reference(text: &str) -> Result<ImageReference, Error> {
    let error = |e: FieldError| Error::field(FieldError { field: "reference".into(), ..e });
    let reference = ImageReference::parse(text).map_err(error)?;
    if reference.digest().is_some() {
        let message = "name it without a digest: the digest is the archive's own";
        return Err(Error::field(FieldError::new("reference", FieldCode::BadFormat, message)));
    }
    Ok(reference)
}

/// Loads an archive of at most `limit_bytes` that is sent bit by bit. Without `reference` the archive's own name is used.
pub async fn load<E: std::fmt::Display>(
    app: &App,
    permit: &Permit<action::image::Load>,
    reference: Option<ImageReference>,
    body: impl Stream<Item = Result<Bytes, E>>,
    limit_bytes: u64,
) -> Result<Image, Error> {
    let folder = images_dir(&app.settings.data_dir);
    let receive = receive(&folder, body, limit_bytes);
    let file = tokio::time::timeout(SEND_MAX, receive).await.map_err(|_| {
        Error::InvalidArchive(format!("The archive did not come within {} minutes.", SEND_MAX.as_secs() / 60))
    })??;
    keep(app, permit, reference, folder, file).await
}

/// Loads the sample's image, which every installation carries. Loading it again gives the one that is there.
pub async fn load_sample(app: &App, permit: &Permit<action::image::Load>) -> Result<Image, Error> {
    let sample = app.settings.sample_image.clone().ok_or(Error::NotFound)?;
    let folder = images_dir(&app.settings.data_dir);
    let file = blocking({
        let folder = folder.clone();
        move || {
            let mut file = temporary(&folder)?;
            let mut from = File::open(&sample).with_context(|| format!("cannot open {}", sample.display()))?;
            io::copy(&mut from, file.as_file_mut()).context("cannot copy the sample's image")?;
            Ok(file)
        }
    })
    .await?;
    keep(app, permit, None, folder, file).await
}

/// Looks into the file, keeps it under its digest, and writes the image.
async fn keep(
    app: &App,
    permit: &Permit<action::image::Load>,
    reference: Option<ImageReference>,
    folder: PathBuf,
    file: NamedTempFile,
) -> Result<Image, Error> {
    let kept = blocking(move || inspect_and_store(&folder, file)).await?;
    let Kept { inspected, archive_sha256, sha256, size_bytes } = kept?;
    let tag = inspected.tag.as_deref().unwrap_or_default();
    permit.request().set_body_sha256(Sha256::new().chain_update(sha256).chain_update(tag).finalize().into());
    let reference = match (reference, &inspected.tag) {
        (Some(reference), _) => reference,
        (None, Some(tag)) => parse_reference(tag)?,
        (None, None) => {
            let message = "the archive names its image nothing: give it a name, such as shop/web:1";
            return Err(Error::field(FieldError::new("reference", FieldCode::Required, message)));
        }
    };
    let project = permit.scope().project.id;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let present = images::get_image_by_reference(tx.conn(), project, &reference.to_string()).await?;
    if let Some(present) = present.filter(|present| present.archive_sha256 == archive_sha256.as_str()) {
        // The same bytes under the same name: nothing changes.
        return Ok(present);
    }
    must_have_room(&mut tx, Counted::Images(project)).await?;
    let (id, created_at): (ImageId, _) = (tx.id(), tx.now());
    let new = NewImage {
        id,
        project,
        reference: &reference,
        archive_sha256: &archive_sha256,
        image_digest: &inspected.image_digest,
        size_bytes,
        exposed_ports: &inspected.exposed_ports,
        created_by: permit.actor().user,
        created_at,
    };
    images::insert_image(&mut tx, new).await?;
    let record = images::get_image(tx.conn(), project, id).await?.ok_or(Error::NotFound)?;
    tx.touch(Topic::Projects);
    let entry = AuditEntry::new().target(&record.reference, id.uuid());
    let after = json!({ "archive": record.archive_sha256, "image": record.image_digest, "size_bytes": size_bytes });
    tx.commit(entry.after(&after)).await?;
    Ok(record)
}

/// Deletes an image that no release uses.
pub async fn delete(app: &App, permit: &Permit<action::image::Delete>, image: ImageId) -> Result<(), Error> {
    let project = permit.scope().project.id;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let before = images::get_image(tx.conn(), project, image).await?.ok_or(Error::NotFound)?;
    images::delete_image(&mut tx, project, image).await.map_err(|error| match error {
        StoreError::Referenced { .. } => {
            Error::NotEmpty("A release of an app uses this image. Delete the app first.".into())
        }
        error => error.into(),
    })?;
    tx.touch(Topic::Projects);
    let entry = AuditEntry::new().target(&before.reference, image.uuid());
    tx.commit(entry.before(&json!({ "archive": before.archive_sha256, "image": before.image_digest }))).await?;
    Ok(())
}

/// Removes archives that no image needs. Safe beside loads: a fresh file is left alone.
pub async fn sweep(app: &App) -> anyhow::Result<usize> {
    let needed = images::list_needed_archives(&app.store).await?;
    let folder = images_dir(&app.settings.data_dir);
    let needed: Vec<PathBuf> = needed.iter().map(|digest| archive_path(&folder, digest)).collect();
    let swept = tokio::task::spawn_blocking(move || {
        let mut removed = 0;
        let Ok(found) = fs::read_dir(&folder) else { return Ok(0) };
        for entry in found {
            let entry = entry?;
            let old = entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > SWEEP_AFTER);
            if old && !needed.contains(&entry.path()) {
                fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        io::Result::Ok(removed)
    });
    Ok(swept.await??)
}

fn temporary(folder: &Path) -> anyhow::Result<NamedTempFile> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    tempfile::Builder::new().prefix("loading-").tempfile_in(folder).context("cannot make a file for an archive")
}

/// Writes what comes to a file, within the limits of size and silence.
async fn receive<E: std::fmt::Display>(
    folder: &Path,
    body: impl Stream<Item = Result<Bytes, E>>,
    limit_bytes: u64,
) -> Result<NamedTempFile, Error> {
    let file = blocking({
        let folder = folder.to_owned();
        move || temporary(&folder)
    })
    .await?;
    let mut out = tokio::fs::File::from_std(file.reopen().map_err(anyhow::Error::from)?);
    let mut body = pin!(body);
    let mut size: u64 = 0;
    loop {
        let chunk = match tokio::time::timeout(SILENCE_MAX, body.next()).await {
            Err(_) => return Err(Error::InvalidArchive("The archive broke off: nothing came for a minute.".into())),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(Error::InvalidArchive(format!("The archive broke off: {error}."))),
            Ok(Some(Ok(chunk))) => chunk,
        };
        if size / LOOK_AGAIN_BYTES != (size + chunk.len() as u64) / LOOK_AGAIN_BYTES || size == 0 {
            must_have_space(folder)?;
        }
        size += chunk.len() as u64;
        if size > limit_bytes {
            return Err(Error::BodyTooLarge { limit_bytes });
        }
        out.write_all(&chunk).await.map_err(cannot_write)?;
    }
    out.flush().await.map_err(cannot_write)?;
    Ok(file)
}

fn cannot_write(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::NoSpace,
        _ => anyhow::Error::from(error).context("cannot write an archive").into(),
    }
}

/// Refuses to fill the disk. Asking the kernel takes microseconds: no thread of its own.
fn must_have_space(folder: &Path) -> Result<(), Error> {
    let found = statvfs(folder).with_context(|| format!("cannot see how full the disk of {} is", folder.display()))?;
    let free_bytes = found.blocks_available().saturating_mul(found.fragment_size());
    if free_bytes < FREE_BYTES_MIN { Err(Error::NoSpace) } else { Ok(()) }
}

struct Kept {
    inspected: Inspected,
    archive_sha256: Digest,
    sha256: [u8; 32],
    size_bytes: u64,
}

fn inspect_and_store(folder: &Path, mut file: NamedTempFile) -> anyhow::Result<Result<Kept, Error>> {
    let inspected = match archive::inspect(file.as_file_mut()) {
        Ok(inspected) => inspected,
        Err(ArchiveError::Invalid(sentence)) => return Ok(Err(Error::InvalidArchive(sentence))),
        Err(ArchiveError::Io(error)) => return Err(error.into()),
    };
    let (sha256, size_bytes) = hash(file.as_file_mut()).context("cannot read an archive back")?;
    let archive_sha256 = Digest::parse(&format!("sha256:{}", hex::encode(sha256)))
        .map_err(|e| anyhow::anyhow!("a digest of ours: {}", e.message))?;
    let path = archive_path(folder, archive_sha256.as_str());
    file.persist(&path).with_context(|| format!("cannot keep {}", path.display()))?;
    Ok(Ok(Kept { inspected, archive_sha256, sha256, size_bytes }))
}

fn hash(file: &mut File) -> io::Result<([u8; 32], u64)> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hasher.finalize().into(), size));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.context("work on a file panicked")??)
}
