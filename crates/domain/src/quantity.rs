//! Quantities with their unit in the type. Integers only, so that sums are exact everywhere.

use crate::{
    field_error::{FieldCode, FieldError},
    limit,
};
use core::ops::{Add, AddAssign, Sub};
use serde::{Deserialize, Serialize};

/// Processor time, in thousandths of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = u64))]
pub struct MilliCpu(pub u64);

/// Memory or disk, in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = u64))]
pub struct Mebibytes(pub u64);

/// What an instance needs, what a node has, or what a tenant may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_milli: MilliCpu,
    /// MiB of memory.
    pub memory_mib: Mebibytes,
}

impl Resources {
    /// From thousandths of a core and MiB.
    pub const fn new(cpu_milli: u64, memory_mib: u64) -> Self {
        Self { cpu_milli: MilliCpu(cpu_milli), memory_mib: Mebibytes(memory_mib) }
    }
    /// What one instance may ask for: within the limits of this crate.
    pub fn parse_request(cpu_milli: u64, memory_mib: u64) -> Result<Self, Vec<FieldError>> {
        let mut errors = Vec::new();
        bounded("cpu_milli", cpu_milli, limit::CPU_MILLI_MIN, limit::CPU_MILLI_MAX, &mut errors);
        bounded("memory_mib", memory_mib, limit::MEMORY_MIB_MIN, limit::MEMORY_MIB_MAX, &mut errors);
        if errors.is_empty() { Ok(Self::new(cpu_milli, memory_mib)) } else { Err(errors) }
    }
    /// Whether `self` fits into `free`, every kind of it.
    pub fn fits(self, free: Self) -> bool {
        self.cpu_milli <= free.cpu_milli && self.memory_mib <= free.memory_mib
    }
    /// `count` times as much; saturates, and what saturates fits nowhere.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self::new(self.cpu_milli.0.saturating_mul(count), self.memory_mib.0.saturating_mul(count))
    }
    /// What is left of `self` after `used`, never below zero.
    #[must_use]
    pub const fn minus(self, used: Self) -> Self {
        Self::new(
            self.cpu_milli.0.saturating_sub(used.cpu_milli.0),
            self.memory_mib.0.saturating_sub(used.memory_mib.0),
        )
    }
}

/// Pushes an error when `value` lies outside `min..=max`.
pub(crate) fn bounded(field: &str, value: u64, min: u32, max: u32, errors: &mut Vec<FieldError>) {
    if value < u64::from(min) {
        errors.push(FieldError::new(field, FieldCode::TooSmall, format!("at least {min}")).limit(min.into()));
    } else if value > u64::from(max) {
        errors.push(FieldError::new(field, FieldCode::TooLarge, format!("at most {max}")).limit(max.into()));
    }
}

impl Add for Resources {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(
            self.cpu_milli.0.saturating_add(other.cpu_milli.0),
            self.memory_mib.0.saturating_add(other.memory_mib.0),
        )
    }
}
impl AddAssign for Resources {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Sub for Resources {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.minus(other)
    }
}
