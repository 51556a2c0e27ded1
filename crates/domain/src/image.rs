//! Image references as people write them, and digests.

use crate::{
    field_error::{FieldCode, FieldError},
    limit,
};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A content digest, `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$"))]
pub struct Digest(String);

impl Digest {
    /// Parses a digest; the error's field is `digest`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let valid = text
            .strip_prefix("sha256:")
            .is_some_and(|d| d.len() == 64 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(FieldError::new("digest", FieldCode::BadFormat, "a digest is sha256: and 64 hexadecimal digits"))
        }
    }
    /// With the algorithm, as it is written everywhere.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The first twelve hexadecimal digits, for people.
    pub fn short(&self) -> &str {
        &self.0[7..19]
    }
}
impl TryFrom<String> for Digest {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|e| e.message)
    }
}
impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A reference to an image: `[registry[:port]/]repository[:tag][@digest]`, normalised as Docker does
/// (`nginx` is `docker.io/library/nginx:latest`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// The registry of references that name none.
pub const DEFAULT_REGISTRY: &str = "docker.io";

impl ImageReference {
    /// Parses a reference; the error's field is `image`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let bad = |message: &str| FieldError::new("image", FieldCode::BadFormat, message);
        if text.is_empty() {
            return Err(FieldError::new("image", FieldCode::Required, "name an image, such as nginx:1.29"));
        }
        if text.len() > limit::IMAGE_REFERENCE_BYTES_MAX {
            return Err(FieldError::new(
                "image",
                FieldCode::TooLong,
                format!("at most {} characters", limit::IMAGE_REFERENCE_BYTES_MAX),
            )
            .limit(limit::IMAGE_REFERENCE_BYTES_MAX as u64));
        }
        if let Some(c) =
            text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | ':' | '@')))
        {
            return Err(FieldError::new(
                "image",
                FieldCode::BadCharacter,
                format!("“{}” cannot stand in an image reference", c.escape_default()),
            )
            .found(c.to_string()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = Digest::parse(digest).map_err(|e| bad(&e.message))?;
                (rest, Some(digest))
            }
            None => (text, None),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            // A colon before a slash belongs to the registry's port.
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        if let Some(tag) = tag {
            let starts = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            if !starts || tag.len() > 128 || tag.contains('@') {
                return Err(bad("a tag starts with a letter, digit or _ and has at most 128 characters"));
            }
        }
        let (registry, repository) = match path.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => (DEFAULT_REGISTRY, path),
        };
        if !valid_registry(registry) {
            return Err(bad("the registry must be a host name, with :port where it is not 443"));
        }
        if repository.split('/').any(|part| !valid_path_part(part)) {
            return Err(bad(
                "a repository is lower-case words joined by / . _ or -, such as registry.example/shop/web",
            ));
        }
        let official = registry == DEFAULT_REGISTRY && !repository.contains('/');
        Ok(Self {
            registry: registry.to_owned(),
            repository: if official { format!("library/{repository}") } else { repository.to_owned() },
            tag: match (tag, &digest) {
                (Some(tag), _) => Some(tag.to_owned()),
                (None, Some(_)) => None,
                (None, None) => Some("latest".to_owned()),
            },
            digest,
        })
    }
    /// Host name and port of the registry.
    pub fn registry(&self) -> &str {
        &self.registry
    }
    /// The repository within the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }
    /// The tag; none when only a digest was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }
    /// The digest, when the reference is pinned.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
    /// The same image, pinned.
    #[must_use]
    pub fn pinned(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
    /// `registry/repository` alone.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

fn valid_registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(h, p)| (h, Some(p)));
    let host_ok = !host.is_empty()
        && host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    host_ok && port.is_none_or(|p| p.parse::<u16>().is_ok_and(|p| p > 0))
}

fn valid_path_part(part: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    edge(part.chars().next())
        && edge(part.chars().next_back())
        && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'))
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}
impl TryFrom<String> for ImageReference {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|e| e.message)
    }
}
impl From<ImageReference> for String {
    fn from(reference: ImageReference) -> Self {
        reference.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_normalised_as_docker_does() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, want) in [
            ("nginx", "docker.io/library/nginx:latest".to_owned()),
            ("grafana/grafana:12", "docker.io/grafana/grafana:12".to_owned()),
            ("localhost:5000/web", "localhost:5000/web:latest".to_owned()),
            ("reg.example/shop/web:1.4.2", "reg.example/shop/web:1.4.2".to_owned()),
            (&format!("reg.example/web@{digest}"), format!("reg.example/web@{digest}")),
        ] {
            let parsed = ImageReference::parse(text).expect(text);
            assert_eq!(parsed.to_string(), want);
            assert_eq!(ImageReference::parse(&want), Ok(parsed), "{text} reads back");
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "Nginx",
            "nginx:",
            "a b",
            "nginx;rm -rf /",
            "$(id)",
            "reg.example/",
            "/web",
            "web@sha256:12",
            "reg.example:99999/web",
            "a//b",
            "web:-x",
            "-a/b",
            "../../etc",
            "web\n",
        ] {
            assert!(ImageReference::parse(text).is_err(), "{text:?}");
        }
    }
}
