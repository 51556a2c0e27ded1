//! What agents ask and tell, answered from the store. Every `node` comes from a verified certificate; an agent gets what
//! its own instances need and nothing else.

use super::join;
use crate::{
    authz::permit::SystemPermit,
    reconcile::{
        Nudges,
        observation::{NotStored, Observer},
    },
    seal::Column,
    service::images::{archive_path, images_dir},
    startup::App,
    store::{
        StoreError, SystemTx,
        events::{Concerns, NewEvent, Reason, insert_events},
        instances::{get_needed_archive, get_pull_secret},
        join_tokens::use_join_token,
        node_observations::{get_generation, touch_node, update_facts, upsert_node_observation},
        nodes::{self, insert_node, list_node_names, update_certificate},
    },
};
use async_trait::async_trait;
use berth_api_types::v1::live::Topic;
use berth_domain::{
    app::check_labels,
    id::{ImageId, InstanceId, NodeId},
    image::ImageReference,
    name::Name,
    node::SUSPECT_AFTER_MS,
};
use berth_scheduler::{
    authority::{AuthorityError, CertificateSerial},
    door::{Credential, Directory, DirectoryError, Enrolled, Enrolment},
    message::{HeartbeatReport, HelloReport, NodeReport},
};
use std::{path::PathBuf, sync::Arc};

pub(super) const PERMIT: SystemPermit = SystemPermit::for_duty("agents");

/// Answers agents.
pub struct StoreDirectory {
    /// The database, the authority, the sealer.
    pub app: Arc<App>,
    /// Stores reports.
    pub observer: Observer,
    /// Wakes the engine.
    pub nudges: Nudges,
}

impl StoreDirectory {
    fn issue(&self, request_pem: &str, node: NodeId) -> Result<(String, CertificateSerial), DirectoryError> {
        let serial = CertificateSerial::from_random(self.app.ids.secret::<16>());
        let now_ms = self.app.clock.now().timestamp_millis().unsigned_abs();
        let pem =
            self.app.authority.issue_node(request_pem, self.app.install, node, &serial, now_ms).map_err(
                |e| match e {
                    AuthorityError::BadRequest(_) => DirectoryError::Invalid(e.to_string()),
                    AuthorityError::BadAuthority(_) | AuthorityError::Signing(_) => {
                        DirectoryError::Unavailable(Box::new(e))
                    }
                },
            )?;
        Ok((pem, serial))
    }

    fn enrolled(&self, node: NodeId, certificate_pem: String) -> Enrolled {
        let authority_pem = self.app.authority.certificate_pem().to_owned();
        Enrolled { node, install: self.app.install, certificate_pem, authority_pem }
    }

    async fn begin(&self) -> Result<SystemTx, DirectoryError> {
        SystemTx::begin(&self.app.store, &PERMIT).await.map_err(unavailable)
    }

    fn say<const N: usize>(&self, reason: Reason, node: NodeId, params: [(&str, String); N]) -> NewEvent {
        let concerns = Concerns { node: Some(node), ..Concerns::default() };
        NewEvent::of(self.app.ids.id(), self.app.clock.now(), reason, concerns, params)
    }
}

#[async_trait]
impl Directory for StoreDirectory {
    async fn enroll(&self, enrolment: Enrolment) -> Result<Enrolled, DirectoryError> {
        let name = Name::parse(&enrolment.node_name).map_err(|e| {
            DirectoryError::Invalid(format!("the node's name {:?} cannot be used: {}", enrolment.node_name, e.message))
        })?;
        let node = self.app.ids.id();
        let mut errors = Vec::new();
        check_labels("labels", &enrolment.labels, &mut errors);
        if let Some(error) = errors.first() {
            return Err(DirectoryError::Invalid(format!("{} cannot be used: {}", error.field, error.message)));
        }
        let (certificate_pem, serial) = self.issue(&enrolment.certificate_request_pem, node)?;
        let mut tx = self.begin().await?;
        // The token first: who has none learns nothing about names.
        let taken =
            !insert_node(&mut tx, node, &name, &enrolment.labels, &serial.to_string()).await.map_err(unavailable)?;
        if taken {
            let token = join::sha256(&enrolment.join_token);
            return Err(if is_good_token(&mut tx, &token).await? {
                DirectoryError::Taken(format!("a node named {name} has joined already; choose another --name"))
            } else {
                bad_token()
            });
        }
        let used = use_join_token(&mut tx, &join::sha256(&enrolment.join_token), node).await.map_err(unavailable)?;
        if used.is_none() {
            return Err(bad_token());
        }
        let joined = self.say(Reason::NodeJoined, node, [("node", name.to_string())]);
        insert_events(tx.conn(), &[joined]).await.map_err(unavailable)?;
        tx.touch(None, Topic::Nodes);
        tx.commit_unaudited().await.map_err(unavailable)?;
        tracing::info!(node.id = %node, node.name = %name, "a node joined");
        Ok(self.enrolled(node, certificate_pem))
    }

