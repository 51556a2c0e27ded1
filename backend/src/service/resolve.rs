//! From a reference that somebody wrote to the exact image that will run: one loaded into the project, or what its
//! registry says now. Talks to the world, so call it before a transaction.

use super::error::Error;
use crate::{
    authz::{action::Action, permit::Permit, scope::ProjectScope},
    seal::{Column, Sealer},
    startup::App,
    store::{ReadTx, credentials::get_sealed_credential, images::get_image_by_reference},
};
use anyhow::Context as _;
use berth_domain::{
    id::ImageId,
    image::{Digest, ImageReference},
};
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol, linux_amd64_resolver},
    errors::{OciDistributionError, OciErrorCode},
    secrets::RegistryAuth,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Longest time for all that is asked of a registry: a person waits for it.
const DEADLINE: Duration = Duration::from_secs(15);
/// Longest time until a registry accepts a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Images that are asked about at the same time; more wait, within their deadline. What a registry answers is held in
/// memory, and it may be a stranger's.
static ASKED: Semaphore = Semaphore::const_new(16);
/// The registry that uploaded images seem to come from. No such host exists, so nothing can be pulled from it.
pub const UPLOAD_REGISTRY: &str = "berth.local";

/// The exact image that will run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    /// What nodes know it by: a reference with digest, or the name that an uploaded one gets there.
    pub pinned: String,
    /// When it was loaded from a file.
    pub image_id: Option<ImageId>,
}

/// An exact image and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedImage {
    /// What will run.
    pub image: ResolvedImage,
    /// Ports that the image says it listens on; empty when it says none or they are not known.
    pub exposed_ports: Vec<u16>,
}

/// Resolves `image` for apps of `project`, which the permit's scope must lie in.
pub async fn resolve_image<A: Action>(
    app: &App,
    permit: &Permit<A>,
    project: &ProjectScope,
    image: &ImageReference,
) -> Result<ResolvedImage, Error> {
    match find(app, permit, project, image).await? {
        Found::Uploaded(described) => Ok(described.image),
        Found::InRegistry(auth) => in_time(image, async { Ok(Answer::ask(image, &auth).await?.resolved()) }).await,
    }
}

/// As [`resolve_image`], and reads the image's own description, which costs two more requests.
pub async fn describe_image<A: Action>(
    app: &App,
    permit: &Permit<A>,
    project: &ProjectScope,
    image: &ImageReference,
) -> Result<DescribedImage, Error> {
    match find(app, permit, project, image).await? {
        Found::Uploaded(described) => Ok(described),
        Found::InRegistry(auth) => {
            in_time(image, async {
                let answer = Answer::ask(image, &auth).await?;
                Ok(DescribedImage { exposed_ports: answer.exposed_ports(&auth).await, image: answer.resolved() })
            })
            .await
        }
    }
}

async fn in_time<T>(image: &ImageReference, ask: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let one_of_few = async {
        let _place = ASKED.acquire().await.context("the number of questions is never closed")?;
        ask.await
    };
    match tokio::time::timeout(DEADLINE, one_of_few).await {
        Ok(answer) => answer,
        Err(_) => Err(unavailable(image, "it did not answer in time")),
    }
}

/// Where an image comes from.
enum Found {
    Uploaded(DescribedImage),
    InRegistry(RegistryAuth),
}

async fn find<A: Action>(
    app: &App,
    permit: &Permit<A>,
    project: &ProjectScope,
    image: &ImageReference,
) -> Result<Found, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let uploaded = get_image_by_reference(tx.conn(), project.project.id, &image.to_string()).await?;
    if let Some(found) = uploaded {
        let archive = Digest::parse(&found.archive_sha256)
            .map_err(|e| anyhow::anyhow!("images.archive_sha256 of {}: {}", found.id, e.message))?;
        let image = ResolvedImage { pinned: upload_reference(&archive), image_id: Some(found.id) };
        return Ok(Found::Uploaded(DescribedImage { image, exposed_ports: found.exposed_ports }));
    }
    if image.registry() == UPLOAD_REGISTRY {
        return Err(Error::ImageNotFound(format!("No image {image} was loaded into this project.")));
    }
    let sealed = get_sealed_credential(tx.conn(), project.project.id, image.registry()).await?;
    drop(tx);
    Ok(Found::InRegistry(match sealed {
        Some(sealed) => open(&app.sealer, &sealed)?,
        None => RegistryAuth::Anonymous,
    }))
}

