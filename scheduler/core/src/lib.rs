//! scheduler/core
