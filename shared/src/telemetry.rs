//! What the fleet tells about itself.

pub mod names;
