//! scheduler/sim
