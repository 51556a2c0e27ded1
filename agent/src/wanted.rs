//! What the server wants of this node, as it came over the wire, typed.

use berth_domain::{
    app::AppSpec,
    id::{AppId, EnvironmentId, ImageId, InstanceId, ReleaseId, TenantId},
};
use berth_proto::{convert, fleet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An instance that this node shall run, or take out when `stop` is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Record", into = "Record")]
pub struct Wanted {
    /// Which instance.
    pub instance: InstanceId,
    /// Its generation: a container of another one is replaced.
    pub generation: u64,
    /// Its name for people, a DNS label.
    pub name: String,
    /// Its app.
    pub app: AppId,
    /// The release that it runs.
    pub release: ReleaseId,
    /// Its environment; containers of one share a network.
    pub environment: EnvironmentId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Where its image comes from.
    pub image: WantedImage,
    /// Its spec, or why this agent cannot read it. An unreadable one can be stopped but not started.
    pub spec: Result<AppSpec, String>,
    /// Take it out, stop it with its grace, remove it.
    pub stop: bool,
    spec_json: String,
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedImage {
    /// What Docker is asked for; of an uploaded image the name that it gets here.
    pub reference: String,
    /// The upload, when it came as a file.
    pub upload: Option<Upload>,
}

/// An image that was loaded from a file and lies on the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Which.
    pub id: ImageId,
    /// `sha256:` of the archive, or its bare hexadecimal digits.
    pub digest: String,
}

/// Everything of one desired set, by instance.
pub type WantedSet = BTreeMap<InstanceId, Wanted>;

impl Wanted {
    /// Reads an instance from the wire. An id that cannot be read spoils the instance; a spec does not.
    pub fn from_wire(message: fleet::DesiredInstance) -> Result<Self, String> {
        let image = message.image.ok_or("it has no image")?;
        let bad = |e: convert::BadId| e.to_string();
        let upload = if image.upload_id.is_empty() {
            None
        } else {
            Some(Upload { id: convert::id(&image.upload_id).map_err(bad)?, digest: image.upload_digest })
        };
        let clean = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if message.name.is_empty() || !message.name.chars().all(clean) {
            return Err("its name is not a DNS label".to_owned());
        }
        Ok(Self::from(Record {
            instance: convert::id(&message.instance_id).map_err(bad)?,
            generation: message.generation,
            name: message.name,
            app: convert::id(&message.app_id).map_err(bad)?,
            release: convert::id(&message.release_id).map_err(bad)?,
            environment: convert::id(&message.environment_id).map_err(bad)?,
            tenant: convert::id(&message.tenant_id).map_err(bad)?,
            image: WantedImage { reference: image.reference, upload },
            spec_json: message.spec_json,
            stop: message.stop,
        }))
    }

    /// Seconds between SIGTERM and SIGKILL; `None` when the spec cannot be read, and the container's own counts.
    pub fn stop_grace_s(&self) -> Option<u32> {
        self.spec.as_ref().ok().map(AppSpec::stop_grace_s)
    }
}

/// The form on disk: the spec stays the text that the server sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    instance: InstanceId,
    generation: u64,
    name: String,
    app: AppId,
    release: ReleaseId,
    environment: EnvironmentId,
    tenant: TenantId,
    image: WantedImage,
    spec_json: String,
    stop: bool,
}

impl From<Record> for Wanted {
    fn from(record: Record) -> Self {
        Self {
            instance: record.instance,
            generation: record.generation,
            name: record.name,
            app: record.app,
            release: record.release,
            environment: record.environment,
            tenant: record.tenant,
            image: record.image,
            spec: serde_json::from_str(&record.spec_json).map_err(|e| e.to_string()),
            stop: record.stop,
            spec_json: record.spec_json,
        }
    }
}
impl From<Wanted> for Record {
    fn from(wanted: Wanted) -> Self {
        Self {
            instance: wanted.instance,
            generation: wanted.generation,
            name: wanted.name,
            app: wanted.app,
            release: wanted.release,
            environment: wanted.environment,
            tenant: wanted.tenant,
            image: wanted.image,
            spec_json: wanted.spec_json,
            stop: wanted.stop,
        }
    }
}
