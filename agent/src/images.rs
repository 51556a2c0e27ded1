//! Images: one pull at a time for each and each tenant, shared by all of its instances that wait for it.
//!
//! An uploaded image is known by the engine's own id of what was loaded, never by a name alone: the archive of another
//! upload could carry the same name.

use crate::{
    ledger::LoadedUpload,
    limit,
    reason::{Failure, Reason},
    runtime::{PullProgress, Runtime},
    uplink::Uplink,
    wanted::{Upload, Wanted},
};
use berth_domain::id::TenantId;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream::BoxStream};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{sync::watch, time};

/// The images of this node.
pub struct Images {
    runtime: Arc<dyn Runtime>,
    uplink: Arc<dyn Uplink>,
    pulls: Mutex<HashMap<Key, watch::Receiver<Pull>>>,
    uploads: Mutex<BTreeMap<String, LoadedUpload>>,
    changes: watch::Sender<u64>,
}

/// Who shares a pull: instances of one tenant that want the same. The credentials of one tenant are never another's,
/// neither to fetch with nor to fail with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    reference: String,
    upload_digest: Option<String>,
}

#[derive(Debug, Clone)]
enum Pull {
    Going(PullProgress),
    Done(Result<(), Failure>),
}

impl Images {
    /// With the uploads that the ledger knows.
    pub fn new(runtime: Arc<dyn Runtime>, uplink: Arc<dyn Uplink>, uploads: BTreeMap<String, LoadedUpload>) -> Self {
        Self { runtime, uplink, pulls: Mutex::default(), uploads: Mutex::new(uploads), changes: watch::Sender::new(0) }
    }

    /// What the engine knows the image by: the reference, or the id of a loaded upload; `None` when that upload is
    /// not here yet.
    pub fn engine_name(&self, wanted: &Wanted) -> Option<String> {
        let Some(upload) = &wanted.image.upload else { return Some(wanted.image.reference.clone()) };
        let uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = uploads.get(&wanted.image.reference)?;
        (loaded.digest == upload.digest).then(|| loaded.image_id.clone())
    }

    /// Every upload that was loaded, for the ledger.
    pub fn uploads(&self) -> BTreeMap<String, LoadedUpload> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Digests of the loaded uploads whose image is among those `present`: the server knows uploads by their archive.
    pub fn digests_among(&self, present: &[String]) -> Vec<String> {
        let uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let there = uploads.values().filter(|loaded| present.contains(&loaded.image_id));
        there.map(|loaded| loaded.digest.clone()).filter(|digest| !present.contains(digest)).collect()
    }

    /// Changes whenever an image came.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Gets the image, or joins whoever is getting it. `tell` hears how far it is.
    pub async fn get(self: &Arc<Self>, wanted: &Wanted, tell: impl Fn(PullProgress)) -> Result<(), Failure> {
        let mut pull = self.join(wanted);
        loop {
            match pull.borrow_and_update().clone() {
                Pull::Done(outcome) => return outcome,
                Pull::Going(progress) => tell(progress),
            }
            if pull.changed().await.is_err() {
                return Err(Failure::new(Reason::RegistryUnavailable, "Getting the image was interrupted."));
            }
        }
    }

    fn join(self: &Arc<Self>, wanted: &Wanted) -> watch::Receiver<Pull> {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key {
            tenant: wanted.tenant,
            reference: wanted.image.reference.clone(),
            upload_digest: wanted.image.upload.as_ref().map(|upload| upload.digest.clone()),
        };
        // One whose task is gone without a result is begun again.
        if let Some(pull) = pulls.get(&key).filter(|pull| pull.has_changed().is_ok()) {
            return pull.clone();
        }
        let (tell, pull) = watch::channel(Pull::Going(PullProgress::default()));
        pulls.insert(key.clone(), pull.clone());
        let (images, wanted) = (self.clone(), wanted.clone());
        tokio::spawn(async move {
            let progress = |progress| drop(tell.send_replace(Pull::Going(progress)));
            let outcome = match &wanted.image.upload {
                Some(upload) => images.load(&wanted, upload, &progress).await,
                None => images.pull(&wanted, &progress).await,
            };
            images.pulls.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            images.changes.send_modify(|count| *count += 1);
            tell.send_replace(Pull::Done(outcome));
        });
        pull
    }

    async fn pull(&self, wanted: &Wanted, progress: &(dyn Fn(PullProgress) + Send + Sync)) -> Result<(), Failure> {
        // Without the server a public image can still be had.
        let credential = match self.uplink.pull_credential(wanted.instance).await {
            Ok(credential) => credential,
            Err(error) => {
                tracing::warn!(instance.id = %wanted.instance, %error, "no credentials: pulling without");
                None
            }
        };
        Ok(self.runtime.pull(&wanted.image.reference, credential.as_ref(), progress).await?)
    }

    async fn load(
        &self,
        wanted: &Wanted,
        upload: &Upload,
        progress: &(dyn Fn(PullProgress) + Send + Sync),
    ) -> Result<(), Failure> {
        let unavailable = |why: String| Failure::new(Reason::ImageUnavailable, why);
        let archive = self.uplink.fetch_image(upload.id).await;
        let archive = archive.map_err(|e| unavailable(format!("The uploaded image cannot be fetched: {e}")))?;
        let (told, mut received) = watch::channel(Received::default());
        let archive = checked(archive, upload.digest.clone(), told).boxed();
        let loading = self.runtime.load(archive);
        tokio::pin!(loading);
        let outcome = loop {
            tokio::select! {
                outcome = &mut loading => break outcome,
                Ok(()) = received.changed() => {
                    progress(PullProgress { bytes: received.borrow_and_update().bytes, total: 0 });
                }
            }
        };
        // When the archive broke off, the engine only says that its connection did.
        let broken = received.borrow().broken.clone();
        let image_id = outcome.map_err(|error| broken.unwrap_or_else(|| error.into()))?;
        self.runtime.tag(&image_id, &wanted.image.reference).await?;
        let loaded = LoadedUpload { digest: upload.digest.clone(), image_id };
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.insert(wanted.image.reference.clone(), loaded);
        Ok(())
    }
}

/// How much of an archive came, and why it broke off if it did.
#[derive(Debug, Default)]
struct Received {
    bytes: u64,
    broken: Option<Failure>,
}

/// The archive, ending in an error when it is not the one that was promised or when it stops coming.
fn checked(
    mut archive: BoxStream<'static, Result<Bytes, io::Error>>,
    digest: String,
    told: watch::Sender<Received>,
) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static {
    let (to_engine, from_server) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        let mut hash = Sha256::new();
        let broken = loop {
            match time::timeout(limit::PULL_IDLE_DEADLINE, archive.next()).await {
                Ok(Some(Ok(chunk))) => {
                    hash.update(&chunk);
                    told.send_modify(|received| received.bytes += chunk.len() as u64);
                    if to_engine.send(Ok(chunk)).await.is_err() {
                        return;
                    }
                }
                Ok(Some(Err(error))) => break Some((Reason::ImageUnavailable, error.to_string())),
                Err(_) => break Some((Reason::ImageUnavailable, "the server stopped sending".to_owned())),
                Ok(None) if hex::encode(hash.finalize()) == digest.trim_start_matches("sha256:") => break None,
                Ok(None) => break Some((Reason::BadArchive, "it is not the one that was uploaded".to_owned())),
            }
        };
        if let Some((reason, why)) = broken {
            let failure = Failure::new(reason, format!("The image's archive could not be loaded: {why}."));
            told.send_modify(|received| received.broken = Some(failure));
            let _ = to_engine.send(Err(io::Error::other(why))).await;
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(from_server)
}
