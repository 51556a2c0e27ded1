//! A row of a trail, and its hash.

use crate::hash::{FieldHasher, Sha256Hash};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// One act, with its place in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its place, from 1, without a gap.
    pub sequence: i64,
    /// Which.
    pub id: Uuid,
    /// Whose chain; none: the platform's.
    pub tenant: Option<Uuid>,
    /// When, to the microsecond.
    pub at: DateTime<Utc>,
    /// Who; none when nobody was known, as with a failed sign-in.
    pub actor_id: Option<Uuid>,
    /// E-mail at that time.
    pub actor: String,
    /// `noun.verb`.
    pub action: String,
    /// Names joined by `/`.
    pub target: String,
    /// Id of the target.
    pub target_id: Option<Uuid>,
    /// `done`, `denied` or `failed`.
    pub result: String,
    /// The request.
    pub request_id: Uuid,
    /// The caller's address.
    pub source: String,
    /// What was there, without secrets.
    pub before: Option<Value>,
    /// What is there, without secrets.
    pub after: Option<Value>,
    /// Hash of the row before; zeros before the first.
    pub previous_sha256: Sha256Hash,
    /// Its own.
    pub sha256: Sha256Hash,
}

impl Row {
    /// The hash of all that it says and of the hash before it.
    pub fn hash(&self) -> Sha256Hash {
        let before = self.before.as_ref().map(canonical);
        let after = self.after.as_ref().map(canonical);
        let fields: [Option<&[u8]>; 15] = [
            Some(&self.previous_sha256.0),
            Some(self.id.as_bytes()),
            self.tenant.as_ref().map(|id| &id.as_bytes()[..]),
            Some(&self.sequence.to_be_bytes()),
            Some(&self.at.timestamp_micros().to_be_bytes()),
            self.actor_id.as_ref().map(|id| &id.as_bytes()[..]),
            Some(self.actor.as_bytes()),
            Some(self.action.as_bytes()),
            Some(self.target.as_bytes()),
            self.target_id.as_ref().map(|id| &id.as_bytes()[..]),
            Some(self.result.as_bytes()),
            Some(self.request_id.as_bytes()),
            Some(self.source.as_bytes()),
            before.as_deref(),
            after.as_deref(),
        ];
        let mut hasher = FieldHasher::new(b"berth audit row 1\0");
        fields.into_iter().for_each(|field| hasher.field(field));
        hasher.finish()
    }

    /// Whether its hash is the one of what it says.
    pub fn holds(&self) -> bool {
        is_whole(self.at) && self.sha256 == self.hash()
    }
}

/// Whether a time is one that its microseconds name: a finer one, or a leap second, would give the same hash.
pub(crate) fn is_whole(at: DateTime<Utc>) -> bool {
    let nanos = at.timestamp_subsec_nanos();
    nanos < 1_000_000_000 && nanos.is_multiple_of(1_000)
}

/// The value with its keys in order, whatever order the program keeps them in.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields.into_iter().collect();
            Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// One spelling per value: keys sorted, no spaces. Postgres keeps JSON by value, not by spelling.
fn canonical(value: &Value) -> Vec<u8> {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(key, _)| key.as_str());
            let parts: Vec<Vec<u8>> =
                sorted.into_iter().map(|(k, v)| [quoted(k), b":".to_vec(), canonical(v)].concat()).collect();
            [b"{".to_vec(), parts.join(&b','), b"}".to_vec()].concat()
        }
        Value::Array(items) => {
            let parts: Vec<Vec<u8>> = items.iter().map(canonical).collect();
            [b"[".to_vec(), parts.join(&b','), b"]".to_vec()].concat()
        }
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string().into_bytes(),
    }
}

fn quoted(text: &str) -> Vec<u8> {
    Value::String(text.to_owned()).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_hashed_alike_however_it_is_spelled() {
        let one: Value = serde_json::from_str(r#"{"b":1,"a":{"d":[1,"x"],"c":null}}"#).expect("JSON");
        let other = json!({"a": {"c": null, "d": [1, "x"]}, "b": 1});
        assert_eq!(canonical(&one), canonical(&other));
        assert_eq!(canonical(&one), br#"{"a":{"c":null,"d":[1,"x"]},"b":1}"#);
    }
}
