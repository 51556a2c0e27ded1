//! What makes an audit trail a proof.
//!
//! - [`row`]: every row carries the hash of the one before it and its own over all that it says. Who changes, removes or
//!   inserts a row breaks the chain there.
//! - [`checkpoint`]: the end of a chain, signed. A chain alone does not see that its tail was cut off, or that all of it was
//!   written anew; a signature that has left the database does.
//! - [`export`]: a trail as lines of JSON, with its checkpoints.
//! - [`verify`]: checks an export with nothing but the public key, and names the first place that is wrong.
//!
//! No IO: the server and the command line read and write.

pub mod checkpoint;
pub mod export;
pub mod hash;
pub mod row;
pub mod verify;

pub use checkpoint::{Checkpoint, PublicKey, Signer};
pub use hash::Sha256Hash;
pub use row::Row;
