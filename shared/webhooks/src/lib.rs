//! Webhooks as Standard Webhooks has them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): what is sent is signed, goes
//! to no private address unless that is allowed, and is tried again by the published schedule.

mod guarded;
mod retries;
mod secret;
mod sender;
mod target;

pub use self::guarded::{Guarded, Refused, refused, why};
pub use self::retries::{InvalidRetries, Retries};
pub use self::secret::{InvalidSecret, Secret};
pub use self::sender::{Attempt, Message, Sender};
pub use self::target::{InvalidTarget, URL_CHARS_MAX, check_target};
