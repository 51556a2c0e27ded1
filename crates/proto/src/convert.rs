//! Bytes of the wire to typed ids and back.

use berth_domain::id::{Id, Kind};
use uuid::Uuid;

/// An id on the wire is exactly 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id of {prefix} on the wire must be 16 bytes, not {length}")]
pub struct BadId {
    /// Which kind was wanted.
    pub prefix: &'static str,
    /// How many bytes came.
    pub length: usize,
}

/// Reads an id from the wire.
pub fn id<K: Kind>(bytes: &[u8]) -> Result<Id<K>, BadId> {
    Uuid::from_slice(bytes).map(Id::new).map_err(|_| BadId { prefix: K::PREFIX, length: bytes.len() })
}

/// Writes an id to the wire.
pub fn bytes<K: Kind>(id: Id<K>) -> Vec<u8> {
    id.uuid().as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_domain::id::{AppId, kind};

    #[test]
    fn an_id_crosses_the_wire_and_a_short_one_does_not() {
        let app = AppId::new(Uuid::from_u128(42));
        assert_eq!(id::<kind::App>(&bytes(app)), Ok(app));
        assert_eq!(id::<kind::App>(&[1, 2]), Err(BadId { prefix: "app", length: 2 }));
    }
}
