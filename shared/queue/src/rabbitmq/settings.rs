//! What the queues on RabbitMQ hold, and how long a publish waits.

use std::time::Duration;

use amqp::broker;
use domain::lane::Lanes;

use crate::events::Retention;

/// How the queues are declared and how long they are waited for.
///
/// A queue that exists with other limits keeps them, with a warning in the log: RabbitMQ does not
/// change a queue's arguments. One that exists with other arguments that jobs rely on is refused.
#[derive(Debug, Clone, Copy)]
pub struct RabbitMqSettings {
    /// How many lane queues.
    pub lanes: Lanes,
    /// Messages in one lane queue, beyond which RabbitMQ refuses more. A message holds 1 to 100
    /// jobs. RabbitMQ keeps some bytes of each in memory.
    pub lane_messages_max: u32,
    /// Bytes in one lane queue, beyond which RabbitMQ refuses more; times the lanes, what its disk
    /// must hold.
    pub lane_bytes_max: u32,
    /// How long the event stream keeps what it holds.
    pub events: Retention,
    /// How long a publish waits for its channel, and then for its confirmation. A broker under load confirms in
    /// milliseconds; seconds mean that something is wrong and a client should know.
    pub confirm_timeout: Duration,
}

impl RabbitMqSettings {
    /// The defaults for a number of lanes.
    pub fn new(lanes: Lanes) -> RabbitMqSettings {
        RabbitMqSettings {
            lanes,
            lane_messages_max: 100_000,
            lane_bytes_max: 1024 * 1024 * 1024,
            events: Retention::DEFAULT,
            confirm_timeout: CONFIRM_TIMEOUT,
        }
    }
}

const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
// A broker that does not answer is found out within the first publish that waits for it, and those after it
// are refused at once.
const _: () = assert!(broker::CONNECT_TIMEOUT.as_millis() < CONFIRM_TIMEOUT.as_millis());