/// The name that an uploaded image gets on nodes: a valid reference that names the archive.
pub fn upload_reference(archive: &Digest) -> String {
    let digits = archive.as_str().trim_start_matches("sha256:");
    format!("{UPLOAD_REGISTRY}/upload:{digits}")
}

fn open(sealer: &Sealer, sealed: &crate::store::credentials::SealedCredential) -> Result<RegistryAuth, Error> {
    let password = sealer
        .open(Column::RegistryPassword, sealed.id.uuid(), &sealed.password_sealed)
        .map_err(|e| anyhow::anyhow!("the password of {}: {e}", sealed.id))?;
    Ok(RegistryAuth::Basic(sealed.username.clone(), String::from_utf8_lossy(&password).into_owned()))
}

/// What a registry said of an image, and the client that is signed in there.
struct Answer {
    client: Client,
    pinned: ImageReference,
}

impl Answer {
    async fn ask(image: &ImageReference, auth: &RegistryAuth) -> Result<Self, Error> {
        check_host(image).await?;
        let client = client(image)?;
        let reference: Reference = image
            .to_string()
            .parse()
            .map_err(|e| Error::ImageNotFound(format!("No registry can have an image {image}: {e}.")))?;
        // Signs in first, so that wrong credentials are told from a missing image.
        client.auth(&reference, auth, RegistryOperation::Pull).await.map_err(|e| refusal(image, auth, &e))?;
        let digest = client.fetch_manifest_digest(&reference, auth).await.map_err(|e| refusal(image, auth, &e))?;
        let digest =
            Digest::parse(&digest).map_err(|_| unavailable(image, "it answered with a digest that is not SHA-256"))?;
        Ok(Self { client, pinned: image.pinned(digest) })
    }

    fn resolved(self) -> ResolvedImage {
        ResolvedImage { pinned: self.pinned.to_string(), image_id: None }
    }

    /// A help for the form, no more: an image without a readable configuration runs all the same.
    async fn exposed_ports(&self, auth: &RegistryAuth) -> Vec<u16> {
        let Ok(exact) = self.pinned.to_string().parse::<Reference>() else { return Vec::new() };
        match self.client.pull_manifest_and_config(&exact, auth).await {
            Ok((_, _, config)) => {
                serde_json::from_str::<ImageConfig>(&config).map(ImageConfig::ports).unwrap_or_default()
            }
            Err(error) => {
                tracing::debug!(image = %exact, %error, "cannot read an image's configuration");
                Vec::new()
            }
        }
    }
}

