//! A declarative strangler-fig gateway: one file says which share of which traffic goes where.

pub mod cli;
pub mod metrics;
pub mod table;