    async fn renew(&self, node: NodeId, certificate_request_pem: String) -> Result<Enrolled, DirectoryError> {
        let (certificate_pem, serial) = self.issue(&certificate_request_pem, node)?;
        let mut tx = self.begin().await?;
        if !update_certificate(&mut tx, node, &serial.to_string()).await.map_err(unavailable)? {
            return Err(DirectoryError::Refused("the node is no member any more".to_owned()));
        }
        tx.commit_unaudited().await.map_err(unavailable)?;
        Ok(self.enrolled(node, certificate_pem))
    }

    async fn is_current(&self, node: NodeId, serial: &str) -> Result<bool, DirectoryError> {
        let mut tx = self.begin().await?;
        let current = nodes::is_current(&mut tx, node, serial).await.map_err(unavailable)?;
        tx.commit_unaudited().await.map_err(unavailable)?;
        Ok(current)
    }

    async fn pull_credential(&self, node: NodeId, instance: InstanceId) -> Result<Option<Credential>, DirectoryError> {
        let mut tx = self.begin().await?;
        let found = get_pull_secret(&mut tx, node, instance).await.map_err(unavailable)?;
        let found = found.ok_or(DirectoryError::NotFound)?;
        if found.uploaded {
            return Ok(None);
        }
        let image = ImageReference::parse(&found.pinned_image)
            .map_err(|e| unavailable(StoreError::Damaged(format!("releases.pinned_image: {}", e.message))))?;
        let Some(kept) = found.credentials.into_iter().find(|c| c.registry == image.registry()) else {
            return Ok(None);
        };
        let password = self
            .app
            .sealer
            .open(Column::RegistryPassword, kept.id, &kept.password_sealed)
            .map_err(|e| DirectoryError::Unavailable(Box::new(e)))?;
        let password = String::from_utf8_lossy(&password).into_owned();
        Ok(Some(Credential { username: kept.username, password }))
    }

    async fn image_archive(&self, node: NodeId, image: ImageId) -> Result<PathBuf, DirectoryError> {
        let mut tx = self.begin().await?;
        let digest = get_needed_archive(&mut tx, node, image).await.map_err(unavailable)?;
        let digest = digest.ok_or(DirectoryError::NotFound)?;
        Ok(archive_path(&images_dir(&self.app.settings.data_dir), &digest))
    }

    async fn hello(&self, node: NodeId, hello: HelloReport) -> Result<(), DirectoryError> {
        let mut tx = self.begin().await?;
        upsert_node_observation(&mut tx, node, &hello.agent_version, &hello.facts).await.map_err(unavailable)?;
        let ours = get_generation(&mut tx, node).await.map_err(unavailable)?;
        if (hello.epoch, hello.generation) > ours {
            let names = list_node_names(&mut tx, &[node]).await.map_err(unavailable)?;
            let name = names.get(&node).cloned().unwrap_or_default();
            tracing::error!(node.id = %node, "an agent has seen newer orders than this database holds");
            let ahead = self.say(Reason::AgentAhead, node, [("node", name)]);
            insert_events(tx.conn(), &[ahead]).await.map_err(unavailable)?;
        }
        tx.touch(None, Topic::Nodes);
        tx.commit_unaudited().await.map_err(unavailable)?;
        self.nudges.engine();
        Ok(())
    }

    async fn heartbeat(&self, node: NodeId, heartbeat: HeartbeatReport) -> Result<bool, DirectoryError> {
        let mut tx = self.begin().await?;
        let beat = touch_node(&mut tx, node, heartbeat.docker_answers).await.map_err(unavailable)?;
        let Some(beat) = beat else { return Ok(false) };
        if let Some(facts) = &heartbeat.facts {
            update_facts(&mut tx, node, facts).await.map_err(unavailable)?;
        }
        let news = beat.docker_answered != heartbeat.docker_answers
            || beat.silence_ms >= SUSPECT_AFTER_MS
            || heartbeat.facts.is_some();
        if news {
            tx.touch(None, Topic::Nodes);
        }
        tx.commit_unaudited().await.map_err(unavailable)?;
        if news {
            self.nudges.engine();
        }
        Ok(true)
    }

    async fn report(&self, node: NodeId, report: NodeReport) -> Result<(), DirectoryError> {
        self.observer.report(node, report).await.map_err(|error| match error {
            NotStored::NoMember => DirectoryError::Refused(error.to_string()),
            NotStored::Failed(_) => DirectoryError::Unavailable(Box::new(error)),
        })
    }

    fn attached(&self, node: NodeId) {
        tracing::info!(node.id = %node, "an agent is connected");
        self.nudges.delivery();
    }

    fn detached(&self, node: NodeId) {
        tracing::info!(node.id = %node, "an agent's connection ended");
    }
}

async fn is_good_token(tx: &mut SystemTx, sha256: &[u8; 32]) -> Result<bool, DirectoryError> {
    crate::store::join_tokens::is_good(tx, sha256).await.map_err(unavailable)
}

fn bad_token() -> DirectoryError {
    DirectoryError::Refused("the join token is wrong, used or out of date; make a new one".to_owned())
}

fn unavailable(error: StoreError) -> DirectoryError {
    DirectoryError::Unavailable(Box::new(error))
}
