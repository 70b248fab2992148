//! What is looked for where the user of a role may not declare it.

use amqp::broker::Broker;
use lapin::options::ExchangeDeclareOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{ErrorKind, ExchangeKind};

use crate::QueueError;

/// Looks whether an exchange is there. (RabbitMQ asks nothing of whoever looks, or, since 4.2.7 and 4.3.1, any right on the
/// exchange. The two versions before these ask for the right to declare it.) A queue that is missing shows by itself:
/// messages to it come back.
///
/// # Errors
/// It is not there, and who has to make it; or the broker did not answer.
pub(super) async fn must_exist(broker: &Broker, exchange: &str) -> Result<(), QueueError> {
    let channel = broker.channel().await?.channel;
    let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let looked =
        channel.exchange_declare(exchange.into(), ExchangeKind::Direct, passive, FieldTable::default());
    looked.await.map_err(|cause| missing(broker, exchange, &cause))
}

fn missing(broker: &Broker, exchange: &str, cause: &lapin::Error) -> QueueError {
    let is_missing = matches!(cause.kind(), ErrorKind::ProtocolError(refused)
        if *refused.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND));
    if !is_missing {
        return broker.failure(&format!("looking for the exchange {exchange}"), cause).into();
    }
    QueueError::Failed(format!(
        "the exchange {exchange} is not on {} yet, and the user of AMQP_URL may not declare it; start a worker, whose user \
         declares it and the queues, or give this user the same right `configure` (docs/RIGHTS.md)",
        broker.address()
    ))
}
