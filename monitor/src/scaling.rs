//! What holds the fleet back ([`bottleneck`]), how many workers it needs ([`wanted`]), and what to change
//! ([`advice`]). Pure: all of it is worked out of one moment's facts.

pub(crate) mod advice;
pub(crate) mod bottleneck;
pub(crate) mod load;
pub(crate) mod wanted;
