//! What is looked for where the user of a role may not declare it.

use std::collections::BTreeSet;

use amqp::broker::Broker;
use lapin::options::ExchangeDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{ErrorKind, ExchangeKind};

use super::passive;
use crate::QueueError;

/// Looks whether these exchanges and queues are there.
///
/// # Errors
/// One is not, and who has to make it; or the broker did not answer.
pub(super) async fn must_exist(
    broker: &Broker,
    exchanges: &[&str],
    queues: &BTreeSet<String>,
) -> Result<(), QueueError> {
    let channel = broker.channel().await?.channel;
    let passive_exchange = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    for exchange in exchanges {
        // Of one that is only looked for the broker compares no kind.
        let looked = channel.exchange_declare(
            (*exchange).into(),
            ExchangeKind::Direct,
            passive_exchange,
            FieldTable::default(),
        );
        looked.await.map_err(|cause| missing(broker, &format!("exchange {exchange}"), &cause))?;
    }
    for queue in queues {
        let looked = channel.queue_declare(queue.as_str().into(), passive(), FieldTable::default()).await;
        looked.map_err(|cause| missing(broker, &format!("queue {queue}"), &cause))?;
    }
    Ok(())
}

fn missing(broker: &Broker, what: &str, cause: &lapin::Error) -> QueueError {
    let is_missing = matches!(cause.kind(), ErrorKind::ProtocolError(refused)
        if *refused.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND));
    if !is_missing {
        return broker.failure(&format!("looking for the {what}"), cause).into();
    }
    QueueError::Failed(format!(
        "the {what} is not on {} yet, and the user of AMQP_URL may not declare it; start a worker, whose user declares all of \
         them, or add them to the pattern `configure` of this user (docs/RIGHTS.md)",
        broker.address()
    ))
}