fn client(image: &ImageReference) -> Result<Client, Error> {
    let registry = image.registry().to_owned();
    let config = ClientConfig {
        // Plain HTTP stays on this machine.
        protocol: if is_loopback(&registry) {
            ClientProtocol::HttpsExcept(vec![registry])
        } else {
            ClientProtocol::Https
        },
        platform_resolver: Some(Box::new(linux_amd64_resolver)),
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(DEADLINE),
        user_agent: concat!("berth/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Client::try_from(config).map_err(|e| Error::Fault(anyhow::anyhow!("the registry client: {e}")))
}

fn host(registry: &str) -> &str {
    registry.split_once(':').map_or(registry, |(host, _)| host)
}

fn is_loopback(registry: &str) -> bool {
    let host = host(registry);
    host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Link-local addresses are where clouds keep the credentials of their machines; no registry lives there.
async fn check_host(image: &ImageReference) -> Result<(), Error> {
    let host = host(image.registry());
    let found = tokio::net::lookup_host((host, 443)).await.map_err(|_| unavailable(image, "its name is not known"))?;
    for address in found {
        let forbidden = match address.ip().to_canonical() {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast(),
            IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast(),
        };
        if forbidden {
            return Err(unavailable(image, "its address is not one that a registry may have"));
        }
    }
    Ok(())
}

fn unavailable(image: &ImageReference, why: &str) -> Error {
    Error::RegistryUnavailable(format!("The registry {} cannot be asked: {why}.", image.registry()))
}

/// What a registry's refusal means for the person who deploys. Its own words stay in our log: they may speak of networks
/// that the person must not see.
fn refusal(image: &ImageReference, auth: &RegistryAuth, error: &OciDistributionError) -> Error {
    tracing::debug!(image = %image, %error, "a registry refused");
    let anonymous = matches!(auth, RegistryAuth::Anonymous);
    let missing = || Error::ImageNotFound(format!("The registry {} has no image {image}.", image.registry()));
    let denied = || {
        let registry = image.registry();
        Error::RegistryDenied(if anonymous {
            format!("The registry {registry} shows {image} to nobody without credentials. Add some to the project.")
        } else {
            format!("The registry {registry} refused the project's credentials for {image}.")
        })
    };
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => missing(),
        OciDistributionError::ServerError { code: 404, .. } => missing(),
        OciDistributionError::ServerError { code: 401 | 403, .. }
        | OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_) => denied(),
        OciDistributionError::RegistryError { envelope, .. } => {
            let has = |wanted: &[OciErrorCode]| envelope.errors.iter().any(|e| wanted.contains(&e.code));
            if has(&[OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound]) {
                missing()
            } else if has(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                denied()
            } else {
                unavailable(image, "it answered with an error")
            }
        }
        OciDistributionError::DigestError(_) => missing(),
        OciDistributionError::RequestError(_) => unavailable(image, "it does not answer"),
        _ => unavailable(image, "it answered something that is not the registry protocol"),
    }
}

/// What of an image's configuration matters here.
#[derive(Debug, Default, Deserialize)]
pub struct ImageConfig {
    #[serde(default, alias = "Config")]
    config: Option<RunConfig>,
}

#[derive(Debug, Default, Deserialize)]
struct RunConfig {
    #[serde(default, rename = "ExposedPorts")]
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
}

impl ImageConfig {
    /// TCP ports that the image says it listens on, in order.
    pub fn ports(self) -> Vec<u16> {
        let exposed = self.config.and_then(|config| config.exposed_ports).unwrap_or_default();
        let mut ports: Vec<u16> = exposed
            .keys()
            .filter_map(|text| {
                let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
                (protocol == "tcp").then(|| port.parse().ok()).flatten().filter(|port| *port > 0)
            })
            .collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_what_is_odd_is_left_out() {
        let config = r#"{"config":{"ExposedPorts":{"8080/tcp":{},"53/udp":{},"80":{},"x/tcp":{},"0/tcp":{}}}}"#;
        assert_eq!(serde_json::from_str::<ImageConfig>(config).map(ImageConfig::ports).expect("json"), [80, 8080]);
        for nothing in [r#"{}"#, r#"{"config":null}"#, r#"{"config":{"ExposedPorts":null}}"#] {
            assert!(serde_json::from_str::<ImageConfig>(nothing).map(ImageConfig::ports).expect("json").is_empty());
        }
    }

    #[test]
    fn an_uploads_name_is_a_valid_reference() {
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).expect("a digest");
        let name = upload_reference(&digest);
        assert_eq!(ImageReference::parse(&name).map(|r| r.to_string()), Ok(name));
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert!(is_loopback("localhost:5000") && is_loopback("127.0.0.1:5000") && is_loopback("127.9.0.1"));
        assert!(
            !is_loopback("registry.example") && !is_loopback("localhost.evil.example:5000") && !is_loopback("10.0.0.1")
        );
    }

    #[tokio::test]
    async fn metadata_addresses_are_not_asked() {
        let image = ImageReference::parse("169.254.169.254/latest/meta-data").expect("a reference");
        assert!(matches!(check_host(&image).await, Err(Error::RegistryUnavailable(_))));
    }
}
