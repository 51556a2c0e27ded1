//! Typed ids. An id prints as its kind and 32 hexadecimal digits, `app_0192f0c1…`, and parses only as its own kind.

use core::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// A kind of thing that has ids.
pub trait Kind: 'static {
    /// What an id of this kind starts with, without the underscore.
    const PREFIX: &'static str;
}

/// An id of a thing of kind `K`. Ordered by creation, as the server draws version 7 UUIDs.
pub struct Id<K: Kind>(Uuid, PhantomData<fn() -> K>);

impl<K: Kind> Id<K> {
    /// Wraps a UUID that is known to belong to a `K`: one just drawn, or one read from that column.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }
    /// The bare UUID, for the database and the wire.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K: Kind> Copy for Id<K> {}
impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K: Kind> Eq for Id<K> {}
impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K: Kind> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.0.simple())
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like {prefix}_0192f0c1a2b37c4d8e5f60718293a4b5")]
pub struct InvalidId {
    /// What an id of the wanted kind starts with.
    pub prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { prefix: K::PREFIX };
        let digits = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(invalid.clone())?;
        // One spelling only: 32 lower-case digits, or two texts would name one thing.
        let canonical = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !canonical {
            return Err(invalid);
        }
        Uuid::try_parse(digits).map(Self::new).map_err(|_| invalid)
    }
}
impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl<K: Kind> utoipa::PartialSchema for Id<K> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some(format!("^{}_[0-9a-f]{{32}}$", K::PREFIX)))
            .into()
    }
}
#[cfg(feature = "openapi")]
impl<K: Kind> utoipa::ToSchema for Id<K> {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Owned(format!("{}_id", K::PREFIX))
    }
}

/// The kinds that have ids.
pub mod kind {
    use super::Kind;

    /// Declares one uninhabited marker per kind: they differ in nothing but their prefix.
    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident = $prefix:literal),* $(,)?) => {
            $($(#[$doc])* pub enum $name {} impl Kind for $name { const PREFIX: &'static str = $prefix; })*
        };
    }
    kinds! {
        /// One installation of Berth.
        Install = "install",
        /// A person.
        User = "user",
        /// A signed-in browser.
        Session = "session",
        /// A personal access token.
        Token = "token",
        /// An organisation.
        Tenant = "tenant",
        /// A group of apps that a team owns.
        Project = "project",
        /// A stage of a project.
        Environment = "env",
        /// The unit that is deployed.
        App = "app",
        /// An immutable spec of an app.
        Release = "release",
        /// The way from one release to the next.
        Rollout = "rollout",
        /// One container of a release on one node.
        Instance = "inst",
        /// A host that runs an agent.
        Node = "node",
        /// A one-time token with which a node joins.
        JoinToken = "join",
        /// Credentials for a registry, kept per project.
        RegistryCredential = "cred",
        /// An image loaded from a file.
        Image = "image",
        /// Something that the platform did, and why.
        Event = "event",
        /// A row of the audit trail.
        Audit = "audit",
        /// An HTTP request.
        Request = "req",
    }
}

/// Id of the installation.
pub type InstallId = Id<kind::Install>;
/// Id of a person.
pub type UserId = Id<kind::User>;
/// Id of a signed-in browser.
pub type SessionId = Id<kind::Session>;
/// Id of a personal access token.
pub type TokenId = Id<kind::Token>;
/// Id of a tenant.
pub type TenantId = Id<kind::Tenant>;
/// Id of a project.
pub type ProjectId = Id<kind::Project>;
/// Id of an environment.
pub type EnvironmentId = Id<kind::Environment>;
/// Id of an app.
pub type AppId = Id<kind::App>;
/// Id of a release.
pub type ReleaseId = Id<kind::Release>;
/// Id of a rollout.
pub type RolloutId = Id<kind::Rollout>;
/// Id of an instance.
pub type InstanceId = Id<kind::Instance>;
/// Id of a node.
pub type NodeId = Id<kind::Node>;
/// Id of a join token.
pub type JoinTokenId = Id<kind::JoinToken>;
/// Id of a registry credential.
pub type RegistryCredentialId = Id<kind::RegistryCredential>;
/// Id of an uploaded image.
pub type ImageId = Id<kind::Image>;
/// Id of an event.
pub type EventId = Id<kind::Event>;
/// Id of an audit row.
pub type AuditId = Id<kind::Audit>;
/// Id of an HTTP request.
pub type RequestId = Id<kind::Request>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_shows_its_kind_and_parses_back() {
        let id = AppId::new(Uuid::from_u128(7));
        assert_eq!(id.to_string(), "app_00000000000000000000000000000007");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_kind_or_spelling_is_refused() {
        for text in [
            "node_00000000000000000000000000000007",
            "app-00000000000000000000000000000007",
            "app_0000000000000000000000000000000F",
            "app_7",
            "",
        ] {
            assert!(text.parse::<AppId>().is_err(), "{text}");
        }
    }
}
